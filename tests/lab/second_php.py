"""An imitated PHP 8.1 beside Debian's 8.2: same code, but every path, name and version it shows is 8.1's."""

import re
import shutil
from pathlib import Path

UNIT = "lib/systemd/system/php{}-fpm.service"
WANTED_BY = "etc/systemd/system/multi-user.target.wants/php{}-fpm.service"
PROGRAM = "usr/sbin/php-fpm{}"
DEFAULT_PATH = b"%s/php/%d.%d/fpm/php-fpm.conf"
"""The format string by which the program finds its configuration where none is named."""


def install(root: Path) -> None:
    """Adds what the package php8.1-fpm would; pool, socket, log and pid file are its own."""
    _copy_tree(root / "etc/php/8.2", root / "etc/php/8.1")
    _copy_file(root / UNIT.format("8.2"), root / UNIT.format("8.1"))
    (root / WANTED_BY.format("8.1")).symlink_to(f"/{UNIT.format('8.1')}")
    _copy_file(root / PROGRAM.format("8.2"), root / PROGRAM.format("8.1"))


def _copy_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True)
    for path in target.rglob("*"):
        if path.is_symlink():
            there = path.readlink()
            path.unlink()
            path.symlink_to(str(there).replace("/8.2/", "/8.1/"))
        elif path.is_file():
            path.write_bytes(_renamed(path.read_bytes()))


def _copy_file(source: Path, target: Path) -> None:
    shutil.copy2(source, target)
    target.write_bytes(_renamed(source.read_bytes()))


def _renamed(content: bytes) -> bytes:
    """The names have equal length, so the program may be patched like the text files around it."""
    content = re.sub(rb"(php|php-fpm|/etc/php/|PHP )8\.2(?=[-/ ()]|$)", rb"\g<1>8.1", content, flags=re.MULTILINE)
    content = re.sub(rb"(?<![0-9.])8\.2\.(?=[0-9]+\0)", b"8.1.", content)
    content = content.replace(DEFAULT_PATH, b"%s/php/8.1/fpm/php-fpm.conf".ljust(len(DEFAULT_PATH), b"\0"))
    return content.replace(b"pool.d/www.conf 82", b"pool.d/www.conf 81")
