"""Bytes on their way to a host: a quoted here-document of a shell script, exact to the byte and never code."""

from __future__ import annotations

import base64
import secrets

# Reads a payload on stdin and prints its bytes; a payload without base64 consists of lines of octal escapes only.
DECODE = """\
decode() {
  if command -v base64 >/dev/null 2>&1; then base64 -d; else while read -r line; do printf "$line"; done; fi
}
"""


def here_document(data: bytes, *, has_base64: bool) -> str:
    """What follows a command that reads a payload: ` <<'RANDOM'`, the encoded lines, the end word."""
    end = secrets.token_hex(8)
    size = 57 if has_base64 else 30
    pieces = (data[i : i + size] for i in range(0, len(data), size))
    lines = "".join(f"{_encode(piece, has_base64)}\n" for piece in pieces)
    return f" <<'{end}'\n{lines}{end}\n"


def _encode(piece: bytes, has_base64: bool) -> str:
    return base64.b64encode(piece).decode() if has_base64 else "".join(f"\\{byte:03o}" for byte in piece)
