"""fix-socket-permission: what it writes into the pool's file, and what it leaves to a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from remediations.diagnosis import diagnose
from remediations.facts.base import Unknown
from remediations.facts.paths import PathStatus
from remediations.facts.restarts import Restart
from remediations.facts.worker import Worker
from remediations.library import known
from remediations.library.fix_socket_permission import FixSocketPermission
from remediations.plan import Proposal, make
from remediations.snapshot import Snapshot
from tests.causes.recorded import snapshot as recorded
from tests.library.nginx_host import after, diff
from tests.library.php_host import disliked

POOL = "/etc/php/8.2/fpm/pool.d/www.conf"
SOCKET = "/run/php/php8.2-fpm.sock"
FPM = "php8.2-fpm.service"
BARRED = recorded("socket-permission")


def plan(snapshot: Snapshot) -> Proposal:
    return FixSocketPermission().plan(snapshot, diagnose(BARRED))


def says(snapshot: Snapshot, listen: Mapping[str, str]) -> Snapshot:
    """The pool's file with these values of listen.*, and no others."""
    file = snapshot.file_at(POOL)
    assert file
    lines = [line for line in file.data.splitlines(keepends=True) if not line.startswith(b"listen.")]
    at = next(n for n, line in enumerate(lines) if line.startswith(b"listen ="))
    lines[at + 1 : at + 1] = [f"listen.{key} = {value}\n".encode() for key, value in listen.items()]
    return snapshot.with_file(POOL, b"".join(lines))


def seen_as(snapshot: Snapshot, worker: Worker | Unknown, **socket: str) -> Snapshot:
    assert not isinstance(snapshot.paths, Unknown)
    status = replace(snapshot.paths[SOCKET], **socket)
    return replace(snapshot, worker=worker, paths={**snapshot.paths, SOCKET: status})


def written(proposal: Proposal) -> list[str]:
    return [line for line in diff(proposal).splitlines() if line[:1] in "+-" and not line.startswith(("+++", "---"))]


def test_the_library_finds_it_by_its_name() -> None:
    assert known()["fix-socket-permission"] is FixSocketPermission


def test_nginxs_group_is_given_the_socket_and_php_fpm_is_restarted() -> None:
    said = plan(BARRED)
    assert written(said) == ["-listen.group = root", "+listen.group = www-data"]
    assert [(act.unit, act.action) for act in said.actions] == [(FPM, "restart")]
    assert (said.refusals, said.warnings) == ((), ())


@pytest.mark.parametrize(
    ("listen", "change"),
    [
        ({}, {"group": "www-data"}),
        ({"owner": "shop", "group": "shop"}, {"group": "www-data"}),
        ({"owner": "shop", "group": "shop", "mode": "0600"}, {"group": "www-data", "mode": "0660"}),
        ({"owner": "shop", "group": "www-data", "mode": "0600"}, {"mode": "0660"}),
        ({"owner": "shop", "group": "www-data", "mode": "0640"}, {"mode": "0660"}),
        ({"owner": "www-data", "group": "shop", "mode": "0060"}, {"mode": "0660"}),
        ({"owner": "shop", "group": "shop", "mode": "0604"}, {"group": "www-data", "mode": "0660"}),
        ({"acl_users": "shop,deploy"}, {"acl_users": "shop,deploy,www-data"}),
        ({"owner": "shop", "acl_groups": "shop"}, {"acl_users": "www-data"}),
    ],
)
def test_it_writes_the_narrowest_that_lets_nginx_in(listen: dict[str, str], change: dict[str, str]) -> None:
    host = says(BARRED, listen)
    lines = [f"-listen.{key} = {listen[key]}" for key in listen if key in change]
    expected = sorted([*lines, *(f"+listen.{key} = {value}" for key, value in change.items())])
    assert sorted(written(plan(host))) == expected


def test_a_file_that_says_so_already_needs_the_restart_alone() -> None:
    """Somebody changed the socket by hand, or the pool and only reloaded."""
    said = plan(says(BARRED, {"owner": "www-data", "group": "www-data"}))
    assert (said.files, [act.action for act in said.actions]) == ((), ["restart"])


