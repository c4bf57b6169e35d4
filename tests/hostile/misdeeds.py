"""What a hostile host does in place of an answer, each by a name that says it."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable

from tests.hostile.host import Act, Host
from tests.hostile.script import Script
from tests.hostile.wire import PIECE, Wire

MANY_TIMES = 4096
GIBIBYTE = 1 << 30


def bomb(content: bytes, size: int) -> bytes:
    """A gzip stream that expands to `content`, again and again, up to `size` bytes; made in no time."""
    block = zlib.compressobj(9, zlib.DEFLATED, -15)
    whole = content * max(1, (1 << 20) // len(content))
    once = block.compress(whole) + block.flush(zlib.Z_FULL_FLUSH)
    times = size // len(whole)
    head = gzip.compress(b"", mtime=0)[:10]
    return head + once * times + b"\x03\x00" + struct.pack("<II", 0, len(whole) * times & 0xFFFFFFFF)


def endless(start: Callable[[Script], bytes], again: bytes, *, stderr: bool = False) -> Act:
    """`start`, and then `again` for ever."""

    def act(wire: Wire, script: Script) -> None:
        send = wire.err if stderr else wire.out
        send(start(script))
        piece = again * max(1, PIECE // len(again))
        for _ in wire.for_ever():
            send(piece)

    return act


def saying(stdout: Callable[[Script], bytes], *, close: bool = False, silent: bool = False) -> Act:
    """Exactly these bytes; then the channel is closed, or nothing comes for ever."""

    def act(wire: Wire, script: Script) -> None:
        wire.out(stdout(script))
        if close:
            raise EOFError
        if silent:
            wire.silence()

    return act


def hang_up(wire: Wire, _: Script) -> None:
    wire.channel.get_transport().close()


def slowly(wire: Wire, script: Script) -> None:
    wire.slowly(script.framed(b"x" * 1000))


def half(wire: Wire, script: Script, host: Host) -> None:
    answer = script.framed(host.answer(script))
    wire.out(answer[: len(answer) // 2])
    raise EOFError


def begun(script: Script) -> bytes:
    return script.begin + b"\n"


def nothing(_: Script) -> bytes:
    return b""


def ended(script: Script) -> bytes:
    return begun(script) + script.end + b" "


def others_markers(_: Script) -> bytes:
    return b"00" * 16 + b"\n" + b"11" * 16 + b" 0\n"


OF_AN_ANSWER: dict[str, Act] = {
    "endless stdout": endless(begun, b"y\n"),
    "endless stdout before the answer": endless(nothing, b"y\n"),
    "one endless line": endless(begun, b"y"),
    "endless stderr": endless(nothing, b"y\n", stderr=True),
    "endless stderr after its end": endless(lambda s: begun(s) + s.end + b"\n", b"y\n", stderr=True),
    "an endless exit code": endless(ended, b"7"),
    "an exit code of five thousand digits": saying(lambda s: ended(s) + b"7" * 5000 + b"\n"),
    "an exit code that is no number": saying(lambda s: ended(s) + b"-1\n", silent=True),
    "no exit code, then the end": saying(ended, close=True),
    "one byte a second": slowly,
    "silence": saying(nothing, silent=True),
    "an answer that is never ended": saying(lambda s: begun(s) + b"answer", silent=True),
    "the end at once": saying(nothing, close=True),
    "the connection closed": hang_up,
    "the markers of another script": saying(others_markers, silent=True),
    "the end marker before the answer": saying(lambda s: ended(s) + b"0\n"),
    "the end marker without the begin marker": saying(lambda s: s.end + b" 0\n", silent=True),
    "a begin marker twice": saying(lambda s: begun(s) * 2 + s.end + b" 0\n"),
    "an end marker twice": saying(lambda s: (ended(s) + b"0\n") * 2),
    "the script itself": saying(lambda s: s.text.encode(), silent=True),
    "bytes that are no text": saying(lambda s: s.framed(bytes(range(256)) * 64)),
    "nulls": endless(begun, b"\0"),
}
"""In place of the answer to whatever script."""


def _frames(script: Script, name: bytes, size: int) -> bytes:
    return script.framed(bomb(b"\n%s %s 0\n" % (script.boundary, name), size))


OF_FACTS: dict[str, Act] = {
    "a gzip bomb": saying(lambda s: s.framed(bomb(b"\0" * 1024, GIBIBYTE))),
    "a gzip bomb in frames": saying(lambda s: _frames(s, b"machine", GIBIBYTE)),
    "ten million frames": saying(lambda s: _frames(s, b"machine", 10_000_000 * 43)),
    "a gzip stream cut short": saying(lambda s: s.framed(gzip.compress(b"x" * 100_000)[:-20])),
    "a gzip stream with a wrong sum": saying(lambda s: s.framed(bomb(b"x" * 1024, 1 << 20))),
    "gzip in gzip": saying(lambda s: s.framed(gzip.compress(bomb(b"x" * 1024, 1 << 28)))),
    "frames of another boundary": saying(lambda s: s.framed(b"\n" + b"0" * 32 + b" machine 0\n")),
    "an exit code in a frame of five thousand digits": saying(
        lambda s: s.framed(b"\n%s machine %s\n" % (s.boundary, b"7" * 5000))
    ),
    "a name in a frame that is no text": saying(lambda s: s.framed(b"\n%s \xff\xfe 0\n" % s.boundary)),
    "ten million lines in one fact": saying(
        lambda s: s.framed(b"a b\n" * 3_500_000 + b"\n%s machine 0\n" % s.boundary)
    ),
}
"""In place of the answer to a question about facts."""
