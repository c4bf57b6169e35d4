"""Proof: what the host's own validators say of the staged files, and what is said where they cannot be asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from remediations import proof, remote
from remediations.facts.validation import Verdict, php_fpm, unit
from remediations.facts.validation import judge as judge_one
from remediations.proof import judge
from tests.conftest import LabHostFactory
from tests.lab import faults
from tests.lab.host import LabHost
from tests.on_host import POOL, SITE, create, files_of, on

DROP_IN = "/etc/systemd/system/nginx.service.d/50-x.conf"
CONF_D = "/etc/nginx/conf.d"


def test_a_fault_of_the_change_is_found_in_every_kind_of_file(web1: LabHost) -> None:
    """One host, one staged fault at a time: a syntax error, a directive twice, a bad pool value, a bad drop-in."""
    with on(web1) as at:
        nginx = {
            "unknown directive": at.edit(SITE, (b"server_name shop", b"sevrer_name shop")),
            "unexpected end of file": at.append(SITE, b"server {\n"),
            "directive is duplicate": at.edit(SITE, (b"    root ", b"    root /srv;\n    root ")),
            "host not found in upstream": create(f"{CONF_D}/x.conf", b"upstream x { server no.such.invalid; }\n"),
        }
        for words, change in nginx.items():
            said = at.prove(change).failed
            assert said is not None, words
            assert (said.name, said.fatal) == ("nginx -t", True)
            assert words in said.output
        pool = at.edit(POOL, (b"pm.max_children = 5", b"pm.max_children = 0"))
        said = at.prove(pool).failed
        assert said is not None
        assert said.name == "php-fpm8.2 -t"
        assert "pm.max_children must be a positive value" in said.output
        said = at.prove(create(DROP_IN, b"[Service]\nRestart=sometimes\n")).failed
        assert said is not None
        assert said.name == "systemd-analyze verify nginx.service"
        assert "sometimes" in said.output
        assert at.prove(create(DROP_IN, b"[Service]\nRestart=always\n")).proven
        whole = at.prove(create("/etc/systemd/system/x.service", b"[Service]\nExecStart=/bin/true\nType=odd\n")).failed
        assert whole is not None
        assert whole.name == "systemd-analyze verify x.service"
        assert at.prove(at.edit(SITE, (b"index index.php;", b"index index.php; # fine"))).proven


def test_a_deleted_file_is_missed_by_those_who_include_it(web1: LabHost) -> None:
    with on(web1) as at:
        said = at.prove(at.delete("/etc/nginx/fastcgi.conf")).failed
    assert said is not None
    assert "fastcgi.conf" in said.output
    assert web1.get("shop.example").status == 200


def test_an_old_fault_is_not_blamed_on_the_change(web1: LabHost) -> None:
    faults.config_invalid(web1)
    with on(web1) as at:
        said = at.prove(create(f"{CONF_D}/x.conf", b"# fine\n")).failed
        assert said is not None
        assert "it failed in the same way before the change" in said.output
        repaired = at.prove(at.edit(faults.BROKEN_SITE, (b"sevrer_name", b"server_name")))
        assert repaired.proven
        moved = at.prove(at.edit(faults.BROKEN_SITE, (b"    listen 80;\n", b"    listen 80;\n\n")))
        assert moved.failed is not None
        assert "before the change" in moved.failed.output, "the same fault, one line further down"


def test_an_old_warning_forbids_nothing(web1: LabHost) -> None:
    """An extension that is not there is printed at every start; PHP-FPM runs all the same. So is a unit's old typo."""
    web1.write("/etc/php/8.2/fpm/conf.d/99-x.ini", b"extension=nosuch\n")
    web1.sh("mkdir -p /etc/systemd/system/nginx.service.d")
    web1.write("/etc/systemd/system/nginx.service.d/10-old.conf", b"[Service]\nOldTypo=1\n")
    with on(web1) as at:
        proven = at.prove(at.append(POOL, b"; x\n"), create(DROP_IN, b"[Service]\nRestart=always\n"))
        assert proven.proven, proven
        assert [("so it was before" in check.output) for check in proven.checks] == [True, True]
        new = at.prove(create(DROP_IN, b"[Service]\nNewTypo=1\n"))
        assert not new.proven


