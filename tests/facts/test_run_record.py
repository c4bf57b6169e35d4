"""The record of one run: what a damaged or hostile one cannot make us believe."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from remediations.facts.base import Unknown
from remediations.facts.run_record import HOME, RecordedAct, RunRecord, fact, parse
from remediations.facts.runs import Run, WrittenFile

ID = "20261122T130500Z-7f3a9c"
FOLDER = f"{HOME}/{ID}"
OLD, NEW = (hashlib.sha256(data).hexdigest() for data in (b"old", b"new"))
RUN = Run(ID, "committed", 1.0, files=(WrittenFile("/etc/a b", OLD, NEW),))


def sent(files: dict[str, bytes]) -> bytes:
    """The answer of the files fact."""
    names = list(files)
    stats = "".join(f"{len(files[name])} 644 0 0 1 1:1 1.0 {name}\n" for name in names)
    hashes = "".join(f"{hashlib.sha256(files[name]).hexdigest()}\n" for name in names)
    times = "1.0\n" * len(names)
    reals = "".join(f"{name}\n" for name in names)
    return f"files {len(names)}\n{stats}{times}{reals}{hashes}".encode() + b"".join(files.values())


def told(**more: bytes) -> RunRecord | Unknown:
    own = {
        "ops": f"1 {OLD} {NEW} 644 0:0 /etc/a b\n2 absent {NEW} 644 0:0 /etc/c\n".encode(),
        "acts": b"daemon-reload 0 other 3 5 - -\nreload 0 nginx 3 5 nginx.service -\n"
        b"reload 7 other 3 5 - php-fpm: master\n",
        "acted": b"reload active 0 nginx nginx.service -\n",
        "made": b"/etc/x\nrelative\n",
        "before/1": b"old",
        **more,
    }
    return parse(sent({f"{FOLDER}/{name}": data for name, data in own.items()} | {"/etc/a b": b"new"}), RUN)


def record(**more: bytes) -> RunRecord:
    found = told(**more)
    assert isinstance(found, RunRecord)
    return found


def test_each_file_has_its_hashes_its_image_and_what_is_there_now() -> None:
    one, two = record().files
    assert (one.path, one.before, one.after, one.kept, one.stands) == ("/etc/a b", OLD, NEW, True, NEW)
    assert (two.path, two.before, two.kept, two.stands) == ("/etc/c", None, True, None)
    assert record().made == ("/etc/x",)


def test_each_act_has_its_unit_or_its_daemon_and_how_it_was_found() -> None:
    assert record().acts == (
        RecordedAct("daemon-reload", "", 0, "-", ""),
        RecordedAct("reload", "nginx.service", 0, "-", "active"),
        RecordedAct("reload", "", 7, "php-fpm: master", ""),
    )


def test_a_line_of_what_was_acted_on_that_is_damaged_says_nothing() -> None:
    found = record(acted=b"reload active\nreload failed 0 nginx nginx.service -\n").acts
    assert [one.was for one in found] == ["", "failed", ""]
    assert [one.was for one in record(acted=b"explode\n").acts] == ["", "", ""]


def test_an_image_that_is_not_as_it_was_kept_is_none() -> None:
    assert not record(**{"before/1": b"other"}).files[0].kept


def test_a_record_that_is_gone_or_damaged_is_unknown() -> None:
    damaged = Unknown(f"the record in {FOLDER} is damaged")
    assert told(ops=b"1 x y 644 0:0 /etc/a\n") == damaged
    assert told(ops=f"1 {OLD} {NEW} 644 0:0 relative\n".encode()) == damaged
    assert told(acts=b"explode 0 nginx 3 5 nginx.service -\n") == damaged
    gone = parse(sent({}), RUN)
    assert gone == Unknown(f"the record in {FOLDER} is not there any more")
    assert isinstance(parse(b"", RUN), Unknown)


def test_it_is_all_asked_in_one_question_and_quoted() -> None:
    script = fact(RUN).script
    assert "'/etc/a b'" in script
    odd = fact(replace(RUN, files=(WrittenFile("/etc/a[1]*.conf", OLD, NEW),))).script
    assert "'/etc/a[1]*.conf'" in odd
    assert f"{FOLDER}/before/*" in script
