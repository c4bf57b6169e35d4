"""fix-socket-path: what it edits, what it leaves to a person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from remediations.diagnosis import diagnose
from remediations.editors.nginx_address import Address
from remediations.errors import PlaybookError
from remediations.facts.base import Unknown
from remediations.facts.paths import PathStatus
from remediations.facts.sockets import ListeningSocket
from remediations.library import known
from remediations.library.fix_socket_path import FixSocketPath
from remediations.parameters import build
from remediations.plan import Proposal, make
from remediations.snapshot import Snapshot
from tests.causes.recorded import snapshot as recorded
from tests.library.nginx_host import after, diff, disliked

SITE = "/etc/nginx/sites-available/shop"
OLD, NEW = "/run/php/php8.1-fpm.sock", "/run/php/php8.2-fpm.sock"
POOL = "/etc/php/8.2/fpm/pool.d/www.conf"
UPGRADED = recorded("socket-path-mismatch")


def plan(snapshot: Snapshot, **parameters: object) -> Proposal:
    return build(FixSocketPath, parameters, "test").plan(snapshot, ())


def with_site(snapshot: Snapshot, text: bytes) -> Snapshot:
    return snapshot.with_file(SITE, text)


def with_second_pool(snapshot: Snapshot) -> Snapshot:
    """Another pool that listens, too."""
    file = snapshot.file_at(POOL)
    assert file
    assert not isinstance(snapshot.sockets, Unknown)
    more = b"\n[blog]\nuser = www-data\nlisten = /run/php/blog.sock\npm = static\npm.max_children = 2\n"
    blog = ListeningSocket("/run/php/blog.sock", unix=True, waiting=0, backlog=511, pids=(1,))
    return replace(snapshot.with_file(POOL, file.data + more), sockets=(*snapshot.sockets, blog))


def test_the_library_finds_it_by_its_name() -> None:
    assert known()["fix-socket-path"] is FixSocketPath


def test_the_dead_path_is_replaced_and_nginx_reloaded() -> None:
    said = plan(UPGRADED)
    assert [line for line in diff(said).splitlines() if line[:1] in "+-"][2:] == [
        f"-        fastcgi_pass unix:{OLD};",
        f"+        fastcgi_pass unix:{NEW};",
    ]
    assert [(act.unit, act.action) for act in said.actions] == [("nginx.service", "reload")]
    assert (said.refusals, said.warnings) == ((), ())


@pytest.mark.parametrize(
    ("said", "passed"),
    [("set $php unix:{};", "$php"), ("set $php {};", "unix:$php"), ("set $php {}; set $to unix:$php;", "$to")],
)
def test_a_path_that_a_variable_holds_is_replaced_where_it_is_set(said: str, passed: str) -> None:
    file = UPGRADED.file_at(SITE)
    assert file
    line = f"{said.format(OLD)} fastcgi_pass {passed};".encode()
    host = with_site(UPGRADED, file.data.replace(f"fastcgi_pass unix:{OLD};".encode(), line))
    changed = diff(plan(host))
    assert f"+        {said.format(NEW)} fastcgi_pass {passed};" in changed


def test_a_path_that_only_a_request_makes_is_left_to_a_person() -> None:
    file = UPGRADED.file_at(SITE)
    assert file
    host = with_site(UPGRADED, file.data.replace(b"php8.1-fpm", b"$scheme"))
    dead = Address(path="/run/php/http.sock")
    assert not isinstance(host.paths, Unknown)
    asked = replace(host, told=(dead,), paths={**host.paths, "/run/php/http.sock": PathStatus("", None)})
    said = plan(asked, socket=NEW)
    assert (said.files, "written down nowhere" in said.refusals[0]) == ((), True)


def test_a_server_of_a_group_keeps_its_parameters() -> None:
    group = f"upstream php {{\n    server unix:{OLD} max_fails=3;\n    server unix:{OLD} backup;\n}}\n"
    text = f"{group}server {{\n    listen 80;\n    location / {{ fastcgi_pass php; }}\n}}\n".encode()
    (change,) = plan(with_site(UPGRADED, text)).files
    assert change.after == text.replace(OLD.encode(), NEW.encode())


def test_a_second_plan_finds_nothing_left_to_do() -> None:
    assert plan(after(UPGRADED, plan(UPGRADED))).files == ()
    assert make(UPGRADED, (), [FixSocketPath()]).files


def test_a_healthy_host_is_left_alone() -> None:
    assert plan(recorded("healthy")) == Proposal()


@pytest.mark.parametrize("name", ["service-stopped", "service-crashed", "socket-deleted", "start-limit-hit"])
def test_a_pool_that_is_down_is_no_wrong_path(name: str) -> None:
    assert plan(recorded(name)) == Proposal()


def test_the_one_that_differs_in_phps_version_alone_is_taken_of_several() -> None:
    (change,) = plan(with_second_pool(UPGRADED)).files
    assert change.after
    assert f"fastcgi_pass unix:{NEW};".encode() in change.after


def test_it_does_not_guess_another_pool() -> None:
    """It may be another user's."""
    site = UPGRADED.file_at(SITE)
    assert site
    assert not isinstance(UPGRADED.paths, Unknown)
    gone = "/run/php/tenant2.sock"
    host = replace(UPGRADED, paths={**UPGRADED.paths, gone: PathStatus(gone, None)})
    said = plan(with_site(host, site.data.replace(OLD.encode(), gone.encode())))
    assert said.files == ()
    assert (
        f"unix:{gone} is dead, and none of the live sockets differs from it in PHP's version alone" in said.refusals[0]
    )
    assert "--set fix-socket-path.socket=PATH" in said.refusals[0]


