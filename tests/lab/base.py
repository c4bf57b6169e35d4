"""The base trees that all hosts share, read-only: Debian, built once by mmdebstrap and kept in the cache folder."""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Literal

from tests.lab.commands import run
from tests.lab.errors import LabError
from tests.lab.paths import cache_folder, locked
from tests.lab.sources import debian_sources

Kind = Literal["plain", "python", "database"]
SUITE = "bookworm"
PACKAGES = [
    *("systemd", "systemd-sysv", "dbus", "util-linux", "procps", "sudo", "acl", "attr"),
    *("iproute2", "nftables", "curl", "openssh-server", "nginx-light", "php-fpm", "php8.2-cli"),
]
EXTRA: dict[Kind, list[str]] = {
    "plain": [],
    "python": ["python3-minimal", "fish"],
    "database": ["mariadb-server", "php8.2-mysql"],
}
"""fish stands with Python because Debian's fish depends on python3, and the plain base must have no Python."""
FINISH = (
    "useradd --create-home --shell /bin/bash deploy",
    "rm -f /etc/ssh/ssh_host_* /etc/nginx/sites-enabled/default",
    "rm -rf /var/log/journal/* && : >/etc/machine-id",
)
PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "ssh": "openssh-client",
}


def require_lab() -> None:
    """LabError with the command to type where this machine cannot run the lab."""
    if os.geteuid() != 0:
        raise LabError(
            "the lab boots real hosts and needs root; run as root, or leave its tests out with: -m 'not lab'"
        )
    missing = sorted(package for program, package in PROGRAMS.items() if not shutil.which(program))
    if missing:
        raise LabError(f"the lab needs programs that are not installed; run: apt-get install {' '.join(missing)}")


def ensure_base(kind: Kind = "plain") -> Path:
    """The folder of the base tree; builds it first where it is missing, while other processes wait."""
    require_lab()
    folder = cache_folder() / f"base-{kind}-{_recipe_hash(kind)}"
    if folder.is_dir():
        return folder
    with locked(folder.with_suffix(".lock")):
        if not folder.is_dir():
            _build(kind, folder)
    return folder


def _recipe_hash(kind: Kind) -> str:
    recipe = json.dumps([SUITE, PACKAGES, EXTRA[kind], FINISH])
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def _build(kind: Kind, folder: Path) -> None:
    """Builds under a temporary name and renames: an interrupted build leaves nothing that looks finished."""
    unfinished = folder.with_suffix(".building")
    print(f"lab: building the {kind} base tree (Debian {SUITE}), about 30 s, once …", file=sys.stderr, flush=True)
    _remove(unfinished)
    try:
        _bootstrap(kind, unfinished)
        for command in FINISH:
            run("chroot", unfinished, "/bin/sh", "-c", command)
        unfinished.rename(folder)
    finally:
        _remove(unfinished)
    print(f"lab: the {kind} base tree is ready: {folder}", file=sys.stderr, flush=True)


def _bootstrap(kind: Kind, target: Path) -> None:
    packages = ",".join([*PACKAGES, *EXTRA[kind]])
    sources = debian_sources(Path("/etc/apt"), SUITE)
    with tempfile.TemporaryDirectory(prefix="remediate-lab-") as scratch:
        texts = {Path(scratch, "lab.sources"): sources.deb822, Path(scratch, "lab.list"): sources.one_line}
        files = [path for path, text in texts.items() if text and path.write_text(text)]
        run("mmdebstrap", "--mode=root", "--variant=apt", f"--include={packages}", SUITE, target, *files, timeout=900)


def _remove(tree: Path) -> None:
    if tree.exists():
        run("rm", "-rf", "--one-file-system", tree)
