"""A host that answers every script as a real one was recorded to, until a misdeed takes an answer over."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from remediations.facts.base import Answer
from tests.causes.recorded import FOLDER
from tests.hostile.script import Script, scripts
from tests.hostile.wire import Wire

SUDO = "sudo"

Act = Callable[[Wire, Script], None]
"""What the host does in place of an answer."""


Altered = Callable[[str, bytes], bytes]
"""A fact's name and its honest bytes: the bytes to send."""

Sudo = Callable[[Wire, str], None]
"""What sudo does, given the login's command, before it starts the shell."""


def recorded(name: str) -> list[dict[str, Answer]]:
    """The facts of each trip of a recorded host."""
    trips = json.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))
    return [{fact: Answer(one[0], one[1].encode("latin-1")) for fact, one in trip.items()} for trip in trips]


@dataclass
class Host:
    """`misdeeds` by what is asked: `facts`, `facts:http`, `begin`, `confirm` …; a login is asked `login`.

    `altered` may change a fact's bytes, given its name; `sudo` speaks for the program of that name. All else is honest.
    """

    fault: str = "healthy"
    misdeeds: Mapping[str, Act] = field(default_factory=dict)
    altered: Altered = lambda _, data: data
    own: Mapping[str, bytes] = field(default_factory=dict)
    """Facts that were not recorded."""
    sudo: Sudo | None = None
    asked: list[str] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)
    """All that was ever written to it."""
    healed: bool = False
    _trips: list[dict[str, Answer]] = field(default_factory=list)
    _lock: Any = field(default_factory=threading.Lock)

    def serve(self, wire: Wire, command: str) -> None:
        """One session of the login's command, as a shell would: script after script."""
        if SUDO in command and self.sudo is not None:
            self.sudo(wire, command)
        self._shell(wire)
        wire.channel.send_exit_status(0)

    def _shell(self, wire: Wire) -> None:
        if "login" in self.misdeeds:
            self.misdeeds["login"](wire, Script("", b"", b""))
        for script in scripts(wire.lines()):
            self.asked.append(script.kind)
            self._act(script)(wire, script)

    def _act(self, script: Script) -> Act:
        names = [f"{script.kind}:{fact}" for fact in script.facts] if script.kind == "facts" else []
        return next((self.misdeeds[name] for name in (*names, script.kind) if name in self.misdeeds), self.honest)

    def honest(self, wire: Wire, script: Script) -> None:
        wire.out(script.framed(self.answer(script)))
        wire.err(script.begin + b"\n" + script.end + b"\n")

    def answer(self, script: Script) -> bytes:
        """Stdout of the script."""
        match script.kind:
            case "facts":
                return script.packed(self.facts(script))
            case "proof":
                return b"".join(b"fine\n\n%s 0\n" % mark for mark in script.proof_marks)
            case "begin":
                self.healed = True
                return b"runner systemd\nstate await\n"
            case "confirm":
                return b"state committed\n"
            case "abort":
                return b"state rolled_back\n"
        return b"state unknown\n"

    def facts(self, script: Script) -> dict[str, Answer]:
        """Of what is asked: the answer of the trip that it was recorded in."""
        with self._lock:
            if "machine" in script.facts or not self._trips:
                self._trips = recorded("healthy" if self.healed else self.fault)
        found = {name: self._fact(name, script) for name in script.facts}
        return {name: Answer(one.exit_code, self.altered(name, one.stdout)) for name, one in found.items() if one}

    def _fact(self, name: str, script: Script) -> Answer | None:
        if name in self.own:
            return Answer(0, self.own[name])
        if name == "http":
            return Answer(0, self.http(script))
        if name == "files" and "http" not in script.facts:
            return self._trips[1]["files"]
        return next((trip[name] for trip in reversed(self._trips) if name in trip), None)

    def http(self, script: Script) -> bytes:
        """Every probe is answered alike: 200, or 502 of nginx while the fault stands."""
        bad = self.fault != "healthy" and not self.healed
        head = b"HTTP/1.1 502 Bad Gateway\r\nServer: nginx" if bad else b"HTTP/1.1 200 OK\r\nServer: nginx"
        body = b"<hr><center>nginx</center>" if bad else b"<p>fine</p>"
        words = " ".join(base64.b64encode(part).decode() for part in (head, body))
        return "".join(f"rc {i} 0\nanswer {i} {len(body)} 1 {words}\n" for i in script.probes).encode()
