"""OpenSSH's known_hosts files, read by its rules: hashed names, patterns, negation and @revoked included.

sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". Paramiko's reader rejects a whole file for one marker and rewrites it on adding.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import hmac
import os
import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

_HASH_MAGIC = "|1|"
_load_lock = threading.Lock()


@dataclass(frozen=True)
class KnownKey:
    """One line of a known_hosts file that names a key."""

    file: Path
    line: int
    patterns: tuple[str, ...]
    salt: bytes
    """Of a hashed name; empty where the name is plain."""
    digest: bytes
    key_type: str
    key: bytes
    revoked: bool

    def names(self, name: str) -> bool:
        """Whether this line is about `name` (`host`, or `[host]:port`)."""
        if self.salt:
            return hmac.compare_digest(hmac.digest(self.salt, name.encode(), "sha1"), self.digest)
        return _matches(self.patterns, name)


@dataclass(frozen=True)
class KnownHosts:
    """One file's keys in its order, and what of it could not be read (`file:line: why`)."""

    plain: dict[str, tuple[KnownKey, ...]]
    """By the name as it is written, where that is not a pattern."""
    patterned: tuple[KnownKey, ...]
    hashed: tuple[KnownKey, ...]
    revoked: tuple[KnownKey, ...]
    warnings: tuple[str, ...]

    def plain_keys(self, name: str) -> list[KnownKey]:
        """The keys of `name` that stand under its plain name or a pattern."""
        return [*self.plain.get(name, ()), *(key for key in self.patterned if key.names(name))]

    def hashed_keys(self, name: str) -> list[KnownKey]:
        """The keys of `name` that stand under its hash: one HMAC a line, so asked only where no plain name helped."""
        return [key for key in self.hashed if key.names(name)]

    def revoked_keys(self, name: str) -> list[KnownKey]:
        """The keys that must never be accepted for `name`."""
        return [key for key in self.revoked if key.names(name)]


def lookup_name(host: str, port: int) -> str:
    """How known_hosts writes a host: lower case, its port only where that is not 22."""
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


def fingerprint(key: bytes) -> str:
    """A key's fingerprint as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def load(path: Path) -> KnownHosts:
    """The file's keys; none where there is no file. Read once for all threads, again only where the file changed."""
    try:
        stat = path.stat()
        with _load_lock:
            return _load(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)
    except FileNotFoundError:
        return _parse(path, "")
    except OSError as error:
        return KnownHosts({}, (), (), (), (f"{path}: cannot be read: {error.strerror}",))


@lru_cache(maxsize=64)
def _load(path: Path, _mtime: int, _size: int, _inode: int) -> KnownHosts:
    return _parse(path, path.read_text(encoding="utf-8", errors="replace"))


def _parse(path: Path, text: str) -> KnownHosts:
    plain: dict[str, tuple[KnownKey, ...]] = {}
    patterned, hashed, revoked, warnings = [], [], [], []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            key = _parse_line(path, number, line)
        except ValueError as error:
            warnings.append(f"{path}:{number}: {error}; the line is ignored")
            continue
        if key is None:
            continue
        if key.revoked:
            revoked.append(key)
        elif key.salt:
            hashed.append(key)
        elif any(_is_pattern(pattern) for pattern in key.patterns):
            patterned.append(key)
        else:
            for pattern in key.patterns:
                plain[pattern] = (*plain.get(pattern, ()), key)
    return KnownHosts(plain, tuple(patterned), tuple(hashed), tuple(revoked), tuple(warnings))


def _parse_line(path: Path, number: int, line: str) -> KnownKey | None:
    """The line's key; None for what holds none that we use. ValueError says what is wrong with it."""
    words = line.split()
    if not words or words[0].startswith("#"):
        return None
    marker = words.pop(0) if words[0].startswith("@") else ""
    if marker == "@cert-authority":
        return None  # certificates are never asked for, so no authority is ever believed
    if marker not in ("", "@revoked"):
        raise ValueError(f"unknown marker {marker}")
    if len(words) < 3:
        raise ValueError("not of the form `names keytype base64-key`")
    names, key_type, encoded = words[:3]
    salt, digest = _parse_hash(names) if names.startswith("|") else (b"", b"")
    patterns = () if salt else tuple(name for name in names.lower().split(",") if name)
    return KnownKey(path, number, patterns, salt, digest, key_type, _parse_key(key_type, encoded), marker != "")


def _parse_hash(names: str) -> tuple[bytes, bytes]:
    salt, bar, digest = names.removeprefix(_HASH_MAGIC).partition("|")
    if not names.startswith(_HASH_MAGIC) or not bar:
        raise ValueError("a hashed name of an unknown form")
    try:
        decoded = base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True)
    except binascii.Error:
        raise ValueError("a hashed name that is not base64") from None
    if not decoded[0] or len(decoded[1]) != hashlib.sha1(usedforsecurity=False).digest_size:
        raise ValueError("a hashed name of the wrong length")
    return decoded


def _parse_key(key_type: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError("the key is not base64") from None
    if key[4 : 4 + int.from_bytes(key[:4])] != key_type.encode():
        raise ValueError(f"the key is not of the type {key_type} that stands before it")
    return key


def _is_pattern(name: str) -> bool:
    return name.startswith("!") or "*" in name or "?" in name


def _matches(patterns: tuple[str, ...], name: str) -> bool:
    """OpenSSH's match_hostname: any pattern, unless a negated one matches too."""
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
    refused = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    return any(_glob(pattern, name) for pattern in wanted) and not any(_glob(pattern, name) for pattern in refused)


def _glob(pattern: str, name: str) -> bool:
    """Only `*` and `?` are special: a bracket belongs to `[host]:port`."""
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def append(path: Path, name: str, key_type: str, key: bytes) -> None:
    """Add one line at the end of `path` unless it stands there; what is in the file is never rewritten.

    The lock is on the file itself, so that threads and other processes wait for each other.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = f"{name} {key_type} {base64.b64encode(key).decode()}\n".encode()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with open(descriptor, "r+b", buffering=0) as file:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        present = file.read()
        if line in present.splitlines(keepends=True):
            return
        file.write(line if not present or present.endswith(b"\n") else b"\n" + line)
