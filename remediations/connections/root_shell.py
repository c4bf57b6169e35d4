"""A root shell from a login of any kind: straight, by sudo without a password, or by sudo with one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from remediations.connections import become
from remediations.connections.base import Shell, Target
from remediations.connections.pipe import Pipe
from remediations.connections.shell import PipeShell


def open_shell(target: Target, *, login_is_root: bool, start: Callable[[str], Pipe]) -> Shell:
    """A shell as root, or as the login where the target says not to become; `start` runs a command for the login."""
    if login_is_root or not target.become:
        return PipeShell(target.name, start(become.PLAIN), partial(become.no_shell, target))
    if target.become_password is None:
        return PipeShell(target.name, start(become.SUDO), partial(become.explain, target))
    ask = become.Ask.random()
    pipe = start(ask.command())
    try:
        become.give_password(target, pipe, ask)
    except BaseException:
        pipe.close()
        raise
    return PipeShell(target.name, pipe, partial(become.no_shell, target))
