"""The command line with a bug: it fails with all that it knows of a host in its message: `python -m tests.broken`."""

from __future__ import annotations

import sys

from remediations import diagnosis
from remediations.findings import Finding
from remediations.snapshot import Snapshot


def fail(snapshot: Snapshot) -> tuple[Finding, ...]:
    texts = {path: file.data.decode(errors="replace") for path, file in snapshot.files.items()}
    try:
        raise ValueError("\n".join(texts.values()))
    except ValueError as error:
        raise KeyError(snapshot, texts) from error


diagnosis.diagnose = fail

if __name__ == "__main__":
    from invoke.main import program

    program.run(["invoke", *sys.argv[1:]])
