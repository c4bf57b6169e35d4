"""Undo on real hosts: every byte, owner, right and attribute comes back, by the command that the report prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediations.changes.file import FileChange
from remediations.changes.unit import UnitAction
from tests import contract
from tests.command_line import Answer, CommandLine
from tests.conftest import LabHostFactory
from tests.lab import faults
from tests.lab.host import LabHost
from tests.on_host import FPM, NGINX, POOL, SITE, OnHost, create, files_of, leftovers, on

HEADER = (b"    index index.php;\n", b"    index index.php;\n    add_header X-Edited yes;\n")
OLD = "/etc/nginx/conf.d/old.conf"
NEW = "/etc/nginx/conf.d/new/deep/new.conf"


@pytest.fixture
def command(tmp_path: Path, web1: LabHost) -> CommandLine:
    line = CommandLine(tmp_path)
    line.knows(web1)
    return line


def rights(host: LabHost) -> bytes:
    return host.sh(
        f"stat -c '%n %a %U %G' {OLD} {SITE} && getfacl -np {OLD} {SITE} && getfattr --absolute-names -d {OLD}"
    )


def headers(host: LabHost) -> bytes:
    return host.sh("curl -si -m 10 -H 'Host: shop.example' http://127.0.0.1/")


def contents(host: LabHost) -> list[str]:
    """Kinds, modes, owners, links and contents of all files; their times are new, as they must: daemons go by them."""
    lines = [line.split("|") for line in files_of(host, "/etc")]
    return ["|".join([*one[:4], *one[5:6], *one[7:]]) if one[1:2] != ["d"] else "|".join(one[:4]) for one in lines]


def change(host: LabHost) -> str:
    """One edit, one creation in new folders, one deletion, and the reload that makes it live; returns the run's id."""
    with on(host) as at:
        return the_run(at, at.edit(SITE, HEADER), create(NEW, b"# new\n"), at.delete(OLD), at.act("reload", NGINX))


def with_rights(host: LabHost) -> None:
    host.write(OLD, b"# caf\xe9\r\n# no newline", 0o640, "www-data:adm")
    host.sh(f"setfacl -m u:games:r,m::rw {OLD} {SITE} && setfattr -n user.note -v mine {OLD}")


def undo(command: CommandLine, *words: str) -> Answer:
    """A unit need not stay up for as long as an operator would have it."""
    answer = command.json("undo", "--host", "web1", "--settle", "0.5", *words)
    assert answer.stdout, answer
    contract.check(answer.document)
    return answer


def test_edits_creations_and_deletions_are_undone_with_owner_mode_acl_and_attributes(
    web1: LabHost, command: CommandLine
) -> None:
    with_rights(web1)
    before, was = contents(web1), rights(web1)
    run = change(web1)
    assert b"X-Edited" in headers(web1)
    dry = undo(command, "--dry-run")
    assert (dry.exit_code, dry.host["status"]) == (0, "planned"), dry.host
    assert [(one["action"], one["target"]) for one in dry.host["changes"]] == [
        ("create", OLD),
        ("delete", NEW),
        ("edit", SITE),
        ("reload", NGINX),
    ]
    assert dry.host["proof"]["proven"]
    assert b"X-Edited" in headers(web1), "a dry run changes nothing"
    done = undo(command, "--yes", "--plan", dry.host["plan"])
    assert (done.exit_code, done.host["status"]) == (0, "changed"), done.host
    assert b"X-Edited" not in headers(web1)
    assert contents(web1) == before
    assert rights(web1) == was
    assert b"user:5:r--" in was
    assert b"mine" in was
    assert leftovers(web1) == ""
    again = undo(command, "--yes")
    assert (again.exit_code, again.host["status"], again.host["changes"]) == (0, "ok", [])
    named = undo(command, "--yes", "--run", run)
    assert (named.exit_code, named.host["status"]) == (0, "ok")
    assert any("taken back already" in note for note in named.host["notes"])


