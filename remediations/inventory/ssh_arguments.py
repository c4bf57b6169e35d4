"""Reads the few ssh options that `ansible_ssh_common_args` may hold: a jump host and known_hosts files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

ALLOWED = "only -J HOST, -o ProxyJump=HOST and -o UserKnownHostsFile=FILE are read"

_HOP = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.+-]*@)?([A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_HINTS = {
    "stricthostkeychecking": "; for StrictHostKeyChecking write ansible_host_key_checking: yes, accept-new or no",
    "proxycommand": "; instead of ProxyCommand name the hosts in between with ProxyJump",
    "identityfile": "; for the key write ansible_ssh_private_key_file",
    "-i": "; for the key write ansible_ssh_private_key_file",
    "-p": "; for the port write ansible_port",
    "port": "; for the port write ansible_port",
    "-l": "; for the user write ansible_user",
    "user": "; for the user write ansible_user",
}


@dataclass(frozen=True)
class SshArguments:
    """`jump` as ssh's ProxyJump takes it (hops joined by commas, or `none`); known_hosts files as written."""

    jump: str | None = None
    known_hosts_files: tuple[str, ...] = ()


def parse(text: str) -> SshArguments:
    """ValueError says what cannot be read, and what is allowed."""
    jumps: list[str] = []
    files: list[str] = []
    for option, value, shown in _options(_words(text)):
        if option == "proxyjump":
            jumps.append(_jump(value))
        elif option == "userknownhostsfile":
            files.extend(_words(value))
        else:
            raise ValueError(f"{shown} is not supported here: {ALLOWED}{_HINTS.get(option, '')}")
    if len(jumps) > 1:
        raise ValueError(f"the jump host is given twice; several hops are written -J {jumps[0]},{jumps[1]}")
    return SshArguments(jumps[0] if jumps else None, tuple(files))


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValueError(f"{text!r} cannot be split into words ({error})") from error


def _options(words: list[str]) -> Iterator[tuple[str, str, str]]:
    """Each option by ssh's own keyword in lower case (`-J` is `proxyjump`), its value, and how it was written."""
    rest = iter(words)
    for word in rest:
        flag, value = word[:2], word[2:]
        if flag not in ("-J", "-o"):
            yield flag if flag.startswith("-") else word, value, word
            continue
        value = value or next(rest, "")
        if not value:
            raise ValueError(f"{flag} has no value")
        keyword, content = ("proxyjump", value) if flag == "-J" else _keyword(value)
        yield keyword, content, f"{flag} {value}"


def _keyword(text: str) -> tuple[str, str]:
    """ssh takes `Keyword=value`, `Keyword value` and `Keyword = value`, the keyword in any case."""
    match = re.fullmatch(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.+?)\s*", text, re.DOTALL)
    if not match:
        raise ValueError(f"-o {text} has no value")
    return match[1].lower(), match[2]


def _jump(value: str) -> str:
    if value == "none":
        return value
    for hop in value.split(","):
        if not _HOP.fullmatch(hop):
            raise ValueError(f"{hop!r} is not a jump host of the form [user@]host[:port]")
    return value
