"""A bug of ours: its traceback, secrets masked, in a log file that only its owner can read."""

from __future__ import annotations

import os
import secrets
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from remediations import masking, state

EXIT_CODE = 70


def keep_traceback() -> Path | None:
    """The file that now holds the traceback of the exception being handled; None where no place could be written."""
    text = masking.log(traceback.format_exc()).encode("utf-8", "backslashreplace")
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


def sentence(log: Path | None) -> str:
    """What a person is told."""
    return f"this is a bug of ours; the traceback {f'is in {log}' if log else 'could not be kept anywhere'}"
