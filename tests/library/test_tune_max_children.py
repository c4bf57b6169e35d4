"""tune-max-children: what it writes, what it leaves, what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from remediations.errors import PlaybookError
from remediations.facts.base import Unknown
from remediations.facts.databases import Database
from remediations.facts.processes import Process
from remediations.facts.validation import Verdict
from remediations.findings import Finding
from remediations.library import known
from remediations.library.tune_max_children import TuneMaxChildren
from remediations.parameters import build
from remediations.plan import Proposal, make
from remediations.snapshot import Snapshot
from tests.builders import nginx_snapshot
from tests.library.php_host import (
    MASTER,
    MIB,
    UNIT,
    WWW,
    after,
    blocked,
    diff,
    disliked,
    exhausted,
    folder,
    fpm,
    fpm82,
    host,
    journal,
    pool,
    pool_file,
    unprivileged,
    values,
    waiting,
    with_memory,
    workers,
)

GIVEN = {"process_mb": 50, "available_mb": 2000}
FORTY = (40, 8, 4, 12)


def plan(snapshot: Snapshot, *findings: Finding, **parameters: object) -> Proposal:
    return build(TuneMaxChildren, parameters, "test").plan(snapshot, findings)


def done(snapshot: Snapshot, *findings: Finding, **parameters: object) -> Snapshot:
    """The host after the plan, which planning again must leave alone."""
    planner = build(TuneMaxChildren, parameters, "test")
    whole = make(snapshot, findings, [planner])
    for file in whole.files:
        snapshot = snapshot.with_file(file.change.path, file.change.after)
    return snapshot


def untouched(proposal: Proposal) -> bool:
    return not proposal.files and not proposal.actions


def test_the_library_finds_it_by_its_name() -> None:
    assert known()["tune-max-children"] is TuneMaxChildren


# --- the operator's figures ---


def test_50_mb_a_process_and_2000_mb_make_40_and_the_other_three_values_follow() -> None:
    proposal = plan(host(), **GIVEN)
    assert (
        diff(proposal)
        == """\
--- /etc/php/8.2/fpm/pool.d/www.conf
+++ /etc/php/8.2/fpm/pool.d/www.conf
@@ -2,7 +2,7 @@
 listen = /run/php/php8.2-fpm.sock
 user = www-data
 pm = dynamic
