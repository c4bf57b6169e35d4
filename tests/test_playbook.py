"""A playbook says what to do where; whatever it cannot mean is refused with file, line and key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from remediations import library, parameters
from remediations.errors import PlaybookError
from remediations.health_settings import HealthSettings
from remediations.playbook import Play, available, load_playbook


@dataclass(frozen=True)
class Services:
    """Parameters of `restart-service`, as far as these tests need them."""

    services: tuple[str, ...] = ()


@dataclass(frozen=True)
class Children:
    """Parameters of `tune-max-children`; one is required."""

    reserve: int | str
    process_mb: int | None = None


@dataclass(frozen=True)
class Nothing:
    """Takes none."""


KNOWN = {
    "restart-service": Services,
    "tune-max-children": Children,
    "restart-always": Nothing,
    "upstream-max-fails": Nothing,
    "limit-req": Nothing,
}


@pytest.fixture
def play(tmp_path: Path) -> Callable[[str], Play]:
    """The playbook with this text, in play.yml."""

    def play(text: str) -> Play:
        (tmp_path / "play.yml").write_text(text)
        return load_playbook(str(tmp_path / "play.yml"), KNOWN)

    return play


@pytest.fixture
def refusal(play: Callable[[str], Play], tmp_path: Path) -> Callable[[str], str]:
    def refusal(text: str) -> str:
        with pytest.raises(PlaybookError) as caught:
            play(text)
        return str(caught.value).replace(f"{tmp_path}/", "")

    return refusal


FULL = """\
name: under traffic
hosts: [web, '!web3']
health: {url: "http://localhost/", timeout: 2s}
remediations:
  - restart-service: {services: [nginx]}
    when: finding
  - tune-max-children:
      reserve: 20%
      process_mb: 50
  - restart-always
  - limit-req:
