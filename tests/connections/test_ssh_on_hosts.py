"""Logins, root and ways to a host, on real hosts with a real sshd and a real sudo."""

import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from remediations.connections import dial
from remediations.connections.base import Shell
from remediations.errors import (
    AuthenticationError,
    BecomeError,
    ConnectionLostError,
    ConnectionRefusedByHostError,
    HostKeyChangedError,
    HostKeyUnknownError,
    RemediateError,
    UnreachableError,
)
from tests.conftest import LabHostFactory
from tests.connections.conftest import Opener, Password, target_of
from tests.lab.features import DEPLOY_PASSWORD
from tests.lab.host import LabHost
from tests.patience import FOR_EVER, patience, when


def who(shell: Shell) -> str:
    answer = shell.run("id -un; echo $HOME", timeout=20)
    assert answer.exit_code == 0
    return " ".join(answer.stdout.decode().split())


@pytest.mark.parametrize("variant", ["", "fish", "noisy", "sudo-user", "sudo-user,fish", "sudo-user,noisy"])
def test_root_whatever_the_login_and_its_shell(lab_host: LabHostFactory, connect: Opener, variant: str) -> None:
    host = lab_host(variant=variant)
    with connect(target_of(host)).shell() as shell:
        assert who(shell) == "root /root"
        assert shell.run(r"printf 'a\n'; echo b >&2", timeout=20).stdout == b"a\n"


@pytest.mark.parametrize("variant", ["sudo-password", "sudo-password,fish", "sudo-password,noisy"])
def test_root_by_a_password(lab_host: LabHostFactory, connect: Opener, variant: str) -> None:
    host = lab_host(variant=variant)
    target = target_of(host, become_password=Password(DEPLOY_PASSWORD))
    with connect(target).shell() as shell:
        assert who(shell) == "root /root"
        assert seen_on(shell, DEPLOY_PASSWORD) == []


def seen_on(shell: Shell, secret: str) -> list[str]:
    """Where the secret stands in the arguments and environments of the host's processes, and in its logs."""
    script = (
        "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; journalctl --no-pager -q -o export; cat /var/log/*"
    )
    heap = shell.run(script + " 2>/dev/null; true", timeout=30).stdout.replace(b"\0", b"\n")
    return [line for line in heap.decode(errors="replace").split("\n") if secret in line]


def test_a_host_that_wants_a_password_says_how_to_give_one(lab_host: LabHostFactory, connect: Opener) -> None:
    target = target_of(lab_host(variant="sudo-password"))
    shell = connect(target).shell()
    with pytest.raises(BecomeError, match=r"^web1: sudo needs a password: use --ask-become-pass or ansible_become_"):
        shell.run("id", timeout=20)
    with pytest.raises(BecomeError, match=r"^web1: sudo did not accept the password$") as caught:
        connect(replace(target, become_password=Password("wrong one"))).shell()
    assert "wrong one" not in str(caught.value)
    with connect(replace(target, become=False)).shell() as plain:
        assert who(plain) == "deploy /home/deploy"


def test_a_password_is_not_asked_for_where_sudo_wants_none(lab_host: LabHostFactory, connect: Opener) -> None:
    target = target_of(lab_host(variant="sudo-user"), become_password=Password("never asked for"))
    with connect(target).shell() as shell:
        assert who(shell) == "root /root"


def test_a_prompt_in_the_output_does_not_draw_the_password_out(lab_host: LabHostFactory, connect: Opener) -> None:
    """Invoke's own sudo answers anything that prints `[sudo] password: `."""
    host = lab_host(variant="sudo-password")
    host.write("/home/deploy/.bashrc", b"printf '[sudo] password for deploy: ' >&2; echo '[sudo] password: '\n")
    with connect(target_of(host, become_password=Password(DEPLOY_PASSWORD))).shell() as shell:
        answer = shell.run("printf '[sudo] password for deploy: ' >&2; cat", timeout=20)
        assert (answer.stdout, answer.stderr) == (b"", b"[sudo] password for deploy: ")