def the_run(at: OnHost, *what: FileChange | UnitAction) -> str:
    """A committed run of these changes, made by hand: unproven, whatever they do."""
    made = at.transaction(*what)
    begun = made.begin()
    assert begun.state == "await", begun
    assert made.confirm().state == "committed"
    return made.transaction.program.run


def edited(host: LabHost, *splice: tuple[bytes, bytes]) -> str:
    with on(host) as at:
        return the_run(at, at.edit(SITE, *splice), at.act("reload", NGINX))


def test_undo_goes_further_back_each_time_and_an_undo_is_undone_by_its_name(
    web1: LabHost, command: CommandLine
) -> None:
    before = web1.read(SITE)
    first = edited(web1, HEADER)
    middle = web1.read(SITE)
    second = edited(web1, (b"X-Edited yes", b"X-Edited twice"))
    latest = web1.read(SITE)
    too_early = undo(command, "--yes", "--run", first)
    assert (too_early.exit_code, too_early.host["status"]) == (3, "refused")
    assert f"{SITE} was changed since, by run {second} of " in too_early.host["error"]
    assert f"undo that one first: invoke undo --host web1 --run {second}" in too_early.host["error"]
    assert web1.read(SITE) == latest
    undone = undo(command, "--yes")
    assert undone.host["status"] == "changed", undone.host
    assert web1.read(SITE) == middle
    assert undo(command, "--yes").host["status"] == "changed"
    assert web1.read(SITE) == before
    again = undo(command, "--yes", "--run", undone.document["run"])
    assert again.host["status"] == "refused", "the bytes that it wrote do not stand any more"
    redone = undo(command, "--yes", "--run", edited(web1, HEADER))
    assert web1.read(SITE) == before
    back = undo(command, "--yes", "--run", redone.document["run"])
    assert back.host["status"] == "changed", back.host
    assert web1.read(SITE) == middle
    assert b"X-Edited: yes" in headers(web1)


def test_the_undo_of_an_undo_creates_and_deletes_again(web1: LabHost, command: CommandLine) -> None:
    with_rights(web1)
    was = rights(web1)
    change(web1)
    after = contents(web1)
    undone = undo(command, "--yes")
    assert undone.host["status"] == "changed", undone.host
    redone = undo(command, "--yes", "--run", undone.document["run"])
    assert redone.host["status"] == "changed", redone.host
    assert contents(web1) == after
    third = undo(command, "--yes", "--run", redone.document["run"])
    assert third.host["status"] == "changed", third.host
    assert rights(web1) == was


@pytest.mark.parametrize(
    ("by_hand", "said"),
    [
        ("echo '# mine' >>{site}", "{site} was changed since, by somebody else than this toolkit"),
        ("rm {site}", "{site} is gone since, by somebody else than this toolkit"),
        ("echo '# mine' >{old}", "{old} was created again since, by somebody else than this toolkit"),
        ("mv {new} /srv/new.conf && ln -s /srv/new.conf {new}", "{new} is a link to /srv/new.conf now"),
        ("rm /var/lib/remediate/txn/*/before/1", "the old {site} is not in the journal any more"),
        ("echo x >>/var/lib/remediate/txn/{run}/before/1", "the old {site} is not in the journal any more"),
        ("rm /var/lib/remediate/txn/{run}/ops", "the record in /var/lib/remediate/txn/{run} is not there any more"),
    ],
    ids=["edited", "gone", "created", "link", "no-image", "damaged-image", "no-record"],
)
def test_what_is_not_as_the_run_left_it_is_named_and_nothing_is_touched(
    web1: LabHost, command: CommandLine, by_hand: str, said: str
) -> None:
    with_rights(web1)
    names = {"site": SITE, "new": NEW, "old": OLD, "run": change(web1)}
    web1.sh(by_hand.format(**names))
    before = files_of(web1, "/etc")
    for words in (("--dry-run",), ("--yes",)):
        answer = undo(command, *words)
        assert (answer.exit_code, answer.host["status"], answer.host["changes"]) == (3, "refused", [])
        assert said.format(**names) in answer.host["error"]
    assert files_of(web1, "/etc") == before


