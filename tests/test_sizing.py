"""The sizing says what the arithmetic gives, dares only what is safe, and finds nothing to do the second time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediations.errors import UsageError
from remediations.php.sizing import (
    Machine,
    Master,
    Overrides,
    PoolUse,
    Sizing,
    WorkerSample,
    growth_of_mysql,
    growth_of_redis,
    size,
    spares,
)

MIB = 1024 * 1024
HOST = Machine(mem_total=4096 * MIB, mem_available=3000 * MIB, cores=8)


def workers(mib: int, number: int = 4, *, requests: int = 100, uptime: float = 30.0) -> tuple[WorkerSample, ...]:
    """Workers that once needed so much private memory, idle now."""
    one = WorkerSample(5 * MIB, (mib + 40) * MIB, 30 * MIB, 10 * MIB, requests, uptime)
    return (one,) * number


def www(before: int = 5, worker: int = 50, *, exhausted: bool = False, waiting: bool = False) -> PoolUse:
    return PoolUse(
        "www",
        before,
        samples=workers(worker),
        memory_limit=128 * MIB,
        exhausted=exhausted,
        waiting=waiting,
    )


def one(pool: PoolUse, machine: Machine = HOST, overrides: Overrides | None = None, **master: int) -> Sizing:
    (sizing,) = size(machine, [Master("php8.2-fpm", (pool,), **master)], overrides)  # type: ignore[arg-type]
    return sizing


def test_50_mb_a_process_and_2000_mb_are_40_workers_and_the_plan_says_why() -> None:
    sizing = one(PoolUse("www", 5), replace(HOST, cores=1), Overrides(process_mb=50, available_mb=2000))
    assert sizing.max_children == sizing.formula == 40
    assert (sizing.spares.min_spare_servers, sizing.spares.start_servers, sizing.spares.max_spare_servers) == (4, 8, 12)
    assert "process_mb=50 (given)" in sizing.arithmetic
    assert "mem_max = floor((budget - shared) / W) = floor(2000 / 50) = 40" in sizing.arithmetic
    assert sizing.refusal is None


def test_the_operators_exact_word_turns_the_toolkits_own_limits_into_warnings() -> None:
    machine = replace(HOST, cores=1, database_connections=10)
    sizing = one(PoolUse("www", 5), machine, Overrides(process_mb=50, available_mb=2000))
    assert sizing.max_children == 40
    assert len(sizing.warnings) == 3
    assert "cores" in sizing.warnings[0]
    assert "database" in sizing.warnings[1]
    assert "twice" in sizing.warnings[2]


def test_a_512_mb_container_on_a_24_gb_host_holds_9_workers_of_16_mb() -> None:
    machine = Machine(mem_total=24576 * MIB, mem_available=23000 * MIB, cores=8)
    pool = PoolUse("www", 5, samples=workers(9), memory_limit=128 * MIB, exhausted=True)
    master = Master("fpm", (pool,), 95 * MIB, (512 * MIB, 2**40), opcache=128 * MIB, resident_shmem=24 * MIB)
    (sizing,) = size(machine, [master])
    assert sizing.max_children == 9
    assert sizing.arithmetic == (
        "cap = min(MemTotal 24576, cgroup 512) = 512 MiB",
        "reserve = max(256, 10 % of 512) = 256 MiB",
        "budget = min(MemAvailable 23000 + php_now 95 - reserve 256, cgroup 512 - reserve 256) = 256 MiB",
        "shared = max(0, OPcache 128 + APCu 0 + JIT 0 - resident 24) = 104 MiB",
        "W = 16 MiB (p95 of the peak private memory of 4 warm workers; at least 16, at most memory_limit + 16 = 144)",
        "mem_max = floor((budget - shared) / W) = floor(152 / 16) = 9",
        "cores = 8 * 4 = 32",
        "max_children = max(1, min(mem_max 9, cores 32)) = 9; 5 is raised to 9",
    )


def test_a_worker_needs_its_peak_of_private_memory_not_what_it_holds_at_idle() -> None:
    sizing = one(www(worker=60))
    assert any(line.startswith("W = 60 MiB") for line in sizing.arithmetic)


def test_a_worker_that_never_held_more_than_now_needs_what_it_holds() -> None:
    shrunk = (WorkerSample(70 * MIB, 60 * MIB, 30 * MIB, 10 * MIB, 100, 30.0),) * 3
    assert any(line.startswith("W = 70 MiB") for line in one(replace(www(), samples=shrunk)).arithmetic)


def test_a_worker_cannot_need_more_than_memory_limit_and_its_code() -> None:
    sizing = one(www(worker=900))
    assert any(line.startswith("W = 144 MiB") for line in sizing.arithmetic)


def test_without_a_memory_limit_the_measured_peak_stands() -> None:
    sizing = one(replace(www(worker=900), memory_limit=-1))
    assert any(line.startswith("W = 900 MiB") for line in sizing.arithmetic)


def test_p95_leaves_one_wild_worker_of_twenty_out() -> None:
    samples = workers(40, 19) + workers(120, 1)
    sizing = one(replace(www(), samples=samples))
    assert any(line.startswith("W = 40 MiB") for line in sizing.arithmetic)


def test_what_mysql_and_redis_may_still_take_is_reserved() -> None:
    grown = replace(HOST, mysql_growth=growth_of_mysql(1000 * MIB, 600 * MIB), redis_growth=growth_of_redis(64, 65))
    sizing = one(www(), grown)
    assert "reserve = max(256, 10 % of 4096) + growth of MySQL 500 = 910 MiB" in sizing.arithmetic


@pytest.mark.parametrize(
    ("reserve", "line"),
    [(700, "reserve = 700 (given) = 700 MiB"), ("20%", "reserve = 20% of 4096 (given) = 820 MiB")],
)
def test_a_given_reserve_replaces_the_rule(reserve: int | str, line: str) -> None:
    assert line in one(www(), overrides=Overrides(reserve=reserve)).arithmetic


@pytest.mark.parametrize("reserve", ["20", "-5%", "lots", -1])
def test_a_reserve_that_is_no_amount_is_a_usage_error(reserve: int | str) -> None:
    with pytest.raises(UsageError, match="reserve"):
        Overrides(reserve=reserve)


@pytest.mark.parametrize("name", ["process_mb", "available_mb", "max_children", "per_core"])
def test_an_amount_below_one_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match=name):
        Overrides(**{name: 0})


def test_an_exhausted_pool_is_raised_to_at_most_twice_its_value() -> None:
    sizing = one(www(5, exhausted=True))
    assert (sizing.formula, sizing.max_children) == (32, 10)
    assert "twice the present value" in sizing.arithmetic[-1]


def test_after_the_raise_nothing_more_is_planned_until_the_pool_is_exhausted_anew() -> None:
    raised = one(www(5, exhausted=True)).max_children
    assert not one(www(raised)).changes
    assert one(www(raised, exhausted=True)).max_children == 20


def test_a_pool_that_nothing_shows_to_be_too_small_is_not_raised() -> None:
    sizing = one(www(5))
    assert (sizing.formula, sizing.changes, sizing.advice) == (32, False, None)


def test_cores_hold_a_raise_and_per_core_moves_that_limit() -> None:
    assert one(www(5, exhausted=True), replace(HOST, cores=2)).max_children == 8
    assert one(www(5, exhausted=True), replace(HOST, cores=2), Overrides(per_core=10)).max_children == 10


def test_database_connections_hold_a_raise() -> None:
    assert one(www(5, exhausted=True), replace(HOST, database_connections=7)).max_children == 7


def test_a_pool_above_the_rule_for_cores_is_not_lowered_for_that_alone() -> None:
    sizing = one(www(30), replace(HOST, cores=2))
    assert (sizing.formula, sizing.changes) == (8, False)
    assert any("cores" in warning for warning in sizing.warnings)
    assert one(www(30), replace(HOST, cores=2), Overrides(per_core=5)).max_children == 10


def test_more_workers_than_the_memory_holds_are_lowered() -> None:
    sizing = one(www(200))
    assert sizing.max_children == 51
    assert "all pools could take 10000 MiB, there are 2590" in sizing.arithmetic[-1]
    assert not one(www(sizing.max_children)).changes


def test_a_present_value_within_the_noise_of_the_arithmetic_is_left_alone_and_the_plan_says_so() -> None:
    sizing = one(www(54), replace(HOST, cores=100))
    assert (sizing.formula, sizing.changes) == (51, False)
    assert "54 stays: it lies within 10 % of it" in sizing.arithmetic[-1]


def test_a_small_pool_with_one_worker_more_than_fits_is_left_alone() -> None:
    full = replace(HOST, mem_available=540 * MIB)
    assert (one(www(3), full).formula, one(www(3), full).max_children) == (2, 3)
    assert one(www(4), full).max_children == 2


def test_a_value_that_could_eat_the_reserve_up_has_no_tolerance() -> None:
    machine = replace(HOST, cores=100)
    assert one(www(54), machine, Overrides(reserve=50)).max_children == 54
    assert one(www(61), machine, Overrides(reserve=50)).max_children == 59


def test_cold_workers_give_advice_alone() -> None:
    cold = replace(www(5, exhausted=True), samples=workers(50, 4, requests=19, uptime=599))
    sizing = one(cold)
    assert (sizing.changes, sizing.confidence) == (False, "low")
    assert sizing.advice is not None
    assert "process_mb" in sizing.advice


@pytest.mark.parametrize(
    "samples",
    [workers(50, 3, requests=20), workers(50, 3, requests=0, uptime=600), workers(50, 3) + workers(90, 5, requests=0)],
)
def test_three_workers_of_20_requests_or_10_minutes_are_warm_enough(samples: tuple[WorkerSample, ...]) -> None:
    sizing = one(replace(www(5, exhausted=True), samples=samples))
    assert (sizing.confidence, sizing.max_children) == ("measured", 10)


def test_with_cold_workers_a_given_process_size_allows_the_raise() -> None:
    cold = replace(www(5, exhausted=True), samples=workers(50, 1))
    sizing = one(cold, overrides=Overrides(process_mb=50))
    assert (sizing.max_children, sizing.confidence) == (10, "given")


def test_a_given_process_size_without_a_finding_raises_nothing_and_says_what_would() -> None:
    sizing = one(www(5), overrides=Overrides(process_mb=50))
    assert not sizing.changes
    assert sizing.advice is not None
    assert "available_mb with process_mb" in sizing.advice


def test_what_even_cold_workers_show_to_eat_the_reserve_is_lowered() -> None:
    cold = replace(www(200), samples=workers(50, 1, requests=0))
    assert one(cold).max_children == 51


def test_without_any_measured_worker_nothing_is_done() -> None:
    sizing = one(PoolUse("www", 5, exhausted=True))
    assert (sizing.formula, sizing.changes) == (None, False)
    assert sizing.advice is not None
    assert "no worker could be measured" in sizing.advice


def test_after_an_oom_kill_a_pool_is_only_lowered() -> None:
    killed = replace(HOST, recent_oom=True)
    raised = one(www(5, exhausted=True), killed)
    assert not raised.changes
    assert raised.advice is not None
    assert "killed for want of memory" in raised.advice
    cold = replace(www(58), samples=workers(50, 1, requests=0))
    assert not one(cold).changes
    assert one(cold, killed).max_children == 51


@pytest.mark.parametrize("machine", [replace(HOST, recent_oom=True)])
def test_after_an_oom_kill_even_the_operators_raise_is_refused(machine: Machine) -> None:
    sizing = one(www(5), machine, Overrides(process_mb=50, available_mb=2000))
    assert not sizing.changes
    assert sizing.refusal is not None
    assert one(www(50), machine, Overrides(process_mb=50, available_mb=2000)).max_children == 40


def test_workers_that_wait_do_not_get_company() -> None:
    sizing = one(www(5, exhausted=True, waiting=True))
    assert not sizing.changes
    assert sizing.advice is not None
    assert "wait for something else" in sizing.advice
    assert one(www(5, waiting=True), overrides=Overrides(max_children=8)).refusal is not None


def test_a_given_max_children_that_the_host_cannot_hold_is_refused_with_both_figures() -> None:
    sizing = one(www(5), overrides=Overrides(max_children=100))
    assert not sizing.changes
    assert sizing.refusal == "100 workers of 50 MiB: needs 5000 MiB, the host has 2590"


def test_available_mb_is_the_operators_word_on_memory() -> None:
    given = Overrides(max_children=100, available_mb=9000)
    assert one(www(5), overrides=given).max_children == 100


def test_a_given_max_children_is_set_to_the_letter_and_then_in_force() -> None:
    given = Overrides(max_children=33)
    assert one(www(32), overrides=given).max_children == 33
    assert one(www(34), overrides=given).max_children == 33
    assert "in force already" in one(www(33), overrides=given).arithmetic[-1]


def test_a_given_max_children_needs_memory_even_where_no_worker_was_measured() -> None:
    unknown = PoolUse("www", 5)
    assert one(unknown, overrides=Overrides(max_children=100)).max_children == 100
    assert one(unknown, overrides=Overrides(max_children=1000)).refusal is not None


def test_a_host_that_does_not_hold_one_worker_gets_one_and_a_warning() -> None:
    full = replace(HOST, mem_available=300 * MIB)
    sizing = one(www(5), full)
    assert sizing.max_children == 1
    assert any("does not hold even 1" in warning for warning in sizing.warnings)


def test_several_pools_and_versions_share_one_budget_by_their_load() -> None:
    old = Master("php7.4-fpm", (replace(www(200), name="old", load=10.0),))
    new = Master("php8.2-fpm", (replace(www(200), name="shop", load=30.0), replace(www(200), name="blog", load=0.0)))
    results = {one.pool: one.max_children for one in size(HOST, [old, new])}
    assert results == {"old": 12, "shop": 37, "blog": 2}
    assert sum(results.values()) * 50 <= 2590


def test_a_pool_over_its_part_keeps_it_until_another_one_needs_the_room() -> None:
    blog, shop = replace(www(30), name="blog", load=1.0), replace(www(20), name="shop", load=9.0)
    calm = size(HOST, [Master("fpm", (blog, shop))], Overrides(per_core=100))
    assert [one.changes for one in calm] == [False, False]
    busy = size(HOST, [Master("fpm", (blog, replace(shop, exhausted=True)))], Overrides(per_core=100))
    assert [one.max_children for one in busy] == [5, 40]


def test_a_master_stays_within_its_own_cgroup_beside_others() -> None:
    caged = Master("caged", (replace(www(100), name="caged"),), cgroup_limits=(456 * MIB,))
    free = Master("free", (replace(www(10), name="free"),))
    results = {one.pool: one.max_children for one in size(HOST, [caged, free])}
    assert results == {"caged": 4, "free": 10}


def test_process_max_below_the_sum_is_named() -> None:
    sizing = one(www(5, exhausted=True), process_max=8)
    assert any("process.max = 8" in warning for warning in sizing.warnings)


@given(st.integers(1, 5000))
def test_the_spare_servers_are_what_php_fpm_accepts(number: int) -> None:
    found = spares(number)
    assert 1 <= found.min_spare_servers <= found.start_servers <= found.max_spare_servers <= number


amounts = st.integers(200, 64_000).map(lambda mib: mib * MIB)
pools = st.builds(
    PoolUse,
    st.just("www"),
    st.integers(1, 400),
    load=st.floats(0, 50),
    samples=st.builds(workers, st.integers(1, 300), st.integers(0, 5), requests=st.sampled_from([0, 50])),
    memory_limit=st.sampled_from([-1, 64 * MIB, 256 * MIB]),
    exhausted=st.booleans(),
    waiting=st.booleans(),
)
masters = st.lists(pools, min_size=1, max_size=3).flatmap(
    lambda found: st.builds(
        Master,
        st.just("fpm"),
        st.just(tuple(found)),
        pss=st.integers(10, 400).map(lambda mib: mib * MIB),
        cgroup_limits=st.lists(amounts, max_size=2).map(tuple),
        opcache=st.sampled_from([0, 128 * MIB]),
        resident_shmem=st.integers(0, 128).map(lambda mib: mib * MIB),
    )
)
machines = amounts.flatmap(
    lambda total: st.builds(
        Machine,
        st.just(total),
        st.integers(total // 20, total),
        st.integers(1, 64),
        database_connections=st.none() | st.integers(0, 300),
        recent_oom=st.booleans(),
    )
)
overrides = st.builds(
    Overrides,
    process_mb=st.none() | st.integers(16, 200),
    available_mb=st.none() | st.integers(1, 30_000),
    reserve=st.sampled_from([None, "10%", "20%"]),  # a reserve below the noise gives its tolerance up, as documented
    max_children=st.none() | st.integers(1, 300),
    per_core=st.none() | st.integers(1, 12),
)


@given(machines, st.lists(masters, min_size=1, max_size=3), overrides, st.integers(-12, 12))
def test_a_second_run_after_an_apply_plans_nothing(
    machine: Machine, found: list[Master], given: Overrides, drift: int
) -> None:
    """The pools are reloaded (so not exhausted), and MemAvailable has moved by some MiB."""
    first = iter(size(machine, found, given))
    applied = [
        replace(
            master,
            pools=tuple(replace(pool, max_children=next(first).max_children, exhausted=False) for pool in master.pools),
        )
        for master in found
    ]
    moved = replace(machine, mem_available=machine.mem_available + drift * MIB)
    assert [one for one in size(moved, applied, given) if one.changes] == []


@given(machines, st.lists(masters, min_size=1, max_size=3), overrides)
def test_a_raise_never_takes_more_than_the_host_has(machine: Machine, found: list[Master], given: Overrides) -> None:
    verdicts = size(machine, found, given)
    if given.available_mb is None and any(one.max_children > one.before for one in verdicts):
        total = sum(master.pss for master in found) + machine.mem_available
        assert sum(one.max_children for one in verdicts) * (given.process_mb or 16) * MIB <= total
    if machine.recent_oom:
        assert all(one.max_children <= one.before for one in verdicts)
