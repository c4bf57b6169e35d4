"""Read a whole PHP-FPM configuration through its includes, and set a pool's values where they are in force."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from remediations.editors import ini
from remediations.editors.file_pattern import matches
from remediations.editors.fpm_pool import (
    GlobalSettings,
    Located,
    PhpValue,
    Pool,
    Setting,
    global_settings,
    integer,
    pool,
)
from remediations.editors.ini_scanner import Entry, Section
from remediations.editors.php_ini import PhpIni, load_php_ini
from remediations.editors.splice import Splice, apply
from remediations.errors import EditError

__all__ = [
    "FpmConfig",
    "GlobalSettings",
    "Located",
    "PhpIni",
    "PhpValue",
    "PmValues",
    "Pool",
    "Setting",
    "Wanted",
    "load",
    "load_php_ini",
    "pm_settings",
    "set_pm",
    "set_values",
    "values_of",
]

_DEEPEST = 5
_LIMITS = ("pm.max_children", "pm.start_servers", "pm.min_spare_servers", "pm.max_spare_servers")


@dataclass(frozen=True)
class Wanted:
    """A file, or a pattern of files, that the configuration includes and that is not among the files given."""

    pattern: str
    file: str
    line: int


@dataclass(frozen=True)
class FpmConfig:
    """What PHP-FPM makes of its files; `read` names them in the order in which it reads them."""

    main: str
    files: Mapping[str, bytes]
    prefix: str
    global_settings: GlobalSettings
    pools: tuple[Pool, ...]
    read: tuple[str, ...]
    wanted: tuple[Wanted, ...]

    def pool(self, name: str) -> Pool | None:
        """The pool of that name; PHP-FPM does not look at its case."""
        return next((one for one in self.pools if one.name.lower() == name.lower()), None)


@dataclass(frozen=True)
class PmValues:
    """The four limits of a pool, always written together because PHP-FPM checks them against each other."""

    max_children: int
    start_servers: int
    min_spare_servers: int
    max_spare_servers: int

    def __post_init__(self) -> None:
        if not 1 <= self.min_spare_servers <= self.start_servers <= self.max_spare_servers <= self.max_children:
            raise ValueError(f"PHP-FPM refuses {self}: 1 <= min_spare <= start <= max_spare <= max_children must hold")

    def of(self, pm: str | None) -> dict[str, int]:
        """The keys that count under this process manager: static and ondemand know no spare servers."""
        limit = {"pm.max_children": self.max_children}
        if pm != "dynamic":
            return limit
        return limit | {
            "pm.start_servers": self.start_servers,
            "pm.min_spare_servers": self.min_spare_servers,
            "pm.max_spare_servers": self.max_spare_servers,
        }


def load(main: str, files: Mapping[str, bytes], *, prefix: str = "/usr") -> FpmConfig:
    """The configuration that begins in `main`; `prefix` is what PHP was built with, for relative paths.

    A file that is not given is no error: it stands in `wanted`. EditError names file and line where PHP-FPM would
    refuse to start.
    """
    walk = _Walk(files, prefix)
    walk.include(main, Wanted(main, main, 0), depth=1)
    return FpmConfig(
        main=main,
        files=files,
        prefix=prefix,
        global_settings=global_settings(walk.sections[None]),
        pools=tuple(pool(name, found, prefix) for name, found in walk.sections.items() if name is not None),
        read=tuple(walk.read),
        wanted=tuple(walk.wanted),
    )


@dataclass
class _Walk:
    """One reading of all files: the section that is open persists across includes."""

    files: Mapping[str, bytes]
    prefix: str
    sections: dict[bytes | None, list[Located]] = field(default_factory=lambda: {None: []})
    read: list[str] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)
    current: bytes | None = None

    def include(self, path: str, asked: Wanted, depth: int) -> None:
        if path not in self.files:
            self.wanted.append(asked)
            return
        if depth > _DEEPEST:
            raise EditError(
                f"{asked.file}:{asked.line}: PHP-FPM includes no more than {_DEEPEST} files into each other"
            )
        self.read.append(path)
        pending: Wanted | None = None
        for statement in ini.parse(self.files[path], path):
            if pending and statement.line > pending.line:  # PHP-FPM includes once the whole line is read
                self._include_all(pending, depth)
                pending = None
            if isinstance(statement, Section):
                self._open(statement.name)
            elif statement.key == b"include" and statement.offset is None and statement.value is not None:
                if pending:
                    raise EditError(f"{path}:{statement.line}: PHP-FPM refuses two includes on one line")
                pending = Wanted(self._pattern(statement), path, statement.line)
            else:
                self._add(Located(path, statement, sum(map(len, self.sections.values()))))
        if pending:
            self._include_all(pending, depth)

    def _open(self, name: bytes) -> None:
        if ini.same_name(name, b"global"):
            self.current = None
            return
        known = (one for one in self.sections if one is not None and ini.same_name(one, name))
        self.current = next(known, name)
        self.sections.setdefault(self.current, [])

    def _add(self, located: Located) -> None:
        entry = located.entry
        if entry.key.startswith(b"#"):
            raise located.refused("is no comment: PHP-FPM knows ';' alone and does not start with a '#'")
        if entry.value is None:
            raise located.refused("has no '=': PHP-FPM does not start with such a line")
        if entry.offset is not None and self.current is None:
            raise located.refused("with a [key] is not allowed outside a pool")
        if entry.offset == b"" and entry.key != b"access.suppress_path":
            raise located.refused("needs a key in its brackets")
        self.sections[self.current].append(located)

    def _pattern(self, entry: Entry) -> str:
        text = (entry.value or b"").decode("utf-8", "surrogateescape")
        return posixpath.normpath(posixpath.join(self.prefix, text)) + ("/" if text.endswith("/") else "")

    def _include_all(self, wanted: Wanted, depth: int) -> None:
        found = sorted((path for path in self.files if matches(wanted.pattern, path)), key=os.fsencode)
        if not found and not wanted.pattern.endswith("/"):
            self.wanted.append(wanted)
        for path in found:
            self.include(path, wanted, depth + 1)


def pm_settings(target: Pool, values: PmValues) -> dict[str, str]:
    """The limits as the keys that count under the pool's process manager. EditError where its `pm` is not known."""
    if not target.pm.known or target.pm.value is None:
        place = f"{target.pm.source.file}:{target.pm.source.line}: " if target.pm.source else ""
        raise EditError(f"{place}pool [{target.name}] has no pm that can be read here: set it first")
    return {key: str(value) for key, value in values.of(target.pm.value).items()}


