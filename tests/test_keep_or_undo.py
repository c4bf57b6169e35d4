"""What stands after an apply: the site decides, and where it is still bad, whether what was to be cured is cured."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from remediations import gather, runner
from remediations.changes.file import FileChange
from remediations.changes.unit import UnitAction
from remediations.findings import Finding
from remediations.health_settings import HealthSettings
from remediations.looking import Options
from remediations.plan import Proposal
from remediations.run import new_id
from remediations.runner import Journey
from remediations.snapshot import Snapshot
from remediations.work import Work
from tests.conftest import LabHostFactory
from tests.lab import faults
from tests.lab.host import LabHost
from tests.on_host import FPM, NGINX, POOL, SITE, files_of, leftovers, target
from tests.patience import eventually


@dataclass(frozen=True)
class ByHand:
    """A remediation for one test: bytes replaced in a file once, and acts on units."""

    name: ClassVar[str] = "restart-service"

    path: str = SITE
    old: bytes = b"    index index.php;\n"
    new: bytes = b"    index index.php; # edited\n"
    acts: tuple[tuple[str, str], ...] = field(default=(("reload", NGINX),))

    @property
    def always_acts(self) -> bool:
        return False

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:  # noqa: ARG002 - Planner's shape
        file = snapshot.file_at(self.path)
        assert file is not None
        if self.old not in file.data:
            return Proposal()
        change = FileChange(self.name, self.path, file, file.data.replace(self.old, self.new))
        acts = tuple(UnitAction(self.name, unit, act, "by hand") for act, unit in self.acts)  # type: ignore[arg-type]  # words of Act
        return Proposal((change,), acts)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site that stays bad is not waited for."""
    monkeypatch.setattr(runner, "PATIENCE_SECONDS", 0.0)


@contextmanager
def journey(host: LabHost, folder: Path, planner: ByHand, **options: Any) -> Iterator[Journey]:
    said: list[tuple[str, str]] = []
    one = Journey(
        target(host),
        HealthSettings(),
        (Work(planner, on_finding=False),),
        Options(new_id(), folder, settle=0.5, **options),
        lambda name, text: said.append((name, text)),
    )
    try:
        yield one
    finally:
        one.close()


def changed_files(now: list[str], before: list[str]) -> set[str]:
    return {line for line in set(now) ^ set(before) if "|d|" not in line}


@pytest.mark.usefixtures("impatient")
def test_a_change_that_makes_a_good_site_bad_is_undone(web1: LabHost, tmp_path: Path) -> None:
    before = files_of(web1, "/etc")
    breaks = ByHand(new=b"    index index.php; return 503;\n")
    with journey(web1, tmp_path, breaks) as one:
        assert one.look().status == "planned"
        result = one.finish()
    assert result.status == "rolled_back", result
    assert "bad after the change" in str(result.error)
    assert "everything was put back and the old configuration serves" in str(result.error)
    assert (result.changes, len(result.undone)) == ((), 2)
    assert changed_files(files_of(web1, "/etc"), before) == set()
    assert web1.get("shop.example").status == 200
    assert leftovers(web1) == ""


@pytest.mark.usefixtures("impatient")
def test_a_change_that_does_not_help_a_bad_site_is_undone(web1: LabHost, tmp_path: Path) -> None:
    faults.service_stopped(web1)
    before = files_of(web1, "/etc")
    with journey(web1, tmp_path, ByHand()) as one:
        assert one.look().status == "planned"
        result = one.finish()
    assert result.status == "rolled_back", result
    assert "still bad" in str(result.error)
    assert changed_files(files_of(web1, "/etc"), before) == set()


@pytest.mark.usefixtures("impatient")
def test_a_change_that_cured_its_finding_stays_while_another_remains(web1: LabHost, tmp_path: Path) -> None:
    faults.service_stopped(web1)
    faults.service_stopped(web1, "app@*.service")
    web1.sh("systemctl mask --runtime app@8001.service app@8002.service")
    cures = ByHand(POOL, b"pm.max_children = 5", b"pm.max_children = 6", (("start", FPM),))
    with journey(web1, tmp_path, cures) as one:
        looked = one.look()
        assert looked.status == "planned"
        result = one.finish()
    assert result.status == "failed", (result.error, result.status)
    assert len(result.changes) == 2
    assert b"pm.max_children = 6" in web1.read(POOL)
    assert web1.get("shop.example").status == 200
    assert "what remains" in str(result.error)
    assert result.findings
    assert all(finding.subject != FPM for finding in result.findings)
    assert result.restore is not None
    assert leftovers(web1) == ""


