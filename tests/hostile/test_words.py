"""Whatever words a host puts into its facts, errors and names: none reaches a terminal raw or forges a line."""

from __future__ import annotations

import json

import pytest

from tests.hostile.conftest import APPLY, Ask, check
from tests.hostile.host import Act, Altered, Host, Sudo
from tests.hostile.misdeeds import saying
from tests.hostile.script import Script
from tests.hostile.wire import Wire

EVIL = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\u2028\u2066\x7f\x85\ufeff".encode() + b"\xff\xfe\x80"
"""Escapes, C1 in UTF-8 and bare, bidirectional controls, other line ends, bytes that are no UTF-8."""
FORGED = b"\x0bweb2  changed, healthy\x0cweb3  changed, healthy\xe2\x80\xa8web4  changed, healthy"
WORDS = (b"failed", b"No such file", b"php8.2-fpm.service", b"shop.example", b"nginx.service", b"Stopped", b"www-data")


def everywhere(_: str, data: bytes) -> bytes:
    """After every word that a fact is likely to be shown with."""
    for word in WORDS:
        data = data.replace(word, word + EVIL + FORGED)
    return data


def in_values(fact: str, data: bytes) -> bytes:
    """At the end of every line that is a `key value` or `Key=value`; files are left whole, so that they are read."""
    if fact in ("files", "nginx", "php", "http", "journal"):
        return data
    return b"".join(line + (EVIL if line.strip() else b"") + b"\n" for line in data.split(b"\n"))


def titles(fact: str, data: bytes) -> bytes:
    return data.replace(b"nginx: ", b"nginx: " + EVIL) if fact == "processes" else data


def journal(fact: str, data: bytes) -> bytes:
    """JSON carries escapes of its own."""
    evil = json.dumps(EVIL.decode("latin-1") + FORGED.decode()).strip('"').encode()
    return data.replace(b'"MESSAGE":"', b'"MESSAGE":"' + evil) if fact == "journal" else data


def logs(fact: str, data: bytes) -> bytes:
    """The same number of bytes: each log says how many follow."""
    what = b"while connecting to upstream"
    return data.replace(what, EVIL[: len(what)].ljust(len(what), b"\x9b")) if fact == "logs" else data


def names(_: str, data: bytes) -> bytes:
    """Paths of the same length, so that everything else holds together."""
    return data.replace(b"sites-enabled/shop", b"sites-enabled\x1b\x07\x9b2J").replace(
        b"/run/php/php8.2", b"/run\x1b[2J\x07\x9b8.2"
    )


@pytest.mark.parametrize("altered", [everywhere, in_values, titles, journal, logs, names])
@pytest.mark.parametrize("fault", ["service-stopped", "config-invalid", "pool-exhausted"])
def test_no_field_reaches_the_terminal_raw(ask: Ask, fault: str, altered: Altered) -> None:
    host = Host(fault, altered=altered)
    for words in (("diagnose", "--format", "json"), ("remediate", "--dry-run")):
        answer = ask(host, *words)
        check(answer, 0, 3)
        assert not [line for line in answer.stdout.splitlines() if line.startswith(("web2", "web3", "web4"))]


def said(text: bytes) -> Act:
    return saying(lambda s: s.framed(text))


LOUD = b"| " + EVIL + FORGED + b"\nfailed validate " + EVIL + FORGED + b"\n" + EVIL + b" x\nmade /etc/" + EVIL + b"\n"


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("state", ["rolled_back", "refused", "locked", "needs_human", "unknown", "await"])
def test_what_a_host_says_of_a_run_is_shown_harmless(ask: Ask, state: str, format: str) -> None:
    word = f"state {state}\n".encode()
    host = Host(
        "service-stopped", misdeeds={"begin": said(LOUD + word), "confirm": said(LOUD + b"state needs_human\n")}
    )
    check(ask(host, *APPLY, "--format", format), 3, 5)


