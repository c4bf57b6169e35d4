"""The installed command `remediate`: its hosts are being reached while the command line behind it is loaded."""

from __future__ import annotations

import sys

from remediations import interrupts


def main() -> None:
    """Invoke's program over our verbs; where the first word is a flag, the verb `remediate` is meant."""
    interrupts.defer()
    try:
        from remediations import ahead, command_words

        sys.argv[1:] = command_words.with_verb(sys.argv[1:])
        ahead.set_out(sys.argv[1:])
        from remediations import cli

        cli.main(sys.argv[1:])
    except KeyboardInterrupt:
        print(f"remediate: {interrupts.BEFORE_ALL}", file=sys.stderr)
        sys.exit(interrupts.EXIT_CODE)
