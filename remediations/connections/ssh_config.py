"""The text of ssh_config files with their Include lines expanded, which Paramiko's parser does not do."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from pathlib import Path

from remediations.errors import InventoryError

_MAX_DEPTH = 16  # OpenSSH's
_INCLUDE = re.compile(r"\s*include(?:\s+|\s*=\s*)(?P<files>.*)", re.IGNORECASE)
_LEADS_ELSEWHERE = re.compile(
    r"^\s*(?:hostname|port|addressfamily|canonical\w+|connecttimeout|match|proxycommand|proxyjump)\b", re.I | re.M
)
_BLOCK = re.compile(r"\s*(?:host|match)(?:\s|=)", re.IGNORECASE)


def user_and_system_text() -> str:
    """~/.ssh/config, then /etc/ssh/ssh_config: the first value found wins."""
    home = Path.home() / ".ssh"
    system = Path("/etc/ssh")
    return _expand(home / "config", home, 0) + "Host *\n" + _expand(system / "ssh_config", system, 0)


def may_lead_elsewhere(text: str) -> bool:
    """Whether an ssh_config holds anything, for whatever host, that changes where a connection goes or how."""
    return _LEADS_ELSEWHERE.search(text) is not None


def _expand(path: Path, base: Path, depth: int) -> str:
    if depth > _MAX_DEPTH:
        raise InventoryError(f"{path}: ssh_config files include each other more than {_MAX_DEPTH} deep")
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, PermissionError):
        return ""
    except OSError as error:
        raise InventoryError(f"{path}: cannot be read: {error.strerror}") from error
    block = "Host *"
    expanded = []
    for line in lines:
        if match := _INCLUDE.fullmatch(line):
            expanded += [_expand(Path(name), base, depth + 1) for name in _included(match["files"], base)]
            line = block  # an included file's last block must not swallow what follows the Include
        elif _BLOCK.match(line):
            block = line
        expanded.append(line)
    return "".join(f"{line}\n" for line in expanded)


def _included(files: str, base: Path) -> list[str]:
    patterns = [Path(name.strip('"')).expanduser() for name in files.split("#")[0].split()]
    return [name for pattern in patterns for name in sorted(glob.glob(str(base / pattern)))]


@dataclass(frozen=True)
class Jump:
    """One host of a ProxyJump list."""

    host: str
    user: str | None
    port: int | None


_JUMP = re.compile(
    r"(?:ssh://)?(?:(?P<user>[^@\s]+)@)?(?:\[(?P<v6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\s:@\[\]-][^\s:@\[\]]*))(?::(?P<port>\d+))?/?"
)


def parse_jumps(where: str, text: str) -> list[Jump]:
    """`[user@]host[:port]` or `ssh://…`, with commas; the first is nearest to us. `none` is an empty list."""
    if text.strip().lower() == "none":
        return []
    return [_parse_jump(where, part.strip()) for part in text.split(",")]


def _parse_jump(where: str, part: str) -> Jump:
    match = _JUMP.fullmatch(part)
    port = int(match["port"]) if match and match["port"] else None
    if match is None or (port is not None and not 0 < port < 65536):
        raise InventoryError(f"{where}: jump host {part!r} is not of the form [user@]host[:port]")
    return Jump(match["v6"] or match["host"], match["user"], port)
