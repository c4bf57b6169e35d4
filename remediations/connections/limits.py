"""How many may log in through one jump host at once."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

# OpenSSH's MaxStartups drops logins at random from ten unauthenticated connections on.
LOGINS_AT_ONCE = 8

_lock = threading.Lock()
_slots: defaultdict[str, threading.BoundedSemaphore] = defaultdict(lambda: threading.BoundedSemaphore(LOGINS_AT_ONCE))


@contextmanager
def login_slot(jump_host: str | None) -> Iterator[None]:
    """Hold one of the jump host's slots while logging in, not for the connection's life.

    A host's second connection (apply confirms over a new one) would otherwise wait for the first for ever.
    """
    if jump_host is None:
        yield
        return
    with _lock:
        slot = _slots[jump_host]
    with slot:
        yield
