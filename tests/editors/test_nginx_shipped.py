"""Every nginx file that Debian's packages have put on this machine is read and edited as nginx reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from remediations.editors.nginx import Directive, parse, walk
from remediations.editors.nginx_edit import add_to_block
from remediations.editors.nginx_lexer import Word, line_at
from remediations.editors.nginx_tree import load
from remediations.editors.splice import apply
from tests.editors.nginx_oracle import Nginx

pytestmark = pytest.mark.lab

PREFIX = "/usr/share/nginx"
OF_ENTRIES = ("types", "charset_map", "map", "geo")
"""Blocks that hold no directives: nginx would take a mark for an entry."""


@pytest.fixture(scope="module")
def shipped() -> dict[str, bytes]:
    """Files by path; those of the modules say which library to load, and are configuration too."""
    installed = _dpkg("-W", "-f", "${Package}\n", "nginx*", "libnginx-mod*").split()
    owned = _dpkg("-L", *installed)
    paths = [Path(line) for line in owned.splitlines() if line.startswith(("/etc/nginx/", f"{PREFIX}/"))]
    files = (path for path in paths if path.is_file() and path.suffix not in (".html", ".so"))
    return {str(path): path.read_bytes() for path in files}


def test_every_file_is_read_and_every_word_lies_where_we_say(shipped: dict[str, bytes]) -> None:
    assert len(shipped) >= 12, "nginx is not installed; `make setup` installs it"
    for path, data in shipped.items():
        for directive in walk(parse(data, path)):
            assert all(_source(word) == data[word.start : word.end] for word in directive.words)
            block = directive.block is not None
            assert data[directive.mark : directive.body_start] == (b"{" if block else b";")
            assert data[directive.body_end : directive.end] == (b"}" if block else b";")


def test_nginx_meets_a_mark_in_any_block_on_the_line_we_wrote_it_on(nginx: Nginx, shipped: dict[str, bytes]) -> None:
    blocks = [(path, block) for path, data in shipped.items() for block in _blocks(path, data)]
    assert len(blocks) >= 4
    for path, block in blocks:
        data = shipped[path]
        conf = _complete(apply(data, add_to_block(data, block, [("remediate_mark", "a b")])))
        line = line_at(conf, conf.index(b"remediate_mark"))
        beside = {each.removeprefix("/etc/nginx/"): text for each, text in shipped.items() if "/etc/" in each}
        said = nginx.test_tree({**beside, "nginx.conf": conf}, prefix=PREFIX).output
        assert '"remediate_mark" in ' in said.decode()
        assert f"/nginx.conf:{line}\n" in said.decode()


def test_the_installed_tree_reaches_the_files_that_nginx_reads(nginx: Nginx) -> None:
    files = {str(path): path.read_bytes() for path in Path("/etc/nginx").rglob("*") if path.is_file()}
    read = nginx.test_path(Path("/etc/nginx/nginx.conf"), "-T", PREFIX)
    assert read.accepts, read.output
    assert load("/etc/nginx/nginx.conf", files, listed=["/etc/nginx", PREFIX]).reached == read.files


def _dpkg(*arguments: str) -> str:
    return subprocess.run(["dpkg-query", *arguments], capture_output=True, text=True, check=False).stdout


def _source(word: Word) -> bytes:
    """None of these files escapes anything, so a word's source is its value in its quotes."""
    return word.quote + word.value + word.quote


def _blocks(path: str, data: bytes) -> list[Directive]:
    return [each for each in walk(parse(data, path)) if each.block is not None and each.name not in OF_ENTRIES]


def _complete(data: bytes) -> bytes:
    """A file for sites-enabled or conf.d, put into http{} on its first line."""
    names = {each.name for each in parse(data, "x")}
    return data if "http" in names else b"events {} http { " + data + b"\n}\n"
