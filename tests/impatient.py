"""The command line that gives a bad site no time to come back, for sites that never do: `python -m tests.impatient`."""

from __future__ import annotations

import sys

from remediations import runner

runner.PATIENCE_SECONDS = 0.0

if __name__ == "__main__":
    from invoke.main import program

    program.run(["invoke", *sys.argv[1:]])
