"""This machine's own apt sources, narrowed to Debian itself, so that no mirror is named in the project."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.lab.errors import LabError

_ONE_LINE = re.compile(r"^deb(?:-src)?\s+(?:\[(?P<options>[^]]*)\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<parts>.+)$")
_FIELD = re.compile(r"^(?P<name>[A-Za-z-]+):[ \t]*(?P<value>.*(?:\n[ \t].*)*)", re.MULTILINE)
_SUITES = re.compile(r"^Suites:.*(?:\n[ \t].*)*", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Sources:
    """Text for a .sources and a .list file; either may be empty."""

    deb822: str
    one_line: str


def debian_sources(apt: Path, suite: str) -> Sources:
    """What `apt` (a folder like /etc/apt) says about the suite; LabError where it says nothing."""
    parts = apt / "sources.list.d"
    lists = [apt / "sources.list", *sorted(parts.glob("*.list"))]
    lines = [line for path in lists if path.is_file() for line in _debian_lines(path.read_text(), suite)]
    stanzas = [found for path in sorted(parts.glob("*.sources")) for found in _debian_stanzas(path.read_text(), suite)]
    if not lines and not stanzas:
        raise LabError(
            f"no apt source for Debian {suite} under {apt}: the lab's base tree is built from this machine's own"
        )
    return Sources("\n\n".join(stanzas), "".join(f"{line}\n" for line in lines))


def _debian_lines(text: str, suite: str) -> list[str]:
    matches = [_ONE_LINE.match(line.split("#")[0].strip()) for line in text.splitlines()]
    return [
        found[0]
        for found in matches
        if found
        and found["suite"] in _own_suites(suite)
        and _is_debian(found["parts"], _option(found["options"] or "", "signed-by"))
    ]


def _debian_stanzas(text: str, suite: str) -> list[str]:
    text = re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)
    narrowed = (_narrow(stanza.strip(), suite) for stanza in re.split(r"\n\s*\n", text))
    return [stanza for stanza in narrowed if stanza]


def _narrow(stanza: str, suite: str) -> str | None:
    """The stanza with only the suites of this release; None where it is disabled, third-party or another release."""
    fields = {found["name"].lower(): found["value"] for found in _FIELD.finditer(stanza)}
    wanted = [name for name in fields.get("suites", "").split() if name in _own_suites(suite)]
    enabled = fields.get("enabled", "yes").strip().lower() not in {"no", "false", "0"}
    if not wanted or not enabled or not _is_debian(fields.get("components", ""), fields.get("signed-by", "")):
        return None
    return _SUITES.sub(f"Suites: {' '.join(wanted)}", stanza)


def _own_suites(suite: str) -> set[str]:
    return {suite, f"{suite}-updates", f"{suite}-security"}


def _is_debian(components: str, signed_by: str) -> bool:
    """Third-party lists borrow Debian's suite names but neither its components nor its key."""
    return "main" in components.split() and (not signed_by.strip() or "debian-archive" in signed_by)


def _option(options: str, name: str) -> str:
    pairs = (option.partition("=") for option in options.split())
    return next((value for key, _, value in pairs if key.lower() == name), "")
