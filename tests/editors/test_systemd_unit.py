"""Drop-ins of systemd, read."""

from __future__ import annotations

from remediations.editors.systemd_unit import settings


def test_the_last_of_two_equal_keys_counts_and_comments_do_not() -> None:
    data = b"[Unit]\nA=1\n[Service]\n# Restart=no\n;Restart=no\n Restart = always \nA=2\nA=3\n"
    assert settings(data) == {("Unit", "A"): "1", ("Service", "Restart"): "always", ("Service", "A"): "3"}


def test_a_backslash_joins_lines_over_comments_between_them() -> None:
    assert settings(b"[Service]\nExecStart=/bin/a \\\n# why\n; so\n  b\n") == {("Service", "ExecStart"): "/bin/a    b"}


def test_carriage_returns_and_bytes_that_are_no_utf_8_do_no_harm() -> None:
    assert settings(b"[Service]\r\n# caf\xe9\r\nRestart=no\r\n") == {("Service", "Restart"): "no"}
