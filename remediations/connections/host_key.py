"""Whether a host is the one it says it is: OpenSSH's yes, accept-new and no over known_hosts files."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from remediations.connections import known_hosts
from remediations.connections.base import HostKeyChecking, Warn
from remediations.connections.known_hosts import KnownHosts, KnownKey, fingerprint
from remediations.errors import HostKeyChangedError, HostKeyUnknownError

_accept_lock = threading.Lock()


@dataclass(frozen=True)
class HostKeyCheck:
    """The question for one host on one port: which keys may it show?"""

    where: str
    """How messages begin: `web1: connect to 10.0.0.5:22`."""
    host: str
    port: int
    alias: str | None
    """HostKeyAlias of ssh_config: looked up in place of host and port."""
    files: tuple[Path, ...]
    """Where keys are looked up; the first is where accept-new writes."""
    checking: HostKeyChecking
    warn: Warn

    @property
    def name(self) -> str:
        """The name that known_hosts has for the host."""
        return self.alias.lower() if self.alias else known_hosts.lookup_name(self.host, self.port)

    def known_types(self) -> list[str]:
        """The key types on record, in order, so that the host is asked for those first.

        Without that, a host whose ed25519 key is recorded could show its unrecorded rsa key and be refused.
        """
        stores = self._stores()
        keys = _plain(stores, self.name) or _hashed(stores, self.name) or self._keys_without_port(stores)
        return list(dict.fromkeys(key.key_type for key in keys))

    def verify(self, key_type: str, key: bytes) -> None:
        """Return where the key may be trusted; raise HostKeyUnknownError or HostKeyChangedError where not."""
        stores = self._stores()
        self._refuse_revoked(stores, key)
        plain = _plain(stores, self.name)
        if _among(key, plain):
            return
        recorded = plain + _hashed(stores, self.name)
        if _among(key, recorded):
            return
        if recorded:
            self._changed(recorded, key_type, key)
        elif not _among(key, self._keys_without_port(stores)):
            self._unknown(key_type, key)

    def _stores(self) -> list[KnownHosts]:
        return [known_hosts.load(path) for path in self.files]

    def _keys_without_port(self, stores: list[KnownHosts]) -> list[KnownKey]:
        """OpenSSH takes a key recorded for the plain host on other ports too (it never holds one against them)."""
        if self.alias or self.port == 22:
            return []
        host = self.host.lower()
        return _plain(stores, host) + _hashed(stores, host)

    def _refuse_revoked(self, stores: list[KnownHosts], key: bytes) -> None:
        names = {self.name, self.host.lower()}
        for entry in (entry for store in stores for name in names for entry in store.revoked_keys(name)):
            if entry.key == key:
                raise HostKeyChangedError(
                    f"{self.where}: the host key {fingerprint(key)} is marked @revoked at {entry.file}:{entry.line}; "
                    "never connect while the host shows it: whoever holds that key can pose as the host"
                )

    def _changed(self, recorded: list[KnownKey], key_type: str, key: bytes) -> None:
        entry = next((known for known in recorded if known.key_type == key_type), recorded[0])
        message = (
            f"{self.where}: the host key has changed: {entry.file}:{entry.line} holds {entry.key_type} "
            f"{fingerprint(entry.key)}, the host shows {key_type} {fingerprint(key)}"
        )
        if self.checking == "no":
            self.warn(f"{message}; accepted, as host key checking is off")
            return
        raise HostKeyChangedError(
            f"{message}; either the host was set up anew or someone stands between: ask its owner, then forget the old "
            f"key with `ssh-keygen -f {entry.file} -R '{self.name}'`"
        )

    def _unknown(self, key_type: str, key: bytes) -> None:
        shown = f"{key_type} {fingerprint(key)}"
        if self.checking == "no":
            self.warn(f"{self.where}: unknown host key {shown} accepted, as host key checking is off")
        elif self.checking == "accept-new":
            self._accept(key_type, key)
        else:
            raise HostKeyUnknownError(
                f"{self.where}: the host key {shown} stands in no known_hosts file; record it with "
                f"`ssh-keyscan -p {self.port} {self.host} >> ~/.ssh/known_hosts` and compare the fingerprint with the "
                "host's own, or trust the first key seen with `--host-key-checking accept-new`" + self._unread()
            )

    def _unread(self) -> str:
        warnings = [warning for store in self._stores() for warning in store.warnings]
        return f" ({warnings[0]}; {len(warnings)} such lines)" if warnings else ""

    def _accept(self, key_type: str, key: bytes) -> None:
        """Record the key, unless another thread or process did so while we connected."""
        with _accept_lock:
            keys = known_hosts.load(self.files[0]).plain_keys(self.name)
            if keys and not _among(key, keys):
                self._changed(keys, key_type, key)
            elif not keys:
                self._record(self.files[0], key_type, key)

    def _record(self, file: Path, key_type: str, key: bytes) -> None:
        try:
            known_hosts.append(file, self.name, key_type, key)
        except OSError as error:
            raise HostKeyUnknownError(
                f"{self.where}: the new host key {key_type} {fingerprint(key)} cannot be recorded in {file}: "
                f"{error.strerror}"
            ) from error
        self.warn(f"{self.where}: new host key {key_type} {fingerprint(key)} recorded in {file}")


def _plain(stores: list[KnownHosts], name: str) -> list[KnownKey]:
    return [key for store in stores for key in store.plain_keys(name)]


def _hashed(stores: list[KnownHosts], name: str) -> list[KnownKey]:
    return [key for store in stores for key in store.hashed_keys(name)]


def _among(key: bytes, entries: list[KnownKey]) -> bool:
    return any(entry.key == key for entry in entries)
