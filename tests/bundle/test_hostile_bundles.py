"""A bundle from anybody: it is diagnosed or refused with its name, never believed, never a bug of ours."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediations import offline
from remediations.bundle import archive, evidence
from remediations.bundle.evidence import Absent, Bundle
from remediations.bundle.masked import masked
from remediations.errors import UsageError
from remediations.result import HostResult
from tests.causes.recorded import snapshot

RUN = "20261122T130500Z-7f3a9c"
GOOD = evidence.pack(
    Bundle(
        "0.1.0", RUN, 1_764_000_000, (masked(snapshot("service-crashed")), Absent("web2", "unreachable", "web2: no"))
    ),
    "report\n",
)
TAR = archive.unpack(GOOD)
MEMBERS = archive.members(TAR)
FACTS = sorted(name for name in MEMBERS if name.endswith(".json"))


def tar(members: dict[str, bytes]) -> bytes:
    return archive.pack(members, time=0)


def diagnosed(folder: Path, data: bytes) -> tuple[HostResult, ...] | str:
    """The results, or what is said instead of them."""
    file = folder / "sent.tar.gz"
    file.write_bytes(data)
    try:
        return offline.results(file, ())
    except UsageError as error:
        said = str(error)
    assert said.startswith(f"--from {file}: ")
    return said


def altered(name: str, change: Callable[[Any], Any]) -> bytes:
    return tar({**MEMBERS, name: json.dumps(change(json.loads(MEMBERS[name]))).encode()})


def test_the_good_one_is_diagnosed(tmp_path: Path) -> None:
    results = diagnosed(tmp_path, GOOD)
    assert not isinstance(results, str)
    assert [(one.host, one.status) for one in results] == [("web1", "diagnosed"), ("web2", "unreachable")]


def linked(name: str) -> bytes:
    """A link where a fact should be."""
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as out:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/shadow"
            out.addfile(link)
        return file.getvalue()


ELSEWHERE = {"$": "Log", "path": "/x", "data": {"$bytes": "/etc/passwd"}, "cut": False}
HOSTILE = {
    "a link": (linked("manifest.json"), "manifest.json: is no plain file"),
    "not there": (tar({"README.txt": b""}), "manifest.json: is not in it"),
    "twice": (TAR[: 512 * 3] + TAR, "is in it twice"),
    "cut short": (GOOD[:-2000], "it is cut short"),
    "cut short tar": (TAR[:700], "README.txt: is cut short"),
    "no gzip": (archive.GZIP + b"nonsense" * 99, "it cannot be unpacked"),
    "a bomb": (gzip.compress(TAR[:1024] + bytes(archive.MOST_BYTES)), "unpacks to more than 256 MiB"),
    "nothing": (b"", "it is empty"),
    "no JSON": (tar({**MEMBERS, "manifest.json": b"{"}), "manifest.json: is no JSON"),
    "deep": (tar({**MEMBERS, "manifest.json": b"[" * 100_000}), "manifest.json: is nested too deeply"),
    "no number": (tar({**MEMBERS, "hosts/web1/facts/unasked.json": b"NaN"}), "unasked.json: is no JSON: NaN"),
    "no host": (altered("manifest.json", lambda found: found | {"hosts": []}), "manifest.json: names no host"),
    "a list": (altered("manifest.json", lambda found: [found]), "manifest.json: is of schema None"),
    "newer": (altered("manifest.json", lambda found: found | {"schema": 2}), "schema 2; this version reads schema 1"),
    "another type": (
        altered("hosts/web1/facts/units.json", lambda found: {"a": found}),
        "hosts/web1/facts/units.json[a]: expected Unit",
    ),
    "outside": (
        altered("hosts/web1/facts/logs.json", lambda found: found | {"/x": ELSEWHERE}),
        "/etc/passwd is not there",
    ),
    "a huge log": (tar({**MEMBERS, "hosts/web1/logs/x": b"\n" * (9 << 20)}), "hosts/web1/logs/x: is larger than 8 MiB"),
    "no time": (altered("manifest.json", lambda found: found | {"time": -1}), "-1 is no time"),
    "senseless": (
        altered("hosts/web1/facts/journal.json", lambda found: [one | {"time": 1e300} for one in found]),
        "what it holds of web1 makes no sense",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_wrong_is_said_with_the_file_and_the_member(name: str, tmp_path: Path) -> None:
    data, words = HOSTILE[name]
    said = diagnosed(tmp_path, data)
    assert isinstance(said, str)
    assert words in said


def test_a_name_that_leads_elsewhere_is_only_a_name(tmp_path: Path) -> None:
    assert not isinstance(diagnosed(tmp_path, tar({"../../etc/cron.d/x": b"x", "/etc/x": b"x", **MEMBERS})), str)
    assert [each.name for each in tmp_path.iterdir()] == ["sent.tar.gz"]


SLOW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@settings(SLOW, max_examples=25)
@given(data=st.data())
def test_bytes_that_were_changed_on_the_way_are_no_bug(data: st.DataObject, tmp_path: Path) -> None:
    packed = data.draw(st.booleans())
    sent = bytearray(GOOD if packed else TAR)
    for at in data.draw(st.lists(st.integers(0, len(sent) - 1), min_size=1, max_size=8)):
        sent[at] = data.draw(st.integers(0, 255))
    diagnosed(tmp_path, bytes(sent))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.sampled_from(["", "$", "/", "\ud800", "\x1b[2J", "x" * 5000, -1, 1 << 63, 10**400, 1e308]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


@settings(SLOW, max_examples=60)
@given(data=st.data())
def test_facts_that_no_host_ever_gave_are_no_bug(data: st.DataObject, tmp_path: Path) -> None:
    members = dict(MEMBERS)
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(FACTS))
        root = [json.loads(members[name])]
        holder, key = data.draw(st.sampled_from(list(_places(root))))
        old = holder[key]
        holder[key] = data.draw(JSON if not isinstance(old, (int, float)) else JSON | st.floats(allow_nan=False))
        members[name] = json.dumps(root[0]).encode()
    diagnosed(tmp_path, tar(members))


def _places(node: Any) -> Any:
    """Every place in a document where a value stands, as its container and its key."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(pairs):
        yield node, key
        yield from _places(value)


@settings(SLOW, max_examples=25)
@given(text=st.binary(max_size=2000), name=st.sampled_from(sorted(MEMBERS)))
def test_whatever_a_file_of_it_holds_is_no_bug(text: bytes, name: str, tmp_path: Path) -> None:
    diagnosed(tmp_path, tar({**MEMBERS, name: text}))