def test_a_user_who_may_not_sudo_is_told_so(lab_host: LabHostFactory, connect: Opener) -> None:
    host = lab_host(variant="no-sudo")
    with pytest.raises(BecomeError, match="sudo needs a password"):  # all that sudo -n tells
        connect(target_of(host)).shell().run("id", timeout=20)
    host.sh(f"echo deploy:{shlex.quote(DEPLOY_PASSWORD)} | chpasswd")
    with pytest.raises(BecomeError, match=r"sudo does not let this user become root: .*not in the sudoers file"):
        connect(target_of(host, become_password=Password(DEPLOY_PASSWORD))).shell()
    host.write("/etc/sudoers.d/one", b"deploy ALL=(ALL) NOPASSWD: /bin/true\n", 0o440)
    with pytest.raises(BecomeError, match=r"sudo does not let this user become root: .*is not allowed to execute"):
        connect(target_of(host, become_password=Password(DEPLOY_PASSWORD))).shell()
    host.sh("rm /usr/bin/sudo")
    for password in (None, Password(DEPLOY_PASSWORD)):
        with pytest.raises(BecomeError, match="there is no sudo on the host and the login is not root"):
            connect(target_of(host, become_password=password)).shell().run("id", timeout=20)


def test_sudo_that_insists_on_a_terminal_is_named(lab_host: LabHostFactory, connect: Opener) -> None:
    host = lab_host(variant="sudo-user")
    host.write("/etc/sudoers.d/tty", b"Defaults requiretty\n", 0o440)
    with pytest.raises(BecomeError, match="sudo insists on a terminal"):
        connect(target_of(host)).shell().run("id", timeout=20)


def test_a_login_without_a_shell_is_unreachable(lab_host: LabHostFactory, connect: Opener) -> None:
    host = lab_host(variant="sudo-user")
    host.sh("usermod -s /usr/sbin/nologin deploy")
    with pytest.raises(UnreachableError, match=r"instead of starting /bin/sh: This account is currently not available"):
        connect(target_of(host)).shell().run("id", timeout=20)


def test_a_login_script_that_prints_without_end_is_cut_off(lab_host: LabHostFactory, connect: Opener) -> None:
    host = lab_host()
    host.write("/root/.bashrc", b"yes\n")
    with pytest.raises(RemediateError, match="came before the answer began"):
        connect(target_of(host)).shell().run("id", timeout=30)


def test_one_connection_carries_many_shells_one_after_another(plain_host: LabHost, connect: Opener) -> None:
    connection = connect(target_of(plain_host))
    logins = set()
    for _ in range(15):
        with connection.shell() as shell:
            logins.add(shell.run("echo $SSH_CONNECTION", timeout=10).stdout)
    assert len(logins) == 1


def test_more_sessions_than_the_host_allows_are_an_error(plain_host: LabHost, connect: Opener) -> None:
    connection = connect(target_of(plain_host))
    shells = [connection.shell() for _ in range(10)]
    with pytest.raises(ConnectionLostError, match=r"^talk1: connect to .*: open a session: "):
        connection.shell()
    assert shells[-1].run("echo still here", timeout=10).stdout == b"still here\n"


def test_a_closed_connection_opens_anew(plain_host: LabHost, connect: Opener) -> None:
    connection = connect(target_of(plain_host))
    for _ in range(2):
        assert connection.shell().run("echo in", timeout=10).stdout == b"in\n"
        connection.close()


def test_closing_from_another_thread_ends_a_running_script(plain_host: LabHost, connect: Opener) -> None:
    connection = connect(target_of(plain_host))
    shell = connection.shell()
    pid = shell.run("echo $$", timeout=10).stdout.decode().strip()
    when(lambda: plain_host.sh(f"pgrep -P {pid} sleep || true"), connection.close)
    with patience(), pytest.raises(ConnectionLostError, match="the connection ended in the middle of a script"):
        shell.run("sleep 600", timeout=FOR_EVER)


def test_the_host_sees_the_end_of_its_input_when_a_shell_closes(plain_host: LabHost, connect: Opener) -> None:
    shell = connect(target_of(plain_host)).shell()
    pid = shell.run("echo $$", timeout=10).stdout.decode().strip()
    shell.close()
    with patience():
        while plain_host.sh(f"test -d /proc/{pid} && echo there || true"):
            time.sleep(0.05)