def test_without_a_private_namespace_apply_warns_and_judges_in_place(lab_host: LabHostFactory, tmp_path: Path) -> None:
    host = lab_host("web1", "no-unshare")
    bad = ByHand(new=b"    index index.php; nonsense;\n")
    with journey(host, tmp_path / "a", bad) as one:
        looked = one.look()
        assert looked.status == "planned"
        assert any(text.startswith("the plan is not proven: unshare is not allowed") for text in looked.warnings)
        result = one.finish()
    assert result.status == "rolled_back"
    assert 'unknown directive "nonsense"' in str(result.error)
    with journey(host, tmp_path / "b", ByHand(), require_proof=True) as one:
        refused = one.look()
        assert refused.status == "refused"
        assert "--require-proof forbids" in str(refused.error)
        assert one.finish().status == "refused"
    with journey(host, tmp_path / "c", ByHand()) as one:
        assert one.look().status == "planned"
        assert one.finish().status == "changed"
    assert b"# edited" in host.read(SITE)


def test_a_host_that_another_run_changes_is_locked(web1: LabHost, tmp_path: Path) -> None:
    """A run that is at work: for one at its end we would wait some seconds."""
    other = "/var/lib/remediate/txn/20261122T000000Z-000000"
    web1.sh(f"mkdir -m 700 -p {other}; : >{other}/state.AWAIT")
    web1.sh("chmod 700 /var/lib/remediate; setsid -f flock /var/lib/remediate/lock sleep 60 </dev/null >/dev/null 2>&1")
    web1.sh(
        "echo '20261122T000000Z-000000 since noon by ann from laptop (limit-req)' >/var/lib/remediate/holder; "
        "until ! flock -n /var/lib/remediate/lock true; do sleep 0.05; done"
    )
    with journey(web1, tmp_path, ByHand()) as one:
        assert one.look().status == "planned"
        result = one.finish()
    assert (result.status, result.exit_code(detailed=False)) == ("locked", 5)
    assert "by ann from laptop (limit-req); nothing was changed" in str(result.error)


def test_a_journey_that_ends_before_it_confirms_leaves_nothing(
    web1: LabHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is lost while the site is being asked: the host undoes by itself."""
    before = files_of(web1, "/etc")
    with journey(web1, tmp_path, ByHand(), confirm_within=4) as one:
        assert one.look().status == "planned"

        def lost(*_: object) -> object:
            web1.sh("pkill -KILL -f '^sshd: root'")
            return gather.ask_health(one.shell, [])

        monkeypatch.setattr("remediations.runner.ask_health", lost)
        result = one.finish()
    assert result.status == "unknown", result
    eventually(lambda: web1.sh("ls /var/lib/remediate/txn/*/busy 2>/dev/null || true") == b"")
    assert changed_files(files_of(web1, "/etc"), before) == set()


def test_a_connection_that_is_lost_once_is_opened_again_and_the_change_confirmed(
    web1: LabHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_health, times = gather.ask_health, itertools.count()
    with journey(web1, tmp_path, ByHand()) as one:
        assert one.look().status == "planned"

        def lost_once(*words: Any) -> object:
            if next(times) == 0:
                web1.sh("pkill -KILL -f '^sshd: root'")
            return ask_health(*words)

        monkeypatch.setattr("remediations.runner.ask_health", lost_once)
        result = one.finish()
    assert result.status == "changed", result
    assert b"# edited" in web1.read(SITE)
    assert leftovers(web1) == ""


def test_who_waits_for_another_run_plans_on_what_it_has_left(web1: LabHost, tmp_path: Path) -> None:
    """Both change the same file, and the first is undone: a plan that was made in its midst would not hold."""
    with journey(
        web1, tmp_path / "a", ByHand(new=b"    index index.php; # held\n"), hold=True, confirm_within=6
    ) as first:
        first.look()
        assert first.finish().held
    with journey(web1, tmp_path / "b", ByHand(), may_change=True, wait_lock=60) as second:
        assert second.look().status == "planned"
        assert second.finish().status == "changed"
    assert b"# held" not in web1.read(SITE)
    assert b"# edited" in web1.read(SITE)
