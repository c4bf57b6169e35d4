"""systemd's units: their state, how they ended, what restarts them and which files make them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown, fragment
from remediations.quoting import quote

MAX_UNITS = 2000
"""systemctl shows about as many in two seconds."""
MAX_BYTES = 8 * 1024 * 1024

UNLIMITED = 1 << 62

PROPERTIES = (
    "Id,Names,LoadState,ActiveState,SubState,Result,MainPID,NRestarts,Restart,RestartUSec,Type,UnitFileState,"
    "FragmentPath,DropInPaths,StatusText,NeedDaemonReload,StateChangeTimestampMonotonic,ExecMainStartTimestampMonotonic,"
    "ExecMainCode,ExecMainStatus,ControlGroup,StartLimitIntervalUSec,StartLimitBurst,ExecStart,Environment,CanReload,"
    "InvocationID,User,WorkingDirectory,OOMPolicy,LimitNOFILE,LimitNOFILESoft,EnvironmentFiles,Listen,Triggers"
)


@dataclass(frozen=True)
class Unit:
    """One service or socket unit as `systemctl show` tells it; times are seconds since boot, 0 where there is none.

    `served_since` is when it last changed state: a start, or a reload through systemctl.
    `listens` are the paths, ports and addresses of a socket unit, `triggers` the services that it starts.
    `command_line` and `environment` are there to find ports in; they may hold secrets and are never shown.
    """

    name: str
    load_state: str
    active_state: str
    sub_state: str
    result: str
    main_pid: int
    restarts: int
    restart: str
    restart_sec: str
    type: str
    unit_file_state: str
    fragment_path: str
    drop_ins: tuple[str, ...]
    status_text: str
    needs_daemon_reload: bool
    served_since: float
    started: float
    exec_code: str
    exec_status: str
    control_group: str
    start_limit_interval: str
    start_limit_burst: str
    can_reload: bool
    command_line: str
    environment: str
    sampled_restarts: int | None = None
    aliases: tuple[str, ...] = ()
    environment_files: tuple[str, ...] = ()
    listens: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    user: str = ""
    folder: str = ""
    """Its WorkingDirectory, "" where it names none."""
    oom_policy: str = ""
    files_hard: int = 0
    files_soft: int = 0

    @property
    def running(self) -> bool:
        return self.active_state == "active" and self.sub_state in ("running", "listening")

    @property
    def loaded(self) -> bool:
        return self.load_state == "loaded"

    @property
    def masked(self) -> bool:
        return self.load_state == "masked" or self.unit_file_state.startswith("masked")

    @property
    def flapping(self) -> bool:
        """Between two deaths right now, or seen to restart between two samples a second apart."""
        again = self.sampled_restarts is not None and self.sampled_restarts > self.restarts
        return self.sub_state == "auto-restart" or again


Units = Mapping[str, Unit]

SCRIPT = f"PROPERTIES={PROPERTIES} MAX_UNITS={MAX_UNITS}\n{fragment('units')}"

_NAME = re.compile(r"[A-Za-z0-9:_\\-][A-Za-z0-9:_.\\-]*(?:@[A-Za-z0-9:_.\\@-]+)?")
_ID = re.compile(r"[A-Za-z0-9:_.\\][A-Za-z0-9:_.\\@-]*")
_TYPE = re.compile(r"\.(?:service|socket|target|timer|path|mount|automount|swap|slice|scope|device)")


def parse(stdout: bytes) -> Units | Unknown:
    """Blocks of `Key=value` lines, one a unit; after `SECOND=1` the second sample of NRestarts."""
    first, _, second = stdout.decode(errors="replace").partition("\nSECOND=1\n")
    again = {block["Id"]: block.get("NRestarts", "") for block in _blocks(second) if "Id" in block}
    units = [_unit(block, again) for block in _blocks(first) if _ID.fullmatch(block.get("Id", ""))]
    return {unit.name: unit for unit in units if unit.load_state != "not-found"}


def parse_left_out(stdout: bytes) -> int:
    """How many units the host has beyond MAX_UNITS."""
    match = re.match(rb"LEFT_OUT=(\d+)\n", stdout)
    return int(match[1]) if match else 0


def parse_dangling(stdout: bytes) -> tuple[str, ...]:
    """The enabled units whose links lead nowhere: what they were made of is gone."""
    lines = stdout.partition(b"Id=")[0].decode(errors="replace").split("\n")
    names = (line.removeprefix("DANGLING=") for line in lines if line.startswith("DANGLING="))
    return tuple(name for name in names if _ID.fullmatch(name))


def full_name(name: str) -> str | None:
    """As systemctl takes it: `cron` is cron.service. None where it cannot be the name of a unit."""
    typed = name if _TYPE.fullmatch(name[name.rfind(".") :]) else f"{name}.service"
    return typed if _NAME.fullmatch(typed) and "@." not in typed else None


def named_fact(names: Sequence[str]) -> Fact[Units]:
    """These units, by full name, whatever the list of units leaves out; those that there are not are not answered."""
    words = " ".join(map(quote, names))
    show = f"systemctl --no-pager --no-ask-password show -p {PROPERTIES} -- {words}"
    return Fact("named_units", f"{show} || {{ echo 'systemctl does not answer'; exit 3; }}", parse, seconds=8)


def _blocks(text: str) -> list[dict[str, str]]:
    blocks: list[dict[str, str]] = [{}]
    for line in text.split("\n"):
        key, equals, value = line.partition("=")
        if not line:
            blocks.append({})
        elif equals:
            blocks[-1][key] = f"{blocks[-1][key]}\n{value}" if key in blocks[-1] else value
    return blocks


def _unit(block: Mapping[str, str], again: Mapping[str, str]) -> Unit:
    name, get = block["Id"], block.get
    return Unit(
        name=name,
        load_state=get("LoadState", ""),
        active_state=get("ActiveState", ""),
        sub_state=get("SubState", ""),
        result=get("Result", ""),
        main_pid=_int(get("MainPID")),
        restarts=_int(get("NRestarts")),
        restart=get("Restart", ""),
        restart_sec=get("RestartUSec", ""),
        type=get("Type", ""),
        unit_file_state=get("UnitFileState", ""),
        fragment_path=get("FragmentPath", ""),
        drop_ins=tuple(get("DropInPaths", "").split()),
        status_text=get("StatusText", ""),
        needs_daemon_reload=get("NeedDaemonReload") == "yes",
        served_since=_int(get("StateChangeTimestampMonotonic")) / 1e6,
        started=_int(get("ExecMainStartTimestampMonotonic")) / 1e6,
        exec_code=get("ExecMainCode", ""),
        exec_status=get("ExecMainStatus", ""),
        control_group=get("ControlGroup", ""),
        start_limit_interval=get("StartLimitIntervalUSec", ""),
        start_limit_burst=get("StartLimitBurst", ""),
        can_reload=get("CanReload") == "yes",
        command_line=get("ExecStart", ""),
        environment=get("Environment", ""),
        sampled_restarts=_int(again[name]) if name in again else None,
        aliases=tuple(each for each in get("Names", "").split() if each != name),
        user=get("User", ""),
        folder=get("WorkingDirectory", ""),
        oom_policy=get("OOMPolicy", ""),
        files_hard=_limit(get("LimitNOFILE")),
        files_soft=_limit(get("LimitNOFILESoft")),
        triggers=tuple(get("Triggers", "").split()),
        listens=tuple(line.rpartition(" (")[0] for line in get("Listen", "").split("\n") if line),
        environment_files=tuple(re.findall(r"(?m)^-?(/.*) \(ignore_errors=", get("EnvironmentFiles", ""))),
    )


def _limit(text: str | None) -> int:
    """How many; 0 where systemd does not say."""
    return UNLIMITED if text == "infinity" else _int(text)


def _int(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


FACT: Fact[Units] = Fact("units", SCRIPT, parse, seconds=8, most=MAX_BYTES)
LEFT_OUT: Fact[int] = Fact("units", SCRIPT, parse_left_out, seconds=8, most=MAX_BYTES)
DANGLING: Fact[tuple[str, ...]] = Fact("units", SCRIPT, parse_dangling, seconds=8, most=MAX_BYTES)
"""Both are read from the same answer."""
