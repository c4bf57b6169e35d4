"""known_hosts is read as OpenSSH's own ssh-keygen reads it, and only ever grows by whole lines."""

import base64
import multiprocessing
import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from remediations.connections.known_hosts import KnownHosts, append, fingerprint, load, lookup_name


def make_key(folder: Path, kind: str = "ed25519", name: str = "key") -> str:
    """`keytype base64` of a new key."""
    path = folder / f"{name}-{kind}"
    bits = ["-b", "2048"] if kind == "rsa" else []
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *bits, "-N", "", "-f", path], check=True)
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("keys")
    return {kind: make_key(folder, kind) for kind in ("ed25519", "rsa", "ecdsa")}


def openssh_finds(path: Path, name: str) -> set[int]:
    """The lines that `ssh-keygen -F` finds for a name."""
    done = subprocess.run(["ssh-keygen", "-F", name, "-f", path], capture_output=True, text=True, check=False)
    comments = [line for line in done.stdout.splitlines() if line.startswith("# Host ")]
    return {int(line.split("line ")[1].split()[0]) for line in comments}


def we_find(known: KnownHosts, name: str) -> set[int]:
    found = known.plain_keys(name) + known.hashed_keys(name) + known.revoked_keys(name)
    return {key.line for key in found}


PATTERNS = [
    "web1",
    "WEB1.Example.COM",
    "web1,10.0.0.5,10.0.0.6",
    "[web1]:2222",
    "[web1]:2222,[10.0.0.5]:2222",
    "*.example.com",
    "*.example.com,!bad.example.com",
    "!bad.example.com",
    "web?",
    "[*]:2222",
    "[web?]:2222,!web3",
    "::1",
    "[::1]:2222",
    "fe80::1%eth0",
    "*",
    "w[ea]b1",
    "web1,",
    "10.0.0.*",
]
NAMES = [
    "web1",
    "web2",
    "web1.example.com",
    "bad.example.com",
    "10.0.0.5",
    "[web1]:2222",
    "[web3]:2222",
    "[10.0.0.5]:2222",
    "[x]:2222",
    "[x]:2223",
    "::1",
    "[::1]:2222",
    "fe80::1%eth0",
    "wab1",
    "w[ea]b1",
    "other",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_and_patterns_match_as_in_openssh(tmp_path: Path, keys: dict[str, str], name: str) -> None:
    path = tmp_path / "known_hosts"
    path.write_text("".join(f"{pattern} {keys['ed25519']} a comment\n" for pattern in PATTERNS))
    assert we_find(load(path), name) == openssh_finds(path, name)


@pytest.mark.parametrize("name", ["web1", "10.0.0.5", "[web1]:2222", "web2", "::1"])
def test_hashed_names_match_as_in_openssh(tmp_path: Path, keys: dict[str, str], name: str) -> None:
    path = tmp_path / "known_hosts"
    plain = ["web1", "web1,10.0.0.5", "[web1]:2222", "::1", "web9"]
    path.write_text("".join(f"{pattern} {keys['ed25519']}\n" for pattern in plain))
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, capture_output=True)
    known = load(path)
    assert len(known.hashed) == 6  # one line a name
    assert (known.plain, known.patterned, known.warnings) == ({}, (), ())
    assert we_find(known, name) == openssh_finds(path, name)


def test_a_host_may_have_keys_of_several_types(tmp_path: Path, keys: dict[str, str]) -> None:
    path = tmp_path / "known_hosts"
    path.write_text("".join(f"web1 {key}\n" for key in keys.values()))
    found = load(path).plain_keys("web1")
    assert [key.key_type for key in found] == ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"]
    assert [key.line for key in found] == [1, 2, 3]


def test_revoked_keys_stand_apart_and_authorities_are_passed_over(tmp_path: Path, keys: dict[str, str]) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(
        f"@cert-authority *.example.com {keys['rsa']}\n@revoked * {keys['ecdsa']}\nweb1 {keys['ed25519']}\n"
    )
    known = load(path)
    assert [key.line for key in known.revoked_keys("web1")] == [2]
    assert [key.line for key in known.plain_keys("web1")] == [3]
    assert known.plain_keys("a.example.com") == []
    assert known.warnings == ()


