"""HTTP probes against a real server on loopback, by the shell fragment that runs on hosts."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from remediations.facts import http
from remediations.facts.base import PRELUDE, Unknown
from remediations.facts.http import HttpAnswers, Probe

PAGES = {
    "/": (200, b"<html>shop</html>"),
    "/bad": (502, b"<center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center>"),
    "/empty": (200, b""),
    "/moved": (301, b"moved"),
    "/big": (200, b"x" * 3_000_000 + b"end"),
    "/binary": (200, bytes(range(256)) * 40),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/slow":
            threading.Event().wait(3)
        if self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(b"half a page")
            return
        if self.path.startswith("/host"):
            status, body = 200, str(self.headers["Host"]).encode()
        else:
            status, body = PAGES.get(self.path, (404, b"none"))
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["curl", "wget"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A PATH on which only one of the two clients is found."""
    for name in os.listdir("/usr/bin"):
        if name not in ("curl", "wget"):
            (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    client = shutil.which(request.param)
    assert client, f"{request.param} is installed by make setup"
    (tmp_path / request.param).symlink_to(client)
    return str(tmp_path)


def ask(path: str, *probes: Probe) -> HttpAnswers:
    fact = http.fact(probes)
    script = fact.script.replace(PRELUDE, "")
    done = subprocess.run(
        ["/bin/dash", "-c", script], env={"PATH": path, "LC_ALL": "C"}, input="\n".join([*fact.stdin, ""]).encode(),
        capture_output=True, timeout=30,
    )  # fmt: skip
    answers = fact.parse(done.stdout)
    assert not isinstance(answers, Unknown), answers
    return answers


def test_status_size_and_body_arrive(address: str, path: str) -> None:
    good, bad, empty, moved = ask(
        path, *(Probe(f"http://{address}{page}") for page in ("/", "/bad", "/empty", "/moved"))
    )
    assert (good.status, good.size, good.body) == (200, 17, "<html>shop</html>")
    assert (bad.status, "nginx" in bad.body) == (502, True)
    assert (empty.status, empty.size) == (200, 0)
    assert moved.status == 301


def test_a_body_that_ends_before_its_announced_length_is_heard(address: str, path: str) -> None:
    cut, good, big = ask(path, *(Probe(f"http://{address}{page}") for page in ("/cut", "/", "/big")))
    assert (cut.status, cut.cut, cut.body, cut.failure) == (200, True, "half a page", None)
    assert (good.cut, big.cut) == (False, False)


def test_the_name_of_the_site_goes_to_the_address_that_is_given(address: str, path: str) -> None:
    (answer,) = ask(path, Probe("http://shop.example/host", connect=address))
    assert answer.body == "shop.example"


def test_the_host_header_is_the_one_that_is_asked_for(address: str, path: str) -> None:
    (answer,) = ask(path, Probe(f"http://{address}/host", host="api.example"))
    assert answer.body == "api.example"


def test_contains_is_literal_text_not_a_pattern(address: str, path: str) -> None:
    plain, star = ask(
        path, Probe(f"http://{address}/", contains="shop</html>"), Probe(f"http://{address}/", contains="s*p'\"$(id)")
    )
    assert (plain.contains, star.contains) == (True, False)


def test_an_endless_body_is_cut_and_binary_does_no_harm(address: str, path: str) -> None:
    big, binary = ask(path, Probe(f"http://{address}/big"), Probe(f"http://{address}/binary"))
    assert big.status == 200
    assert 0 < big.size <= 262144
    assert (binary.status, binary.size > 0) == (200, True)


def test_no_answer_is_said_with_its_reason(address: str, path: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    refused, slow = ask(path, Probe(f"http://127.0.0.1:{port}/"), Probe(f"http://{address}/slow", timeout=1))
    assert (refused.status, refused.failure) == (None, "connection refused")
    assert slow.status is None
    assert slow.failure


def test_whom_nginx_waits_for_is_looked_at_while_an_answer_does_not_come(address: str, path: str) -> None:
    """The kernel's word is a stand-in here: a real one is in the scenarios."""
    line = '0 1 10.0.0.1:555 192.0.2.9:8001 users:(("nginx",pid=7,fd=3))'
    ss = Path(path) / "ss"
    ss.unlink(missing_ok=True)
    ss.write_text(f"#!/bin/sh\necho '{line}'\necho '{line.replace('nginx', 'curl').replace('.9', '.8')}'\n")
    ss.chmod(0o755)
    slow, good = ask(path, Probe(f"http://{address}/slow", timeout=2.7), Probe(f"http://{address}/"))
    assert (slow.status, slow.unreached) == (None, ("192.0.2.9:8001",))
    assert (good.status, good.unreached) == (200, ())


def test_without_a_client_the_answer_is_unknown(tmp_path: Path) -> None:
    fact = http.fact([Probe("http://127.0.0.1/")])
    done = subprocess.run(
        ["/bin/dash", "-c", fact.script], env={"PATH": str(tmp_path)}, capture_output=True, timeout=30
    )
    assert done.returncode == 3
    assert b"neither curl nor wget is installed" in done.stdout


def test_what_is_asked_stands_in_no_arguments(address: str, path: str) -> None:
    """Arguments are what ps shows to every user of the host; the script itself is one, too."""
    url = f"http://{address}/host?token=s%22e\\'\"c$(id)c4nary"
    assert "c4nary" not in http.fact([Probe(url)]).script
    (Path(path) / "spy").mkdir()
    for name in ("curl", "wget"):
        if (real := Path(path) / name).exists():
            spy = Path(path) / "spy" / name
            spy.write_text(f'#!/bin/sh\necho "$*" >>{path}/spy/said\nexec {real} "$@"\n')
            spy.chmod(0o755)
    (answer,) = ask(f"{path}/spy:{path}", Probe(url))
    assert answer.body == address
    assert "c4nary" not in (Path(path) / "spy" / "said").read_text()
