"""Read and edit ini files line by line, as PHP-FPM reads them: the last value is in force, all other bytes stay.

PHP-FPM hands each physical line to PHP's ini parser by itself, so no value reaches over a line. Section names and keys
know no case there; a section that is opened again goes on. An edit is a tuple of splices: a value is replaced where it
is in force, and a key that is absent, or stands only in a comment, is inserted under its siblings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from remediations.editors.ini_scanner import Entry, Section, Statement, scan
from remediations.editors.splice import Splice
from remediations.errors import EditError


@lru_cache(maxsize=256)
def parse(data: bytes, file: str) -> tuple[Statement, ...]:
    """The sections and entries of a file in their order; EditError where PHP would refuse a line.

    Remembered: each remediation of a plan asks again, and the hosts of a fleet have the same files.
    """
    return tuple(_statements(data, file))


def _statements(data: bytes, file: str) -> Iterator[Statement]:
    start = 0
    for number, line in enumerate(data.split(b"\n"), start=1):
        end = start + len(line)
        if line and not line.startswith(b";"):
            yield from scan(data, file, start=start, end=end, line=number)
        start = end + 1


def same_name(one: bytes, other: bytes) -> bool:
    """Whether PHP-FPM takes two sections, or two keys, for one."""
    return one.lower() == other.lower()


def entries(statements: tuple[Statement, ...], section: bytes | None, begins_in: bytes | None = None) -> list[Entry]:
    """The entries of all parts of a section; `begins_in` names the section that was open where the file is included."""
    found: list[Entry] = []
    current = begins_in
    for statement in statements:
        if isinstance(statement, Section):
            current = statement.name
        elif same_name(current or b"", section or b""):
            found.append(statement)
    return found


def set_values(
    data: bytes, section: str, values: Mapping[str, str], *, file: str, begins_in: str | None = None
) -> tuple[Splice, ...]:
    """The splices that give the section these values; none where they are in force already.

    EditError where the file does not open the section, where PHP refuses a line, or where the value in force is an
    expression that only PHP can evaluate.
    """
    statements = parse(data, file)
    name = section.encode()
    found = entries(statements, name, begins_in.encode() if begins_in is not None else None)
    splices: list[Splice] = []
    absent: dict[str, str] = {}
    for key, value in values.items():
        in_force = last(found, key)
        if in_force is None:
            absent[key] = value
        else:
            splices += replace(in_force, value, file=file)
    if absent:
        anchor = _anchor(found, statements, name, values)
        if anchor is None:
            raise EditError(f"{file}: there is no section [{section}] to put {', '.join(absent)} in")
        splices += insert_under(data, anchor, absent)
    return tuple(splices)


def last(found: list[Entry], key: str) -> Entry | None:
    """The entry of a key that is in force: the last one."""
    return next((one for one in reversed(found) if one.offset is None and same_name(one.key, key.encode())), None)


def replace(entry: Entry, value: str, *, file: str) -> tuple[Splice, ...]:
    """The value written over the old one; nothing where it says so already."""
    if not entry.evaluated:
        raise EditError(
            f"{file}:{entry.line}: {entry.key.decode(errors='replace')} is set by an expression that only PHP can "
            f"evaluate: change it there"
        )
    if entry.value is None:
        raise EditError(f"{file}:{entry.line}: {entry.key.decode(errors='replace')} stands here without '='")
    if entry.value == value.encode():
        return ()
    return (Splice(entry.value_start, entry.value_end, value.encode()),)


def insert_under(data: bytes, anchor: Entry | Section, values: Mapping[str, str]) -> tuple[Splice, ...]:
    """New lines directly under the anchor's line, with its line end, its indent and its way to write `=`."""
    line_end = data.find(b"\n", anchor.end)
    at = len(data) if line_end < 0 else line_end + 1
    eol = b"\r\n" if data[:at].endswith(b"\r\n") or (line_end < 0 and b"\r\n" in data) else b"\n"
    lines = [_line(data, anchor, key.encode(), value.encode()) for key, value in values.items()]
    if line_end < 0:
        return (Splice(at, at, b"".join(eol + line for line in lines)),)
    return (Splice(at, at, b"".join(line + eol for line in lines)),)


def _line(data: bytes, anchor: Entry | Section, key: bytes, value: bytes) -> bytes:
    if isinstance(anchor, Section):
        return key + b" = " + value
    line_start = data.rfind(b"\n", 0, anchor.start) + 1
    before = data[line_start : anchor.start]
    indent = before if not before.strip(b" \t") else b""
    left, _, right = data[anchor.end : anchor.value_start].partition(b"=")
    if len(left) > 1 and b"\t" not in left:  # a column of `=`: the new one stands in it too
        left = b" " * max(1, anchor.end - anchor.start + len(left) - len(key))
    return indent + key + left + b"=" + right + value


def _anchor(
    found: list[Entry], statements: tuple[Statement, ...], section: bytes, values: Mapping[str, str]
) -> Entry | Section | None:
    """Under which line absent keys go: the last key of their family (`pm` and `pm.…`), the last entry, the header."""
    families = {key.encode().lower().partition(b".")[0] for key in values}
    headers = [one for one in statements if isinstance(one, Section) and same_name(one.name, section)]
    near = [one for one in found if one.offset is None and one.key.lower().partition(b".")[0] in families]
    under: list[Entry | Section] = [*headers, *found, *near]
    return under[-1] if under else None
