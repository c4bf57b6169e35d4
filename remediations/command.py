"""The installed command `remediate`: its hosts are being reached while the command line behind it is loaded."""

from __future__ import annotations

import sys

from remediations import ahead, command_words, interrupts, terminal


def main() -> None:
    """Invoke's program over our verbs; where the first word is a flag, the verb `remediate` is meant."""
    argv = command_words.with_verb(sys.argv[1:])
    try:
        ahead.set_out(argv)
        from remediations import cli
    except KeyboardInterrupt:
        terminal.remark(f"remediate: {interrupts.BEFORE_ALL}")
        sys.exit(interrupts.EXIT_CODE)
    cli.main(argv)
