"""Before-images: kept where only we may read them, and put back by the very command that the report prints."""

from __future__ import annotations

import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from remediations import state
from remediations.connections.base import Target
from remediations.errors import RefusedError
from remediations.plan import Plan
from remediations.transaction import Transaction, before_images
from tests.conftest import LabHostFactory
from tests.lab.host import LabHost
from tests.on_host import FPM, NGINX, POOL, RUN, SITE, OnHost, create, files_of, leftovers, on, target

HEADER = (b"    index index.php;\n", b"    index index.php;\n    add_header X-Edited caf\xe9;\n")
DROP_IN = "/etc/systemd/system/nginx.service.d/50-x.conf"


def change_everything(at: OnHost) -> Plan:
    at.host.write("/etc/nginx/conf.d/old.conf", b"# caf\xe9\r\n# no newline", 0o640, "www-data:adm")
    return at.plan(
        at.edit(SITE, HEADER),
        at.edit(POOL, (b"pm.max_children = 5", b"pm.max_children = 6")),
        at.delete("/etc/nginx/conf.d/old.conf"),
        create(DROP_IN, b"[Service]\nRestart=always\n"),
        at.act("daemon-reload"),
        at.act("start", FPM),
        at.act("reload", NGINX),
    )


def applied(host: LabHost, folder: Path) -> tuple[str, list[str]]:
    """Applies as the runner does; returns the command that its report prints, and /etc as it was before."""
    with on(host) as at:
        plan = change_everything(at)
        before = files_of(host, "/etc")
        host.sh(f"systemctl stop {FPM}" if not host.features or "no-systemd" not in host.features else "true")
        script = before_images.keep(folder, at.snapshot, plan, RUN)
        assert "state committed" not in script.read_text()
        transaction = at.transaction()
        transaction = replace(transaction, transaction=Transaction(replace(transaction.transaction.program, plan=plan)))
        begun = transaction.begin()
        assert begun.state == "await", begun
        before_images.write_script(folder, at.snapshot, plan, RUN, begun.did("made")[::-1])
        assert transaction.confirm().state == "committed"
    return before_images.restore_command(target(host), script), before


def typed(command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["/bin/sh", "-c", command], capture_output=True, timeout=120, check=False)


def without_times(lines: list[str]) -> list[str]:
    """Contents, modes and owners; an edited file comes back with a new time, as it must: daemons go by it."""
    return [
        "|".join(part for n, part in enumerate(line.split("|")) if n not in (4, 5))
        for line in lines
        if "|d|" not in line
    ]


@pytest.mark.parametrize("variant", ["", "sudo-user", "fish", "no-unshare"])
def test_the_printed_command_puts_every_byte_back(lab_host: LabHostFactory, tmp_path: Path, variant: str) -> None:
    host = lab_host("web1", variant)
    command, before = applied(host, tmp_path / "run" / host.name)
    assert b"X-Edited" in host.sh("curl -si -H 'Host: shop.example' http://127.0.0.1/")
    done = typed(command)
    assert done.returncode == 0, (command, done)
    assert done.stdout.decode().splitlines()[-1] == f"everything is as it was before run {RUN}"
    assert without_times(files_of(host, "/etc")) == without_times(before)
    assert host.sh(f"ls -d {DROP_IN[:-10]}* 2>&1; true").startswith(b"ls: cannot access"), (
        "the folder was made by the run"
    )
    answer = host.sh("curl -si -H 'Host: shop.example' http://127.0.0.1/")
    assert b"200 OK" in answer, "the unit that the run had started stays up"
    assert b"X-Edited" not in answer
    assert host.sh("systemctl show -P Restart nginx") == b"no\n"
    assert leftovers(host) == ""
    again = typed(command)
    assert again.returncode == 3, "there is nothing left to put back"
    assert b"put back before" in again.stdout