def test_a_second_plan_writes_nothing_more() -> None:
    findings = diagnose(BARRED)
    assert make(BARRED, findings, [FixSocketPermission()]).files
    assert plan(after(BARRED, plan(BARRED))).files == ()


def test_a_healthy_host_is_left_alone() -> None:
    healthy = recorded("healthy")
    assert FixSocketPermission().plan(healthy, diagnose(healthy)) == Proposal()


def test_other_pools_of_the_same_php_fpm_and_who_may_come_in_are_told() -> None:
    file = BARRED.file_at(POOL)
    assert file
    more = b"\n[blog]\nuser = blog\nlisten = /run/php/blog.sock\npm = static\npm.max_children = 2\n"
    said = plan(BARRED.with_file(POOL, file.data.replace(b"user = www-data", b"user = shop") + more))
    assert said.warnings == (
        f"the restart answers what {FPM} is serving for other pools with 502: blog",
        "programs that run as www-data may open it, and so run PHP as shop",
    )


def refusal(snapshot: Snapshot) -> str:
    said = plan(snapshot)
    assert (said.files, said.actions) == ((), ())
    return said.refusals[0]


def test_where_a_folder_keeps_nginx_out_it_says_which_and_how_to_open_it() -> None:
    assert not isinstance(BARRED.worker, Unknown)
    assert not isinstance(BARRED.paths, Unknown)
    closed = PathStatus("/run/php", "directory", "700", "root", "root", "/run/php")
    host = replace(
        BARRED,
        worker=replace(BARRED.worker, may={**BARRED.worker.may, "/run/php": False}),
        paths={**BARRED.paths, "/run/php": closed},
    )
    assert "the folder /run/php keeps www-data out (directory, owner root, group root, mode 700)" in refusal(host)
    assert "setfacl -m u:www-data:x /run/php" in refusal(host)


def test_where_nginxs_user_is_not_known_nothing_is_written() -> None:
    assert "no worker" in refusal(replace(BARRED, worker=Unknown("no worker of nginx runs")))


def test_a_socket_that_no_pool_holds_is_left_to_a_person() -> None:
    assert not isinstance(BARRED.sockets, Unknown)
    others = tuple(replace(one, pids=(1,)) if one.address == SOCKET else one for one in BARRED.sockets)
    assert "not the socket of a pool" in refusal(replace(BARRED, sockets=others))


def test_a_socket_that_is_as_the_file_says_is_not_made_anew_in_vain() -> None:
    """What keeps nginx out is then not seen: an ACL, AppArmor."""
    assert not isinstance(BARRED.worker, Unknown)
    host = says(seen_as(BARRED, BARRED.worker, group="www-data"), {"owner": "root", "group": "www-data"})
    assert "getfacl" in refusal(host)


def test_what_only_php_can_evaluate_is_left_to_a_person() -> None:
    assert "listen.group of pool" in refusal(says(BARRED, {"group": "${GROUP}"}))


def test_a_php_fpm_that_does_not_run_as_root_cannot_give_its_socket_away() -> None:
    assert not isinstance(BARRED.processes, Unknown)
    users = {pid: replace(one, uid=33) for pid, one in BARRED.processes.items()}
    assert "does not run as root" in refusal(replace(BARRED, processes=users))


def test_a_configuration_that_does_not_validate_is_not_edited() -> None:
    assert "does not validate" in refusal(disliked(BARRED, "ERROR: unknown entry 'x'"))


def test_a_php_fpm_that_was_restarted_too_often_is_left_to_a_person() -> None:
    now = int(BARRED.machine.now)
    often = tuple(Restart(now - 60, FPM, "restart", "ann", f"run{n}") for n in range(3))
    assert "not started or restarted again" in refusal(replace(BARRED, restarts=often))


def test_a_php_fpm_that_is_no_unit_is_left_to_a_person() -> None:
    assert "no unit of systemd" in refusal(replace(BARRED, units=Unknown("no systemd")))
