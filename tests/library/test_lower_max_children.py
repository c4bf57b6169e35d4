"""lower-max-children: what it lowers after workers were killed, and that it raises nothing."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from remediations.facts.base import Unknown
from remediations.facts.kernel import Kill
from remediations.facts.logs import Log
from remediations.findings import Evidence, Finding
from remediations.library import known
from remediations.library.lower_max_children import LowerMaxChildren
from remediations.parameters import build
from remediations.plan import Proposal, make
from remediations.snapshot import Snapshot
from tests.library.php_host import (
    UNIT,
    WWW,
    after,
    diff,
    disliked,
    fpm82,
    host,
    journal,
    pool,
    pool_file,
    unprivileged,
    values,
    with_memory,
    workers,
)

TEXT = "Killed process 77 (php-fpm8.2) total-vm:398252kB, anon-rss:{kib}kB, file-rss:4656kB, shmem-rss:560kB, UID:33"


def killed(snapshot: Snapshot, mib: int = 300, name: str = "php-fpm8.2", unit: str | None = UNIT) -> Snapshot:
    """The same host, where the kernel has just killed a process that held so much."""
    kill = Kill(snapshot.machine.now - 60, False, 77, name, unit, None, TEXT.format(kib=mib * 1024))
    return replace(snapshot, kernel=(kill,))


def oom(name: str = "www", mib: int = 30) -> Finding:
    evidence = (Evidence("kernel", TEXT.format(kib=mib * 1024)),)
    return Finding("worker-oom", f"{UNIT}:{name}", "certain", "killed", evidence, "lower-max-children")


def small(children: int = 20, **more: int) -> Snapshot:
    """2 GiB, of which PHP may take about 1.4: with 300 MiB a worker that is four of them."""
    made = host(fpm82(WWW.replace("= 5", f"= {children}")), workers=workers(3, mib=more.get("mib", 40)))
    return with_memory(made, total=2048, available=1700)


def plan(snapshot: Snapshot, *findings: Finding, **parameters: object) -> Proposal:
    return build(LowerMaxChildren, parameters, "test").plan(snapshot, findings)


def test_the_library_finds_it_by_its_name() -> None:
    assert known()["lower-max-children"] is LowerMaxChildren


def test_what_the_killed_worker_held_decides_how_many_there_may_be() -> None:
    snapshot = killed(small())
    proposal = plan(snapshot, oom())
    assert values(after(snapshot, proposal)) == (4, 1, 1, 2)
    assert "W = 300 MiB (what a worker held when the kernel killed it)" in proposal.notes
    assert [(each.unit, each.action) for each in proposal.actions] == [(UNIT, "reload")]
    assert "-pm.max_children = 20\n-pm.start_servers = 2\n+pm.max_children = 4\n+pm.start_servers = 1\n" in diff(
        proposal
    )


def test_living_workers_that_hold_more_count_more() -> None:
    snapshot = killed(small(mib=100), mib=30)
    assert "W = 100 MiB (p95" in "\n".join(plan(snapshot, oom()).notes)


def test_an_already_remedied_host_is_left_alone() -> None:
    snapshot = killed(small())
    planned = make(snapshot, [oom()], [LowerMaxChildren()])
    done = snapshot.with_file(planned.files[0].change.path, planned.files[0].change.after)
    again = plan(done, oom())
    assert (again.files, again.actions) == ((), ())
    alone = plan(done)
    assert (alone.files, alone.refusals) == ((), ())


def test_a_healthy_host_is_left_alone() -> None:
    proposal = plan(small())
    assert (proposal.files, proposal.actions, proposal.refusals) == ((), (), ())
    assert "no worker" in proposal.notes[0]


@pytest.mark.parametrize("other", [{"name": "mariadbd"}, {"unit": None}, {"unit": "container-7.service"}])
def test_what_was_killed_elsewhere_is_no_worker_of_ours(other: dict[str, str | None]) -> None:
    """A container sees the kernel's word about all of its neighbours."""
    assert plan(killed(small(), **other)).files == ()  # type: ignore[arg-type]  # of the parameters above


def test_where_the_kernel_names_no_unit_php_fpms_log_tells_of_the_death() -> None:
    path = "/var/log/php8.2-fpm.log"
    main = "/etc/php/8.2/fpm/php-fpm.conf"
    snapshot = killed(small(), unit=None)
    data = snapshot.files[main].data.replace(b"[global]", f"[global]\nerror_log = {path}".encode())

    def saying(ago: int) -> Snapshot:
        when = time.strftime("%d-%b-%Y %H:%M:%S", time.gmtime(snapshot.machine.now - ago))
        line = f"[{when}] WARNING: [pool www] child 7 exited on signal 9 (SIGKILL) after 1.2 seconds from start\n"
        return replace(snapshot.with_file(main, data), logs={path: Log(path, line.encode(), cut=False)})

    assert snapshot.machine.utc_offset == "+0000"
    assert values(after(saying(60), plan(saying(60)))) == (4, 1, 1, 2)
    assert plan(saying(300)).files == ()


def test_where_the_kernel_names_no_unit_the_finding_tells_what_was_held() -> None:
    snapshot = small()
    assert "W = 300 MiB (what a worker held" in "\n".join(plan(snapshot, oom(mib=300)).notes)
    assert values(after(snapshot, plan(snapshot, oom(mib=300)))) == (4, 1, 1, 2)


def test_it_never_raises_whatever_is_given() -> None:
    snapshot = killed(small(5), mib=20)
    proposal = plan(snapshot, oom(), process_mb=10, available_mb=2000)
    assert proposal.files == ()
    assert "pm.max_children = 5 stays" in proposal.refusals[0]


def test_workers_that_fit_are_no_cause_and_that_is_said() -> None:
    snapshot = killed(with_memory(small(5), total=64_000, available=60_000))
    proposal = plan(snapshot, oom())
    assert proposal.files == ()
    assert "a leak, another program, the limit of a cgroup" in proposal.refusals[0]
    assert plan(snapshot, oom(), available_mb=650).files


def test_only_the_pool_whose_workers_were_killed_is_lowered() -> None:
    pools = {pool_file(): WWW.replace("= 5", "= 20"), pool_file(name="api"): pool("api", 20)}
    snapshot = killed(with_memory(host(fpm82(pools), workers=workers(3)), total=2048, available=1700))
    changed = after(snapshot, plan(snapshot, oom()))
    assert values(changed)[0] < 20
    assert values(changed, "api")[0] == 20


def test_without_a_finding_all_pools_are_looked_at() -> None:
    assert plan(killed(small())).files
    told = journal(small(), f"{UNIT}: A process of this unit has been killed by the OOM killer.", seconds_ago=3600)
    assert plan(told, process_mb=300).files


@pytest.mark.parametrize(
    ("altered", "said"),
    [
        (lambda one: replace(one, php=Unknown("not root")), "not root"),
        (lambda one: disliked(one, "ERROR: bad"), "does not validate"),
        (unprivileged, "needs root"),
    ],
)
def test_what_cannot_be_judged_is_refused(altered: object, said: str) -> None:
    assert callable(altered)
    proposal = plan(altered(killed(small())), oom())
    assert proposal.files == ()
    assert said in str(proposal.refusals)
