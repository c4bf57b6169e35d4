"""A bug of ours: its traceback, secrets masked, in a log file that only its owner can read."""

from __future__ import annotations

import os
import re
import secrets
import sys
import tempfile
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from remediations import masking, state

EXIT_CODE = 70

MESSAGE_KEPT = 300
"""Characters of an exception's own words, which may be the repr of all that is known of a host."""


def keep_traceback() -> Path | None:
    """The file that now holds the traceback of the exception being handled; None where no place could be written."""
    text = "\n".join(_told(sys.exception())).encode("utf-8", "backslashreplace")
    name = f"bug-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}.log"
    for folder in (state.folder(os.environ), Path(tempfile.gettempdir())):
        try:
            state.make_private(folder)
            with open(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(text)
        except OSError:
            continue  # the state folder may be full or not ours: the next place
        return folder / name
    return None


def _told(error: BaseException | None) -> Iterator[str]:
    """As Python prints it, the first cause first; local variables are in none of it."""
    if error is None:
        return
    yield from _told(error.__cause__ or (None if error.__suppress_context__ else error.__context__))
    yield "Traceback (most recent call last):"
    yield "".join(traceback.format_tb(error.__traceback__)).rstrip("\n")
    yield f"{type(error).__name__}: {_masked(str(error))}"


def _masked(words: str) -> str:
    """A repr holds whole files in one line: masks know lines, and a secret may stand below its name."""
    lines = re.sub(r"\\+n", "\n", words[:MESSAGE_KEPT])
    rest = len(words) - MESSAGE_KEPT
    return masking.log(masking.config(lines)) + (f" … and {rest} characters more" if rest > 0 else "")


def sentence(log: Path | None) -> str:
    """What a person is told."""
    return f"this is a bug of ours; the traceback {f'is in {log}' if log else 'could not be kept anywhere'}"