def test_a_symlinked_site_outside_the_tree_is_proven_at_its_target(web1: LabHost) -> None:
    web1.sh(f"mkdir -p /srv/sites && mv {SITE} /srv/sites/shop.vhost && ln -sfn /srv/sites/shop.vhost {SITE}")
    real = "/srv/sites/shop.vhost"
    with on(web1) as at:
        before = files_of(web1, "/srv", "/etc/nginx")
        assert at.prove(at.edit(real, (b"index index.php;", b"index index.html index.php;"))).proven
        assert not at.prove(at.edit(real, (b"server_name", b"sevrer_name"))).proven
        assert not at.prove(at.delete(real)).proven
    assert files_of(web1, "/srv", "/etc/nginx") == before


def test_a_new_file_in_a_symlinked_folder_is_proven(web1: LabHost) -> None:
    web1.sh("mv /etc/nginx/conf.d /srv/conf.d && ln -s /srv/conf.d /etc/nginx/conf.d; echo '#' >/srv/conf.d/a.conf")
    with on(web1) as at:
        assert at.prove(create("/srv/conf.d/x.conf", b"# fine\n")).proven
        assert not at.prove(create("/srv/conf.d/x.conf", b"nonsense;\n")).proven
    assert web1.sh("ls /srv/conf.d") == b"a.conf\n"


def test_files_mounted_into_the_tree_are_seen_by_the_proof(web1: LabHost) -> None:
    """A container's way: one file bound into /etc/nginx. An overlay of the folder alone would hide it."""
    web1.sh("echo 'server_tokens off;' >/srv/one.conf; : >/etc/nginx/conf.d/one.conf")
    web1.sh("mount --bind /srv/one.conf /etc/nginx/conf.d/one.conf")
    with on(web1) as at:
        twice = at.prove(create(f"{CONF_D}/x.conf", b"server_tokens off;\n"))
        mounted = at.file(f"{CONF_D}/one.conf")
        staged = at.prove(replace(create(mounted.path, b"# other\n"), before=mounted))
    assert twice.failed is not None
    assert "duplicate" in twice.failed.output
    assert staged.reason is not None
    assert staged.reason.endswith(f"cannot stage {mounted.path}")


def test_what_lies_where_the_scratch_is_mounted_is_seen_by_the_proof(web1: LabHost) -> None:
    web1.sh("echo 'server_tokens off;' >/media/one.conf; echo 'include /media/one.conf;' >/etc/nginx/conf.d/one.conf")
    with on(web1) as at:
        assert at.prove(create(f"{CONF_D}/x.conf", b"# fine\n")).proven


def test_a_big_tree_is_proven_by_an_overlay(web1: LabHost) -> None:
    web1.sh("head -c 80000000 /dev/zero >/etc/nginx/GeoIP.dat")
    with on(web1) as at:
        assert at.prove(create(f"{CONF_D}/x.conf", b"# fine\n")).proven
        assert not at.prove(create(f"{CONF_D}/x.conf", b"nonsense;\n")).proven


