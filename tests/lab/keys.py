"""Keys of a run: one pair to log in with, one host key for each host, and the known_hosts between them."""

from pathlib import Path

from tests.lab.commands import run
from tests.lab.paths import locked
from tests.lab.record import Record


def ensure_login_key(folder: Path) -> Path:
    """The run's private key; made where it is missing."""
    key = folder / "id_ed25519"
    with locked(folder / "keys.lock"):
        if not key.exists():
            _generate(key, "remediate-lab")
    return key


def make_host_key(record: Record) -> None:
    """A host key that no other host has, noted in the run's known_hosts."""
    path = record.root / "etc/ssh/ssh_host_ed25519_key"
    _generate(path, f"root@{record.name}")
    kind, public = path.with_suffix(".pub").read_text().split()[:2]
    with locked(record.run / "keys.lock"), record.known_hosts.open("a") as known:
        known.write(f"{record.address} {kind} {public}\n")


def forget_host_key(record: Record) -> None:
    if not record.run.is_dir():
        return
    with locked(record.run / "keys.lock"):
        lines = record.known_hosts.read_text().splitlines(keepends=True) if record.known_hosts.exists() else []
        kept = "".join(line for line in lines if line.split(" ")[0] != record.address)
        new = record.known_hosts.with_suffix(".new")
        new.write_text(kept)
        new.rename(record.known_hosts)


def write_ssh_config(record: Record, jump: Record | None) -> None:
    """For OpenSSH and whatever reads its configuration: `ssh -F FILE NAME`."""
    lines = [
        f"Host {record.name}",
        f"  HostName {record.address}",
        f"  Port {record.port}",
        f"  User {record.user}",
        f"  IdentityFile {record.key}",
        "  IdentitiesOnly yes",
        f"  UserKnownHostsFile {record.known_hosts}",
        "  GlobalKnownHostsFile none",
        "  StrictHostKeyChecking yes",
        "  BatchMode yes",
        "  LogLevel ERROR",
        *([f"  ProxyJump {jump.name}"] if jump else []),
    ]
    before = jump.ssh_config.read_text() if jump else ""
    record.ssh_config.write_text(before + "\n".join(lines) + "\n")


def _generate(path: Path, comment: str) -> None:
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path)
