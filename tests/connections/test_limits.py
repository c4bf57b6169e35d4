"""A jump host sees at most eight logins at once, and nobody waits for himself."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from remediations.connections.limits import LOGINS_AT_ONCE, login_slot


def most_at_once(jump_hosts: Sequence[str | None], expected: int) -> int:
    """Each stays until `expected` are there, and then a little longer, so that one too many is seen as well."""
    lock, inside, most, full = threading.Lock(), 0, 0, threading.Event()

    def log_in(jump_host: str | None) -> None:
        nonlocal inside, most
        with login_slot(jump_host):
            with lock:
                inside += 1
                most = max(most, inside)
                if inside >= expected:
                    full.set()
            assert full.wait(30), f"{expected} at once were never seen"
            time.sleep(0.05)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(len(jump_hosts)) as pool:
        list(pool.map(log_in, jump_hosts))
    return most


def test_one_jump_host_is_used_by_eight_at_once() -> None:
    assert LOGINS_AT_ONCE == 8
    assert most_at_once(["gate:22"] * 30, 8) == 8


def test_each_jump_host_has_its_own_limit() -> None:
    assert most_at_once(["a:22"] * 12 + ["b:22"] * 12, 16) == 16


def test_hosts_without_a_jump_host_do_not_wait() -> None:
    assert most_at_once([None] * 20, 20) == 20
