"""The inventory of the hosts that stay, in Ansible's shape, kept in the checkout's .lab folder."""

import shlex
from pathlib import Path
from typing import Any

import yaml

from tests.lab.record import Record, records

FOLDER = Path(__file__).parents[2] / ".lab"


def path(folder: Path) -> Path:
    return folder / "inventory.yml"


def staying(folder: Path) -> dict[str, Record]:
    """The hosts by name that `lab.up` of this checkout booted and that were not taken down."""
    return {record.name: record for record in records() if record.owner is None and record.run == folder.absolute()}


def refresh(folder: Path, gone: tuple[str, ...] = ()) -> None:
    """Enters the hosts that are up, takes out those that are `gone`, keeps what a person added; an empty file goes."""
    file = path(folder)
    hosts = _known_hosts_of(file)
    for name in gone:
        hosts.pop(name, None)
    for name, record in staying(folder).items():
        hosts[name] = {**(hosts.get(name) or {}), **variables(record)}
    if not hosts:
        file.unlink(missing_ok=True)
        return
    new = file.with_suffix(".new")
    new.write_text(yaml.safe_dump({**_load(file), "all": {**_all_of(file), "hosts": hosts}}, sort_keys=False))
    new.rename(file)


def variables(record: Record) -> dict[str, str]:
    """What an inventory must say of a host so that it is reached with its own key and its host key is checked."""
    return {
        "ansible_host": record.address,
        "ansible_user": record.user,
        "ansible_ssh_private_key_file": str(record.key),
        "ansible_ssh_common_args": shlex.join(["-o", f"UserKnownHostsFile={record.known_hosts}", *_jump(record)]),
    }


def _jump(record: Record) -> list[str]:
    before = next((other for other in records() if other.id == record.via), None)
    return ["-o", f"ProxyJump={before.user}@{before.address}"] if before else []


def _load(file: Path) -> dict[str, Any]:
    loaded = yaml.safe_load(file.read_text()) if file.exists() else None
    return loaded if isinstance(loaded, dict) else {}


def _all_of(file: Path) -> dict[str, Any]:
    return _load(file).get("all") or {}


def _known_hosts_of(file: Path) -> dict[str, Any]:
    return dict(_all_of(file).get("hosts") or {})