LIES = {
    "before it was asked": ("begin", b"state committed\n"),
    "after it waits": ("begin", b"state await\nstate committed\n"),
    "after it was rolled back": ("confirm", b"state rolled_back\nstate committed\n"),
    "before it was rolled back": ("confirm", b"state committed\nstate rolled_back\n"),
    "twice": ("confirm", b"state committed\nstate committed\n"),
    "with text in front": ("confirm", b"x state committed\n"),
    "with text behind": ("confirm", b"state committed, or so\n"),
    "in the words of a program": (
        "confirm",
        b"| ok\x0cstate committed\n| \xe2\x80\xa8state committed\n|\x85state committed\n",
    ),
    "in an indented line": ("confirm", b" state committed\n"),
    "in capitals": ("confirm", b"STATE COMMITTED\n"),
    "without an end of line": ("confirm", b"state committe"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_commit_that_was_not_plainly_said_is_not_believed(ask: Ask, name: str) -> None:
    kind, text = LIES[name]
    host = Host("service-stopped", misdeeds={kind: said(text), "report": said(text)})
    answer = ask(host, *APPLY, "--format", "json")
    check(answer, 3)
    (found,) = answer.document["hosts"]
    assert found["status"] in ("unknown", "needs_human", "rolled_back"), found
    assert found["changes"] == []


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_history_of_escapes_and_ways_up_is_shown_harmless(ask: Ask, format: str) -> None:
    runs = history(b"../../../../etc/passwd", b"/etc/../../root/.ssh/authorized_keys", b"/etc/nginx/" + EVIL + FORGED)
    host = Host(own={"runs": runs})
    check(ask(host, "history", "--format", format), 0, 3)
    check(ask(host, "undo", "--yes", "--format", format), 3)
    assert not any(kind in ("begin", "confirm") for kind in host.asked)


RUN = b"20261122T130500Z-7f3a9c"


def history(*paths: bytes) -> bytes:
    head = b"run %s COMMITTED 1795358999\nwho %s\nfrom ../%s\nwhat %s\n" % (RUN, EVIL, EVIL, FORGED)
    return head + b"".join(b"file %s %s %s\n" % (b"0" * 64, b"1" * 64, path) for path in paths) + b"act reload " + EVIL


def prompts(command: str) -> bytes:
    return command.split(" -p ")[1].split()[0].encode()


PASSWORD = "c4nary-of-sudo"


def never(wire: Wire, command: str) -> None:
    """Both Invoke's prompt and ours, in output that is not sudo's question."""
    wire.out(b"[sudo] password: \n" + prompts(command)[:-1] + b"\n" + prompts(command).upper() + b"\n")
    wire.err(b"[sudo] password for deploy: \n" + prompts(command)[1:] + b" " + EVIL)
    wire.silence()


def twice(wire: Wire, command: str) -> None:
    wire.err(prompts(command) * 2 + EVIL)
    wire.silence()


def talkative(wire: Wire, command: str) -> None:
    piece = EVIL * 500
    for _ in wire.for_ever():
        wire.err(piece)


def refusing(wire: Wire, command: str) -> None:
    wire.err(b"sudo: " + EVIL + FORGED + b" is not in the sudoers file\n")
    wire.channel.send_exit_status(1)
    raise EOFError


def let_in(wire: Wire, command: str) -> None:
    first, second = command.split("printf %s%s ")[1].split(";")[0].split()
    wire.out((first + second).encode())


def asking(wire: Wire, command: str) -> None:
    wire.err(prompts(command))
    next(wire.lines())
    wire.silence()


def asking_again(wire: Wire, command: str) -> None:
    wire.err(prompts(command))
    next(wire.lines())
    wire.err(b"Sorry, try again." + EVIL + prompts(command))
    wire.silence()


@pytest.mark.parametrize(
    ("sudo", "sent"),
    [(never, 0), (twice, 0), (talkative, 0), (refusing, 0), (let_in, 0), (asking, 1), (asking_again, 1)],
)
def test_sudo_may_say_what_it_likes_and_gets_the_password_for_its_own_prompt_only(
    ask: Ask, sudo: Sudo, sent: int
) -> None:
    host = Host(sudo=sudo)
    answer = ask(host, "diagnose", ansible_user="deploy", ansible_become_password=PASSWORD)
    check(answer, 0 if sudo is let_in else 3)
    assert host.heard.count(PASSWORD.encode()) == sent
    assert PASSWORD not in answer.stdout + answer.stderr


def echo(wire: Wire, script: Script) -> None:
    """A sudo prompt in the output of a script is only output."""
    wire.out(script.framed(b"[sudo] password: \n" + b"0" * 32))
    wire.silence()


def test_a_prompt_in_an_answer_draws_no_password_out(ask: Ask) -> None:
    host = Host(sudo=let_in, misdeeds={"facts": echo})
    check(ask(host, "diagnose", ansible_user="deploy", ansible_become_password=PASSWORD), 3, 4)
    assert PASSWORD.encode() not in host.heard
