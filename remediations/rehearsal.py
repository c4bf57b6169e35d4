"""What planning takes longest for, made ready while the host answers its last question and we have nothing to do."""

from __future__ import annotations

import contextlib
import threading

from remediations import templating
from remediations.facts.base import Unknown
from remediations.php import memory
from remediations.snapshot import Snapshot


def begin(snapshot: Snapshot) -> None:
    """Compiles the templates and reads php.ini, each of which is remembered; returns at once."""
    threading.Thread(target=_rehearse, args=(snapshot,), name=f"rehearse {snapshot.host}", daemon=True).start()


def _rehearse(snapshot: Snapshot) -> None:
    with contextlib.suppress(Exception):  # comes again in the plan, which tells it
        templating.compile_all()
        versions = snapshot.fpm_versions
        for version in () if isinstance(versions, Unknown) else versions:
            memory.ini(snapshot, version)
