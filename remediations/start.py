"""The start of a run: what it needs is imported while its hosts are being asked."""

from __future__ import annotations

import gc

from remediations import ahead, interrupts
from remediations.reach import keep_compiled
from remediations.request import Request


def start(request: Request) -> int:
    """Carries the request out and reports it; returns the exit code of the worst host."""
    keep_compiled()
    reached = ahead.joined(request)
    try:
        from remediations import diagnosis
        from remediations.run import run  # 0.1 s of imports, which nobody notices while hosts think

        diagnosis.families()  # found by name: no import brings them along
        interrupts.checkpoint()
        return run(request, reached.hosts, reached.connections)
    finally:
        reached.close()
        gc.freeze()  # the process ends: to look through all it holds for garbage would take another 40 ms
