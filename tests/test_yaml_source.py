"""YAML is read with places, and nothing in it can crash, loop, run code or eat the memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from remediations.errors import InventoryError, UsageError
from remediations.yaml.node import Node, Source
from remediations.yaml.source import MAXIMUM_DEPTH, load_file, load_text


def read(text: str) -> Node:
    return load_text(text, Source("file.yml", UsageError))


def refusal(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(text)
    return str(caught.value)


def test_plain_values_are_those_of_safe_load() -> None:
    text = "a: [1, 1.5, yes, ~, text, 2024-01-01]\nb: {c: 'quoted', d: \"x\\ty\"}\ne: |\n  two\n  lines\n"
    assert read(text).plain() == yaml.safe_load(text)


def test_a_value_stands_on_the_line_of_its_key() -> None:
    top = read("first: 1\nsecond:\n  - a\n  - b\nthird:\n  inner:\n    deep\n").mapping("")
    assert [node.line for node in top.values()] == [1, 2, 5]
    assert [node.line for node in top["second"].sequence("")] == [3, 4]
    assert top["third"].mapping("")["inner"].line == 6


def test_keys_are_text_as_written() -> None:
    assert list(read("502: a\nyes: b\n010: c\n1.50: d\nnull: e\n").mapping("")) == ["502", "yes", "010", "1.50", "null"]


def test_an_empty_document_is_null() -> None:
    assert [read(text).value for text in ("", "\n\n", "# only a comment\n", "---\n")] == [None] * 4


def test_a_key_that_stands_twice_is_refused_and_both_lines_are_named() -> None:
    assert refusal("a:\n  b: 1\n  c: 2\n  b: 3\n") == "file.yml:4: a.b: stands twice, first on line 2"


def test_a_key_that_is_the_same_only_as_text_stands_twice_too() -> None:
    assert "502: stands twice" in refusal('502: 1\n"502": 2\n')


def test_aliases_and_merges_give_what_safe_load_gives() -> None:
    text = "base: &b {x: 1, y: 2}\nother: &o {x: 5, z: 6}\nm: {<<: *b, y: 3}\nn: {y: 9, <<: [*b, *o]}\nsame: *b\n"
    assert read(text).plain() == yaml.safe_load(text)


def test_an_alias_stands_where_it_is_used() -> None:
    assert [node.line for node in read("a: &x {b: 1}\nc: 2\nd: *x\n").mapping("").values()] == [1, 2, 3]


def test_only_mappings_can_be_merged() -> None:
    assert refusal("a: {<<: [1, 2]}") == "file.yml:1: a.<<: only a mapping, or a list of mappings, can be merged"


def test_aliases_that_multiply_are_refused_before_they_eat_the_memory() -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]\n" for at in range(1, 12)
    )
    assert refusal(laughs).startswith("file.yml:6: a5: holds more than 1000000 values")


def test_an_alias_inside_its_own_value_is_refused() -> None:
    assert refusal("a: &a\n  b: *a\n") == "file.yml:2: a.b: an alias refers to the value that it stands in"
    assert "an alias refers to the value" in refusal("a: &a [*a]\n")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_refused_and_does_not_kill_the_process(opening: str) -> None:
    assert f"nested deeper than {MAXIMUM_DEPTH} levels" in refusal(opening * 100_000)


def test_as_many_levels_as_allowed_are_read() -> None:
    assert isinstance(read("[" * MAXIMUM_DEPTH + "]" * MAXIMUM_DEPTH).value, tuple)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n\tb: 1\n", "file.yml:2: is not YAML: while scanning for the next token"),
        ("a: b: c\n", "file.yml:1: is not YAML: mapping values are not allowed"),
        ("a: [1, 2\nb: 3\n", "file.yml:2: is not YAML: while parsing a flow sequence"),
        ("a: 'open\n", "is not YAML: while scanning a quoted scalar"),
        ("a: *nowhere\n", "file.yml:1: is not YAML: found undefined alias"),
        ("---\na: 1\n---\nb: 2\n", "file.yml:3: is not YAML: expected a single document"),
        ("a: {{ template }}\n", "file.yml:1: a: a key must be plain text; put a value that begins with {{ in quotes"),
        ("[1, 2]: x\n", "file.yml:1: a key must be plain text"),
        ("a: 1\n?\n: x\n", "file.yml:2: a key is missing in front of the colon"),
        ("a: !!python/object/apply:os.system [id]\n", "a: the tag !!python/object/apply:os.system is not allowed here"),
        ("a: !!python/name:os.system x\n", "file.yml:1: a: the tag !!python/name:os.system is not allowed here"),
        ("a: !custom {b: 1}\n", "file.yml:1: a: the tag !custom is not allowed here"),
        ("a: !!set {b, c}\n", "file.yml:1: a: the tag !!set is not allowed here"),
        ("a: !!int many\n", "file.yml:1: a: 'many' is not a !!int"),
        ("a: !!bool perhaps\n", "file.yml:1: a: 'perhaps' is not a !!bool"),
        ("a: 2024-99-99\n", "file.yml:1: a: '2024-99-99' is not a !!timestamp"),
        (f"a: {'9' * 5000}\n", "is not a !!int"),
        ("a: ok\nb: \x07\n", "file.yml:2: the character U+0007 is not allowed in YAML"),
        ("a: ok\nb: \ud800\n", "file.yml:2: the character U+D800 is not allowed in YAML"),
        ("%FOO\n", "is not YAML"),
        ("@a\n", "is not YAML"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_line(text: str, message: str) -> None:
    assert message in refusal(text)


def test_a_tab_as_indentation_is_explained() -> None:
    assert refusal("a:\n\tb: 1\n").endswith("; YAML is indented with spaces, never tabs")


def test_a_message_about_bad_yaml_does_not_show_the_line_which_may_hold_a_password() -> None:
    assert "hunter2" not in refusal('password: "hunter2\n')


@pytest.mark.parametrize("tag", ["!vault", "!vault-encrypted"])
def test_a_vault_value_is_named(tag: str) -> None:
    message = refusal(f"a:\n  secret: {tag} |\n    $ANSIBLE_VAULT;1.1;AES256\n    6162\n")
    assert message.startswith("file.yml:2: a.secret: the value is encrypted with Ansible Vault")


def test_a_vault_file_is_named() -> None:
    assert refusal("$ANSIBLE_VAULT;1.1;AES256\n6162\n").startswith("file.yml:1: the file is encrypted with Ansible")


def test_a_key_with_escape_codes_reaches_no_terminal() -> None:
    assert (
        refusal('"\\e[31ma\\n": 1\n"\\e[31ma\\n": 2\n') == "file.yml:2: \\x1b[31ma\\x0a: stands twice, first on line 1"
    )


def test_unsafe_is_ansibles_word_for_plain_text() -> None:
    assert read("a: !unsafe '{{ x }}'").plain() == {"a": "{{ x }}"}


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    (tmp_path / "f.yml").write_bytes("\ufeffa: ü\r\nb: 2\r\n".encode())
    top = load_file(tmp_path / "f.yml", UsageError)
    assert top.plain() == {"a": "ü", "b": 2}
    assert top.mapping("")["b"].line == 2


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "f.yml").write_bytes(b"a: 1\nb: \xe9t\xe9\n")
    with pytest.raises(InventoryError, match=r"f\.yml:2: is not UTF-8 text \(byte 0xe9\)"):
        load_file(tmp_path / "f.yml", InventoryError)


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=r"gone\.yml: cannot be read: No such file or directory"):
        load_file(tmp_path / "gone.yml", InventoryError)
    with pytest.raises(InventoryError, match="cannot be read: Is a directory"):
        load_file(tmp_path, InventoryError)


def test_a_pyyaml_without_libyaml_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: &x [1, yes, ~]\nb: {<<: {c: 1}, d: *x}\n502: 'q'\n"
    with_libyaml = read(text).plain()
    monkeypatch.setattr("remediations.yaml.source._LOADER", yaml.SafeLoader)
    assert read(text).plain() == with_libyaml
    assert "nested deeper" in refusal("[" * 100_000)
    assert "file.yml:2: is not YAML" in refusal("a:\n\tb: 1\n")
