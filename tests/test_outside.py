"""A site asked from the control side: real servers on loopback that answer well, badly, late or not at all."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from remediations import outside
from remediations.facts.outside import Outside

PAGE = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 5\r\n\r\nhello"
Talk = Callable[[socket.socket], None]


def says(data: bytes) -> Talk:
    def talk(peer: socket.socket) -> None:
        peer.recv(4096)
        peer.sendall(data)

    return talk


@contextmanager
def server(talk: Talk, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Its port; it serves one connection after the other until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    peer, _ = listening.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(peer, server_side=True) if context else peer as each:
                        talk(each)
                except OSError:
                    continue  # who refuses our certificate hangs up in the handshake

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def asked(port: int, path: str = "/", scheme: str = "http", name: str = "shop.example") -> Outside:
    return outside.ask(f"{scheme}://{name}:{port}{path}", {(name, port): "127.0.0.1"})


def certificate(folder: Path, days: int) -> ssl.SSLContext:
    """Self-signed, for shop.example; it ends in so many days."""
    end = datetime.now(UTC) + timedelta(days=days)
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop.example")])
    built = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(end - timedelta(days=30)).not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("shop.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    (folder / "crt").write_bytes(built.public_bytes(pem))
    plain = serialization.NoEncryption()
    (folder / "key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "crt", folder / "key")
    return context


def test_a_good_answer_comes_with_its_address_head_and_body() -> None:
    with server(says(PAGE)) as port:
        answer = asked(port)
    assert (answer.status, answer.address, answer.body, answer.trouble) == (200, "127.0.0.1", "hello", None)
    assert "Server: nginx" in answer.head


def test_the_host_the_path_and_the_query_are_sent_as_they_are_and_nothing_else_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[bytes] = []
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    def talk(peer: socket.socket) -> None:
        heard.append(peer.recv(4096))
        peer.sendall(PAGE)

    with server(talk) as port:
        assert asked(port, "/a?b=c").status == 200
    lines = heard[0].decode().split("\r\n")
    assert lines[0] == "GET /a?b=c HTTP/1.1"
    assert f"Host: shop.example:{port}" in lines
    assert not [line for line in lines if line.lower().startswith(("cookie", "authorization"))]


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with server(says(b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")) as port:
        assert asked(port).status == 301


def test_a_body_is_read_up_to_a_cap() -> None:
    with server(says(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300_000)) as port:
        assert len(asked(port).body) == outside.MOST_BYTES


@pytest.mark.parametrize(
    ("data", "trouble"), [(b"", "closed"), (b"SSH-2.0-OpenSSH\r\n", "closed"), (b"HTTP/1.1 abc\r\n\r\n", "closed")]
)
def test_what_is_no_answer_is_said_so(data: bytes, trouble: str) -> None:
    with server(says(data)) as port:
        answer = asked(port)
    assert (answer.status, answer.trouble) == (None, trouble)


def test_nobody_there_is_refused_and_a_name_that_there_is_not_does_not_resolve() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert asked(port).trouble == "refused"
    answer = outside.ask("http://no-such-host.invalid/", {})
    assert (answer.trouble, answer.address) == ("dns", None)


def test_silence_and_an_answer_that_drips_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "SECONDS", 0.3)
    ended = threading.Event()

    def drip(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\n")
        while not ended.wait(0.1):
            peer.sendall(b"x")

    def silent(_: socket.socket) -> None:
        ended.wait(2)

    with server(silent) as port:
        assert asked(port).trouble == "timeout"
    with server(drip) as port:
        answer = outside.begin(f"http://shop.example:{port}/", {("shop.example", port): "127.0.0.1"})()
        assert (answer.status, answer.trouble) == (None, "timeout")
        ended.set()


@pytest.mark.parametrize(
    ("name", "days", "why"),
    [
        ("shop.example", 1, "self-signed certificate"),
        ("shop.example", -1, "expired"),
        ("other.example", 1, "other.exam"),
    ],
)
def test_a_certificate_that_does_not_hold_is_told_and_the_answer_seen_all_the_same(
    name: str, days: int, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = certificate(tmp_path, days)
    if not why.startswith("self-signed"):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "crt"))  # so that nothing else is wrong with it
    with server(says(PAGE), context) as port:
        answer = asked(port, scheme="https", name=name)
    assert answer.status == 200, answer
    assert why in (answer.untrusted or "")


def test_a_certificate_that_holds_is_not_spoken_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = certificate(tmp_path, 1)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "crt"))
    with server(says(PAGE), context) as port:
        answer = asked(port, scheme="https")
    assert (answer.status, answer.untrusted) == (200, None)


def test_plain_http_on_a_port_asked_for_tls_is_a_failed_handshake() -> None:
    with server(says(b"HTTP/1.1 400 Bad\r\n\r\n")) as port:
        assert asked(port, scheme="https").trouble == "tls"
