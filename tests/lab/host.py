"""A running lab host, as a test sees it: a place to log in to, to look into and to break."""

import shlex
import subprocess
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tests.lab import cgroup, container, teardown
from tests.lab.commands import run
from tests.lab.errors import LabError
from tests.lab.record import Record

if TYPE_CHECKING:
    from testinfra.host import Host  # type: ignore[import-untyped]  # ships no types


RELOAD_NGINX = """{
  master=$(cat /run/nginx.pid); old=$(pgrep -P "$master"); kill -HUP "$master"
  for each in $old; do while [ -e "/proc/$each" ]; do sleep 0.02; done; done
  until pgrep -P "$master" >/dev/null; do sleep 0.02; done
}"""
"""A shell command; `systemctl reload` returns before nginx has read a line."""


@dataclass(frozen=True)
class Answer:
    """What a site said; status 0 where nothing answered."""

    status: int
    body: bytes


@dataclass(frozen=True)
class LabHost(Record):
    """Its fields and paths are the record's: name, address, port, user, key, known_hosts, root, netns."""

    def ssh(
        self, command: str, *, stdin: bytes = b"", check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs a command through OpenSSH's own client, as the login user; LabError where `check` and it fails."""
        argv = ["ssh", "-F", str(self.ssh_config), self.name, command]
        try:
            done = subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{self.name}: no end after {timeout} s: {command}") from error
        if check and done.returncode:
            said = (done.stderr + done.stdout).decode(errors="backslashreplace").strip()
            raise LabError(f"{self.name}: exit code {done.returncode}: {command}: {said}")
        return done

    def sh(self, script: str, *, stdin: bytes = b"", timeout: float = 60) -> bytes:
        """Runs sh as root inside the host and returns its stdout; leaves no login, no session and no log line there."""
        pid = str(container.leader(self))
        return run("nsenter", "--target", pid, "--all", "/bin/sh", "-c", script, stdin=stdin, timeout=timeout)

    def write(self, path: str, content: bytes, mode: int = 0o644, owner: str = "root:root") -> None:
        """Writes a file inside the host, with the names and links that hold there."""
        target = shlex.quote(path)
        self.sh(f"cat >{target} && chmod {mode:o} {target} && chown {shlex.quote(owner)} {target}", stdin=content)

    def read(self, path: str) -> bytes:
        return self.sh(f"cat {shlex.quote(path)}")

    def get(self, site: str, path: str = "/", timeout: float = 10) -> Answer:
        """Asks the site of that name from inside the host."""
        url, header = shlex.quote(f"http://127.0.0.1{path}"), shlex.quote(f"Host: {site}")
        asked = self.sh(f"curl -s -m {timeout} -w '\\n%{{http_code}}' -H {header} {url} || true", timeout=timeout + 5)
        body, _, status = asked.rpartition(b"\n")
        return Answer(int(status), body)

    def reload_nginx(self) -> None:
        """Returns once only workers of the new configuration are left; LabError where nginx does not take it."""
        self.sh(f"nginx -t 2>&1 && {RELOAD_NGINX}")

    def crash_and_reboot(self) -> None:
        """Kills all its processes at once and boots the same file system again, at the same address."""
        cgroup.kill(self.id)
        container.clean_up(self)
        container.start(self)

    def reboot(self, timeout: float = 60) -> None:
        """Goes down in order, as `systemctl poweroff` does it, and boots again at the same address."""
        self.sh("systemctl --no-block poweroff")
        deadline = time.monotonic() + timeout
        while cgroup.populated(self.id):
            if time.monotonic() > deadline:
                raise LabError(f"{self.name}: did not go down in {timeout} s")
            time.sleep(0.05)
        container.clean_up(self)
        container.start(self)

    def stop(self) -> None:
        """Takes the host away for good; a second time does nothing."""
        teardown.remove(self)

    @cached_property
    def testinfra(self) -> "Host":
        """A testinfra host over OpenSSH, without a master connection that would outlive the test."""
        import testinfra  # type: ignore[import-untyped]  # not for every `invoke remediate`, which reads our tasks too

        return testinfra.get_host(
            f"ssh://{self.name}", ssh_config=str(self.ssh_config), controlpersist=0, sudo="sudo-user" in self.features
        )
