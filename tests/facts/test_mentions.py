"""Which files hold a word: asked of a real shell, and nothing but their names comes back."""

from __future__ import annotations

import subprocess
from pathlib import Path

from remediations.facts import mentions
from remediations.facts.base import PRELUDE


def test_a_port_is_found_as_a_word_of_its_own(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("app.env", "other app.env", "gone.env")}
    files["app.env"].write_text("SECRET=x\nPORT=3000\n")
    files["other app.env"].write_text("PORT=13000\nSOCK=/run/app.sock\n")
    fact = mentions.fact(["3000", "/run/app.sock"], [str(path) for path in files.values()])
    said = subprocess.run(["sh", "-c", PRELUDE + fact.script], capture_output=True, check=True).stdout
    assert b"SECRET" not in said
    assert fact.parse(said) == {
        "3000": frozenset({str(files["app.env"])}),
        "/run/app.sock": frozenset({str(files["other app.env"])}),
    }