def set_pm(config: FpmConfig, name: str, values: PmValues) -> dict[str, tuple[Splice, ...]]:
    """The splices that give a pool these limits; `pm` itself stays."""
    return set_values(config, name, pm_settings(_pool(config, name), values))


def set_values(config: FpmConfig, name: str, values: Mapping[str, str]) -> dict[str, tuple[Splice, ...]]:
    """The splices, file by file, that give a pool these values; empty where it has them already.

    Each is written where it is in force; absent ones go under the others, or under the head of their family (`pm`).
    EditError where that cannot be done without changing something else, such as a file that two pools share.
    """
    target = _pool(config, name)
    found: dict[str, list[Splice]] = {}
    for key, value in values.items():
        located = target.entries.get(key)
        if located is not None and _said(key, located) != value.encode():
            found.setdefault(located.file, []).extend(ini.replace(located.entry, value, file=located.file))
    for family, absent in _absent(target, values).items():
        siblings = [target.entries[key] for key in (family, *values) if key in target.entries]
        anchor = max(siblings, key=lambda one: one.order)
        found.setdefault(anchor.file, []).extend(ini.insert_under(config.files[anchor.file], anchor.entry, absent))
    edit = {file: tuple(splices) for file, splices in found.items()}
    _prove(config, target, values, edit)
    return edit


def _pool(config: FpmConfig, name: str) -> Pool:
    target = config.pool(name)
    if target is None:
        raise EditError(f"{config.main}: there is no pool [{name}]")
    return target


def _absent(target: Pool, values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What the pool's files do not say yet, by the families of the keys."""
    families: dict[str, dict[str, str]] = {}
    for key, value in values.items():
        if key not in target.entries:
            families.setdefault(key.partition(".")[0], {})[key] = value
    return families


def _prove(config: FpmConfig, target: Pool, wanted: Mapping[str, str], edit: Mapping[str, tuple[Splice, ...]]) -> None:
    """Read the edited files back: the pool must have its values, and nothing else may have changed."""
    edited = {file: apply(data, edit.get(file, ())) for file, data in config.files.items()}
    after = load(config.main, edited, prefix=config.prefix)
    expected = {one.name: values_of(one) for one in config.pools}
    expected[target.name] |= {key: value.encode() for key, value in wanted.items()}
    if {one.name: values_of(one) for one in after.pools} != expected:
        raise EditError(
            f"{', '.join(edit)}: setting {', '.join(wanted)} of pool [{target.name}] there would change another pool "
            f"or setting too, for these lines are read more than once: give the pool lines of its own first"
        )


def values_of(one: Pool) -> dict[str, bytes | None]:
    """What the files say for each key of the pool."""
    return {key: _said(key, located) for key, located in one.entries.items()}


def _said(key: str, located: Located) -> bytes | None:
    """What the file says; a limit that says the same in other words (`010`, `yes`) counts as equal."""
    if key in _LIMITS and located.entry.evaluated:
        return str(integer(located)).encode()
    return located.entry.value
