"""sudo's refusals, in its own recorded words, each become an error that says what to do."""

import pytest

from remediations.connections.base import Target
from remediations.connections.become import Ask, explain
from remediations.errors import BecomeError, UnreachableError

TARGET = Target("web1", "10.0.0.5", user="deploy")

# Recorded from sudo 1.9.13 (Debian 12), sudo-rs 0.2, BusyBox and bash, LC_ALL=C.
REFUSALS = [
    (b"sudo: a password is required\n", 1, "sudo needs a password: use --ask-become-pass or ansible_become_password"),
    (
        b"sudo: a terminal is required to read the password; either use the -S option to read from standard input\n",
        1,
        "sudo needs a password: use --ask-become-pass",
    ),
    (b"sudo: interactive authentication is required\n", 1, "sudo needs a password: use --ask-become-pass"),
    (b"Sorry, try again.\nsudo: no password was provided\nsudo: 1 incorrect password attempt\n", 1, "did not accept"),
    (b"sudo: Authentication failed, try again.\n", 1, "sudo did not accept the password"),
    (b"deploy is not in the sudoers file.\n", 1, "sudo does not let this user become root: deploy is not in"),
    (b"Sorry, user deploy is not allowed to execute '/bin/sh -s' as root on web1.\n", 1, "does not let this user"),
    (b"Sorry, user deploy may not run sudo on web1.\n", 1, "sudo does not let this user become root"),
    (b"sudo: sorry, you must have a tty to run sudo\n", 1, "sudo insists on a terminal"),
    (b"env: 'sudo': No such file or directory\n", 127, "there is no sudo on the host and the login is not root"),
    (b"env: can't execute 'sudo': No such file or directory\n", 127, "there is no sudo on the host"),
    (b"sudo: /etc/sudoers is world writable\n", 1, "sudo failed with exit code 1: sudo: /etc/sudoers is world"),
]


@pytest.mark.parametrize(("said", "code", "message"), REFUSALS)
def test_each_refusal_says_what_to_do(said: bytes, code: int, message: str) -> None:
    error = explain(TARGET, said, code)
    assert isinstance(error, BecomeError)
    assert str(error).startswith("web1: ")
    assert message in str(error)


def test_a_login_that_is_no_shell_is_not_blamed_on_sudo() -> None:
    error = explain(TARGET, b"This account is currently not available.\n", 1)
    assert isinstance(error, UnreachableError)
    assert "exit code 1 instead of starting /bin/sh: This account is currently not available." in str(error)


def test_prompt_and_marker_differ_at_each_call() -> None:
    asks = [Ask.random() for _ in range(50)]
    assert len({ask.prompt for ask in asks} | {"".join(ask.marker) for ask in asks}) == 100


def test_the_marker_does_not_stand_whole_in_the_command() -> None:
    ask = Ask.random()
    assert "".join(ask.marker) not in ask.command()
