"""restart-always: which units get the drop-in, what is in it, and who is left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from remediations.changes.unit import UnitAction
from remediations.errors import PlaybookError
from remediations.facts.base import Unknown
from remediations.facts.php import Fpm, PhpFiles
from remediations.facts.units import Unit
from remediations.library import known
from remediations.library.restart_always import RestartAlways
from remediations.parameters import build
from remediations.plan import Expectation, Proposal
from remediations.snapshot import Snapshot
from tests.builders import host_file
from tests.lab.host import LabHost
from tests.library.nginx_host import after, diff, host, planned
from tests.library.units import processes, serving, unit, with_units
from tests.patience import eventually

CONTENT = b"""\
# Written by remediate (restart-always). Remove this file and run `systemctl daemon-reload` to undo.
[Unit]
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Restart=always
RestartSec=5s
"""
IN_FORCE = {"Restart": "always", "RestartUSec": "5s", "StartLimitIntervalUSec": "5min", "StartLimitBurst": "5"}
SITE = """\
    upstream app { server 127.0.0.1:8001; server 127.0.0.1:8002; }
    server {
        location / { proxy_pass http://app; }
        location ~ \\.php$ { fastcgi_pass unix:/run/php/php8.2-fpm.sock; }
    }
"""
NGINX, FPM = "nginx.service", "php8.2-fpm.service"
APPS = ("app@8001.service", "app@8002.service")


def path(name: str, file: str = "50-remediate-restart.conf") -> str:
    return f"/etc/systemd/system/{name}.d/{file}"


def one(**shown: str) -> Snapshot:
    """A host with nginx only."""
    return with_units(host(""), unit(NGINX, **shown))


def web() -> Snapshot:
    """A host with nginx, PHP-FPM and two app servers, all of them listening."""
    units = [unit(name) for name in (NGINX, FPM, *APPS, "cron.service")]
    held = {
        "127.0.0.1:8001": (APPS[0], 11),
        "127.0.0.1:8002": (APPS[1], 12),
        "/run/php/php8.2-fpm.sock": (FPM, 13),
        "127.0.0.1:3306": ("mariadb.service", 14),
    }
    return serving(with_units(host(SITE), *units), held)


def holding(snapshot: Snapshot, **files: bytes) -> Snapshot:
    """The same host with these drop-ins of nginx, by their names without `.conf` and with _ for -."""
    named = {path(NGINX, f"{name.lstrip('_').replace('_', '-')}.conf"): data for name, data in files.items()}
    return replace(snapshot, files={**snapshot.files, **{at: host_file(at, data) for at, data in named.items()}})


def remedied(snapshot: Snapshot, **shown: str) -> Snapshot:
    """The same host after our drop-in of nginx was written and read."""
    again = unit(NGINX, **{**IN_FORCE, "DropInPaths": path(NGINX), **shown})
    return holding(with_units(snapshot, again), _50_remediate_restart=CONTENT)


def plan(snapshot: Snapshot, **parameters: object) -> Proposal:
    return build(RestartAlways, parameters, "test").plan(snapshot, ())


def written(proposal: Proposal) -> list[str]:
    return [change.path for change in proposal.files]


def test_the_library_finds_it_by_its_name() -> None:
    assert known()["restart-always"] is RestartAlways


def test_a_unit_that_nothing_restarts_gets_the_drop_in_and_systemd_reads_it() -> None:
    said = plan(one())
    assert diff(said) == f"--- /dev/null\n+++ {path(NGINX)}\n@@ -0,0 +1,8 @@\n" + "".join(
        f"+{line}\n" for line in CONTENT.decode().splitlines()
    )
    assert [(action.action, action.unit) for action in said.actions] == [("daemon-reload", "")]
    assert said.notes == (
        "nginx.service: Restart no -> always, RestartUSec 100ms -> 5s, StartLimitIntervalUSec 10s -> 5min",
    )
    assert said.warnings == ()
    assert said.refusals == ()


def test_what_must_be_in_force_after_the_reload_is_said_as_systemd_says_it() -> None:
    assert plan(one()).expectations == tuple(Expectation(NGINX, name, value) for name, value in IN_FORCE.items())


def test_the_whole_plan_carries_the_expectations() -> None:
    assert planned(one(), [RestartAlways()]).expectations == plan(one()).expectations


def test_nginx_every_php_fpm_and_each_app_server_get_one_each() -> None:
    assert written(plan(web())) == [path(name) for name in (NGINX, *APPS, FPM)]
    assert plan(web()).warnings == ()


def test_nothing_is_restarted() -> None:
    assert {action.action for action in plan(web()).actions} == {"daemon-reload"}


def test_an_already_remedied_unit_is_left_alone() -> None:
    assert plan(remedied(one())) == Proposal()


def test_a_unit_that_comes_back_as_wanted_without_our_file_is_left_alone() -> None:
    assert plan(one(**IN_FORCE)) == Proposal()


def test_planning_again_on_the_outcome_writes_nothing() -> None:
    snapshot = web()
    assert plan(after(snapshot, plan(snapshot))).files == ()


def test_a_drop_in_that_stands_but_was_never_read_is_read_now() -> None:
    unread = plan(remedied(one(), Restart="no", DropInPaths=""))
    stale = plan(remedied(one(), NeedDaemonReload="yes"))
    for said in (unread, stale):
        assert said.files == ()
        assert [action.action for action in said.actions] == ["daemon-reload"]
        assert said.expectations


def test_a_drop_in_of_ours_with_other_values_is_rewritten() -> None:
    said = plan(remedied(one()), restart_sec="10s")
    assert "-RestartSec=5s\n+RestartSec=10s\n" in diff(said)
    assert said.warnings == ()
    assert said.files[0].before is not None
    assert [action.action for action in said.actions] == ["daemon-reload"]


def test_a_later_drop_in_of_the_operator_wins_and_is_reported() -> None:
    theirs = b"[Service]\n# Restart=always\nRestart=on-failure\n"
    said = plan(holding(one(), _60_ours=theirs))
    assert written(said) == [path(NGINX)]
    assert said.warnings == (
        f"nginx.service: {path(NGINX, '60-ours.conf')} sets Restart=on-failure and is read after "
        "50-remediate-restart.conf: it wins and is left alone",
    )
    assert said.notes == ("nginx.service: RestartUSec 100ms -> 5s, StartLimitIntervalUSec 10s -> 5min",)
    assert [each.property for each in said.expectations] == ["RestartUSec", "StartLimitIntervalUSec", "StartLimitBurst"]


def test_each_later_drop_in_is_reported_with_what_it_sets() -> None:
    said = plan(holding(one(), _60_a=b"[Service]\nRestart=no\n", _70_b=b"[Unit]\nStartLimitBurst=9\n"))
    assert [text.partition(" and is read")[0] for text in said.warnings] == [
        f"nginx.service: {path(NGINX, '60-a.conf')} sets Restart=no",
        f"nginx.service: {path(NGINX, '70-b.conf')} sets StartLimitBurst=9",
    ]


def test_drop_ins_of_other_units_and_files_that_are_none_do_not_matter() -> None:
    snapshot = one()
    for at in (path("cron.service", "60-a.conf"), path(NGINX, "60-a.txt")):
        snapshot = replace(snapshot, files={**snapshot.files, at: host_file(at, b"[Service]\nRestart=no\n")})
    assert plan(snapshot).warnings == ()


def test_a_file_of_ours_whose_words_were_changed_is_put_right_though_its_values_hold() -> None:
    snapshot = holding(remedied(one()), _50_remediate_restart=b"# mine\n" + CONTENT)
    said = plan(snapshot)
    assert "-# mine\n" in diff(said)
    assert said.notes == ("nginx.service: the same values as now",)


def test_a_later_drop_in_still_wins_on_the_second_run_and_nothing_is_planned() -> None:
    snapshot = remedied(one(), Restart="on-failure", DropInPaths=f"{path(NGINX)} {path(NGINX, '60-ours.conf')}")
    said = plan(holding(snapshot, _50_remediate_restart=CONTENT, _60_ours=b"[Service]\nRestart=on-failure\n"))
    assert (said.files, said.actions) == ((), ())
    assert [text for text in said.warnings if "it wins" in text] == list(said.warnings) != []


@pytest.mark.parametrize(
    "file", ["40-before.conf", "60-same.conf", "60-other.conf"], ids=["earlier", "same value", "other keys"]
)
def test_a_drop_in_that_takes_nothing_from_ours_is_not_reported(file: str) -> None:
    data = {
        "40-before.conf": b"[Service]\nRestart=no\n",
        "60-same.conf": b"[Unit]\nStartLimitIntervalSec=5 min\nStartLimitBurst=5\n",
    }
    at = path(NGINX, file)
    snapshot = one()
    snapshot = replace(
        snapshot, files={**snapshot.files, at: host_file(at, data.get(file, b"[Service]\nLimitNOFILE=9\n"))}
    )
    said = plan(snapshot)
    assert said.warnings == ()
    assert len(said.expectations) == 4


def test_a_later_drop_in_that_was_not_read_is_pointed_out() -> None:
    said = plan(one(DropInPaths="/run/systemd/system/nginx.service.d/90-x.conf"))
    assert said.warnings == (
        "nginx.service: /run/systemd/system/nginx.service.d/90-x.conf is read after 50-remediate-restart.conf "
        "and may override it: its content is not known here",
    )
    assert said.expectations == ()


def test_other_effective_values_that_nothing_explains_are_reported() -> None:
    said = plan(remedied(one(), Restart="on-abort"))
    assert said.files == ()
    assert said.warnings == (
        f"nginx.service: Restart is on-abort although {path(NGINX)} is read; see systemctl cat nginx.service",
    )


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        ({"Type": "oneshot"}, "Type=oneshot"),
        ({"LoadState": "masked", "UnitFileState": "masked"}, "systemctl unmask nginx.service"),
        ({"UnitFileState": "masked-runtime"}, "systemctl unmask nginx.service"),
        ({"LoadState": "bad-setting"}, "not loaded (LoadState=bad-setting)"),
        ({"UnitFileState": "transient"}, "transient"),
        ({"DropInPaths": path(NGINX)}, f"{path(NGINX)} is there, but its content could not be read"),
    ],
)
def test_units_that_cannot_or_must_not_come_back_are_refused(shown: dict[str, str], why: str) -> None:
    said = plan(one(**shown))
    assert (said.files, said.actions) == ((), ())
    assert len(said.refusals) == 1
    assert why in said.refusals[0]


def test_without_systemd_it_refuses() -> None:
    said = plan(replace(host(SITE), units=Unknown("systemd is not running on this host")))
    assert said == Proposal(
        refusals=("Restart= needs systemd, and its units are not known: systemd is not running on this host",)
    )


def test_other_units_can_be_chosen() -> None:
    assert written(plan(web(), units=["cron", "nginx"])) == [path("cron.service"), path(NGINX)]


def test_a_chosen_unit_that_is_not_there_is_refused() -> None:
    said = plan(web(), units=["cron.service", "corn"])
    assert written(said) == [path("cron.service")]
    assert said.refusals == ("corn: no such service is loaded or enabled here",)


def test_a_backend_that_does_not_listen_is_told_by_the_one_enabled_unit_that_names_it() -> None:
    named = (
        unit(NGINX),
        unit("app@8001.service", ActiveState="failed"),
        unit("x.service", ExecStart="run --port 8002"),
    )
    said = plan(with_units(host("    upstream a { server 127.0.0.1:8001; server 127.0.0.1:8002; }\n"
                                "    server { location / { proxy_pass http://a; } }\n"), *named))  # fmt: skip
    assert written(said) == [path(NGINX), path("app@8001.service"), path("x.service")]


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ((), "127.0.0.1:8001 has no listener, and no unit names it: nothing is written for it"),
        (
            (unit("a.service", ExecStart="a 8001"), unit("b.service", Environment="PORT=8001")),
            "127.0.0.1:8001 has no listener, and several units name it (a.service, b.service): name yours in units",
        ),
        (
            (unit("a.service", ExecStart="a 8001", UnitFileState="disabled", ActiveState="inactive"),),
            "127.0.0.1:8001 has no listener, and a.service that names it is disabled: name it in units if meant",
        ),
    ],
    ids=["none", "several", "disabled"],
)
def test_a_backend_without_one_sure_unit_is_reported(found: tuple[Unit, ...], why: str) -> None:
    said = plan(
        with_units(host("    server { location / { proxy_pass http://127.0.0.1:8001; } }\n"), unit(NGINX), *found)
    )
    assert written(said) == [path(NGINX)]
    assert said.warnings == (why,)


def test_a_listener_outside_of_any_service_is_reported() -> None:
    site = host("    server { location / { proxy_pass http://127.0.0.1:8001; } }\n")
    said = plan(serving(with_units(site, unit(NGINX)), {"127.0.0.1:8001": ("", 9)}))
    assert said.warnings == ("127.0.0.1:8001 is held by a process of no service: nothing is written for it",)


def test_whoever_listens_is_meant_disabled_or_several() -> None:
    site = host("    server { location / { proxy_pass http://127.0.0.1:8001; } }\n")
    both = (unit("a.service", UnitFileState="disabled"), unit("b.service"))
    snapshot = serving(with_units(site, unit(NGINX), *both), {"127.0.0.1:8001": ("a.service", 9)})
    assert written(plan(snapshot)) == [path(NGINX), path("a.service")]
    assert not isinstance(snapshot.sockets, Unknown)
    shared = replace(snapshot.sockets[0], pids=(9, 10))
    held = replace(snapshot, sockets=(shared,), processes=processes([("a.service", 9), ("b.service", 10)]))
    assert written(plan(held)) == [path(NGINX), path("a.service"), path("b.service")]


def test_nginx_without_a_unit_is_reported() -> None:
    assert plan(with_units(host(""), unit("cron.service"))).warnings == (
        "nginx has no unit here: nothing is written for it",
    )


def test_a_php_fpm_that_is_down_is_found_by_its_pool() -> None:
    main, pool = "/etc/php/8.2/fpm/php-fpm.conf", "/etc/php/8.2/fpm/pool.d/www.conf"
    files = {
        main: host_file(main, b"include=/etc/php/8.2/fpm/pool.d/*.conf\n"),
        pool: host_file(pool, b"[www]\nlisten = /run/php/php8.2-fpm.sock\npm = static\npm.max_children = 2\n"),
    }
    site = host("    server { location ~ \\.php$ { fastcgi_pass unix:/run/php/php8.2-fpm.sock; } }\n")
    fpm = Fpm("8.2", main, "/usr/sbin/php-fpm8.2", FPM, None, (), ())
    snapshot = replace(site, files={**site.files, **files}, php=PhpFiles((fpm,), files))
    said = plan(with_units(snapshot, unit(NGINX), unit(FPM, ActiveState="failed", UnitFileState="disabled")))
    assert written(said) == [path(NGINX), path(FPM)]


def test_what_others_changed_is_read_too_and_that_is_said() -> None:
    said = plan(with_units(host(""), unit(NGINX), unit("db.service", NeedDaemonReload="yes")))
    assert said.warnings == ("daemon-reload also takes in changes that others made to db.service",)


def test_where_nothing_is_reread_changes_of_others_are_not_spoken_of() -> None:
    snapshot = with_units(host(""), unit(NGINX, **IN_FORCE), unit("db.service", NeedDaemonReload="yes"))
    assert plan(snapshot) == Proposal()


def test_parameters_shape_the_file_and_what_is_expected() -> None:
    said = plan(one(), restart="on-failure", restart_sec=2, start_limit_interval="1min 30s", start_limit_burst=10)
    assert said.files[0].after is not None
    assert said.files[0].after.decode().split("\n", 1)[1] == (
        "[Unit]\nStartLimitIntervalSec=90\nStartLimitBurst=10\n\n[Service]\nRestart=on-failure\nRestartSec=2s\n"
    )
    assert [each.value for each in said.expectations] == ["on-failure", "2s", "1min 30s", "10"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"restart_sec": "60s"}, "start_limit_interval: 300 s never limits: 5 starts 60 s apart take 300 s"),
        ({"start_limit_interval": 25}, "never limits"),
        ({"start_limit_burst": 0}, "start_limit_burst"),
        ({"restart_sec": "100ms"}, "restart_sec: '100ms' is no time of whole seconds"),
        ({"restart_sec": "0"}, "restart_sec"),
        ({"start_limit_interval": "infinity"}, "start_limit_interval"),
        ({"restart": "no"}, "restart"),
        ({"restart": "on-success"}, "restart"),
    ],
)
def test_limits_that_do_not_limit_are_refused_before_anything_is_read(given: dict[str, object], why: str) -> None:
    with pytest.raises(PlaybookError) as caught:
        build(RestartAlways, given, "harden.yml:5")
    assert why in str(caught.value)
    assert "harden.yml:5" in str(caught.value)


def test_the_action_names_the_units_that_wait() -> None:
    assert plan(one()).actions == (
        UnitAction("restart-always", "", "daemon-reload", "systemd has not read the drop-ins of nginx.service"),
    )


def test_systemd_reads_back_exactly_what_the_plan_expects(web1: LabHost) -> None:
    """On a real host no word of the file is unknown, and `systemctl show` prints the expected values."""
    said = plan(with_units(host(""), unit(NGINX), unit("app@8001.service")), units=["nginx", "app@8001"])
    for change in said.files:
        assert change.after is not None
        web1.sh(f"mkdir -p {change.path.rpartition('/')[0]}")
        web1.write(change.path, change.after)
    web1.sh("systemctl daemon-reload")
    for each in said.expectations:
        shown = web1.sh(f"systemctl show -p {each.property} --value {each.unit}").decode().strip()
        assert shown == each.value, each
    complaints = web1.sh("systemd-analyze verify --man=no nginx.service 2>&1 || true").decode()
    assert "remediate" not in complaints


def test_a_killed_service_comes_back_on_a_real_host(web1: LabHost) -> None:
    (change,) = plan(one(), restart_sec=1, start_limit_interval=60).files
    assert change.after is not None
    web1.sh(f"mkdir -p {change.path.rpartition('/')[0]}")
    web1.write(change.path, change.after)
    dead = web1.read("/run/nginx.pid")
    web1.sh("systemctl daemon-reload && pkill -9 -x nginx")
    eventually(lambda: web1.get("shop.example").status == 200)
    assert web1.read("/run/nginx.pid") != dead