"""


def test_every_key_of_a_playbook_is_read(play: Callable[[str], Play]) -> None:
    found = play(FULL)
    assert (found.name, found.hosts) == ("under traffic", ("web", "!web3"))
    assert isinstance(found.health, HealthSettings)
    assert (found.health.url, found.health.timeout) == ("http://localhost/", 2.0)
    assert [(entry.remediation, entry.when, entry.line) for entry in found.entries] == [
        ("restart-service", "finding", 5),
        ("tune-max-children", None, 7),
        ("restart-always", None, 10),
        ("limit-req", None, 11),
    ]


def test_the_parameters_of_an_entry_build_its_dataclass(play: Callable[[str], Play]) -> None:
    restart, tune, always, _ = play(FULL).entries
    assert parameters.build(Services, restart.parameters, restart.where) == Services(("nginx",))
    assert parameters.build(Children, tune.parameters, tune.where) == Children("20%", 50)
    assert parameters.build(Nothing, always.parameters, always.where) == Nothing()


def test_what_set_gives_overrides_what_the_playbook_gives_and_names_itself(play: Callable[[str], Play]) -> None:
    tune = play(FULL).entries[1]
    _, name, value = parameters.parse_set("tune-max-children.process_mb=60", KNOWN)
    assert parameters.build(Children, {**tune.parameters, name: value}, tune.where) == Children("20%", 60)


def test_a_required_parameter_may_come_later_but_is_missed_when_built(play: Callable[[str], Play]) -> None:
    (entry,) = play("remediations: [tune-max-children]").entries
    with pytest.raises(PlaybookError, match=r"play\.yml:1: tune-max-children: reserve: is required"):
        parameters.build(Children, entry.parameters, entry.where)


def test_a_playbook_without_name_hosts_and_health_means_its_file_all_hosts_and_no_health(
    play: Callable[[str], Play],
) -> None:
    found = play("remediations: [limit-req]")
    assert (found.name, found.hosts, found.health) == ("play", ("all",), None)


@pytest.mark.parametrize(("written", "name"), [("502", "502"), ("'502'", "502"), ("0502", "0502"), ("5.10", "5.10")])
def test_a_name_that_yaml_takes_for_a_number_is_its_text(play: Callable[[str], Play], written: str, name: str) -> None:
    assert play(f"name: {written}\nremediations: [limit-req]\n").name == name


def test_aliases_and_merges_give_parameters_too(play: Callable[[str], Play]) -> None:
    found = play("remediations:\n  - restart-service: &p {services: [a]}\n  - tune-max-children: {reserve: 5}\n")
    assert parameters.build(Services, found.entries[0].parameters, "") == Services(("a",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "play.yml:1: expected a mapping with the keys name, hosts, health, remediations, got nothing (null)"),
        (
            "- hosts: all\n  tasks: []\n",
            "play.yml:1: expected a mapping with the keys name, hosts, health, remediations",
        ),
        ("- hosts: all\n", "got a list (an Ansible playbook?)"),
        ("just text\n", "play.yml:1: expected a mapping with the keys"),
        ("name: x\n", "play.yml:1: remediations: is missing"),
        (
            "name: x\nremediation: []\n",
            "play.yml:2: unknown key 'remediation' (did you mean 'remediations'?); allowed: name",
        ),
        ("tasks: []\n", "play.yml:1: unknown key 'tasks'; allowed: name, hosts, health, remediations"),
        ("yes: 1\n", "unknown key 'yes'"),
        ("502: 1\n", "unknown key '502'"),
        ("name: [x]\n{R}", "play.yml:1: name: expected text, got a list"),
        ("name: yes\n{R}", "play.yml:1: name: expected text, got the boolean yes; quote it"),
        ("name:\n{R}", "play.yml:1: name: expected text, got nothing (null)"),
        ("hosts: {a: b}\n{R}", "play.yml:1: hosts: expected a host pattern, got a mapping"),
        ("hosts: []\n{R}", "play.yml:1: hosts: expected a host pattern or a list of them, got an empty list"),
        ("hosts:\n  - web\n  - [a]\n{R}", "play.yml:3: hosts: expected a host pattern, got a list"),
        ("hosts: ''\n{R}", "play.yml:1: hosts: expected a host pattern, got empty text"),
        ("hosts: !web\n{R}", "play.yml:1: hosts: the tag !web is not allowed here"),
        ("health: {urll: x}\n{R}", "play.yml:1: health: unknown key 'urll'"),
        ("health: 5\n{R}", "play.yml:1: health: expected a mapping with the keys url"),
        ("remediations:\n", "play.yml:1: remediations: expected a list of remediations (`- NAME`), got nothing (null)"),
        (
            "remediations: limit-req\n",
            "play.yml:1: remediations: expected a list of remediations (`- NAME`), got the text",
        ),
        ("remediations: {limit-req: }\n", "play.yml:1: remediations: expected a list of remediations"),
        ("remediations: []\n", "play.yml:1: remediations: is empty: nothing would be done"),
        (
            "remediations:\n  - limit-rec\n",
            "play.yml:2: remediations[0]: unknown remediation 'limit-rec' (did you mean 'lim",
        ),
        (
            "remediations:\n  - limit-rec\n",
            "; allowed: limit-req, restart-always, restart-service, tune-max-children, up",
        ),
        ("remediations:\n  - limit-rec: {}\n", "play.yml:2: remediations[0]: unknown remediation 'limit-rec'"),
        ("remediations:\n  - limit-req\n  -\n", "play.yml:3: remediations[1]: expected a remediation's name"),
        ("remediations:\n  - 5\n", "play.yml:2: remediations[0]: unknown remediation '5'"),
        ("remediations:\n  - [limit-req]\n", "play.yml:2: remediations[0]: expected a remediation's name"),
        ("remediations:\n  - {}\n", "play.yml:2: remediations[0]: no remediation is named here"),
        ("remediations:\n  - when: finding\n", "play.yml:2: remediations[0]: no remediation is named here"),
        (
            "remediations:\n  - tune-max-children:\n    reserve: 5\n",
            "play.yml:3: remediations[0]: unknown key 'reserve' beside tune-max-children; allowed: when; indent a",
        ),
        (
            "remediations:\n  - limit-req:\n    restart-always:\n",
            "allowed: when; write `- restart-always` for a",
        ),
        (
            "remediations:\n  - limit-req: [a]\n",
            "play.yml:2: limit-req: expected the parameters of limit-req as a mapping",
        ),
        ("remediations:\n  - limit-req: on\n", "expected the parameters of limit-req as a mapping, got the boolean on"),
        (
            "remediations:\n  - limit-req:\n    when: always\n",
            "play.yml:3: limit-req: when: expected finding (or no `when`",
        ),
        ("remediations:\n  - limit-req:\n    when:\n", "play.yml:3: limit-req: when: expected finding"),
        ("remediations:\n  - limit-req:\n    when: [finding]\n", "play.yml:3: limit-req: when: expected finding"),
        (
            "remediations:\n  - limit-req\n  - limit-req:\n",
            "play.yml:3: remediations[1]: limit-req stands twice, first on line 2",
        ),
        ("remediations:\n  - limit-req: {a: 1}\n", "play.yml:2: unknown parameter 'a'; it takes none"),
        (
            "remediations:\n  - tune-max-children:\n      reserve: 5\n      process_mb: many\n",
            "play.yml:4: process_mb: expected a whole number or null; got the text 'many'",
        ),
        ("remediations:\n\t- limit-req\n", "play.yml:2: is not YAML"),
        ("remediations:\n  - limit-req: !vault abc\n", "play.yml:2: remediations.limit-req: the value is encrypted"),
        ("remediations:\n  - &a limit-req\n  - *a\n", "play.yml:2: remediations[1]: limit-req stands twice"),
    ],
)
def test_what_a_playbook_cannot_mean_names_file_line_and_key(
    refusal: Callable[[str], str], text: str, message: str
) -> None:
    assert message in refusal(text.replace("{R}", "remediations: [limit-req]\n"))


# The playbooks that come with the toolkit


def test_those_that_come_with_the_toolkit_are_found_by_their_bare_name() -> None:
    assert {"502", "harden"} <= set(available())
    assert load_playbook("502", library.known()).name == "502"


def test_the_default_playbook_acts_only_where_a_finding_calls_for_it() -> None:
    assert {entry.when for entry in load_playbook("502", library.known()).entries} == {"finding"}


SITUATIONS = (
    "after-deploy", "all-pages", "behind-cloudflare", "intermittent", "load-balancer", "server-move", "under-traffic",
    "wordpress",
)  # fmt: skip


@pytest.mark.parametrize("name", SITUATIONS)
def test_each_situation_has_a_playbook_that_says_when_to_reach_for_it(name: str) -> None:
    found = load_playbook(name, library.known())
    assert (found.name, found.hosts) == (name, ("all",))
    assert found.entries[0].remediation == "restart-service"
    assert {one.remediation for one in found.entries if one.when is None} <= {
        "restart-always", "upstream-max-fails", "limit-req",
    }  # fmt: skip
    comments = [line for line in found.file.read_text().splitlines() if line.startswith("#")]
    assert "Reach for it" in " ".join(comments)
    assert comments[-1].startswith("# Not in it yet: ")


def test_no_playbook_comes_without_its_test() -> None:
    assert set(available()) == {"502", "harden", *SITUATIONS}


def test_harden_converges() -> None:
    found = load_playbook("harden", library.known())
    assert {entry.when for entry in found.entries} == {None}
    assert [entry.remediation for entry in found.entries] == [
        "restart-always",
        "enable-at-boot",
        "upstream-max-fails",
        "limit-req",
    ]


@pytest.mark.parametrize("name", ["503", "", "502.yaml.bak", "Harden", "502 "])
def test_an_unknown_name_lists_those_that_there_are(name: str) -> None:
    with pytest.raises(PlaybookError) as caught:
        load_playbook(name, KNOWN)
    assert str(caught.value).startswith(f"--playbook {name}: no such playbook")
    assert f"there are: {', '.join(available())}" in str(caught.value)


@pytest.mark.parametrize("path", ["./502", "502.yml", "nowhere/x.yaml", "~/nowhere.yml", "/"])
def test_what_holds_a_slash_or_ends_as_yaml_is_a_path(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(PlaybookError, match=r"cannot be read: (No such file or directory|Is a directory)"):
        load_playbook(path, KNOWN)
