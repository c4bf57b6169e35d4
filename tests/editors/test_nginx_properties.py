"""Whatever an nginx file looks like, an edit does what was asked, keeps every other byte, and is done after one run."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from remediations.editors.nginx import Directive, parse, walk, whole
from remediations.editors.nginx_edit import (
    Splices,
    add_after,
    add_before,
    add_to_block,
    encode,
    set_arguments,
    set_parameter,
)
from remediations.editors.splice import apply

NAMES = st.sampled_from(["server", "limit_req", "proxy_pass", "a", "location"])
VALUES = st.text(alphabet="ab=1 \t\n;{}\"'\\#$()~.é\udcff", max_size=6) | st.sampled_from(
    ["max_fails=1", "max_fails=3"]
)
GAPS = st.text(alphabet=" \t", min_size=1, max_size=3) | st.sampled_from(["\n", "\r\n    ", " # why; }\n ", "\t\n\n  "])
LOOSE = st.sampled_from(["", " ", "\n", "\r\n", "  # } c\n", "#\n", "\n\t", "\n    "])


@dataclass(frozen=True)
class Written:
    """A directive as generated: what it means, and one of the many ways to write it."""

    source: str
    words: tuple[str, ...]
    block: tuple[Written, ...] | None


@st.composite
def words(draw: st.DrawFn) -> tuple[str, tuple[str, ...]]:
    name = draw(NAMES)
    args = draw(st.lists(VALUES, max_size=3))
    source = name
    for arg in args:
        quote = draw(st.sampled_from([b"", b"'", b'"']))
        source += draw(GAPS) + encode(arg, quote).decode("utf-8", "surrogateescape")
    return source, (name, *args)


def _blocks(children: st.SearchStrategy[Written]) -> st.SearchStrategy[Written]:
    @st.composite
    def block(draw: st.DrawFn) -> Written:
        source, found = draw(words())
        inside = draw(st.lists(children, max_size=3))
        body = "".join(draw(LOOSE) + each.source for each in inside) + draw(LOOSE)
        tight = st.nothing() if source.rstrip("{").endswith("$") else st.just("")
        return Written(source + draw(GAPS | tight) + "{" + body + "}", found, tuple(inside))

    return block()


@st.composite
def simple(draw: st.DrawFn) -> Written:
    source, found = draw(words())
    return Written(source + draw(LOOSE).replace("#", " #") + ";", found, None)


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, tuple[Written, ...]]:
    top = draw(st.lists(st.recursive(simple(), _blocks, max_leaves=6), min_size=1, max_size=3))
    text = "".join(draw(LOOSE) + each.source for each in top) + draw(LOOSE | st.just("# the end"))
    return text.encode("utf-8", "surrogateescape"), tuple(top)


Meaning = tuple[tuple[str, ...], "tuple[Meaning, ...] | None"]


def _meaning(directive: Directive | Written) -> Meaning:
    found = directive.words if isinstance(directive, Written) else tuple(word.text for word in directive.words)
    return found, None if directive.block is None else tuple(_meaning(each) for each in directive.block)


def _read(data: bytes) -> tuple[Meaning, ...]:
    return tuple(_meaning(each) for each in parse(data, "x"))


def _kept(data: bytes, splices: Splices) -> bool:
    """Whether the result without what was put in is the data without what was taken out."""
    after = apply(data, splices)
    left, position, moved = b"", 0, 0
    for splice in sorted(splices, key=lambda each: (each.start, each.end)):
        left += after[position : splice.start + moved]
        moved += len(splice.replacement) - (splice.end - splice.start)
        position = splice.end + moved
    return left + after[position:] == apply(data, [type(each)(each.start, each.end, b"") for each in splices])


@given(files())
def test_a_file_is_read_as_it_was_meant(file: tuple[bytes, tuple[Written, ...]]) -> None:
    data, meant = file
    assert _read(data) == tuple(_meaning(each) for each in meant)


@given(files(), st.data())
@settings(deadline=None)
def test_directives_added_to_a_block_stand_at_its_end_and_nothing_else_changes(
    file: tuple[bytes, tuple[Written, ...]], draw: st.DataObject
) -> None:
    data = file[0]
    blocks = [whole(data, parse(data, "x")), *(each for each in walk(parse(data, "x")) if each.block is not None)]
    number = draw.draw(st.integers(0, len(blocks) - 1))
    new = [("new", "zone=a b"), ("other", "")]
    splices = add_to_block(data, blocks[number], new)
    after = apply(data, splices)

    again = [whole(after, parse(after, "x")), *(each for each in walk(parse(after, "x")) if each.block is not None)]
    added = [(("new", "zone=a b"), None), (("other", ""), None)]
    assert _meaning(again[number])[1] == (*(_meaning(blocks[number])[1] or ()), *added)
    assert len(list(walk(parse(after, "x")))) == len(list(walk(parse(data, "x")))) + 2
    assert _kept(data, splices)
    assert add_to_block(after, again[number], new) == ()


@given(files(), st.data())
@settings(deadline=None)
def test_directives_stand_directly_beside_their_anchor(
    file: tuple[bytes, tuple[Written, ...]], draw: st.DataObject
) -> None:
    data = file[0]
    top = whole(data, parse(data, "x"))
    parents = [each for each in (top, *walk(top.block or ())) if each.block]
    parent = draw.draw(st.sampled_from(parents))
    siblings = parent.block or ()
    index = draw.draw(st.integers(0, len(siblings) - 1))
    below = draw.draw(st.booleans())
    edit = add_after if below else add_before
    splices = edit(data, siblings[index], parent, [("new", "x")])
    after = apply(data, splices)

    again = whole(after, parse(after, "x"))
    mended = next(each for each in (again, *walk(again.block or ())) if _has(each, "new"))
    names = [each.name for each in mended.block or ()]
    expected = [each.name for each in siblings]
    expected.insert(index + 1 if below else index, "new")
    assert names == expected
    assert _kept(data, splices)
    assert edit(after, siblings[index], mended, [("new", "x")]) == ()


def _has(directive: Directive, name: str) -> bool:
    return any(each.name == name for each in directive.block or ())


@given(files(), st.data(), st.sampled_from(["3", "a b", "", "'", "\\", '"}']))
@settings(deadline=None)
def test_a_parameter_set_is_the_last_of_its_name_and_stands_no_more_often(
    file: tuple[bytes, tuple[Written, ...]], draw: st.DataObject, value: str
) -> None:
    data = file[0]
    number = draw.draw(st.integers(0, len(list(walk(parse(data, "x")))) - 1))
    before = list(walk(parse(data, "x")))[number]
    splices = set_parameter(before, "max_fails", value)
    out = apply(data, splices)
    after = list(walk(parse(out, "x")))[number]

    count = len([arg for arg in before.args if arg.startswith("max_fails=")])
    found = [arg for arg in after.args if arg.startswith("max_fails=")]
    assert found[-1] == f"max_fails={value}"
    assert len(found) == max(1, count)
    assert [arg for arg in after.args if arg not in found] == [
        arg for arg in before.args if not arg.startswith("max_fails=")
    ]
    assert _kept(data, splices)
    assert set_parameter(after, "max_fails", value) == ()


@given(files(), st.data(), st.lists(VALUES, max_size=4))
@settings(deadline=None)
def test_arguments_set_are_the_arguments_read(
    file: tuple[bytes, tuple[Written, ...]], draw: st.DataObject, args: list[str]
) -> None:
    data = file[0]
    number = draw.draw(st.integers(0, len(list(walk(parse(data, "x")))) - 1))
    directive = list(walk(parse(data, "x")))[number]
    splices = set_arguments(data, directive, args)
    after = apply(data, splices)

    read = list(walk(parse(after, "x")))
    assert read[number].args == tuple(args)
    assert [each.words[0].text for each in read] == [each.words[0].text for each in walk(parse(data, "x"))]
    assert _kept(data, splices)
    assert set_arguments(after, read[number], args) == ()
