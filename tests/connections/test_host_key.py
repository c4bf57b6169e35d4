"""Which host keys are trusted: OpenSSH's yes, accept-new and no."""

import base64
import subprocess
from pathlib import Path

import pytest

from remediations.connections.base import HostKeyChecking
from remediations.connections.host_key import HostKeyCheck
from remediations.connections.known_hosts import fingerprint
from remediations.errors import HostKeyChangedError, HostKeyUnknownError


def blob(kind: str, body: bytes = b"one") -> bytes:
    """A key as it goes over the wire; that it opens nothing does not matter here."""
    return len(kind).to_bytes(4) + kind.encode() + len(body).to_bytes(4) + body


def line(names: str, kind: str, body: bytes = b"one") -> str:
    return f"{names} {kind} {base64.b64encode(blob(kind, body)).decode()}\n"


ED25519, RSA = "ssh-ed25519", "ssh-rsa"


class Asked:
    """A check over one file, and what it warned of."""

    def __init__(self, folder: Path, text: str, checking: HostKeyChecking = "yes", port: int = 22) -> None:
        self.file = folder / "known_hosts"
        self.file.write_text(text)
        self.warnings: list[str] = []
        self.check = HostKeyCheck(
            "web1: connect to WEB1:22", "WEB1", port, None, (self.file,), checking, self.warnings.append
        )


def hashed(folder: Path, text: str) -> str:
    path = folder / "hashed"
    path.write_text(text)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, capture_output=True)
    return path.read_text()


def test_a_recorded_key_is_trusted_without_a_word(tmp_path: Path) -> None:
    asked = Asked(tmp_path, line("web1", RSA) + line("web1", ED25519))
    asked.check.verify(ED25519, blob(ED25519))
    assert asked.warnings == []


def test_an_unknown_key_is_refused_with_what_to_run(tmp_path: Path) -> None:
    asked = Asked(tmp_path, line("web2", ED25519))
    with pytest.raises(HostKeyUnknownError) as caught:
        asked.check.verify(ED25519, blob(ED25519))
    message = str(caught.value)
    assert message.startswith("web1: connect to WEB1:22: ")
    assert f"ssh-ed25519 {fingerprint(blob(ED25519))}" in message
    assert "`ssh-keyscan -p 22 WEB1 >> ~/.ssh/known_hosts`" in message
    assert "--host-key-checking accept-new" in message


@pytest.mark.parametrize("checking", ["yes", "accept-new"])
def test_a_changed_key_is_refused_with_both_fingerprints_and_the_line(
    tmp_path: Path, checking: HostKeyChecking
) -> None:
    asked = Asked(tmp_path, "# first\n" + line("web1", ED25519, b"old"), checking)
    with pytest.raises(HostKeyChangedError) as caught:
        asked.check.verify(ED25519, blob(ED25519, b"new"))
    message = str(caught.value)
    assert f"{asked.file}:2 holds ssh-ed25519 {fingerprint(blob(ED25519, b'old'))}" in message
    assert f"the host shows ssh-ed25519 {fingerprint(blob(ED25519, b'new'))}" in message
    assert f"ssh-keygen -f {asked.file} -R 'web1'" in message
    assert "# first" in asked.file.read_text()


def test_the_command_that_the_message_gives_forgets_the_key(tmp_path: Path) -> None:
    asked = Asked(tmp_path, line("[web1]:2222", ED25519, b"old"), port=2222)
    with pytest.raises(HostKeyChangedError) as caught:
        asked.check.verify(ED25519, blob(ED25519))
    command = str(caught.value).split("`")[1]
    subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True)
    assert asked.file.read_text() == ""


def test_a_key_of_another_type_than_the_recorded_one_counts_as_changed(tmp_path: Path) -> None:
    asked = Asked(tmp_path, line("web1", ED25519), "accept-new")
    with pytest.raises(HostKeyChangedError, match=r"holds ssh-ed25519 .* the host shows ssh-rsa"):
        asked.check.verify(RSA, blob(RSA))


@pytest.mark.parametrize("checking", ["yes", "accept-new", "no"])
@pytest.mark.parametrize("names", ["web1", "*", "web?,!web2"])
def test_a_revoked_key_is_refused_always(tmp_path: Path, checking: HostKeyChecking, names: str) -> None:
    asked = Asked(tmp_path, line("web1", ED25519) + "@revoked " + line(names, ED25519), checking)
    with pytest.raises(HostKeyChangedError, match=f"marked @revoked at {asked.file}:2"):
        asked.check.verify(ED25519, blob(ED25519))


