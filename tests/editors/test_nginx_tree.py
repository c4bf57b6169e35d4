"""Includes are expanded where nginx expands them, and what cannot be found is said."""

from __future__ import annotations

import pytest

from remediations.editors import nginx_tree
from remediations.editors.nginx_glob import fixed_directory, matches
from remediations.editors.nginx_tree import load
from remediations.errors import EditError
from tests.editors.nginx_oracle import Nginx
from tests.editors.nginx_trees import MAIN, http, node, tree

TREE = {
    "nginx.conf": b"events {}\ninclude top/[ab]*.conf;\nhttp {\n    include conf.d/*.conf;\n    include sites/*;\n}\n",
    "top/b.conf": b"worker_rlimit_nofile 4096;\n",
    "top/a1.conf": b"include top/nested;\n",
    "top/nested": b"worker_processes 1;\n",
    "top/c.conf": b"this is not read",
    "conf.d/B.conf": b"",
    "conf.d/a.conf": b"upstream app { include conf.d/servers; }\n",
    "conf.d/_z.conf": b"# underscore sorts between capitals and small letters\n",
    "conf.d/servers": b"server 127.0.0.1:1;\n",
    "conf.d/.hidden.conf": b"neither is this",
    "conf.d/deep/x.conf": b"nor this",
    "conf.d/é.conf": b"",
    "sites/app": b"server { location / { proxy_pass http://app; } }\n",
    "sites/app.bak": b"server { server_name old; }\n",
    "sites/.app.swp": b"\x00",
}


def test_nodes_stand_in_effective_order_with_included_ones_in_place() -> None:
    found = http("a 1; include x/*.conf; b 2;", {"x/2.conf": "two;", "x/1.conf": "one { include y; }", "y": "inner;"})
    assert found.http is not None
    assert [each.name for each in found.http.children] == ["a", "one", "two", "b"]
    inner = node(found, "http", "one", "inner")
    assert inner.where == "/etc/nginx/y:1"
    assert [each.name for each in inner.ancestors()] == ["one", "http", "main"]
    assert inner.enclosing("server", "http") is found.http


def test_includes_resolve_against_the_directory_of_the_main_file() -> None:
    found = http("include sub/a;", {"sub/a": "include b;", "sub/b": "wrong;", "b": "right;"})
    assert node(found, "http", "right").file == "/etc/nginx/b"


def test_a_file_included_twice_gives_two_nodes() -> None:
    found = http("server { include p; } server { include p; }", {"p": "root /x;"})
    first, second = (each for each in found.walk() if each.name == "root")
    assert first.directive is second.directive
    assert first.parent is not second.parent
    assert found.reached == (MAIN, "/etc/nginx/p")


def test_a_file_that_no_include_names_is_not_read() -> None:
    assert http("include a;", {"a": "", "b": "} broken"}).reached == (MAIN, "/etc/nginx/a")


def test_an_absent_file_is_missing_and_an_empty_mask_is_not() -> None:
    found = http("\ninclude nope;\ninclude none/*.conf;")
    (missing,) = found.missing
    assert missing.pattern == "/etc/nginx/nope"
    assert missing.node.where == f"{MAIN}:4"
    assert found.wanted == ()


def test_what_lies_outside_the_fetched_directories_is_wanted() -> None:
    text = b"http { include /opt/a.conf; include /opt/*.conf; include conf.d/*; include /srv/b.conf; }"
    files = {MAIN: text, "/srv/b.conf": b""}
    assert load(MAIN, files, listed=["/etc/nginx"]).wanted == ("/opt/a.conf", "/opt/*.conf")
    assert load(MAIN, files, listed=["/etc/nginx", "/opt"]).wanted == ()
    assert load(MAIN, files, listed=["/opt/*.conf", "/opt/a.conf"]).wanted == ("/etc/nginx/conf.d/*",)
    assert load(MAIN, files, listed=["/op", "/etc"]).wanted == ("/opt/a.conf", "/opt/*.conf")


def test_a_mask_wants_more_even_where_some_files_of_it_are_known() -> None:
    files = {MAIN: b"include /opt/*.conf;", "/opt/a.conf": b"a;"}
    found = load(MAIN, files)
    assert found.wanted == ("/opt/*.conf",)
    assert [each.name for each in found.root.children] == ["a"]