def test_what_somebody_has_put_back_by_hand_is_left_and_the_rest_undone(web1: LabHost, command: CommandLine) -> None:
    with_rights(web1)
    change(web1)
    web1.sh(f"rm {NEW}")
    answer = undo(command, "--yes")
    assert answer.host["status"] == "changed", answer.host
    assert NEW not in {one["target"] for one in answer.host["changes"]}
    assert any(note == f"undo: {NEW} holds what it held before that run: left alone" for note in answer.host["notes"])
    assert b"X-Edited" not in headers(web1)


def test_a_configuration_that_is_broken_now_is_repaired_by_the_undo_and_the_proof_says_so(
    web1: LabHost, command: CommandLine
) -> None:
    with on(web1) as at:
        the_run(at, at.edit(SITE, (b"server_name", b"sevrer_name")))
    dry = undo(command, "--dry-run")
    assert dry.host["status"] == "planned", dry.host
    assert dry.host["proof"]["proven"] is True
    assert "undo: the present configuration does not validate; with the old files it does" in dry.host["notes"]
    assert undo(command, "--yes").host["status"] == "changed"
    web1.sh("nginx -t")


def test_a_daemon_that_died_of_what_is_taken_back_is_started_again(web1: LabHost, command: CommandLine) -> None:
    with on(web1) as at:
        the_run(at, at.append(POOL, b"; x\n"), at.act("reload", FPM))
        broken = at.edit(POOL, (b"pm.max_children = 5", b"pm.max_children = 0"))
        the_run(at, broken)
    web1.sh(f"systemctl restart {FPM}; exit 0")
    faulty = undo(command.impatient, "--yes")
    assert faulty.host["status"] == "failed", "the run acted on no unit, so its undo does not either"
    assert "the undo stands, as asked; the site is still bad" in faulty.host["error"]
    assert b"pm.max_children = 5" in web1.read(POOL)
    started = undo(command, "--yes")
    assert started.host["status"] == "changed", started.host
    assert (FPM, "start") in {(one["target"], one["action"]) for one in started.host["changes"]}
    assert web1.get("shop.example").status == 200


def test_an_undo_that_makes_a_good_site_bad_is_undone(web1: LabHost, command: CommandLine) -> None:
    """The run had cured the site: what was before it is no state to go back to."""
    web1.sh(f"sed -i 's/index index.php;/index index.php; return 503;/' {SITE}")
    web1.reload_nginx()
    edited(web1, (b" return 503;", b""))
    assert web1.get("shop.example").status == 200
    before = web1.read(SITE)
    answer = undo(command.impatient, "--yes")
    assert (answer.exit_code, answer.host["status"]) == (3, "rolled_back"), answer.host
    assert "the site was bad after the change" in answer.host["error"]
    assert web1.read(SITE) == before
    assert web1.get("shop.example").status == 200


def test_an_undo_that_was_asked_for_stands_though_the_site_stays_bad(web1: LabHost, command: CommandLine) -> None:
    """At 3 am: the operator takes back what was changed, one after the other, until the site is good."""
    edited(web1, HEADER)
    faults.service_stopped(web1)
    dry = undo(command, "--dry-run")
    assert any("stands whether it helps or not" in text for text in dry.host["warnings"])
    answer = undo(command.impatient, "--yes")
    assert (answer.exit_code, answer.host["status"]) == (3, "failed"), answer.host
    assert "the undo stands, as asked" in answer.host["error"]
    assert f"service-stopped ({FPM})" in answer.host["error"]
    assert b"X-Edited" not in web1.read(SITE)
    assert {one["target"] for one in answer.host["changes"]} == {SITE, NGINX}
    assert leftovers(web1) == ""