def test_a_host_that_crashes_is_lost_and_can_be_reached_again(lab_host: LabHostFactory, connect: Opener) -> None:
    host = lab_host()
    connection = connect(target_of(host))
    shell = connection.shell()
    shell.run("true", timeout=10)
    host.crash_and_reboot()
    with pytest.raises(ConnectionLostError):
        shell.run("echo before", timeout=30)
    assert connection.shell().run("echo after", timeout=10).stdout == b"after\n"


def test_host_keys_are_strict_on_a_real_host(
    lab_host: LabHostFactory, connect: Opener, tmp_path: Path, home: Path
) -> None:
    host = lab_host()
    unknown = replace(target_of(host), known_hosts_files=())
    with pytest.raises(HostKeyUnknownError, match="ssh-keyscan -p 22") as caught:
        connect(unknown).shell()
    shown = host.sh("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").decode().split()[1]
    assert shown in str(caught.value)

    own = tmp_path / "own"
    new = replace(unknown, host_key_checking="accept-new", known_hosts_files=(own,))
    with connect(new).shell() as shell:
        assert who(shell) == "root /root"
    assert own.read_text().split()[:2] == [host.address, "ssh-ed25519"]
    assert not (home / ".ssh" / "known_hosts").exists()
    with connect(replace(new, host_key_checking="yes")).shell() as shell:
        assert who(shell) == "root /root"

    host.sh("rm /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key")
    host.sh("systemctl restart ssh.service")
    with pytest.raises(HostKeyChangedError, match=rf"{own}:1 holds ssh-ed25519 SHA256:"):
        connect(new).shell()
    with connect(replace(new, host_key_checking="no")).shell() as shell:
        assert who(shell) == "root /root"
    assert any("accepted, as host key checking is off" in warning for warning in connect.warnings)


def test_the_key_type_on_record_is_asked_for(lab_host: LabHostFactory, connect: Opener, tmp_path: Path) -> None:
    host = lab_host()
    host.sh("ssh-keygen -A; systemctl restart ssh.service")
    for kind in ("rsa", "ecdsa", "ed25519"):
        public = host.read(f"/etc/ssh/ssh_host_{kind}_key.pub").decode().split()
        own = tmp_path / kind
        own.write_text(f"{host.address} {public[0]} {public[1]}\n")
        with connect(target_of(host, known_hosts_files=(own,))).shell() as shell:
            assert who(shell) == "root /root"


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    path = str(tmp_path / "agent")
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as process:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        while not os.path.exists(path):
            time.sleep(0.01)
        yield
        process.terminate()


@pytest.mark.usefixtures("agent")
def test_the_agent_holds_keys_for_us(plain_host: LabHost, connect: Opener, tmp_path: Path) -> None:
    target = target_of(plain_host)
    without_file = replace(target, private_key_file=None)
    with pytest.raises(AuthenticationError, match="no key to offer"):
        connect(without_file).shell()
    subprocess.run(["ssh-add", "-q", plain_host.key], check=True, capture_output=True)
    with connect(without_file).shell() as shell:
        assert who(shell) == "root /root"
    locked = tmp_path / "locked"
    locked.write_bytes(plain_host.key.read_bytes())
    locked.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "a passphrase", "-f", locked], check=True, capture_output=True)
    with connect(replace(target, private_key_file=locked)).shell() as shell:
        assert who(shell) == "root /root"


def test_keys_of_ssh_config_and_of_the_home_are_offered(plain_host: LabHost, connect: Opener, home: Path) -> None:
    target = replace(target_of(plain_host), private_key_file=None)
    config = home / ".ssh" / "config"
    config.write_text(f"Host *\n IdentityFile ~/.ssh/none\n IdentityFile {plain_host.key}\n IdentitiesOnly yes\n")
    with connect(target).shell() as shell:
        assert who(shell) == "root /root"
    config.unlink()
    (home / ".ssh" / "id_ed25519").write_bytes(plain_host.key.read_bytes())
    with connect(target).shell() as shell:
        assert who(shell) == "root /root"


def test_a_host_alias_of_ssh_config_is_enough(plain_host: LabHost, connect: Opener, home: Path) -> None:
    (home / ".ssh" / "config").write_text(plain_host.ssh_config.read_text())
    alias = replace(target_of(plain_host), address=plain_host.name, port=None, user=None, private_key_file=None)
    with connect(replace(alias, known_hosts_files=())).shell() as shell:
        assert who(shell) == "root /root"


