"""The installed command `remediate`: plain words are carried out at once; Invoke reads all others, and has the help."""

from __future__ import annotations

import contextlib
import os
import sys
from functools import partial
from pathlib import Path
from typing import NoReturn

from remediations import interrupts, terminal

_SETTINGS = [f"{start}.{ending}" for start in ("/etc/invoke", "~/.invoke") for ending in ("yaml", "yml", "json", "py")]


def main() -> None:
    """One command line; where its first word is a flag, the verb `remediate` is meant."""
    interrupts.defer()
    try:
        from remediations import ahead, command_words

        sys.argv[1:] = command_words.with_verb(sys.argv[1:])
        request = ahead.set_out(sys.argv[1:])
        if request and not _invoke_has_a_say():
            from remediations.guard import ended
            from remediations.start import start

            _end(ended(partial(start, request)))
        from remediations import cli

        cli.main(sys.argv[1:])
    except KeyboardInterrupt:
        terminal.prepare()
        terminal.remark(f"remediate: {interrupts.BEFORE_ALL}")
        sys.exit(interrupts.EXIT_CODE)


def _end(code: int) -> NoReturn:
    """Ends the process at once: all is closed and written, and to take Python down lasts as long as to make a plan."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads any more: told before, where it was told
            stream.flush()
    os._exit(code)


def _invoke_has_a_say() -> bool:
    """Whether Invoke has settings of its own here, such as INVOKE_RUN_DRY: then its word counts, not the guess."""
    return any(name.startswith("INVOKE_") for name in os.environ) or any(
        Path(name).expanduser().exists() for name in _SETTINGS
    )
