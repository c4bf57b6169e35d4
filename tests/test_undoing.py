"""The plan that leads back, without a host: what is undone, what is left, and what speaks against it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from remediations import undoing
from remediations.errors import RefusedError
from remediations.facts.base import Unknown
from remediations.facts.files import HostFile
from remediations.facts.http import Probe
from remediations.facts.processes import Process
from remediations.facts.run_record import RecordedAct, RecordedFile, RunRecord
from remediations.facts.runs import Run, Runs, WrittenFile
from remediations.facts.units import Unit, Units
from remediations.snapshot import Snapshot
from tests.builders import host_file, nginx_snapshot
from tests.library.units import unit

ID, LATER = "20261122T130500Z-7f3a9c", "20261122T140000Z-000001"
PATH = "/etc/nginx/conf.d/x.conf"
IMAGE = f"/var/lib/remediate/txn/{ID}/before/1"
NGINX = "nginx.service"


def sha(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def recorded(before: bytes | None, after: bytes | None, now: bytes | None, path: str = PATH) -> RecordedFile:
    image = host_file(IMAGE, before) if before is not None else None
    return RecordedFile(path, sha(before), sha(after), image, host_file(path, now) if now is not None else None)


def record(*files: RecordedFile, acts: tuple[RecordedAct, ...] = (), made: tuple[str, ...] = ()) -> RunRecord:
    written = tuple(WrittenFile(file.path, file.before, file.after) for file in files)
    run = Run(ID, "committed", 1.0, "ann", "desk", "limit-req", written, tuple((a.action, a.unit) for a in acts))
    return RunRecord(run, files, acts, made)


def snapshot(units: Units | None = None) -> Snapshot:
    return replace(nginx_snapshot({"/etc/nginx/nginx.conf": b"events {}\n"}), units=units or {})


def planned(record: RunRecord, *later: Run, host: Snapshot | None = None) -> undoing.Undo:
    return undoing.plan(record, Runs((record.run, *later)), host or snapshot())


def running(**more: object) -> Unit:
    return replace(unit(NGINX), active_state="active", sub_state="running", can_reload=True, **more)  # type: ignore[arg-type]  # fields of Unit


def act(action: str = "reload", was: str = "active") -> RecordedAct:
    return RecordedAct(action, NGINX, 0, "-", was)


# --- files ---


def test_an_edit_gets_its_old_bytes_and_the_metadata_of_the_image() -> None:
    undo = planned(record(recorded(b"old\n", b"new\n", b"new\n")))
    (file,) = undo.plan.files
    assert (file.change.action, file.change.path, file.change.after) == ("edit", PATH, b"old\n")
    assert undo.like == {PATH: IMAGE}
    assert undo.what == f"undo {ID}"


def test_what_was_created_is_deleted_with_its_folders_the_innermost_first() -> None:
    undo = planned(record(recorded(None, b"new\n", b"new\n"), made=("/etc/nginx/a", "/etc/nginx/a/b")))
    assert [file.change.action for file in undo.plan.files] == ["delete"]
    assert undo.like == {}
    assert undo.emptied == ("/etc/nginx/a/b", "/etc/nginx/a")


def test_what_was_deleted_is_created_like_its_image() -> None:
    undo = planned(record(recorded(b"old\n", None, None)))
    assert [(file.change.action, file.change.after) for file in undo.plan.files] == [("create", b"old\n")]
    assert undo.like == {PATH: IMAGE}


def test_the_last_file_of_the_run_comes_first() -> None:
    files = [recorded(b"a", b"b", b"b", f"/etc/{name}") for name in "xyz"]
    assert [file.change.path for file in planned(record(*files)).plan.files] == ["/etc/z", "/etc/y", "/etc/x"]


def test_what_is_as_it_was_already_is_left_alone_and_said() -> None:
    undo = planned(record(recorded(b"a", b"b", b"a"), recorded(None, b"n", None, "/etc/n"), acts=(act(),)))
    assert undo.plan.empty
    assert ("undo", f"{PATH} holds what it held before that run: left alone") in undo.plan.notes


def test_a_file_that_somebody_changed_is_refused_by_name_even_where_others_could_be_undone() -> None:
    with pytest.raises(RefusedError, match=f"{PATH} was changed since, by somebody else than this toolkit") as refused:
        planned(record(recorded(b"a", b"b", b"b", "/etc/fine"), recorded(b"a", b"b", b"c")))
    assert "nothing was changed" in str(refused.value)
    assert "/etc/fine" not in str(refused.value)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (recorded(b"a", b"b", None), "is gone since"),
        (recorded(b"a", None, b"c"), "was created again since"),
        (replace(recorded(b"a", b"b", b"b"), image=None), "is not in the journal any more"),
        (replace(recorded(b"a", b"b", b"b"), image=host_file(IMAGE, b"x")), "or not as it was kept"),
        (replace(recorded(b"a", b"b", b"b"), now=host_file(PATH, b"b", real_path="/srv/x")), "is a link to /srv/x now"),
    ],
    ids=["gone", "again", "no-image", "other-image", "link"],
)
def test_each_thing_that_speaks_against_it_has_its_words(file: RecordedFile, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        planned(record(file))


def test_a_later_run_of_the_toolkit_is_named_with_the_command_that_takes_it_back() -> None:
    later = Run(LATER, "committed", 2.0, "bob", "desk", "tune", (WrittenFile(PATH, sha(b"b"), sha(b"c")),))
    with pytest.raises(RefusedError, match=f"by run {LATER} of bob .tune.; undo that one first") as refused:
        planned(record(recorded(b"a", b"b", b"c")), later)
    assert f"invoke undo --host web1 --run {LATER}" in str(refused.value)


def test_rights_that_differ_are_told() -> None:
    now: HostFile = replace(host_file(PATH, b"b"), mode="600")
    undo = planned(record(replace(recorded(b"a", b"b", b"b"), now=now)))
    assert undo.plan.warnings == (
        f"{PATH} is mode 600 of 0:0 now and becomes mode 644 of 0:0 again, as it was before that run",
    )


# --- daemons ---

EDIT = recorded(b"a", b"b", b"b")


def acts(recorded_act: RecordedAct, now: Unit | None) -> list[tuple[str, str]]:
    host = snapshot({NGINX: now} if now else {})
    return [(one.action, one.unit) for one in planned(record(EDIT, acts=(recorded_act,)), host=host).plan.actions]


def test_what_has_read_the_new_files_reads_the_old_ones() -> None:
    assert acts(act("reload"), running()) == [("reload", NGINX)]
    assert acts(act("restart"), running()) == [("restart", NGINX)]


def test_what_the_run_started_is_never_stopped_but_reads_the_old_files() -> None:
    assert acts(act("start", "inactive"), running()) == [("reload", NGINX)]
    assert acts(act("start", "inactive"), replace(running(), can_reload=False)) == [("restart", NGINX)]


def test_what_ran_before_and_is_dead_now_is_started() -> None:
    dead = replace(running(), active_state="failed", sub_state="failed")
    assert acts(act("reload", "active"), dead) == [("start", NGINX)]


def test_what_was_down_before_and_is_down_now_is_left_and_said() -> None:
    dead = replace(running(), active_state="inactive", sub_state="dead")
    assert acts(act("start", "inactive"), dead) == []
    undo = planned(record(EDIT, acts=(act("start", "inactive"),)), host=snapshot({NGINX: dead}))
    assert any("is left as it is" in text for text in undo.plan.warnings)


def test_a_unit_that_there_is_no_more_is_left_out() -> None:
    assert acts(act(), None) == []


def test_the_manager_reads_its_files_first() -> None:
    both = (act("restart"), RecordedAct("daemon-reload", "", 0, "-", ""))
    undo = planned(record(EDIT, acts=both), host=snapshot({NGINX: running()}))
    assert [one.action for one in undo.plan.actions] == ["daemon-reload", "restart"]


def test_the_flap_guard_does_not_hold_back_an_undo() -> None:
    undo = planned(record(EDIT, acts=(act("restart"),)), host=snapshot({NGINX: running()}))
    assert undo.plan.actions[0].limits == undoing.UNLIMITED


@pytest.mark.parametrize(("pids", "found"), [((7, 9), 7), ((9,), 9), ((), None)])
def test_without_systemd_a_daemon_is_found_by_its_title(pids: tuple[int, ...], found: int | None) -> None:
    title = "php-fpm: master process (/etc/php-fpm.conf)"
    processes = {pid: Process(pid, 1, 0, 1, "php-fpm8.2", title, None) for pid in pids}
    host = replace(snapshot(), processes=processes)
    undo = planned(record(EDIT, acts=(RecordedAct("reload", "", 7, title, ""),)), host=host)
    assert [one.pid for one in undo.plan.actions] == ([found] if found else [])


def test_without_systemd_a_daemon_is_left_where_its_processes_are_not_known() -> None:
    recorded_act = RecordedAct("reload", "", 7, "php-fpm: master process", "")
    host = replace(snapshot(), processes=Unknown("no ps"))
    assert planned(record(EDIT, acts=(recorded_act,)), host=host).plan.actions == ()


# --- which run ---


def test_an_undo_without_a_run_has_a_name_too() -> None:
    assert undoing.plan(None, Runs(), snapshot()).what == "undo"


def test_a_run_that_stands_or_waits_may_be_taken_back_by_its_name() -> None:
    for state in ("committed", "await"):
        run = replace(record(EDIT).run, state=state)
        assert undoing.choose(Runs((run,)), ID, "web1") == run


def test_without_a_name_it_is_the_last_that_stands() -> None:
    run = record(EDIT).run
    assert undoing.choose(Runs((run,)), None, "web1") == run
    assert undoing.choose(Runs(), None, "web1") is None
    nothing = undoing.plan(None, Runs(), snapshot())
    assert nothing.plan.empty
    assert nothing.plan.notes == (("undo", "no run that stands on this host has written a file"),)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("swapping", "it has not ended .swapping.; try: invoke recover --host web1"),
        ("needs_human", "a person must look at its files first"),
        (None, "there is no such run on this host"),
    ],
)
def test_a_run_that_cannot_be_taken_back_says_why(state: str | None, said: str) -> None:
    known = Runs((replace(record(EDIT).run, state=state),)) if state else Runs()
    with pytest.raises(RefusedError, match=said):
        undoing.choose(known, ID, "web1")


@pytest.mark.parametrize("state", ["rolled_back", "refused", "locked"])
def test_a_run_of_which_nothing_stands_leaves_nothing_to_do(state: str) -> None:
    done = record(EDIT)
    undo = planned(replace(done, run=replace(done.run, state=state)))
    assert undo.plan.empty
    assert any("nothing of it stands" in note for _, note in undo.plan.notes)


def test_a_run_that_was_taken_back_already_is_not_taken_back_again() -> None:
    done = record(EDIT)
    by = Run(LATER, "committed", 2.0, what=f"undo {ID}")
    assert any(f"already, by run {LATER}" in note for _, note in planned(done, by).plan.notes)


# --- what is asked afterwards ---

SITES = b"""events {}
http {
  server { listen 80; server_name shop.example *.wide.example; return 503; }
  server { listen unix:/run/x.sock; server_name inner; }
}
"""


@pytest.mark.parametrize(
    ("url", "connect", "served"),
    [
        ("http://shop.example/", "127.0.0.1:80", True),
        ("http://SHOP.example/a", "[::1]:80", True),
        ("http://www.wide.example/", "127.0.0.1:80", True),
        ("http://localhost/", "127.0.0.1:80", True),
        ("http://inner/", "/run/x.sock", True),
        ("http://gone.example/", "127.0.0.1:80", False),
        ("http://shop.example:8090/", "127.0.0.1:8090", False),
        ("http://localhost:8090/", "127.0.0.1:8090", False),
    ],
)
def test_a_site_that_the_restored_configuration_is_to_serve_is_asked_again(
    url: str, connect: str, served: bool
) -> None:
    host = nginx_snapshot({"/etc/nginx/nginx.conf": SITES})
    assert undoing.still_served(host, Probe(url, None, connect, derived=True)) is served


def test_what_somebody_has_named_is_always_asked() -> None:
    host = nginx_snapshot({"/etc/nginx/nginx.conf": SITES})
    assert undoing.still_served(host, Probe("http://gone.example/"))
    assert undoing.still_served(
        replace(host, nginx=Unknown("x")), Probe("http://g/", None, "127.0.0.1:1", derived=True)
    )


def test_a_report_of_the_run_itself_shows_what_it_did() -> None:
    plan = undoing.forward(record(recorded(b"old\n", b"new\n", b"new\n"), acts=(act(),)))
    assert [(file.change.action, file.change.after, file.remediations) for file in plan.files] == [
        ("edit", b"new\n", ("limit-req",))
    ]
    assert [(one.action, one.unit) for one in plan.actions] == [("reload", NGINX)]


# --- what begins at a boot, and what was ended ---


def switched(action: str, state: str) -> undoing.Undo:
    host = snapshot({NGINX: running(unit_file_state=state)})
    return planned(record(acts=(act(action),)), host=host)


@pytest.mark.parametrize(
    ("did", "state", "back"), [("enable", "enabled", "disable"), ("disable", "disabled", "enable")]
)
def test_what_begins_at_a_boot_is_switched_back_though_no_file_was_written(did: str, state: str, back: str) -> None:
    assert [(one.action, one.unit) for one in switched(did, state).plan.actions] == [(back, NGINX)]


def test_what_somebody_has_switched_since_is_left_alone() -> None:
    assert switched("enable", "disabled").plan.empty
    assert switched("disable", "enabled").plan.empty


def test_without_a_file_no_daemon_is_touched() -> None:
    host = snapshot({NGINX: running(unit_file_state="enabled")})
    undo = planned(record(acts=(act("enable"), act("reload"))), host=host)
    assert [one.action for one in undo.plan.actions] == ["disable"]


def test_a_process_that_was_ended_is_not_brought_back() -> None:
    ended = RecordedAct("end", "", 57, "4711 33 /usr/bin/php8.2", "none")
    undo = planned(record(recorded(b"a", b"b", b"b"), acts=(ended,)))
    assert undo.plan.actions == ()
    assert ("undo", "it changed no file, so there is nothing to put back; what it started runs on") in planned(
        record(acts=(ended,))
    ).plan.notes


def test_a_run_that_enabled_a_unit_is_the_one_to_undo() -> None:
    run = Run(ID, "committed", 1.0, acts=(("enable", NGINX),))
    assert Runs((run, Run(LATER, "committed", 2.0, acts=(("end", "-"), ("start", NGINX))))).to_undo == run
