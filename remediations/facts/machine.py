"""The machine: who we are on it, its clock, its memory and its tools."""

from __future__ import annotations

from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown, fragment, lines_of

TOOLS = ("unshare", "mount", "stat", "sha256sum", "base64", "curl", "wget", "ss", "systemctl", "getfacl", "python3")


@dataclass(frozen=True)
class Machine:
    """`now` and `uptime` in seconds, `utc_offset` as date's +hhmm, memory in bytes."""

    hostname: str
    uid: int
    now: float
    utc_offset: str
    uptime: float
    systemd: bool
    cores: int
    memory_total: int
    memory_available: int
    tools: frozenset[str]
    swap_total: int = 0
    swap_free: int = 0

    @property
    def root(self) -> bool:
        return self.uid == 0


SCRIPT = f"TOOLS='{' '.join(TOOLS)}'\n{fragment('machine')}"


def parse(stdout: bytes) -> Machine | Unknown:
    """`key value` lines; a missing key makes the whole fact unknown."""
    pairs = [line.split(None, 1) for line in lines_of(stdout) if " " in line]
    found = {key.rstrip(":"): value for key, value in pairs}
    try:
        return Machine(
            hostname=found["hostname"],
            uid=int(found["uid"]),
            now=float(found["now"].removesuffix(".%N").removesuffix(".N")),
            utc_offset=found["offset"],
            uptime=float(found["uptime"]),
            systemd=found.get("systemd") == "yes",
            cores=int(found["cores"]),
            memory_total=_kib(found["MemTotal"]),
            memory_available=_kib(found["MemAvailable"]),
            tools=frozenset(value for key, value in pairs if key == "tool"),
            swap_total=_kib(found.get("SwapTotal", "0")),
            swap_free=_kib(found.get("SwapFree", "0")),
        )
    except (KeyError, ValueError) as error:
        return Unknown(f"the machine's own facts are not readable: {error!r}")


def _kib(text: str) -> int:
    return int(text.split()[0]) * 1024


FACT: Fact[Machine] = Fact("machine", SCRIPT, parse)