-pm.max_children = 5
-pm.start_servers = 2
-pm.min_spare_servers = 1
-pm.max_spare_servers = 3
+pm.max_children = 40
+pm.start_servers = 8
+pm.min_spare_servers = 4
+pm.max_spare_servers = 12
"""
    )
    assert proposal.notes == (
        "available_mb=2000 (given): budget - shared, reserve already taken off",
        "process_mb=50 (given)",
        "mem_max = floor((budget - shared) / W) = floor(2000 / 50) = 40",
        "max_children = mem_max = 40",
        "spare servers: min = 4 (10 %), max = 12 (30 %), start = 8 (halfway)",
    )
    assert proposal.warnings == (
        "40 workers are more than the cores bear by the rule of thumb (8)",
        "from 5 to 40 is more than twice in one run",
    )
    assert proposal.refusals == ()


def test_the_changed_pools_php_fpm_is_reloaded_not_restarted() -> None:
    (action,) = plan(host(), **GIVEN).actions
    assert (action.unit, action.action, action.pid) == (UNIT, "reload", MASTER)
    assert action.reason == "to read /etc/php/8.2/fpm/pool.d/www.conf"


def test_a_second_run_finds_nothing() -> None:
    second = plan(done(host(), **GIVEN), **GIVEN)
    assert untouched(second)
    assert second.notes[-1] == "max_children = mem_max = 40: in force already"
    assert second.warnings == second.refusals == ()


def test_the_given_figures_need_no_root() -> None:
    assert values(done(unprivileged(host(workers=workers(5))), **GIVEN)) == FORTY


def test_the_given_figures_hold_where_php_fpm_is_down_and_it_is_not_started() -> None:
    snapshot = host(fpm("8.2", WWW, master=None))
    proposal = plan(snapshot, **GIVEN)
    assert values(after(snapshot, proposal)) == FORTY
    assert proposal.actions == ()


def test_max_children_is_taken_at_its_word() -> None:
    snapshot = host(workers=workers(5, mib=40))
    assert values(done(snapshot, max_children=12)) == (12, 2, 1, 3)


def test_max_children_beyond_the_memory_is_refused_with_the_figures() -> None:
    proposal = plan(with_memory(host(workers=workers(5, mib=40)), total=1024, available=600), max_children=100)
    assert untouched(proposal)
    assert proposal.refusals == ("100 workers of 40 MiB: needs 4000 MiB, the host has 434",)


def test_max_children_works_without_root_and_says_what_it_did_not_count() -> None:
    proposal = plan(unprivileged(host(workers=workers(5))), max_children=12)
    assert proposal.files
    assert (
        "what PHP-FPM takes now is left out of the budget: the memory of PHP-FPM's processes cannot be read: "
        "that needs root" in proposal.warnings
    )


def test_process_mb_alone_replaces_the_measured_size_and_allows_a_raise_by_finding() -> None:
    cold = host(workers=workers(5, age=10))
    assert values(done(cold, exhausted(5), process_mb=50)) == (8, 1, 1, 2)
    proposal = plan(cold, exhausted(5))
    assert untouched(proposal)
    assert proposal.refusals == (
        "a raise to 8 may be right, but too few workers are warm to tell: give process_mb to have it",
    )


def test_process_mb_alone_raises_nothing_that_is_not_exhausted_and_says_what_would() -> None:
    proposal = plan(host(workers=workers(5)), process_mb=50)
    assert untouched(proposal)
    assert proposal.warnings == (
        "give max_children, or available_mb with process_mb, to raise it without such a finding",
    )
    assert proposal.refusals == ()


def test_available_mb_alone_is_the_room_for_measured_workers() -> None:
    proposal = plan(host(workers=workers(5, mib=100)), exhausted(5), available_mb=700)
    assert values(after(host(), proposal)) == (7, 1, 1, 2)
    assert "mem_max = floor((budget - shared) / W) = floor(700 / 100) = 7" in proposal.notes


@pytest.mark.parametrize(
    ("reserve", "line"),
    [
        (None, "reserve = max(256, 10 % of 4096) = 410 MiB"),
        (300, "reserve = 300 (given) = 300 MiB"),
        ("20%", "reserve = 20% of 4096 (given) = 820 MiB"),
    ],
)
def test_the_reserve_is_the_operators_where_he_gives_one(reserve: int | str | None, line: str) -> None:
    given = {} if reserve is None else {"reserve": reserve}
    assert line in plan(host(workers=workers(5)), **given).notes


def test_per_core_is_what_a_core_bears() -> None:
    snapshot = host(workers=workers(5))
    assert values(done(snapshot, exhausted(5), per_core=4)) == (8, 1, 1, 2)
    assert values(done(snapshot, exhausted(5), per_core=12)) == (10, 2, 1, 3)


@pytest.mark.parametrize("wrong", [{"process_mb": 0}, {"reserve": "a lot"}, {"max_children": 0}, {"per_core": "x"}])
def test_figures_that_cannot_be_are_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(PlaybookError, match=next(iter(wrong))):
        plan(host(), **wrong)


# --- without figures ---


def test_an_exhausted_pool_is_raised_and_the_arithmetic_is_told() -> None:
    snapshot = host(fpm82(WWW.replace("= 5", "= 4")), workers=workers(4, mib=40))
    proposal = plan(snapshot, exhausted(4))
    assert values(after(snapshot, proposal)) == (8, 1, 1, 2)
    assert proposal.notes == (
        "cap = MemTotal = 4096 MiB",
        "reserve = max(256, 10 % of 4096) = 410 MiB",
        "budget = MemAvailable 3072 + php_now 170 - reserve 410 = 2832 MiB",
        "shared = max(0, OPcache 128 + APCu 0 + JIT 0 - resident 8) = 120 MiB",
        "W = 40 MiB (p95 of the peak private memory of 4 warm workers; at least 16, at most memory_limit + 16 = 144)",
        "mem_max = floor((budget - shared) / W) = floor(2712 / 40) = 67",
        "cores = 2 * 4 = 8",
        "max_children = max(1, min(mem_max 67, cores 8)) = 8; 4 is raised to 8",
        "spare servers: min = 1 (10 %), max = 2 (30 %), start = 1 (halfway)",
    )


def test_a_raise_is_planned_once_and_not_again_on_its_own_outcome() -> None:
    snapshot = host(fpm82(WWW.replace("= 5", "= 3")), workers=workers(3))
    assert values(done(snapshot, exhausted(3))) == (6, 1, 1, 2)
    assert values(done(snapshot, waiting())) == (6, 1, 1, 2)


def test_a_pool_whose_workers_wait_is_not_raised_whoever_asks() -> None:
    snapshot = host(fpm82(WWW.replace("= 5", "= 3")), workers=workers(3))
    proposal = plan(snapshot, blocked())
    assert untouched(proposal)
    assert "wait for something else" in str(proposal.warnings)
    given = plan(snapshot, blocked(), **GIVEN)
    assert untouched(given)
    assert "wait for something else" in str(given.refusals)
    assert values(after(snapshot, plan(snapshot, blocked(), max_children=2))) == (2, 1, 1, 2)


def test_a_pool_whose_workers_were_killed_for_want_of_memory_is_not_raised() -> None:
    snapshot = host(fpm82(WWW.replace("= 5", "= 3")), workers=workers(3))
    killed = replace(blocked(), cause="worker-oom")
    assert untouched(plan(snapshot, exhausted(3), killed))


def test_a_healthy_pool_is_left_alone() -> None:
    proposal = plan(host(workers=workers(5)))
    assert untouched(proposal)
    assert proposal.warnings == proposal.refusals == ()


def test_a_pool_that_could_eat_the_memory_comes_down() -> None:
    snapshot = with_memory(host(fpm82(pool("www", 60)), workers=workers(5, mib=40)), total=1024, available=600)
    assert values(done(snapshot))[0] == 10
    assert "60 is lowered to 10: all pools could take 2400 MiB, there are 434" in plan(snapshot).notes[-2]


def test_the_memory_of_its_cgroup_counts_not_that_of_the_host() -> None:
    snapshot = host(fpm82(pool("www", 60), memory_limits=(512 << 20, 4 << 30)), workers=workers(5, mib=40))
    proposal = plan(snapshot)
    assert values(after(snapshot, proposal))[0] == 3
    assert proposal.notes[0] == "cap = min(MemTotal 4096, cgroup 512) = 512 MiB"


def test_after_an_oom_kill_nothing_is_raised_whoever_asks() -> None:
    message = f"{UNIT}: A process of this unit has been killed by the OOM killer."
    snapshot = journal(host(workers=workers(5)), message, seconds_ago=3600)
    refusal = "not raised: the kernel killed for want of memory lately, and only a lower value can help"
    for proposal in (plan(snapshot, exhausted(5)), plan(snapshot, **GIVEN)):
        assert untouched(proposal)
        assert proposal.refusals == (refusal,)
        assert proposal.notes[-1] == f"an OOM kill lately: {message}"
    assert values(done(journal(snapshot, message, seconds_ago=100_000), **GIVEN)) == FORTY


def test_a_unit_that_ended_by_oom_kill_counts_without_a_journal() -> None:
    snapshot = host(workers=workers(5))
    assert not isinstance(snapshot.units, Unknown)
    killed = replace(snapshot.units[UNIT], result="oom-kill")
    proposal = plan(replace(snapshot, units={UNIT: killed}), exhausted(5))
    assert untouched(proposal)
    assert proposal.notes[-1] == f"an OOM kill lately: {UNIT}: Result=oom-kill"


def test_a_raise_without_a_journal_says_that_oom_kills_cannot_be_seen() -> None:
    snapshot = replace(host(), journal=Unknown("journalctl is not there"))
    told = "whether the kernel killed for want of memory lately is not known: journalctl is not there"
    assert told in plan(snapshot, **GIVEN).warnings
    assert told not in plan(snapshot, process_mb=50, available_mb=200).warnings


def test_a_worker_needs_no_more_than_its_own_memory_limit_allows() -> None:
    snapshot = host(fpm82(WWW + "php_admin_value[memory_limit] = 64M\n"), workers=workers(5, mib=300))
    assert any("W = 80 MiB" in note and "memory_limit + 16 = 80" in note for note in plan(snapshot).notes)


def test_a_memory_limit_of_php_ini_that_only_php_can_evaluate_bounds_nothing() -> None:
    snapshot = host(workers=workers(5, mib=300)).with_file(f"{folder()}/php.ini", b"memory_limit=${LIMIT}\n")
    assert any("W = 300 MiB" in note for note in plan(snapshot).notes)


def test_what_the_extensions_share_is_counted_once() -> None:
    text = b"zend_extension=opcache\nopcache.memory_consumption=64\nextension=apcu\napc.shm_size=32M\n"
    snapshot = host(workers=workers(5)).with_file(f"{folder()}/php.ini", text)
    assert "shared = max(0, OPcache 64 + APCu 32 + JIT 0 - resident 8) = 88 MiB" in plan(snapshot).notes


def test_a_limit_over_all_pools_that_is_lower_is_a_warning() -> None:
    main = f"{folder()}/php-fpm.conf"
    text = f"[global]\nprocess_control_timeout = 10s\nprocess.max = 30\ninclude={folder()}/pool.d/*.conf\n"
    snapshot = host(fpm82({main: text, pool_file(): WWW}))
    assert "process.max = 30 in [global] holds all pools together below that" in plan(snapshot, **GIVEN).warnings


# --- several pools ---


def two_pools(first: int = 5, second: int = 5) -> str:
    return pool("www", first, listen="/run/php/php8.2-fpm.sock") + "\n" + pool("api", second)


def test_two_pools_in_one_file_share_the_given_budget_in_one_change() -> None:
    snapshot = host(fpm82(two_pools(15, 5)))
    proposal = plan(snapshot, **GIVEN)
    (change,) = proposal.files
    assert change.path == pool_file()
    assert len(proposal.actions) == 1
    assert values(after(snapshot, proposal)) == (30, 6, 3, 9)
    assert values(after(snapshot, proposal), "api") == (10, 2, 1, 3)
    assert proposal.notes == (
        "available_mb=2000 (given): budget - shared, reserve already taken off",
        "process_mb=50 (given)",
        "[www] mem_max = floor(2000 * 15/20 for the load of [www] / 50) = 30",
        "[www] max_children = mem_max = 30",
        "[www] spare servers: min = 3 (10 %), max = 9 (30 %), start = 6 (halfway)",
        "[api] mem_max = floor(2000 * 5/20 for the load of [api] / 50) = 10",
        "[api] max_children = mem_max = 10",
        "[api] spare servers: min = 1 (10 %), max = 3 (30 %), start = 2 (halfway)",
    )


@pytest.mark.parametrize("present", [(2, 2, 5), (20, 1, 1), (7, 11, 13), (1, 1, 1), (100, 3, 2)])
def test_the_shares_of_a_given_budget_do_not_move_on_the_second_run(present: tuple[int, int, int]) -> None:
    names = ("www", "api", "blog")
    text = "\n".join(pool(name, children) for name, children in zip(names, present, strict=True))
    first = done(host(fpm82(text)), **GIVEN)
    assert untouched(plan(first, **GIVEN))
    assert 38 <= sum(values(first, name)[0] for name in names) <= 40


def test_a_given_budget_is_that_of_the_named_pools() -> None:
    snapshot = host(fpm82(two_pools()))
    changed = done(snapshot, pools=["www"], **GIVEN)
    assert values(changed) == FORTY
    assert values(changed, "api") == (5, 2, 1, 3)


def test_two_versions_share_the_memory_and_are_reloaded_each() -> None:
    old = fpm("7.4", {pool_file("7.4", "old"): pool("old", 50)}, master=300)
    snapshot = host(fpm82(pool("www", 50)), old, workers=[*workers(5), *workers(5, "old", of=300)])
    proposal = plan(with_memory(snapshot, total=2048, available=1200))
    assert [change.path for change in proposal.files] == [pool_file(), pool_file("7.4", "old")]
    assert [(one.unit, one.pid) for one in proposal.actions] == [(UNIT, MASTER), ("php7.4-fpm.service", 300)]
    assert "budget = MemAvailable 1200 + php_now 420 - reserve 256 = 1364 MiB" in proposal.notes
    assert "[www] mem_max = floor(1124 * 5/10 for the load of [www] / 40) = 14" in proposal.notes


def test_a_version_that_is_down_and_unused_takes_no_part_in_the_budget() -> None:
    snapshot = host(fpm82(), fpm("7.4", pool("www", 500), master=None), workers=workers(5))
    snapshot = behind_nginx(snapshot, "/run/php/php8.2-fpm.sock")
    assert untouched(plan(snapshot))
    assert not any("load of" in note for note in plan(snapshot).notes)


def nginx_files(socket: str) -> dict[str, bytes]:
    to = f"unix:{socket}" if socket.startswith("/") else socket
    text = f"events {{}}\nhttp {{ server {{ listen 80; location / {{ fastcgi_pass {to}; }} }} }}\n"
    return {"/etc/nginx/nginx.conf": text.encode()}


def behind_nginx(snapshot: Snapshot, socket: str) -> Snapshot:
    web = nginx_snapshot(nginx_files(socket))
    return replace(snapshot, nginx=web.nginx, files={**snapshot.files, **web.files})


def test_only_pools_that_nginx_passes_to_are_changed_unless_they_are_named() -> None:
    snapshot = behind_nginx(host(fpm82(two_pools())), "/run/php/php8.2-fpm.sock")
    assert values(done(snapshot, **GIVEN)) == FORTY
    assert values(done(snapshot, **GIVEN), "api")[0] == 5
    assert values(done(snapshot, pools=["api"], **GIVEN), "api") == FORTY


@pytest.mark.parametrize("where", ["unix:/var/run/php/php8.2-fpm.sock", "127.0.0.1:9000", "localhost:9000"])
def test_a_pool_is_known_by_its_address_however_it_is_written(where: str) -> None:
    listen = "9000" if "9000" in where else "/run/php/php8.2-fpm.sock"
    text = pool("www", listen=listen) + "\n" + pool("api")
    snapshot = behind_nginx(host(fpm82(text)), where.removeprefix("unix:"))
    assert values(done(snapshot, **GIVEN), "www") == FORTY


def test_an_exhausted_pool_is_chosen_too_where_something_else_than_nginx_passes_to_it() -> None:
    pools = [*workers(5), *workers(5, "api")]
    snapshot = behind_nginx(host(fpm82(two_pools()), workers=pools), "/run/php/php8.2-fpm.sock")
    assert values(done(snapshot, exhausted(5, "api"), per_core=8), "api")[0] == 8


def test_every_pool_is_chosen_where_a_variable_decides_which() -> None:
    snapshot = behind_nginx(host(fpm82(two_pools())), "$backend")
    assert [values(done(snapshot, **GIVEN), name)[0] for name in ("www", "api")] == [20, 20]


def test_a_finding_raises_its_own_pool_only() -> None:
    snapshot = host(fpm82(two_pools()), workers=[*workers(5), *workers(5, "api")])
    changed = done(snapshot, exhausted(5, "api"), per_core=8)
    assert values(changed)[0] == 5
    assert values(changed, "api")[0] == 8


def test_a_pool_is_not_raised_at_the_cost_of_one_that_is_not_chosen() -> None:
    snapshot = host(fpm82(two_pools(5, 60)), workers=[*workers(5), *workers(5, "api")])
    snapshot = with_memory(snapshot, total=1024, available=600)
    proposal = plan(snapshot, exhausted(5), pools=["www"], per_core=12)
    assert untouched(proposal)
    assert proposal.refusals == (
        "[www] not raised: [api] would have to come down, and it is not among the pools of this run",
    )
    assert any(text.startswith("[api] it should come down to ") for text in proposal.warnings)


def test_pools_of_one_name_are_told_apart_by_their_version() -> None:
    snapshot = host(fpm82(), fpm("7.4", pool("www"), master=300))
    changed = done(snapshot, pools=["7.4:www"], **GIVEN)
    assert values(changed, version="7.4") == FORTY
    assert values(changed)[0] == 5
    assert any(note.startswith(f"[{UNIT}:www] ") for note in plan(snapshot, **GIVEN).notes)


def test_a_pool_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    proposal = plan(host(), pools=["wwww"], **GIVEN)
    assert proposal == Proposal(refusals=("there is no pool wwww; there are: php8.2-fpm.service:www",))


# --- files ---


def test_a_file_with_crlf_keeps_it() -> None:
    snapshot = host(fpm82({pool_file(): WWW.replace("\n", "\r\n").encode()}))
    (change,) = plan(snapshot, **GIVEN).files
    expected = WWW.replace("= 5", "= 40").replace("= 2\n", "= 8\n").replace("= 1\n", "= 4\n").replace("= 3\n", "= 12\n")
    assert change.after == expected.replace("\n", "\r\n").encode()


def test_a_symlinked_pool_file_is_changed_at_its_target() -> None:
    snapshot = host(links={pool_file(): "/srv/pools/www.conf"})
    proposal = plan(snapshot, **GIVEN)
    (change,) = proposal.files
    assert change.path == "/srv/pools/www.conf"
    assert proposal.actions[0].reason == "to read /srv/pools/www.conf"
    assert values(after(snapshot, proposal)) == FORTY


def test_a_static_pool_gets_no_spare_servers() -> None:
    text = "[www]\nlisten = /run/php/www.sock\npm = static\npm.max_children = 5\n"
    proposal = plan(host(fpm82(text)), **GIVEN)
    assert proposal.files[0].after == text.replace("5", "40").encode()
    assert not any("spare" in note for note in proposal.notes)


def test_lines_that_two_php_fpms_read_are_not_changed_for_one_of_them() -> None:
    shared = "/etc/php/shared.conf"
    main = f"[global]\ninclude={shared}\n"
    one = fpm82({folder() + "/php-fpm.conf": main, shared: pool("www")})
    other = fpm("7.4", {folder("7.4") + "/php-fpm.conf": main, shared: pool("www")}, master=None)
    proposal = plan(host(one, other), pools=["8.2:www"], **GIVEN)
    assert untouched(proposal)
    assert proposal.refusals == (
        "pool php7.4-fpm.service:www reads the same lines and would change too: give it lines of its own first",
    )


# --- what it does not know ---


def test_without_php_fpm_there_is_nothing_to_size() -> None:
    snapshot = nginx_snapshot(nginx_files("/run/x.sock"))
    assert plan(snapshot) == Proposal(refusals=("there is no PHP-FPM on this host",))


def test_memory_that_cannot_be_read_is_a_refusal_not_a_guess() -> None:
    proposal = plan(unprivileged(host(workers=workers(5))), exhausted(5))
    assert proposal == Proposal(
        refusals=(
            "the memory of PHP-FPM's processes cannot be read: that needs root; "
            "give process_mb and available_mb, or max_children",
        )
    )


def test_unknown_processes_are_a_refusal_too() -> None:
    snapshot = replace(host(), processes=Unknown("ps is not installed"))
    assert plan(snapshot).refusals[0].startswith("processes are not known: ps is not installed")


def test_a_pool_without_a_worker_cannot_be_measured() -> None:
    proposal = plan(host(fpm("8.2", WWW, master=None)))
    assert untouched(proposal)
    assert proposal.refusals == ("no worker could be measured: give process_mb, or ask again under load",)


def test_php_fpm_files_that_cannot_be_read_are_not_edited() -> None:
    snapshot = replace(host(), php=Unknown("php: no answer within 5 s"))
    proposal = plan(snapshot, **GIVEN)
    assert proposal.refusals == ("PHP-FPM's configuration is not known: php: no answer within 5 s",)


def test_a_configuration_that_does_not_validate_is_not_edited_and_the_line_is_named() -> None:
    error = f"[22-Nov-2026 13:00:00] ERROR: [{pool_file()}:9] unknown entry 'pm.max_childrem'"
    proposal = plan(disliked(host(), f"{error}\nERROR: failed to load configuration file"), **GIVEN)
    assert proposal == Proposal(
        refusals=(f"/etc/php/8.2/fpm/php-fpm.conf does not validate, so it is not edited: {error}",)
    )


def test_a_verdict_on_another_daemon_forbids_nothing() -> None:
    snapshot = replace(host(), verdicts=(Verdict("nginx -t", "/etc/nginx/nginx.conf", ok=False, output="no"),))
    assert plan(snapshot, **GIVEN).files


def test_a_value_that_only_php_can_evaluate_is_refused_with_its_line() -> None:
    proposal = plan(host(fpm82(WWW.replace("= 5", "= ${CHILDREN}"))), **GIVEN)
    assert proposal == Proposal(
        refusals=(
            f"{pool_file()}:5: pm.max_children of pool www is an expression that only PHP can evaluate: "
            "change it there",
        )
    )


def test_a_pool_of_unknown_size_makes_the_shared_budget_unknown_but_not_the_given_one() -> None:
    text = pool("www") + "\n" + pool("api").replace("= 5", "= ${CHILDREN}")
    snapshot = host(fpm82(text), workers=[*workers(5), *workers(5, "api")])
    (refusal,) = plan(snapshot, exhausted(5), pools=["www"]).refusals
    assert refusal.startswith(f"{pool_file()}:12: pm.max_children of pool api is an expression")
    assert values(done(snapshot, pools=["www"], **GIVEN)) == FORTY


def test_a_spare_value_that_only_php_can_evaluate_is_refused_too() -> None:
    (refusal,) = plan(host(fpm82(WWW.replace("= 3", "= ${SPARE}"))), **GIVEN).refusals
    assert refusal.startswith(f"{pool_file()}:8: pm.max_spare_servers is set by an expression")


def test_an_opcache_that_only_php_can_evaluate_is_a_refusal_where_it_counts() -> None:
    snapshot = host(workers=workers(5))
    ini = f"{folder()}/php.ini"
    snapshot = snapshot.with_file(ini, b"zend_extension=opcache\nopcache.memory_consumption=${SIZE}\n")
    assert plan(snapshot).refusals[0].startswith(f"{ini}:2: only PHP can evaluate this expression")
    assert plan(snapshot, **GIVEN).files


def test_an_include_that_was_not_read_may_hold_other_values() -> None:
    snapshot = host(fpm82(WWW + "include=/srv/more.conf\n"))
    (refusal,) = plan(snapshot, **GIVEN).refusals
    assert refusal == f"{pool_file()}:9: the included /srv/more.conf could not be read"


# --- the reload ---


def test_a_reload_that_would_cut_requests_says_so() -> None:
    main = f"{folder()}/php-fpm.conf"
    text = f"include={folder()}/pool.d/*.conf\n"
    snapshot = host(fpm82({main: text, pool_file(): WWW}))
    told = f"the reload answers the requests that are being served with 502: {main} leaves process_control_timeout at 0"
    assert told in plan(snapshot, **GIVEN).warnings


def test_without_systemd_the_master_is_signalled() -> None:
    snapshot = replace(host(), units=Unknown("systemd is not running on this host"))
    (action,) = plan(snapshot, **GIVEN).actions
    assert (action.unit, action.action, action.pid) == ("", "reload", MASTER)


def test_two_masters_without_systemd_are_both_signalled() -> None:
    snapshot = host(fpm82(), fpm("7.4", {pool_file("7.4", "old"): pool("old")}, master=300))
    whole = make(replace(snapshot, units=Unknown("no systemd")), (), [build(TuneMaxChildren, GIVEN, "test")])
    assert [action.pid for action in whole.actions] == [MASTER, 300]


def test_a_master_that_is_not_its_units_main_process_is_signalled_itself() -> None:
    snapshot = host()
    assert not isinstance(snapshot.units, Unknown)
    other = replace(snapshot.units[UNIT], main_pid=999)
    (action,) = plan(replace(snapshot, units={UNIT: other}), **GIVEN).actions
    assert (action.unit, action.pid) == ("", MASTER)


# --- databases beside it ---


def test_what_a_database_may_yet_take_is_kept_for_it() -> None:
    mysql = Database("mariadbd", 24 * MIB, 1000 * MIB)
    redis = Database("redis-server", 6 * MIB, 256 * MIB)
    proposal = plan(replace(host(workers=workers(5)), databases=(mysql, redis)))
    assert "reserve = max(256, 10 % of 4096) + growth of MySQL 1076 + growth of Redis 250 = 1736 MiB" in proposal.notes
    assert proposal.warnings == ()


def test_a_database_whose_growth_is_not_known_is_a_warning() -> None:
    mysql = Database("mysqld", MIB, Unknown("/etc/mysql/my.cnf may not be read"))
    snapshot = replace(host(workers=workers(5)), databases=(mysql, Database("redis-server", MIB, None)))
    told = "how much a database may yet take is not in the budget ({}): raise `reserve` by that much"
    assert plan(snapshot).warnings == (
        told.format("mysqld: /etc/mysql/my.cnf may not be read"),
        told.format("redis-server: it has no maxmemory"),
    )
    assert not any("database" in text for text in plan(snapshot, **GIVEN).warnings)


def test_a_database_that_was_not_asked_is_a_warning_where_one_runs() -> None:
    snapshot = host(workers=[*workers(5), Process(7, 1, 0, 1, "mariadbd", "", None)])
    (warning,) = plan(snapshot).warnings
    assert warning.startswith("how much a database may yet take is not in the budget (mariadbd: ")