def test_a_run_is_undone_after_a_reboot(web1: LabHost, command: CommandLine) -> None:
    with_rights(web1)
    was = rights(web1)
    change(web1)
    web1.crash_and_reboot()
    answer = undo(command, "--yes")
    assert answer.host["status"] == "changed", answer.host
    assert rights(web1) == was


def test_a_run_that_only_started_a_unit_has_nothing_to_put_back(web1: LabHost, command: CommandLine) -> None:
    edit = edited(web1, HEADER)
    web1.sh(f"systemctl stop {FPM}")
    with on(web1) as at:
        start = the_run(at, at.act("start", FPM))
    answer = undo(command, "--dry-run", "--run", start)
    assert answer.host["status"] == "ok", answer.host
    assert any("it changed no file" in note for note in answer.host["notes"])
    assert any(edit in note for note in undo(command, "--dry-run").host["notes"])


def test_a_run_that_this_host_does_not_know_is_refused_and_one_without_runs_has_nothing_to_undo(
    web1: LabHost, command: CommandLine
) -> None:
    nothing = undo(command, "--yes")
    assert (nothing.exit_code, nothing.host["status"]) == (0, "ok")
    assert nothing.host["notes"] == ["undo: no run that stands on this host has written a file"]
    answer = undo(command, "--yes", "--run", "20200101T000000Z-abcdef")
    assert (answer.exit_code, answer.host["status"]) == (3, "refused")
    assert "there is no such run on this host; see: invoke history --host web1" in answer.host["error"]


def test_the_users_own_sites_that_a_run_added_may_go_again(web1: LabHost, command: CommandLine) -> None:
    """A port that nobody serves any more is no failure of the undo: what stands again decides what is asked."""
    site = create("/etc/nginx/conf.d/x.conf", b"server { listen 8090; server_name x.example; return 200 ok; }\n")
    with on(web1) as at:
        the_run(at, site, at.act("reload", NGINX))
    answer = undo(command, "--yes")
    assert answer.host["status"] == "changed", answer.host


def test_rights_that_somebody_changed_since_become_what_they_were_and_it_is_said(
    web1: LabHost, command: CommandLine
) -> None:
    edited(web1, HEADER)
    web1.sh(f"chmod 600 {SITE}")
    answer = undo(command, "--yes")
    assert answer.host["status"] == "changed", answer.host
    assert any(f"{SITE} is mode 600 of 0:0 now and becomes mode 644 of 0:0 again" in w for w in answer.host["warnings"])
    assert web1.sh(f"stat -c %a {SITE}") == b"644\n"


def test_without_systemd_the_daemons_are_found_by_their_titles(lab_host: LabHostFactory, tmp_path: Path) -> None:
    host, command = lab_host("web1", "no-systemd"), CommandLine(tmp_path)
    command.knows(host)
    with on(host) as at:
        nginx, fpm = (int(host.read(path)) for path in ("/run/nginx.pid", "/run/php/php8.2-fpm.pid"))
        pool = at.edit(POOL, (b"pm.max_children = 5", b"pm.max_children = 6"))
        the_run(at, at.edit(SITE, HEADER), pool, at.act("reload", pid=nginx), at.act("reload", pid=fpm))
    assert int(host.read("/run/php/php8.2-fpm.pid")) != fpm
    answer = undo(command, "--yes")
    assert answer.host["status"] == "changed", answer.host
    assert b"X-Edited" not in headers(host)
    assert {one["target"] for one in answer.host["changes"] if one["kind"] == "unit"} == {
        f"pid {nginx}",
        f"pid {host.read('/run/php/php8.2-fpm.pid').decode().strip()}",
    } or len(answer.host["changes"]) == 4


def test_somebody_is_asked_and_may_say_no(web1: LabHost, command: CommandLine) -> None:
    edited(web1, HEADER)
    nobody = command("undo", "--host", "web1")
    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert "--yes" in nobody.stderr
    assert "--host is missing" in command("undo", "--yes").stderr
    assert b"X-Edited" in web1.read(SITE)