def test_a_file_that_cannot_be_read_stops_the_loading() -> None:
    with pytest.raises(EditError, match=r"^/etc/nginx/a:2: unexpected `}`"):
        http("include a;", {"a": "b;\n}"})


def test_a_tolerant_reader_goes_on_and_keeps_the_error() -> None:
    files = {MAIN: b"include a; include b;", "/etc/nginx/a": b"}", "/etc/nginx/b": b"c;"}
    found = load(MAIN, files, tolerant=True)
    assert [str(error) for error in found.refused] == ["/etc/nginx/a:1: unexpected `}`"]
    assert [each.name for each in found.root.children] == ["c"]


def test_a_main_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(EditError, match=r"^/etc/nginx/nginx\.conf: the main configuration file is not there"):
        load(MAIN, {})


def test_a_file_that_includes_itself_is_refused_where_it_does() -> None:
    with pytest.raises(EditError, match=r"^/etc/nginx/b:1: /etc/nginx/a includes itself"):
        tree("include a;", {"a": "include b;", "b": "include a;"})


def test_files_that_double_each_other_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nginx_tree, "MOST_INCLUDES", 100)
    doubling = {str(number): f"include {number + 1}; include {number + 1};" for number in range(30)}
    with pytest.raises(EditError, match="more than 100 includes"):
        tree("include 0;", {**doubling, "30": ""})


def test_a_long_chain_of_includes_ends_in_an_error_and_not_in_a_crash() -> None:
    chain = {str(number): f"a {{ include {number + 1}; }}" for number in range(2000)}
    with pytest.raises(EditError, match="blocks and includes nested deeper than 64"):
        tree("include 0;", {**chain, "2000": ""})


def test_stream_and_mail_stand_beside_http() -> None:
    found = tree("events {} stream { a; } http { b; } mail { c; }")
    assert [block and block.children[0].name for block in (found.stream, found.http, found.mail)] == ["a", "b", "c"]
    assert tree("events {}").http is None


def test_words_in_a_lua_block_include_nothing() -> None:
    assert http("init_by_lua_block { include nope; }").missing == ()


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ("/e/*.conf", ["/e/B.conf", "/e/a.conf", "/e/a1.conf"]),
        ("/e/a?.conf", ["/e/a1.conf"]),
        ("/e/[!a]*.conf", ["/e/B.conf"]),
        ("/e/[^a]*.conf", ["/e/B.conf"]),
        ("/e/[a-b]*[0-9].conf", ["/e/a1.conf"]),
        ("/e/a[[:digit:]].conf", ["/e/a1.conf"]),
        ("/e/*", ["/e/B.conf", "/e/a.conf", "/e/a1.conf", "/e/x[1]"]),
        ("/e/.*.conf", ["/e/.h.conf"]),
        ("/e/[.]h.conf", []),
        ("/*/a.conf", ["/e/a.conf"]),
        ("/e/*/*.conf", ["/e/d/a.conf"]),
        ("/e/x\\[[1]*", ["/e/x[1]"]),
        ("/e/x[[]1]", ["/e/x[1]"]),
        ("/e/{a,B}*.conf", []),
    ],
)
def test_masks_match_as_glob_does(mask: str, expected: list[str]) -> None:
    known = ["/e/a1.conf", "/e/a.conf", "/e/.h.conf", "/e/B.conf", "/e/d/a.conf", "/e/x[1]"]
    assert list(matches(mask, known)) == expected


def test_the_fixed_part_of_a_mask_ends_before_its_first_mark() -> None:
    assert fixed_directory("/a/b/*.conf") == "/a/b"
    assert fixed_directory("/a/*/c.conf") == "/a"
    assert fixed_directory("/a/b.conf") == "/a"
    assert fixed_directory("/*.conf") == "/"


@pytest.mark.lab
def test_nginx_reads_the_same_files_in_the_same_order(nginx: Nginx) -> None:
    found = load("nginx.conf", TREE)
    said = nginx.test_tree(TREE, "-T")
    assert said.accepts, said.output
    folder = said.files[0].removesuffix("nginx.conf")
    assert [path.removeprefix(folder) for path in said.files] == list(found.reached)
    assert found.reached[:4] == ("nginx.conf", "top/a1.conf", "top/nested", "top/b.conf")