def test_bad_lines_are_named_and_spoil_nothing(tmp_path: Path, keys: dict[str, str]) -> None:
    path = tmp_path / "known_hosts"
    encoded = keys["ed25519"].split()[1]
    path.write_bytes(
        b"# a comment\n\n   # another\n"
        b"web1\n"  # 4
        b"web1 ssh-ed25519 !!!\n"  # 5
        b"web1 ssh-rsa " + encoded.encode() + b"\n"  # 6: a key of another type
        b"|1|short|x ssh-ed25519 " + encoded.encode() + b"\n"  # 7
        b"|2|abc|def ssh-ed25519 " + encoded.encode() + b"\n"  # 8
        b"@other web1 ssh-ed25519 " + encoded.encode() + b"\n"  # 9
        b"web1 1024 35 1234567890\n"  # 10: protocol 1
        b"\xff\xfe ssh-ed25519 \n"  # 11
        b"web1\tssh-ed25519\t" + encoded.encode() + b"\r\n"  # 12
    )
    known = load(path)
    assert [key.line for key in known.plain_keys("web1")] == [12]
    assert [warning.split(":")[1] for warning in known.warnings] == [str(line) for line in range(4, 12)]
    assert all(warning.startswith(f"{path}:") for warning in known.warnings)


def test_no_file_holds_no_keys_and_an_unreadable_one_says_so(tmp_path: Path) -> None:
    assert load(tmp_path / "none") == KnownHosts({}, (), (), (), ())
    assert load(tmp_path).warnings == (f"{tmp_path}: cannot be read: Is a directory",)


def test_a_file_is_read_once_and_again_when_it_changed(
    tmp_path: Path, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"web1 {keys['ed25519']}\n")
    first = load(path)
    assert load(path) is first
    with ThreadPoolExecutor(8) as pool:
        assert all(known is first for known in pool.map(load, [path] * 64))
    append(path, "web2", *_split(keys["rsa"]))
    assert len(load(path).plain) == 2


def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    public = make_key(tmp_path)
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", tmp_path / "key-ed25519.pub"], capture_output=True, text=True, check=True
    )
    assert fingerprint(base64.b64decode(public.split()[1])) == shown.stdout.split()[1]


@pytest.mark.parametrize(
    ("host", "port", "name"),
    [("Web1", 22, "web1"), ("web1", 2222, "[web1]:2222"), ("::1", 22, "::1"), ("::1", 2222, "[::1]:2222")],
)
def test_a_host_is_looked_up_as_openssh_writes_it(host: str, port: int, name: str) -> None:
    assert lookup_name(host, port) == name


def test_appending_makes_a_private_file_in_a_private_folder(tmp_path: Path, keys: dict[str, str]) -> None:
    path = tmp_path / ".ssh" / "known_hosts"
    append(path, "[web1]:2222", *_split(keys["ed25519"]))
    assert path.read_text() == f"[web1]:2222 {keys['ed25519']}\n"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert openssh_finds(path, "[web1]:2222") == {1}


def test_appending_leaves_every_byte_that_stands_and_mends_a_missing_newline(
    tmp_path: Path, keys: dict[str, str]
) -> None:
    path = tmp_path / "known_hosts"
    before = b"@cert-authority * nonsense\n\xff\xfe\nweb0 " + keys["rsa"].encode()
    path.write_bytes(before)
    path.chmod(0o640)
    inode = path.stat().st_ino
    append(path, "web1", *_split(keys["ed25519"]))
    append(path, "web1", *_split(keys["ed25519"]))
    assert path.read_bytes() == before + b"\nweb1 " + keys["ed25519"].encode() + b"\n"
    assert (path.stat().st_ino, path.stat().st_mode & 0o777) == (inode, 0o640)


def _append_many(path: Path, key: str, number: int) -> None:
    for host in range(50):
        append(path, f"web{number}-{host}", *_split(key))


def test_lines_of_many_threads_and_processes_stay_whole(tmp_path: Path, keys: dict[str, str]) -> None:
    path = tmp_path / "known_hosts"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_append_many, args=(path, keys["rsa"], number)) for number in range(3)]
    for process in processes:
        process.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: _append_many(path, keys["rsa"], number), range(3, 7)))
    for process in processes:
        process.join()
        assert process.exitcode == 0
    known = load(path)
    assert (len(known.plain), known.warnings) == (350, ())
    assert path.read_text().count("\n") == 350


def test_threads_that_add_the_same_key_at_once_add_it_once(tmp_path: Path, keys: dict[str, str]) -> None:
    for attempt in range(20):
        path = tmp_path / str(attempt)
        start = threading.Barrier(8)

        def add(_: int, path: Path = path, start: threading.Barrier = start) -> None:
            start.wait(10)
            append(path, "web1", *_split(keys["rsa"]))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(add, range(8)))
        assert path.read_text() == f"web1 {keys['rsa']}\n"


def test_a_thousand_hashed_lines_cost_little(tmp_path: Path, keys: dict[str, str]) -> None:
    path = tmp_path / "known_hosts"
    salt = base64.b64encode(os.urandom(20)).decode()
    path.write_text("".join(f"|1|{salt}|{salt} {keys['ed25519']}\n" for _ in range(1000)))
    known = load(path)
    assert (len(known.hashed), known.hashed_keys("web1")) == (1000, [])


def _split(key: str) -> tuple[str, bytes]:
    kind, encoded = key.split()
    return kind, base64.b64decode(encoded)
