"""What every host carries: two sites, two app servers, and no start-up work that a test would wait for."""

import os
import secrets
import shutil
from pathlib import Path

from tests.lab.record import Record

POOL = "/etc/php/8.2/fpm/pool.d/www.conf"
ROOTFS = Path(__file__).parent / "rootfs"
LINKS = {
    "etc/nginx/sites-enabled/shop": "/etc/nginx/sites-available/shop",
    "etc/nginx/sites-enabled/api": "/etc/nginx/sites-available/api",
    "etc/systemd/system/multi-user.target.wants/app@8001.service": "/etc/systemd/system/app@.service",
    "etc/systemd/system/multi-user.target.wants/app@8002.service": "/etc/systemd/system/app@.service",
}
MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "man-db.timer",
    "phpsessionclean.timer",
    "systemd-firstboot.service",
)
"""Units that would change files, or print, at a moment that no test chose."""


def furnish(record: Record) -> None:
    """Fills the freshly mounted overlay."""
    root = record.root
    copy_tree(ROOTFS, root)
    for link, target in {**LINKS, **{f"etc/systemd/system/{unit}": "/dev/null" for unit in MASKED}}.items():
        symlink(root / link, target)
    put(root / "etc/machine-id", f"{secrets.token_hex(16)}\n")
    put(root / "etc/hostname", f"{record.name}\n")
    put(root / "etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {record.name}\n")
    authorize(record, "root", Path("root"))


def authorize(record: Record, user: str, home: Path) -> None:
    """Lets the run's key in as `user`, whose home lies at `home` below the host's root."""
    folder = record.root / home / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    put(folder / "authorized_keys", record.key.with_suffix(".pub").read_text(), 0o600)
    owner = (record.root / home).stat()
    for path in (folder, folder / "authorized_keys"):
        os.chown(path, owner.st_uid, owner.st_gid)


def copy_tree(source: Path, root: Path) -> None:
    """Modes are set, not copied: a checkout's depend on its owner's umask."""
    for path in sorted(source.rglob("*")):
        if path.is_file():
            put(root / path.relative_to(source), path.read_bytes())


def put(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)


def symlink(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def copy_program(root: Path, source: str, target: str) -> Path:
    shutil.copy2(root / source, root / target)
    return root / target