@pytest.fixture
def behind(lab_host: LabHostFactory) -> tuple[LabHost, LabHost]:
    gate = lab_host("gate1")
    return gate, lab_host("web1", via=gate)


def test_a_host_behind_a_jump_host(behind: tuple[LabHost, LabHost], connect: Opener, home: Path) -> None:
    gate, host = behind
    direct = target_of(host)
    with pytest.raises(UnreachableError):
        connect(replace(direct, connect_timeout=2.0)).shell()

    jump = replace(direct, jump=f"root@{gate.address}:22")
    connection = connect(jump)
    with connection.shell() as shell:
        peer = shell.run("echo ${SSH_CONNECTION%% *}", timeout=10).stdout.decode().strip()
    assert peer == host.gateway
    connection.close()

    with pytest.raises(ConnectionRefusedByHostError, match=rf"through {gate.address}:22: .*refused"):
        connect(replace(jump, port=23)).shell()
    with pytest.raises(HostKeyUnknownError, match=f"connect to jump host {gate.address}:22: the host key"):
        connect(replace(jump, known_hosts_files=())).shell()
    only_gate = home / "only_gate"
    only_gate.write_text("".join(line for line in known_lines(host) if line.startswith(f"{gate.address} ")))
    with pytest.raises(HostKeyUnknownError, match=f"connect to {host.address}:22: the host key"):
        connect(replace(jump, known_hosts_files=(only_gate,))).shell()
    gate.sh("echo AllowTcpForwarding no > /etc/ssh/sshd_config.d/no.conf; systemctl restart ssh.service")
    with pytest.raises(UnreachableError, match=rf"through {gate.address}:22: .*rohibited"):
        connect(jump).shell()


def known_lines(host: LabHost) -> list[str]:
    return host.known_hosts.read_text().splitlines(keepends=True)


def test_a_host_behind_a_proxy_jump_or_proxy_command_of_ssh_config(
    behind: tuple[LabHost, LabHost], connect: Opener, home: Path
) -> None:
    gate, host = behind
    config = home / ".ssh" / "config"
    alias = replace(target_of(host), address="web1", port=None, user=None, private_key_file=None, known_hosts_files=())
    config.write_text(host.ssh_config.read_text())
    with connect(alias).shell() as shell:
        assert shell.run("hostname", timeout=10).stdout == b"web1\n"

    own = "\n".join(line for line in host.ssh_config.read_text().splitlines() if "ProxyJump" not in line)
    config.write_text(f"{own}\n  ProxyCommand ssh -F {gate.ssh_config} -W %h:%p {gate.name}\n")
    connection = connect(alias)
    with connection.shell() as shell:
        assert shell.run("hostname", timeout=10).stdout == b"web1\n"
    connection.close()

    config.write_text(f"{own}\n  ProxyCommand sh -c 'echo the proxy is out of order >&2; exit 1'\n")
    with patience(), pytest.raises(UnreachableError, match="ProxyCommand: the proxy is out of order"):
        connect(replace(alias, connect_timeout=FOR_EVER)).shell()


def test_forty_logins_at_once_all_succeed(lab_host: LabHostFactory, connect: Opener) -> None:
    """sshd turns logins away at random from ten waiting ones on (MaxStartups 10:30:100)."""
    target = target_of(lab_host())

    def log_in(_: int) -> str:
        with connect(target).shell() as shell:
            return who(shell)

    with ThreadPoolExecutor(40) as pool:
        assert list(pool.map(log_in, range(40))) == ["root /root"] * 40


def test_a_host_whose_network_is_gone_is_given_up(
    lab_host: LabHostFactory, connect: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the script nor the close waits for TCP to give up: here it never does."""
    monkeypatch.setattr(dial, "USER_TIMEOUT_MS", int(FOR_EVER) * 1000)
    host = lab_host()
    connection = connect(target_of(host, connect_timeout=2.0))
    shell = connection.shell()
    shell.run("true", timeout=10)
    subprocess.run(["ip", "link", "set", host.veth, "down"], check=True)
    with patience():
        with pytest.raises(ConnectionLostError, match="no answer within 1 s"):
            shell.run("echo " + "x" * 100_000, timeout=1)
        connection.close()