def test_what_somebody_changed_since_is_not_overwritten(web1: LabHost, tmp_path: Path) -> None:
    command, _ = applied(web1, tmp_path / "x")
    web1.sh(f"echo '; mine' >>{POOL}")
    before = files_of(web1, "/etc")
    done = typed(command)
    assert done.returncode == 3
    assert f"refused {POOL} changed since the plan" in done.stdout.decode()
    assert {line for line in set(before) ^ set(files_of(web1, "/etc")) if "|d|" not in line} == set()


def test_the_old_files_come_back_although_the_present_ones_are_broken(web1: LabHost, tmp_path: Path) -> None:
    with on(web1) as at:
        plan = at.plan(at.append(SITE, b"nonsense;\n"))
        script = before_images.keep(tmp_path / "x", at.snapshot, plan, RUN)
        transaction = at.transaction()
        transaction = replace(transaction, transaction=Transaction(replace(transaction.transaction.program, plan=plan)))
        assert transaction.begin().state == "await"
        assert transaction.confirm().state == "committed"
    assert typed(before_images.restore_command(target(web1), script)).returncode == 0
    web1.sh("nginx -t && systemctl reload nginx")


def test_without_systemd_the_daemons_are_found_again(lab_host: LabHostFactory, tmp_path: Path) -> None:
    """PHP-FPM has taken a new pid since the script was written: when the run itself reloaded it."""
    host = lab_host("web1", "no-systemd")
    with on(host) as at:
        nginx, fpm = (int(host.read(path)) for path in ("/run/nginx.pid", "/run/php/php8.2-fpm.pid"))
        pool = at.edit(POOL, (b"pm.max_children = 5", b"pm.max_children = 6"))
        plan = at.plan(at.edit(SITE, HEADER), pool, at.act("reload", pid=nginx), at.act("reload", pid=fpm))
        script = before_images.keep(tmp_path / "x", at.snapshot, plan, RUN)
        transaction = at.transaction()
        transaction = replace(transaction, transaction=Transaction(replace(transaction.transaction.program, plan=plan)))
        assert transaction.begin().state == "await"
        assert transaction.confirm().state == "committed"
    assert int(host.read("/run/php/php8.2-fpm.pid")) != fpm
    done = typed(before_images.restore_command(target(host), script))
    assert done.returncode == 0, done
    assert b"X-Edited" not in host.sh("curl -si -H 'Host: shop.example' http://127.0.0.1/")


def test_before_images_are_exact_and_private(web1: LabHost, tmp_path: Path) -> None:
    folder = tmp_path / "state" / RUN / "web1"
    with on(web1) as at:
        plan = change_everything(at)
        before_images.keep(folder, at.snapshot, plan, RUN)
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(kept) == ["01-shop", "02-www.conf", "03-old.conf", "restore.sh"]
    assert kept["01-shop"] == web1.read(SITE)
    assert kept["03-old.conf"] == b"# caf\xe9\r\n# no newline"
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_where_they_cannot_be_kept_nothing_may_be_changed(web1: LabHost, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with on(web1) as at, pytest.raises(RefusedError, match=r"web1: keep the old files in .*nothing was changed"):
        before_images.keep(tmp_path / "file" / "web1", at.snapshot, at.plan(at.edit(SITE, HEADER)), RUN)


# --- without a host ---


def test_the_state_folder_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert state.folder({"XDG_STATE_HOME": "/state"}) == Path("/state/remediate")
    assert state.folder({}) == Path("/home/ann/.local/state/remediate")
    assert state.folder({"XDG_STATE_HOME": ""}) == Path("/home/ann/.local/state/remediate")


def test_the_command_is_quoted_for_the_persons_own_shell() -> None:
    odd = Target("w", "10.0.0.1", port=2222, user="ann", jump="bob@gate", private_key_file=Path("/k/my key"))
    assert before_images.restore_command(odd, Path("/s/my run/restore.sh")) == (
        "ssh -p 2222 -i '/k/my key' -J bob@gate ann@10.0.0.1 'sudo sh -s' < '/s/my run/restore.sh'"
    )
    as_root = Target("w", "w.example", user="root")
    assert before_images.restore_command(as_root, Path("/s/restore.sh")) == "ssh root@w.example 'sh -s' < /s/restore.sh"
