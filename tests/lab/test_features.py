"""Each variant of a host does what it says, seen from where the toolkit stands: over ssh."""

import pytest

from tests.conftest import LabHostFactory
from tests.lab import features
from tests.lab.errors import LabError
from tests.patience import eventually

SITES = ("shop.example", "api.example")


@pytest.mark.parametrize("variant", features.FEATURES)
def test_every_variant_serves_both_sites(lab_host: LabHostFactory, variant: str) -> None:
    host = lab_host(variant=variant)
    assert [host.get(site).status for site in SITES] == [200, 200]
    assert host.ssh("cat /etc/hostname").stdout.endswith(b"web1\n")


def test_features_combine(lab_host: LabHostFactory) -> None:
    host = lab_host(variant="sudo-user,noisy,no-unshare,two-php")
    assert host.ssh("sudo -n id -un; sudo -n unshare -m true || true").stdout.endswith(b"\0\nroot\n")
    assert host.get("legacy.example").status == 200


def test_contradicting_and_unknown_features_are_refused() -> None:
    with pytest.raises(LabError, match="sudo-user cannot be combined with no-sudo"):
        features.choose(["no-sudo", "sudo-user"])
    with pytest.raises(LabError, match="no such variant: rust; there are: python, "):
        features.choose(["rust"])


def test_python_is_there_only_where_it_was_asked_for(lab_host: LabHostFactory) -> None:
    command = "command -v python3"
    assert lab_host("web1", variant="python").ssh(command).stdout == b"/usr/bin/python3\n"
    assert lab_host("web2").ssh(command, check=False).returncode != 0


def test_sudo_user_is_root_by_sudo_and_not_by_login(lab_host: LabHostFactory) -> None:
    host = lab_host(variant="sudo-user")
    assert host.ssh("id -un; sudo -n id -un").stdout == b"deploy\nroot\n"
    assert host.sh("/usr/sbin/sshd -T | grep -i permitrootlogin") == b"permitrootlogin no\n"


def test_sudo_password_demands_the_password_that_the_lab_knows(lab_host: LabHostFactory) -> None:
    host = lab_host(variant="sudo-password")
    assert b"password is required" in host.ssh("sudo -n true", check=False).stderr
    answer = host.ssh("sudo -S -p '' id -un", stdin=f"{features.DEPLOY_PASSWORD}\n".encode())
    assert answer.stdout == b"root\n"
    assert host.ssh("sudo -k -S -p '' id -un", stdin=b"wrong\n", check=False).returncode != 0


def test_no_sudo_means_that_no_password_helps(lab_host: LabHostFactory) -> None:
    answer = lab_host(variant="no-sudo").ssh("sudo -n -l", check=False)
    assert answer.returncode != 0


def test_fish_is_the_login_shell(lab_host: LabHostFactory) -> None:
    host = lab_host(variant="fish")
    assert host.ssh("echo $FISH_VERSION").stdout.startswith(b"3.")
    assert host.ssh("exec /bin/sh -s", stdin=b"a=1; echo $((a + 1))\n").stdout == b"2\n"


def test_noise_stands_before_every_answer(lab_host: LabHostFactory) -> None:
    answer = lab_host(variant="noisy").ssh("echo answer")
    assert answer.stdout == b"caf\xe9 \xff\xfe \x1b[31mwelcome\x1b[0m \0\nanswer\n"
    assert answer.stderr == b"noise on standard error\n"


def test_no_systemd_has_another_process_one_and_reloads_by_pid(lab_host: LabHostFactory) -> None:
    host = lab_host(variant="no-systemd")
    assert host.sh("cat /proc/1/comm") != b"systemd\n"
    assert host.ssh("systemctl show nginx.service", check=False).returncode != 0
    workers = host.sh("pgrep -f '[n]ginx: worker'")
    host.ssh("nginx -s reload")
    eventually(lambda: not {*host.sh("pgrep -f '[n]ginx: worker' || true").split()} & {*workers.split()})
    assert host.sh("pgrep -f '[n]ginx: worker'")
    host.crash_and_reboot()
    assert [host.get(site).status for site in SITES] == [200, 200]


def test_no_unshare_refuses_a_mount_namespace_even_to_root(lab_host: LabHostFactory) -> None:
    refused = lab_host("web1", variant="no-unshare").ssh("id -u; unshare -m true", check=False)
    assert (refused.returncode, refused.stdout) == (1, b"0\n")
    assert lab_host("web2").ssh("unshare -m --propagation private true").returncode == 0


def test_two_php_versions_have_nothing_in_common(lab_host: LabHostFactory) -> None:
    host = lab_host(variant="two-php")
    assert b"ok from php 8.1." in host.get("legacy.example").body
    assert b"/etc/php/8.1/fpm/php-fpm.conf test is successful" in host.sh("php-fpm8.1 -t 2>&1")
    assert host.sh("readlink /proc/$(cat /run/php/php8.1-fpm.pid)/exe") == b"/usr/sbin/php-fpm8.1\n"
    assert b"8.2" not in host.sh("grep -rhv '^;' /etc/php/8.1/fpm")
    host.sh("systemctl stop php8.1-fpm.service")
    assert (host.get("legacy.example").status, host.get("shop.example").status) == (502, 200)
