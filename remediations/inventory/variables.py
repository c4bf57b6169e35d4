"""Turns a host's merged variables (`ansible_host`, `ansible_port`, …, `health`) into a Host, checked."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from remediations import health_settings
from remediations.errors import UsageError
from remediations.health_settings import HealthSettings
from remediations.inventory import ssh_arguments
from remediations.inventory.host import ConnectionKind, Host, HostKeyChecking
from remediations.inventory.ssh_arguments import SshArguments
from remediations.secret import Secret
from remediations.yaml.node import Node, describe

# Names and addresses become words of an ssh command line, and names become folders: no leading dash, no slash.
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\+$-]{0,127}")
_ZONE = re.compile(r"%[A-Za-z0-9_.-]{1,32}$")
_PORT = re.compile(r"[0-9]{1,5}")
_TEMPLATE = re.compile(r"\{\{|\{%")
_CONNECTIONS: Mapping[str, ConnectionKind] = {
    "ssh": "ssh",
    "ansible.builtin.ssh": "ssh",
    "smart": "ssh",
    "paramiko": "ssh",
    "paramiko_ssh": "ssh",
    "ansible.builtin.paramiko_ssh": "ssh",
    "local": "local",
    "ansible.builtin.local": "local",
}
# What Ansible's own `boolean` takes.
_BOOLEANS = {
    **dict.fromkeys(("y", "yes", "on", "1", "true", "t", "1.0"), True),
    **dict.fromkeys(("n", "no", "off", "0", "false", "f", "0.0"), False),
}
PASSWORDS = ("ansible_become_password", "ansible_become_pass", "ansible_sudo_pass")


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None or is_ip_address(text)


def is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(_ZONE.sub("", text))
    except ValueError:
        return False
    return True


def build(name: str, variables: Mapping[str, Node], groups: tuple[str, ...], folder: Path) -> Host:
    """`folder` is the inventory's: a relative path is looked for there first, then taken from the current folder."""
    read = _Reader(name, variables, folder)
    jump, known_hosts_files = read.ssh_arguments()
    password = read.become_password()
    return Host(
        name=name,
        address=read.address() or name,
        port=read.port(),
        user=read.user(),
        connection=read.connection(),
        private_key_file=read.private_key_file(),
        jump=jump,
        known_hosts_files=known_hosts_files,
        host_key_checking=read.host_key_checking(),
        become=read.become(),
        become_password=password,
        health=read.health(),
        groups=groups,
        vars={key: password if key in PASSWORDS else node.plain() for key, node in variables.items()},
    )


class _Setting(NamedTuple):
    """A variable that is set: its node, and what to call it in a message."""

    node: Node
    key: str

    def error(self, problem: str) -> UsageError:
        return self.node.error(self.key, problem)

    def text(self, wanted: str) -> str:
        return self.node.string(self.key, wanted)

    def matching(self, pattern: re.Pattern[str], wanted: str) -> str:
        text = self.text(wanted)
        if not pattern.fullmatch(text):
            raise self.error(f"expected {wanted}, got {text!r}")
        return text

    def boolean(self, wanted: str = "true or false") -> bool:
        answer = _BOOLEANS.get((self.node.text or "").lower())
        if answer is None:
            raise self.error(f"expected {wanted}, got {describe(self.node)}")
        return answer