@pytest.mark.parametrize(
    ("dead", "live", "twins"),
    [
        ("/run/php/php8.1-fpm.sock", "/run/php/php8.2-fpm.sock", True),
        ("/run/php/php7.4-fpm-shop.sock", "/run/php/php8.2-fpm-shop.sock", True),
        ("/var/opt/remi/php81/run/php-fpm/www.sock", "/var/opt/remi/php82/run/php-fpm/www.sock", True),
        ("/run/php/php-fpm-8.1.sock", "/run/php/php-fpm-8.2.sock", True),
        ("/var/run/php/php8.1-fpm.sock", "/run/php/php8.2-fpm.sock", True),
        ("/run/php/php5.6-fpm.sock", "/run/php/php-fpm.sock", True),
        ("/run/php/site1.sock", "/run/php/site2.sock", False),
        ("/run/php/php8.1-fpm-site1.sock", "/run/php/php8.2-fpm-site2.sock", False),
        ("/run/php/tenant-php1.sock", "/run/php/tenant-php2.sock", False),
        ("/run/php/web81.sock", "/run/php/web82.sock", False),
        ("/srv/1001/php8.1.sock", "/srv/1002/php8.1.sock", False),
    ],
)
def test_only_phps_version_makes_twins(dead: str, live: str, twins: bool) -> None:
    """site2 is another site, and may be another user's."""
    pool, site = UPGRADED.file_at(POOL), UPGRADED.file_at(SITE)
    assert pool
    assert site
    assert not isinstance(UPGRADED.sockets, Unknown)
    assert not isinstance(UPGRADED.paths, Unknown)
    listening = tuple(replace(one, address=live) if one.address == NEW else one for one in UPGRADED.sockets)
    host = replace(UPGRADED, sockets=listening, paths={**UPGRADED.paths, dead: PathStatus(dead, None)})
    host = host.with_file(POOL, pool.data.replace(NEW.encode(), live.encode()))
    said = plan(with_site(host, site.data.replace(OLD.encode(), dead.encode())))
    assert (bool(said.files), bool(said.refusals)) == (twins, not twins)


def test_a_link_that_leads_nowhere_is_no_dead_path() -> None:
    """Debian has one for the default version: then that version is down."""
    assert not isinstance(UPGRADED.paths, Unknown)
    assert plan(replace(UPGRADED, paths={OLD: PathStatus(OLD, "symbolic link", real="/run/php/x.sock")})) == Proposal()


def test_the_one_that_is_named_is_taken() -> None:
    (change,) = plan(with_second_pool(UPGRADED), socket="/run/php/blog.sock").files
    assert change.after
    assert b"fastcgi_pass unix:/run/php/blog.sock;" in change.after


def test_a_socket_that_nobody_listens_on_is_refused() -> None:
    said = plan(UPGRADED, socket="/run/php/nosuch.sock")
    assert said.files == ()
    assert said.refusals == (f"no PHP-FPM pool listens on /run/php/nosuch.sock; they listen on: {NEW}",)


@pytest.mark.parametrize("socket", ["", "php.sock", "unix:/run/php/x.sock", 7])
def test_a_socket_is_a_path(socket: object) -> None:
    with pytest.raises(PlaybookError, match="socket"):
        plan(UPGRADED, socket=socket)


def test_the_socket_of_an_app_that_is_not_php_is_left_alone() -> None:
    text = b"server {\n    listen 80;\n    location / { proxy_pass http://unix:/run/app.sock; }\n}\n"
    assert not isinstance(UPGRADED.paths, Unknown)
    there = {**UPGRADED.paths, "/run/app.sock": PathStatus("/run/app.sock", None)}
    assert plan(replace(with_site(UPGRADED, text), paths=there)) == Proposal()


@pytest.mark.parametrize("fact", ["sockets", "paths", "php"])
def test_without_the_facts_nothing_is_edited(fact: str) -> None:
    assert plan(replace(UPGRADED, **{fact: Unknown("not root")})).files == ()  # type: ignore[arg-type]  # a fact


def test_a_host_without_systemd_is_helped_all_the_same() -> None:
    bare = replace(UPGRADED, units=Unknown("no systemd"))
    assert [(one.cause, one.remediation) for one in diagnose(bare)] == [("socket-path-mismatch", "fix-socket-path")]
    assert plan(bare).files


def test_a_configuration_that_does_not_validate_is_not_edited() -> None:
    said = plan(disliked(UPGRADED, 'nginx: [emerg] unknown directive "x" in /etc/nginx/nginx.conf:3'))
    assert said.files == ()
    assert "not valid" in said.refusals[0]
