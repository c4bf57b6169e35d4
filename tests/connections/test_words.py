"""What a host says is made harmless before it stands in a message."""

import pytest

from remediations.connections.words import printable


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"plain\n", "plain"),
        (b"\n one \r\n\n two \n", "one / two"),
        (b"\x1b[31mred\x07\x7f", r"\x1b[31mred\x07\x7f"),
        ("\u202ebidi \u200bzero".encode(), r"\u202ebidi \u200bzero"),
        (b"caf\xe9", "caf\ufffd"),
        ("naïve 日本".encode(), "naïve 日本"),
        (b"a\tb", r"a\tb"),
    ],
)
def test_one_line_without_control_characters(said: bytes, shown: str) -> None:
    assert printable(said) == shown


def test_only_the_end_of_a_long_text_is_kept() -> None:
    assert printable(b"x" * 5000 + b"end") == "…" + "x" * 497 + "end"
