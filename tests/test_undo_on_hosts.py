"""Undo on real hosts: every byte, owner, right and attribute comes back, by the command that the report prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import contract
from tests.command_line import Answer, CommandLine
from tests.lab.host import LabHost
from tests.on_host import FPM, NGINX, POOL, SITE, create, files_of, leftovers, on

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
        edits = at.edit(SITE, HEADER), create(NEW, b"# new\n"), at.delete(OLD), at.act("reload", NGINX)
        made = at.transaction(*edits)
        assert made.begin().state == "await"
        assert made.confirm().state == "committed"
        return made.transaction.program.run


def with_rights(host: LabHost) -> None:
    host.write(OLD, b"# caf\xe9\r\n# no newline", 0o640, "www-data:adm")
    host.sh(f"setfacl -m u:games:r,m::rw {OLD} {SITE} && setfattr -n user.note -v mine {OLD}")


def undo(command: CommandLine, *words: str) -> Answer:
    answer = command.json("undo", "--host", "web1", *words)
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
