"""`lab.up`, `lab.down` and `lab.list`, as typed: hosts that stay, and an inventory that says how to reach them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.program import Program

from tests.lab import cgroup, desk, inventory, tasks, teardown
from tests.lab.commands import run
from tests.lab.host import LabHost

Typed = Callable[..., str]


@pytest.fixture
def folder(lab_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stands for the checkout's .lab; whatever a test leaves up there is taken down."""
    folder = tmp_path / ".lab"
    monkeypatch.setattr(desk, "FOLDER", folder)
    monkeypatch.chdir(tmp_path)
    yield folder
    for record in inventory.staying(folder).values():
        teardown.remove(record)


@pytest.fixture
def typed(folder: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Runs a command line as `invoke` would and returns what it printed."""
    namespace = Collection()
    namespace.add_collection(tasks.lab)

    def command(*words: str) -> str:
        capsys.readouterr()
        Program(namespace=namespace).run(["invoke", *words], exit=False)
        printed = capsys.readouterr()
        return printed.out + printed.err

    return command


def hosts_in(file: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text())["all"]["hosts"]
    return found


def listed(printed: str, folder: Path) -> list[str]:
    """The cells of the one host of this test; other runs may have theirs."""
    return next(line.split() for line in printed.splitlines() if str(folder.parent) in line)


def test_up_boots_hosts_that_stay_and_says_what_to_type_next(typed: Typed, folder: Path) -> None:
    said = typed("lab.up", "web1,web2", "--variant", "sudo-user")
    assert "web1: up at 10.88." in said
    assert "invoke remediate --inventory .lab/inventory.yml --host web1,web2 --dry-run" in said
    assert {record.owner for record in inventory.staying(folder).values()} == {None}
    assert not (folder.parent / "inventory.yml").exists()


def test_the_inventory_is_all_that_openssh_needs(typed: Typed, folder: Path) -> None:
    typed("lab.up", "web1", "--variant", "sudo-user")
    host = hosts_in(folder / "inventory.yml")["web1"]
    options = [*host["ansible_ssh_common_args"].split(), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
    target = f"{host['ansible_user']}@{host['ansible_host']}"
    key = host["ansible_ssh_private_key_file"]
    assert run("ssh", "-F", "/dev/null", "-i", key, *options, target, "sudo -n id -un") == b"root\n"


def test_up_adds_to_the_inventory_and_keeps_what_a_person_wrote(typed: Typed, folder: Path) -> None:
    typed("lab.up", "web1")
    file = folder / "inventory.yml"
    loaded = yaml.safe_load(file.read_text())
    loaded["all"]["hosts"]["web1"]["health"] = {"url": "http://localhost/"}
    file.write_text(yaml.safe_dump({**loaded, "all": {**loaded["all"], "vars": {"tier": "test"}}}))
    typed("lab.up", "web2")
    assert hosts_in(file)["web1"]["health"] == {"url": "http://localhost/"}
    assert list(hosts_in(file)) == ["web1", "web2"]
    assert yaml.safe_load(file.read_text())["all"]["vars"] == {"tier": "test"}


def test_up_of_a_host_that_is_up_says_so(typed: Typed, folder: Path) -> None:
    typed("lab.up", "web1")
    before = inventory.staying(folder)["web1"]
    assert f"web1: is up already, at {before.address} (plain)" in typed("lab.up", "web1")
    assert "web1 is up already, as plain; first: invoke lab.down --host web1" in typed(
        "lab.up", "web1", "--variant=fish"
    )
    assert inventory.staying(folder)["web1"] == before


def test_up_can_break_a_host_that_is_up(typed: Typed, folder: Path) -> None:
    typed("lab.up", "web1")
    assert "web1: broken: service-stopped" in typed("lab.up", "web1", "--broken", "service-stopped")
    record = inventory.staying(folder)["web1"]
    assert LabHost(**vars(record)).get("shop.example").status == 502


def test_a_host_that_died_is_booted_anew(typed: Typed, folder: Path) -> None:
    typed("lab.up", "web1")
    died = inventory.staying(folder)["web1"]
    cgroup.kill(died.id)
    assert listed(typed("lab.list"), folder)[:4] == ["web1", died.address, "plain", "down"]
    assert "web1: has died, is booted anew" in typed("lab.up", "web1")
    assert hosts_in(folder / "inventory.yml")["web1"]["ansible_host"] == inventory.staying(folder)["web1"].address


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("lab.up", "web1", "--broken", "gremlins"), "no such fault: gremlins; there are: service-stopped"),
        (("lab.up", "web1", "--variant", "rust"), "no such variant: rust; there are: python"),
        (("lab.up", "web_1"), "not a name for a lab host: 'web_1'"),
        (("lab.up", ","), "name at least one host"),
        (("lab.down", "--host", "web7"), "not up: web7; up are: none"),
    ],
)
def test_nonsense_is_one_clear_line_and_boots_nothing(
    typed: Typed, folder: Path, words: tuple[str, ...], message: str
) -> None:
    assert message in typed(*words)
    assert inventory.staying(folder) == {}


def test_list_shows_name_address_variant_state_and_since(typed: Typed, folder: Path) -> None:
    typed("lab.up", "web1", "--variant", "noisy")
    record = inventory.staying(folder)["web1"]
    assert listed(typed("lab.list"), folder)[:4] == ["web1", record.address, "noisy", "running"]


def test_down_takes_one_or_all_and_the_inventory_with_the_last(typed: Typed, folder: Path) -> None:
    typed("lab.up", "web1,web2,web3")
    assert typed("lab.down", "--host", "web2") == "web2: removed\n"
    assert list(hosts_in(folder / "inventory.yml")) == ["web1", "web3"]
    assert typed("lab.down") == "web1: removed\nweb3: removed\n"
    assert not (folder / "inventory.yml").exists()
    assert (folder / "known_hosts").read_text() == ""
    assert typed("lab.down") == "no lab host is up\n"


@pytest.mark.parametrize("words", [("lab.up", "web1"), ("lab.down",), ("lab.list",)])
def test_a_user_who_is_not_root_is_told_so(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("os.geteuid", lambda: 1000)
        assert "needs root" in typed(*words)


def test_an_error_is_exit_code_one(folder: Path) -> None:
    with pytest.raises(Exit) as raised:
        tasks.up(Context(), "web_1")
    assert raised.value.code == 1
