"""What a command line will mean is known before Invoke has read it, or it is not guessed at all."""

from __future__ import annotations

import itertools
import os
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediations import cli, command_words, start
from remediations.errors import UsageError
from remediations.request import Request, Verb

PLAIN = (
    "remediate --host web1 --dry-run",
    "remediate --host web1,web2 --host !web3 --inventory a.yml --yes",
    "remediate --host=web* --only a --only=b --set a.b=1 --set=c.d=x=y --forks 4 --settle 2.5s",
    "remediate --host web1 --dry-run --yes --require-proof --hold --confirm-timeout 30 --wait-lock=5 --plan 0123abcd",
    "remediate --host web1 --health-url http://x/?a=b --output ~/report --format json --detailed-exitcode",
    "remediate --host web1 --known-hosts ~/k --host-key-checking accept-new --playbook harden",
    "remediate",
    "diagnose --host web1",
    "diagnose --playbook 502 --format=json",
    "verify --host web1 --health-url=http://x/",
    "verify --host web1 --for 30s",
    "diagnose --host web1 --url https://shop.example/a?b --resolve shop.example:443:192.0.2.7 --resolve=b:80:::1",
    "watch --host web1 --every=10s --for 10m --format json",
    "remediate --host web1 --yes --verify full",
    "undo --host web1 --run 20261122T130500Z-7f3a9c --dry-run",
    "history --host web1",
    "recover --host web1",
    "confirm --host web1 --run 20261122T130500Z-7f3a9c",
)

RUN = "20261122T130500Z-7f3a9c"
VALUES = {
    "--forks": ("1", "32", "128", "0"), "--format": ("text", "json", "xml"), "--settle": ("0", "2.5s", "x"),
    "--plan": ("0123abcd", "no"), "--run": (RUN, "no"), "--confirm-timeout": ("10", "5"), "--wait-lock": ("0", "5s"),
    "--for": ("0s", "2m", "soon"),
    "--url": ("http://x/", "foo"), "--resolve": ("a:1:::1", "a"), "--every": ("10s", "0", "1h"),
    "--verify": ("full", "confirm", "never"),
    "--host-key-checking": ("yes", "no", "accept-new", "maybe"),
}  # fmt: skip
"""What stands behind a flag that does not take any word: some that it takes, some that it does not."""


@pytest.fixture
def by_invoke(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives a command line to Invoke, and the request that it made of it."""
    seen: list[Request] = []

    def read(line: str | list[str]) -> Request:
        words = line.split() if isinstance(line, str) else line
        monkeypatch.setattr("sys.argv", ["remediate", *words])
        with pytest.raises(SystemExit):
            cli.main(words)
        return seen.pop()

    def begun(request: Request) -> int:
        seen.append(request)
        return 0

    monkeypatch.setattr(start, "start", begun)
    return read


@pytest.mark.parametrize("line", PLAIN)
def test_the_guess_is_what_invoke_makes_of_it(by_invoke: Any, line: str) -> None:
    assert command_words.guess(line.split()) == by_invoke(line)


def _flag(verb: Verb, flag: str) -> st.SearchStrategy[list[str]]:
    if flag in command_words.SWITCHES:
        return st.just([flag])
    value = st.sampled_from(VALUES.get(flag, ("x", "a=b", "web1,web2", "-x", "a-b.c", "é", "=", "remediate", verb)))
    return st.builds(lambda word, joined: [f"{flag}={word}"] if joined else [flag, word], value, st.booleans())


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """A verb with any of its flags and whatever values, most of them plain."""
    verb = draw(st.sampled_from(get_args(Verb)))
    flags = draw(st.lists(st.sampled_from(sorted(command_words.FLAGS[verb])), max_size=6))
    return [verb, *itertools.chain.from_iterable(draw(_flag(verb, flag)) for flag in flags)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400, deadline=None)
@given(line=lines())
def test_whatever_is_guessed_is_what_invoke_makes_of_it(by_invoke: Any, line: list[str]) -> None:
    try:
        guessed = command_words.guess(line)
    except UsageError:
        return
    if guessed:
        assert guessed == by_invoke(line)


def test_the_environment_counts_in_the_guess(by_invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMEDIATE_BECOME_PASSWORD", "hush")
    guessed = command_words.guess(["verify", "--host", "web1"])
    assert guessed is not None
    assert guessed == by_invoke("verify --host web1")
    assert guessed.become_password is not None
    assert guessed.environ == dict(os.environ)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--host web1",
        "--list",
        "lab.up web1",
        "catalogue",
        "explain limit-req",
        "remediate --help",
        "remediate --host web1 -h",
        "remediate --host web1 --dry",
        "remediate --host web1 --yes=1",
        "remediate --host web1 --nosuch",
        "remediate --host web1 --forks 1 --forks 2",
        "remediate --host web1 --ask-become-pass",
        "remediate --run 20261122T130500Z-7f3a9c",
        "diagnose --host web1 --dry-run",
        "diagnose --yes",
        "history --health-url http://x/",
        "undo --only x",
        "verify --set a.b=1",
        "confirm --host web1",
    ],
)
def test_nothing_else_is_guessed(line: str) -> None:
    assert command_words.guess(line.split()) is None


@pytest.mark.parametrize("verb", get_args(Verb))
def test_each_verb_takes_the_flags_that_its_task_has(verb: Verb) -> None:
    task = cli.namespace()[verb]
    names = [each.name.strip("_").replace("_", "-") for each in task.get_arguments()]
    assert command_words.FLAGS[verb] == {f"--{name}" for name in names}


@pytest.mark.parametrize(
    "line",
    [
        "remediate --host",
        "remediate web1",
        "remediate --host web1 --forks many",
        "remediate --host web1 --yes lab.down",
        "remediate --host web1 --yes undo",
        "diagnose --host a verify --host a",
        "diagnose --host a catalogue",
    ],
)
def test_a_fault_in_the_words_is_none_but_usage(line: str) -> None:
    with pytest.raises(UsageError):
        command_words.guess(line.split())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["--host", "web1"], ["remediate", "--host", "web1"]),
        (["--host=web1"], ["remediate", "--host=web1"]),
        (["diagnose", "--host", "web1"], ["diagnose", "--host", "web1"]),
        (["--list"], ["--list"]),
        (["-h"], ["-h"]),
        ([], []),
    ],
)
def test_a_flag_first_means_remediate(typed: list[str], meant: list[str]) -> None:
    assert command_words.with_verb(typed) == meant