class _Reader:
    """Reads one host's variables; each method stands for what one of them, with its aliases, means."""

    def __init__(self, host: str, variables: Mapping[str, Node], folder: Path) -> None:
        self._host = host
        self._variables = variables
        self._folder = folder

    def find(self, *names: str) -> _Setting | None:
        """The variable by its name or an older alias; two that disagree are refused: nobody can say which counts."""
        found = [_Setting(self._variables[name], f"{self._host}: {name}") for name in names if name in self._variables]
        for other in found[1:]:
            if other.node.value != found[0].node.value:
                raise other.error(f"disagrees with {found[0].key} ({found[0].node.where}); keep one of them")
        if found and _holds_template(found[0].node):
            raise found[0].error("templates ({{ … }}) are not evaluated here; write the value itself")
        return found[0] if found else None

    def address(self) -> str | None:
        setting = self.find("ansible_host", "ansible_ssh_host")
        if setting is None:
            return None
        text = setting.text("a host name or an IP address")
        if not is_name(text):
            raise setting.error(f"expected a host name or an IP address, got {text!r}")
        return text

    def port(self) -> int | None:
        setting = self.find("ansible_port", "ansible_ssh_port")
        if setting is None:
            return None
        text = setting.matching(_PORT, "a port, 1 to 65535")
        if int(text) not in range(1, 65536):
            raise setting.error(f"expected a port, 1 to 65535, got {text}")
        return int(text)

    def user(self) -> str | None:
        setting = self.find("ansible_user", "ansible_ssh_user")
        return setting.matching(_USER, "a user name") if setting else None

    def connection(self) -> ConnectionKind:
        setting = self.find("ansible_connection")
        if setting is None:
            return "ssh"
        text = setting.text("ssh or local")
        if text not in _CONNECTIONS:
            raise setting.error(f"expected ssh or local, got {text!r}")
        return _CONNECTIONS[text]

    def private_key_file(self) -> Path | None:
        setting = self.find("ansible_ssh_private_key_file", "ansible_private_key_file")
        return self._path(setting.text("the path of a key file"), setting) if setting else None

    def ssh_arguments(self) -> tuple[str | None, tuple[Path, ...]]:
        """The jump host and the known_hosts files of both variables; the host's own jump is not mixed with another."""
        jump, files = None, []
        for name in ("ansible_ssh_common_args", "ansible_ssh_extra_args"):
            setting = self.find(name)
            if setting is None or setting.node.value == "":
                continue
            arguments = self._parsed(setting)
            if jump and arguments.jump and jump != arguments.jump:
                raise setting.error("names another jump host than ansible_ssh_common_args; keep one of them")
            jump = jump or arguments.jump
            files += [self._path(file, setting) for file in arguments.known_hosts_files]
        return jump, tuple(files)

    def _parsed(self, setting: _Setting) -> SshArguments:
        try:
            return ssh_arguments.parse(setting.text("ssh options"))
        except ValueError as error:
            raise setting.error(str(error)) from error

    def _path(self, text: str, setting: _Setting) -> Path:
        try:
            path = Path(text).expanduser()
        except RuntimeError as error:
            raise setting.error(f"{text}: no such user, so no home folder") from error
        beside = (self._folder / path).absolute()
        return beside if beside.exists() else path.absolute()

    def host_key_checking(self) -> HostKeyChecking | None:
        setting = self.find("ansible_host_key_checking", "ansible_ssh_host_key_checking")
        if setting is None:
            return None
        if setting.node.text == "accept-new":
            return "accept-new"
        return "yes" if setting.boolean("yes, accept-new or no") else "no"

    def become(self) -> bool:
        method = self.find("ansible_become_method")
        if method is not None and method.text("sudo") not in ("sudo", "ansible.builtin.sudo"):
            raise method.error(f"only sudo is supported, got {describe(method.node)}")
        user = self.find("ansible_become_user")
        if user is not None and user.text("root") != "root":
            raise user.error(f"only root is supported, got {describe(user.node)}")
        setting = self.find("ansible_become")
        return setting.boolean() if setting else True

    def become_password(self) -> Secret | None:
        setting = self.find(*PASSWORDS)
        if setting is None:
            return None
        # Never node.string: its message would show the value.
        text, value = setting.node.text, setting.node.value
        if not text or "\n" in text or isinstance(value, bool) or not isinstance(value, str | int | float):
            raise setting.error("expected the sudo password as text on one line; put it in quotes")
        return Secret(text)

    def health(self) -> HealthSettings | None:
        setting = self.find("health")
        return health_settings.parse(setting.node, setting.key) if setting else None


def _holds_template(node: Node) -> bool:
    if isinstance(node.value, Mapping):
        return any(_holds_template(child) for child in node.value.values())
    if isinstance(node.value, tuple):
        return any(_holds_template(child) for child in node.value)
    return _TEMPLATE.search(node.text or "") is not None
