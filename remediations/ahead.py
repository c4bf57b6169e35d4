"""A head start for a whole run: its hosts are reached before Invoke is loaded and has read the command line.

Invoke and all that it brings along take as long as a login. What its words will mean is guessed before; the guess
counts only where the request that Invoke makes of them in the end is the very same: else we hang up and begin anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from remediations import command_words, interrupts, terminal
from remediations.reach import Reached, keep_compiled, reach
from remediations.request import Request

_under_way: list[Reached] = []


def set_out(argv: Sequence[str]) -> Request | None:
    """Reaches the hosts of a plain command line, and returns what it means.

    None where it is not plain or something goes wrong, which goes wrong again in the verb, and is told there.
    """
    try:
        request = command_words.guess(argv)
        if request:
            interrupts.defer()  # the verb will answer for them
            terminal.prepare()
            keep_compiled()
            _under_way.append(reach(request))
    except Exception:
        return None
    return request


def joined(request: Request) -> Reached:
    """What is under way for this very request, or the start of it."""
    while _under_way:
        reached = _under_way.pop()
        if reached.request == request:
            return reached
        reached.close()
    return reach(request)
