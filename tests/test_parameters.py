"""Parameters are typed by their dataclass; what does not fit is refused with its place and with what would fit."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

import pytest

from remediations import parameters
from remediations.errors import PlaybookError, UsageError
from remediations.parameters import ParameterRow, build, describe, parse_set
from remediations.yaml.node import Node, Source
from remediations.yaml.source import load_text


@dataclass(frozen=True)
class Sample:
    """One field of each kind that a remediation may have."""

    process_mb: int | None = field(default=None, metadata={"min": 1, "max": 4096, "unit": "MiB", "help": "one process"})
    reserve: int | str = field(default="20%", metadata={"min": 0, "pattern": r"\d{1,2}%", "help": "left free"})
    behind_proxy: Literal["auto", "yes", "no"] = "auto"
    services: tuple[str, ...] = field(default=("nginx", "php-fpm"), metadata={"pattern": r"[a-z][a-z0-9.-]*"})
    ratio: float = field(default=0.5, metadata={"min": 0})
    ports: tuple[int, ...] = field(default=(), metadata={"max": 65535})
    dry: bool = False
    text: str = "x"
    wide: Literal["all"] | tuple[str, ...] = "all"
    either: str | int = "x"

    def __post_init__(self) -> None:
        if self.process_mb == 13:
            raise ValueError("process_mb 13 cannot be together with anything")


@dataclass(frozen=True)
class Strict:
    """A required parameter, and one that is computed."""

    rate: str
    derived: str = field(default="", init=False)


@dataclass(frozen=True)
class Nothing:
    """Takes none."""


KNOWN = {"tune-max-children": Sample, "limit-req": Strict, "plain": Nothing}


def given(text: str) -> dict[str, Node]:
    return dict(load_text(text, Source("play.yml", PlaybookError)).mapping(""))


def built(text: str) -> Sample:
    return build(Sample, given(text), "play.yml:1: tune-max-children")


def refusal(text: str) -> str:
    with pytest.raises(PlaybookError) as caught:
        built(text)
    return str(caught.value)


def set_refusal(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_set(text, KNOWN)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("process_mb: 50", "process_mb", 50),
        ("process_mb: ~", "process_mb", None),
        ("process_mb: 0x10", "process_mb", 16),
        ("reserve: 128", "reserve", 128),
        ("reserve: 20%", "reserve", "20%"),
        ("behind_proxy: yes", "behind_proxy", "yes"),
        ("behind_proxy: no", "behind_proxy", "no"),
        ("behind_proxy: 'auto'", "behind_proxy", "auto"),
        ("services: [nginx]", "services", ("nginx",)),
        ("services: nginx", "services", ("nginx",)),
        ("services: []", "services", ()),
        ("services: [php8.2-fpm, 'nginx']", "services", ("php8.2-fpm", "nginx")),
        ("ratio: 1", "ratio", 1.0),
        ("ratio: 1.5", "ratio", 1.5),
        ("ports: [80, 443]", "ports", (80, 443)),
        ("ports: 80", "ports", (80,)),
        ("dry: yes", "dry", True),
        ("dry: off", "dry", False),
        ("text: 8.10", "text", "8.10"),
        ("text: 007", "text", "007"),
        ("text: 2024-01-01", "text", "2024-01-01"),
        ("text: ''", "text", ""),
        ("text: 'yes'", "text", "yes"),
        ("text: größer", "text", "größer"),
        ("wide: all", "wide", "all"),
        ("wide: [a, b]", "wide", ("a", "b")),
        ("wide: a", "wide", ("a",)),
        ("either: 5", "either", 5),
        ("either: '5'", "either", "5"),
        ("either: 5.0", "either", "5.0"),
    ],
)
def test_a_value_has_the_type_of_its_annotation(text: str, name: str, value: object) -> None:
    found = getattr(built(text), name)
    assert (type(found), found) == (type(value), value)


def test_what_is_not_given_has_its_default() -> None:
    assert built("{}") == Sample()
    assert built("{dry: yes, ratio: 2}") == dataclasses.replace(Sample(), dry=True, ratio=2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "process_mb: yes",
            "play.yml:1: process_mb: expected a whole number, 1 to 4096 (MiB) or null; got the boolean yes",
        ),
        ("process_mb: 0", "process_mb: expected a whole number, 1 to 4096 (MiB) or null; got 0"),
        ("process_mb: 4097", "; got 4097"),
        ("process_mb: 50.0", "; got the number 50.0"),
        ("process_mb: '50'", "; got the text '50'"),
        ("process_mb: [50]", "; got a list"),
        ("process_mb: {a: 50}", "; got a mapping"),
        ("process_mb: 50 MB", "; got the text '50 MB'"),
        ("reserve: -1", "reserve: expected a whole number or text, at least 0; got -1"),
        ("reserve: half", "; got 'half', which does not match \\d{1,2}%"),
        ("reserve: 20%%", "got '20%%'"),
        ("reserve: yes", "; got the boolean yes"),
        ("behind_proxy: maybe", "behind_proxy: expected one of auto, yes, no; got the text 'maybe'"),
        ("behind_proxy: true", "expected one of auto, yes, no; got the boolean true"),
        ("behind_proxy:", "expected one of auto, yes, no; got nothing (null)"),
        ("services: nginx,php-fpm", "expected a list of text; got the text 'nginx,php-fpm'; a list is written [nginx,"),
        ("services: [[nginx]]", "services: expected a list of text; got a list"),
        ("services: [nginx, ~]", "expected a list of text; got nothing (null)"),
        ("services: {nginx: }", "expected a list of text; got a mapping"),
        ("services: [nginx, '-x']", "got '-x', which does not match"),
        ("services: [nginx, 'a; id']", "got 'a; id', which does not match"),
        ("services: yes", "expected a list of text; got the boolean yes"),
        ("ratio: -0.1", "ratio: expected a number, at least 0; got -0.1"),
        ("ratio: .nan", "expected a number, at least 0; got the number .nan"),
        ("ratio: .inf", "got the number .inf"),
        ("ratio: yes", "got the boolean yes"),
        ("ports: [80, 70000]", "ports: expected a list of whole numbers, at most 65535; got 70000"),
        ("ports: ['80']", "got the text '80'"),
        ("dry: 1", "dry: expected yes or no; got the number 1"),
        ("dry: 'yes'", "dry: expected yes or no; got the text 'yes'"),
        ("text: yes", "text: expected text; got the boolean yes"),
        ('text: "a\\nb"', "text: expected text; got control characters or a line break"),
        ('services: ["a\\nb"]', "got control characters or a line break"),
        ("wide: 5.5.5: x", "is not YAML"),
        (
            "proces_mb: 5",
            "play.yml:1: unknown parameter 'proces_mb' (did you mean 'process_mb'?); allowed: process_mb, res",
        ),
        ("process_mb: 13", "play.yml:1: tune-max-children: process_mb 13 cannot be together with anything"),
    ],
)
def test_a_value_that_does_not_fit_names_place_key_and_what_is_wanted(text: str, message: str) -> None:
    found = refusal(text)
    assert found.startswith("play.yml:1: ")
    assert message in found


def test_the_line_of_a_list_item_is_that_of_the_key() -> None:
    with pytest.raises(PlaybookError, match=r"^play\.yml:2: services: "):
        built("dry: yes\nservices:\n  - nginx\n  - [x]\n")


def test_plain_values_are_taken_too_and_placed_by_the_caller() -> None:
    raw = {"process_mb": 50, "services": ["nginx"], "dry": True, "reserve": "5%", "ratio": 1.5, "wide": ("a",)}
    assert build(Sample, raw, "test") == Sample(50, "5%", "auto", ("nginx",), 1.5, dry=True, wide=("a",))
    with pytest.raises(PlaybookError, match=r"^test: dry: expected yes or no; got the number 1$"):
        build(Sample, {"dry": 1}, "test")
    with pytest.raises(PlaybookError, match=r"^test: text: expected text; got a mapping$"):
        build(Sample, {"text": {"a": None}}, "test")


def test_a_required_parameter_that_is_missing_is_named() -> None:
    with pytest.raises(PlaybookError, match=r"^play\.yml:4: limit-req: rate: is required: text$"):
        build(Strict, {}, "play.yml:4: limit-req")


def test_a_field_that_is_computed_cannot_be_given() -> None:
    with pytest.raises(PlaybookError, match=r"unknown parameter 'derived'; allowed: rate$"):
        build(Strict, {"rate": "1r/s", "derived": "x"}, "test")


def test_an_annotation_that_no_parameter_may_have_is_a_bug_that_shows() -> None:
    @dataclass(frozen=True)
    class Odd:
        value: bytes = b""

    with pytest.raises(TypeError, match="is not a parameter's type"):
        build(Odd, {"value": "x"}, "test")


# --set


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("tune-max-children.process_mb=50", "process_mb", 50),
        ("tune-max-children.services=[nginx, php-fpm]", "services", ("nginx", "php-fpm")),
        ("tune-max-children.services= [nginx]", "services", ("nginx",)),
        ("tune-max-children.services=nginx", "services", ("nginx",)),
        ("tune-max-children.reserve=20%", "reserve", "20%"),
        ("tune-max-children.text=a=b.c", "text", "a=b.c"),
        ("tune-max-children.text='a: b'", "text", "a: b"),
        ('tune-max-children.text=""', "text", ""),
        ("tune-max-children.behind_proxy=no", "behind_proxy", "no"),
        ("tune-max-children.process_mb=null", "process_mb", None),
        ("tune-max-children.dry=true", "dry", True),
    ],
)
def test_set_is_split_at_the_first_equals_sign_and_its_left_side_at_the_first_dot(
    text: str, name: str, value: object
) -> None:
    remediation, parameter, node = parse_set(text, KNOWN)
    assert (remediation, parameter) == ("tune-max-children", name)
    assert getattr(build(Sample, {parameter: node}, "unused"), parameter) == value


@pytest.mark.parametrize(
    "text",
    ["", "x", "=", ".", "=5", "tune-max-children", "tune-max-children.text", "tune-max-children=5", ".text=5"],
)
def test_set_without_a_name_or_a_parameter_is_a_usage_error(text: str) -> None:
    assert set_refusal(text) == f"--set {text}: expected NAME.PARAM=VALUE, such as tune-max-children.process_mb=50"


@pytest.mark.parametrize(
    "text", ["tune-max-children.=5", "tune-max-children.text=", "tune-max-children.text=  ", "--dry-run"]
)
def test_set_without_a_value_is_a_usage_error(text: str) -> None:
    assert set_refusal(text) == (f"--set {text}: expected NAME.PARAM=VALUE, such as tune-max-children.process_mb=50")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "tune-max-childen.x=1",
            "'tune-max-childen' is not in this run (did you mean 'tune-max-children'?); allowed: tun",
        ),
        ("nope.x=1", "--set nope.x=1: 'nope' is not in this run; allowed: tune-max-children, limit-req, plain"),
        ("limit-req.rat=1", "--set limit-req.rat: unknown parameter 'rat' (did you mean 'rate'?); allowed: rate"),
        ("limit-req.a.b=1", "--set limit-req.a.b: unknown parameter 'a.b'"),
        ("plain.x=1", "--set plain.x: unknown parameter 'x'; it takes none"),
        ("tune-max-children.process_mb=many", "--set tune-max-children.process_mb: expected a whole number, 1 to 4096"),
        ("tune-max-children.process_mb=0", "--set tune-max-children.process_mb: expected a whole number, 1 to 4096"),
        ("tune-max-children.services={a: b}", "expected one value, or a list such as [a, b]"),
        ("tune-max-children.text=a: b", "expected one value, or a list such as [a, b]; quote it if it holds `: `"),
        ("tune-max-children.services=- a", "expected one value, or a list"),
        ("tune-max-children.text=a\nb", "expected one value on one line"),
        ("tune-max-children.text=#x", "the value is missing (YAML reads # and what follows as a comment"),
        ("tune-max-children.text=*x", "--set tune-max-children.text: is not YAML"),
        ("tune-max-children.text=[a", "--set tune-max-children.text: is not YAML"),
        ("tune-max-children.text=!!python/name:os.system x", "is not allowed here"),
        ("tune-max-children.text=\x1b[31m", "the character U+001B is not allowed"),
    ],
)
def test_set_that_does_not_fit_lists_what_is_allowed(text: str, message: str) -> None:
    assert message in set_refusal(text)


def test_a_value_that_fits_alone_but_not_with_the_others_names_the_place_of_all() -> None:
    _, name, node = parse_set("tune-max-children.process_mb=13", KNOWN)
    with pytest.raises(PlaybookError, match=r"^here: process_mb 13 cannot be together with anything$"):
        build(Sample, {name: node}, "here")


# For people


def test_every_parameter_is_described_in_words() -> None:
    assert describe(Sample) == (
        ParameterRow("process_mb", "a whole number, 1 to 4096 (MiB) or null", "null", "one process"),
        ParameterRow("reserve", "a whole number or text, at least 0", "20%", "left free"),
        ParameterRow("behind_proxy", "one of auto, yes, no", "auto", ""),
        ParameterRow("services", "a list of text", "[nginx, php-fpm]", ""),
        ParameterRow("ratio", "a number, at least 0", "0.5", ""),
        ParameterRow("ports", "a list of whole numbers, at most 65535", "[]", ""),
        ParameterRow("dry", "yes or no", "no", ""),
        ParameterRow("text", "text", "x", ""),
        ParameterRow("wide", "all or a list of text", "all", ""),
        ParameterRow("either", "text or a whole number", "x", ""),
    )
    assert describe(Strict) == (ParameterRow("rate", "text", "required", ""),)
    assert describe(Nothing) == ()


def test_the_values_that_are_given_can_be_checked_before_all_are_there() -> None:
    assert parameters.check(Strict, {}, "test") == {}
    assert parameters.check(Sample, {"ratio": 1}, "test") == {"ratio": 1.0}