def test_a_revoked_key_under_a_hashed_name_is_refused(tmp_path: Path) -> None:
    asked = Asked(tmp_path, line("web1", ED25519) + "@revoked " + hashed(tmp_path, line("web1", ED25519)))
    with pytest.raises(HostKeyChangedError, match="@revoked"):
        asked.check.verify(ED25519, blob(ED25519))


def test_a_revoked_key_of_another_host_does_not_matter(tmp_path: Path) -> None:
    asked = Asked(tmp_path, line("web1", ED25519) + "@revoked " + line("web2", ED25519))
    asked.check.verify(ED25519, blob(ED25519))


def test_hashed_names_count(tmp_path: Path) -> None:
    asked = Asked(tmp_path, hashed(tmp_path, line("web1", ED25519)))
    asked.check.verify(ED25519, blob(ED25519))
    assert asked.check.known_types() == [ED25519]
    with pytest.raises(HostKeyChangedError):
        asked.check.verify(ED25519, blob(ED25519, b"new"))


def test_a_right_key_anywhere_outweighs_a_stale_one(tmp_path: Path) -> None:
    stale, right = tmp_path / "stale", tmp_path / "right"
    stale.write_text(line("web1", ED25519, b"old"))
    right.write_text(hashed(tmp_path, line("web1", ED25519)))
    HostKeyCheck("web1", "web1", 22, None, (stale, right), "yes", print).verify(ED25519, blob(ED25519))


def test_the_types_on_record_are_asked_for_in_their_order(tmp_path: Path) -> None:
    asked = Asked(tmp_path, line("web1", RSA) + line("web1", RSA, b"two") + line("web1", ED25519))
    assert asked.check.known_types() == [RSA, ED25519]


def test_another_port_is_another_host_but_the_plain_hosts_key_is_taken_there_too(tmp_path: Path) -> None:
    asked = Asked(tmp_path, line("web1", ED25519), port=2222)
    assert asked.check.known_types() == [ED25519]
    asked.check.verify(ED25519, blob(ED25519))
    with pytest.raises(HostKeyUnknownError):
        asked.check.verify(ED25519, blob(ED25519, b"other"))


def test_a_host_key_alias_stands_for_name_and_port(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(line("farm", ED25519))
    HostKeyCheck("web1", "web1", 2222, "Farm", (path,), "yes", print).verify(ED25519, blob(ED25519))


def test_accept_new_records_the_first_key_once_and_holds_the_host_to_it(tmp_path: Path) -> None:
    asked = Asked(tmp_path, "no newline", "accept-new", port=2222)
    asked.check.verify(ED25519, blob(ED25519))
    asked.check.verify(ED25519, blob(ED25519))
    assert asked.file.read_text() == "no newline\n" + line("[web1]:2222", ED25519)
    assert len(asked.warnings) == 1
    assert "recorded in" in asked.warnings[0]
    with pytest.raises(HostKeyChangedError):
        asked.check.verify(ED25519, blob(ED25519, b"new"))


def test_no_takes_any_key_says_so_and_records_nothing(tmp_path: Path) -> None:
    asked = Asked(tmp_path, "", "no")
    asked.check.verify(ED25519, blob(ED25519))
    asked.file.write_text(line("web1", ED25519, b"old"))
    asked.check.verify(ED25519, blob(ED25519))
    assert asked.file.read_text() == line("web1", ED25519, b"old")
    assert ["unknown host key" in asked.warnings[0], "has changed" in asked.warnings[1]] == [True, True]


def test_a_known_hosts_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check = HostKeyCheck("web1", "web1", 22, None, (tmp_path / "file" / "known_hosts",), "accept-new", print)
    with pytest.raises(HostKeyUnknownError, match="cannot be recorded"):
        check.verify(ED25519, blob(ED25519))


def test_lines_that_cannot_be_read_are_told_where_the_key_is_unknown(tmp_path: Path) -> None:
    asked = Asked(tmp_path, "web1 ssh-ed25519 !!!\n")
    with pytest.raises(HostKeyUnknownError, match=f"{asked.file}:1: the key is not base64; the line is ignored"):
        asked.check.verify(ED25519, blob(ED25519))