@contextmanager
def no_overlay(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same program on a kernel that knows no overlay."""
    text = remote.program("contain").replace("-t overlay", "-t nosuchfs")
    assert "nosuchfs" in text
    with monkeypatch.context() as patch:
        patch.setattr("remediations.facts.validation.program", {"contain": text}.__getitem__)
        yield


def test_without_overlays_a_copy_serves_up_to_64_mib(web1: LabHost, monkeypatch: pytest.MonkeyPatch) -> None:
    with on(web1) as at, no_overlay(monkeypatch):
        before = files_of(web1, "/etc", "/run", "/var/log", without=("/run/systemd", "/run/log", "/var/log/journal"))
        assert at.prove(create(f"{CONF_D}/x.conf", b"# fine\n")).proven
        assert not at.prove(create(f"{CONF_D}/x.conf", b"nonsense;\n")).proven
        assert before == files_of(
            web1, "/etc", "/run", "/var/log", without=("/run/systemd", "/run/log", "/var/log/journal")
        )
        web1.sh("head -c 80000000 /dev/zero >/etc/nginx/GeoIP.dat")
        big = at.prove(create(f"{CONF_D}/x.conf", b"# fine\n"))
    assert (big.proven, big.checks) == (False, ())
    assert big.reason == "no private copy: /etc/nginx holds over 64 MiB and cannot be overlaid"


def test_a_host_that_refuses_unshare_is_not_proven_and_says_why(lab_host: LabHostFactory) -> None:
    with on(lab_host("web1", "no-unshare")) as at:
        said = at.prove(at.append(SITE, b"# x\n"))
    assert (said.proven, said.checks, said.failed) == (False, (), None)
    assert said.reason is not None
    assert said.reason.startswith("unshare is not allowed: ")


def test_a_host_where_we_are_not_root_is_not_proven(lab_host: LabHostFactory) -> None:
    with on(lab_host("web1", "no-sudo"), become=False) as at:
        said = at.prove(create(f"{CONF_D}/x.conf", b"#\n"))
    assert (said.proven, said.reason) == (False, "not root: no private mount namespace")


def test_a_folder_that_is_nobodys_has_no_validator(web1: LabHost) -> None:
    with on(web1) as at:
        said = at.prove(create("/etc/motd.d/x", b"hello\n"))
    assert said == proof.Proof(False, reason="the host has no validator for these files")


def test_a_validator_that_hangs_is_ended(web1: LabHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remediations.facts.validation.SECONDS_EACH", 1)
    with on(web1) as at:
        web1.write("/srv/slow", b"#!/bin/sh\nsleep 60\n", 0o755)
        web1.sh("mount --bind /srv/slow /usr/sbin/nginx")
        said = at.prove(at.append(SITE, b"# x\n"))
    assert said.failed is not None
    assert "no answer within 1 s" in said.failed.output


# --- judging, without a host ---


def verdict(output: str, *, ok: bool = False, fatal: bool = True) -> Verdict:
    return Verdict("a", "b", ok, output, fatal)


def test_a_fault_that_stays_while_another_comes_is_the_changes_fault() -> None:
    old = verdict("x.conf:3: odd", fatal=False)
    both = verdict("x.conf:4: odd\nx.conf:9: new", fatal=False)
    assert judge((old,), (both,)).failed == both


def test_the_same_fault_at_another_time_and_line_is_the_same() -> None:
    old, new = verdict("[22-Nov-2026 10:00:00] ERROR: [/p:3] bad"), verdict("[22-Nov-2026 10:00:01] ERROR: [/p:4] bad")
    assert "before the change" in judge((old,), (new,)).checks[0].output


def test_other_numbers_make_another_fault() -> None:
    old, new = verdict("invalid value 5"), verdict("invalid value 9")
    assert judge((old,), (new,)).failed == new


def test_php_fpm_that_only_prints_its_fault_is_not_ok_but_runs() -> None:
    said = judge_one(
        php_fpm("/usr/sbin/php-fpm8.2", "/p"), 0, "PHP:  syntax error, unexpected '(' in x.ini on line 1\n"
    )
    assert (said.ok, said.fatal) == (False, False)
    assert judge_one(php_fpm("/usr/sbin/php-fpm8.2", "/p"), 0, "NOTICE: test is successful\n").ok
    assert judge_one(php_fpm("/usr/sbin/php-fpm8.2", "/p"), 78, "ERROR: bad\n") == Verdict(
        "php-fpm8.2 -t", "/p", False, "ERROR: bad", True
    )


def test_systemd_speaks_of_all_units_and_only_ours_count() -> None:
    said = judge_one(unit("nginx.service"), 1, "other.service: odd\n/etc/nginx.service.d/x.conf:2: odd\n")
    assert said.output == "/etc/nginx.service.d/x.conf:2: odd"
    assert judge_one(unit("nginx.service"), 1, "other.service: odd\n").ok
