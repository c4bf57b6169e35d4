"""What a host can differ in: each feature is one change to its file system before it boots, and they combine."""

import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab import second_php, site
from tests.lab.base import Kind
from tests.lab.commands import run
from tests.lab.container import START
from tests.lab.errors import LabError
from tests.lab.record import Record

EXTRAS = Path(__file__).parent / "extras"
DEPLOY = "deploy"
DEPLOY_PASSWORD = "correct horse 'battery' $taple"
"""With the characters that a careless shell line would change."""
LOGINS = frozenset({"sudo-user", "sudo-password", "no-sudo"})
NOISE = rb"""printf 'caf\351 \377\376 \033[31mwelcome\033[0m \000\n'
echo 'noise on standard error' >&2
"""
MOTD = "Welcome. This server is scheduled for replacement.\n"
NO_UNSHARE = "[Service]\nCapabilityBoundingSet=~CAP_SYS_ADMIN\n"


@dataclass(frozen=True)
class Feature:
    """A named difference; `excludes` names the features that contradict it."""

    name: str
    summary: str
    install: Callable[[Record], None]
    user: str = "root"
    base: Kind = "plain"
    excludes: frozenset[str] = frozenset()


def choose(names: Sequence[str]) -> tuple[Feature, ...]:
    """The features in the order of FEATURES; LabError for an unknown name or a contradiction."""
    if unknown := sorted(set(names) - set(FEATURES)):
        raise LabError(f"no such variant: {', '.join(unknown)}; there are: {', '.join(FEATURES)}")
    chosen = tuple(feature for name, feature in FEATURES.items() if name in names)
    for feature in chosen:
        if clash := sorted((feature.excludes - {feature.name}) & set(names)):
            raise LabError(f"variant {feature.name} cannot be combined with {', '.join(clash)}")
    return chosen


def base_kind(chosen: Sequence[Feature]) -> Kind:
    return next((feature.base for feature in chosen if feature.base != "plain"), "plain")


def login_user(chosen: Sequence[Feature]) -> str:
    return next((feature.user for feature in chosen if feature.user != "root"), "root")


def _nothing(record: Record) -> None:
    """For features that only choose another base tree."""


def _deploy_login(record: Record) -> None:
    site.authorize(record, DEPLOY, Path("home") / DEPLOY)
    site.put(record.root / "etc/ssh/sshd_config.d/login.conf", "PermitRootLogin no\n")


def _sudo_without_password(record: Record) -> None:
    _deploy_login(record)
    site.put(record.root / "etc/sudoers.d/deploy", f"{DEPLOY} ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440)


def _sudo_with_password(record: Record) -> None:
    _deploy_login(record)
    site.put(record.root / "etc/sudoers.d/deploy", f"{DEPLOY} ALL=(ALL:ALL) ALL\n", 0o440)
    run("chroot", record.root, "chpasswd", stdin=f"{DEPLOY}:{DEPLOY_PASSWORD}\n".encode())


def _fish(record: Record) -> None:
    passwd = record.root / "etc/passwd"
    lines = re.sub(r"^((?:root|deploy):.*:)[^:]*$", r"\1/usr/bin/fish", passwd.read_text(), flags=re.MULTILINE)
    site.put(passwd, lines)


def _noisy(record: Record) -> None:
    for home in ("root", f"home/{DEPLOY}"):
        bashrc = record.root / home / ".bashrc"
        bashrc.write_bytes(NOISE + bashrc.read_bytes())
    site.put(record.root / "etc/motd", MOTD)


def _no_systemd(record: Record) -> None:
    site.copy_tree(EXTRAS / "no-systemd", record.root)
    start = record.root / START.lstrip("/")
    start.chmod(start.stat().st_mode | stat.S_IXUSR)


def _no_unshare(record: Record) -> None:
    site.put(record.root / "etc/systemd/system/ssh.service.d/no-unshare.conf", NO_UNSHARE)


def _two_php(record: Record) -> None:
    site.copy_tree(EXTRAS / "two-php", record.root)
    site.symlink(record.root / "etc/nginx/sites-enabled/legacy", "/etc/nginx/sites-available/legacy")
    second_php.install(record.root)


def _database(record: Record) -> None:
    """The shop asks MariaDB through the socket, as most do; the right to do so comes with the user's name."""
    site.copy_tree(EXTRAS / "database", record.root)


FEATURES = {
    feature.name: feature
    for feature in (
        Feature("python", "has python3", _nothing, base="python"),
        Feature(
            "sudo-user", "login as deploy, sudo without a password", _sudo_without_password, DEPLOY, excludes=LOGINS
        ),
        Feature("sudo-password", "login as deploy, sudo with a password", _sudo_with_password, DEPLOY, excludes=LOGINS),
        Feature("no-sudo", "login as deploy, who may not sudo", _deploy_login, DEPLOY, excludes=LOGINS),
        Feature("fish", "the login shell is fish (and has Python, on which fish depends)", _fish, base="python"),
        Feature("noisy", ".bashrc prints bytes that are no UTF-8, and there is a motd", _noisy),
        Feature("no-systemd", "sshd, nginx and PHP-FPM started by hand", _no_systemd),
        Feature("no-unshare", "unshare is refused over ssh", _no_unshare, excludes=frozenset({"no-systemd"})),
        Feature(
            "database",
            "MariaDB, which the shop asks for each page",
            _database,
            base="database",
            excludes=frozenset({"python", "fish", "no-systemd"}),
        ),
        Feature("two-php", "an imitated PHP 8.1 beside 8.2, serving legacy.example", _two_php),
    )
}