def test_a_run_of_last_month_is_undone_though_the_journal_is_pruned_meanwhile(
    web1: LabHost, command: CommandLine
) -> None:
    with_rights(web1)
    was = rights(web1)
    run = change(web1)
    web1.sh(f"touch -d '40 days ago' /var/lib/remediate/txn/{run}")
    answer = undo(command, "--yes")
    assert answer.host["status"] == "changed", answer.host
    assert rights(web1) == was


def test_secrets_are_masked_in_the_diff_and_in_the_report_that_is_kept(web1: LabHost, command: CommandLine) -> None:
    web1.sh(f"echo 'env[DB_PASSWORD] = c4nary-old' >>{POOL}")
    with on(web1) as at:
        the_run(at, at.edit(POOL, (b"c4nary-old", b"c4nary-new")), at.act("reload", FPM))
    answer = command("undo", "--host", "web1", "--yes")
    assert answer.exit_code == 0, answer
    assert "+env[DB_PASSWORD] = ***" in answer.stdout
    kept = "".join(path.read_text() for path in (command.folder / "state").rglob("*.json"))
    assert "DB_PASSWORD" in kept
    assert "c4nary" not in answer.stdout + answer.stderr + kept + command("history", "--host", "web1").stdout
    assert b"c4nary-old" in web1.read(POOL)


@pytest.mark.parametrize("variant", ["sudo-user,fish", "no-unshare"])
def test_any_login_may_undo_and_what_cannot_be_proven_is_said(
    lab_host: LabHostFactory, tmp_path: Path, variant: str
) -> None:
    host, command = lab_host("web1", variant), CommandLine(tmp_path)
    command.knows(host)
    with_rights(host)
    was = rights(host)
    change(host)
    dry = undo(command, "--dry-run")
    unproven = [text for text in dry.host["warnings"] if text.startswith("the plan is not proven")]
    assert bool(unproven) is (variant == "no-unshare")
    answer = undo(command, "--yes")
    assert answer.host["status"] == "changed", answer.host
    assert rights(host) == was
    if variant == "no-unshare":
        return
    command.knows(host, ansible_become=False)
    refused = undo(command, "--yes")
    assert (refused.exit_code, refused.host["status"]) == (3, "refused")
    assert "the journal of runs cannot be read: /var/lib/remediate may not be read" in refused.host["error"]


def test_where_nobody_can_tell_whether_the_site_is_good_the_undo_stands_and_says_so(
    web1: LabHost, command: CommandLine
) -> None:
    only = "/etc/nginx/conf.d/only.conf"
    web1.sh("rm /etc/nginx/sites-enabled/*")
    web1.write(only, b"server { listen 80 default_server; return 444; }\n")
    web1.reload_nginx()
    with on(web1) as at:
        the_run(at, at.append(only, b"# more\n"), at.act("reload", NGINX))
    answer = undo(command.impatient, "--yes")
    assert (answer.exit_code, answer.host["status"]) == (3, "unknown"), answer.host
    assert "the undo stands, as asked; whether the site is good cannot be told" in answer.host["error"]
    assert web1.read(only) == b"server { listen 80 default_server; return 444; }\n"


def test_many_hosts_are_taken_back_at_once_and_one_without_that_run_is_refused(
    lab_host: LabHostFactory, tmp_path: Path
) -> None:
    web1, web2, command = lab_host("web1"), lab_host("web2"), CommandLine(tmp_path)
    command.knows(web1, web2)
    run = edited(web1, HEADER)
    answer = command.json("undo", "--host", "web1,web2", "--yes", "--run", run)
    contract.check(answer.document)
    one, two = answer.document["hosts"]
    assert (answer.exit_code, one["status"], two["status"]) == (3, "changed", "refused")
    assert "web2: undo" in two["error"]
    assert "there is no such run" in two["error"]
    again = command.json("undo", "--host", "web*", "--yes")
    assert [host["status"] for host in again.document["hosts"]] == ["ok", "ok"]
