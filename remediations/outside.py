"""Asks a site from the control side, as a visitor's browser would, but for redirects, proxies and patience."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from urllib.parse import SplitResult, urlsplit

from remediations.facts.outside import Outside, Trouble

SECONDS = 10.0
"""For a connection, and for each piece of an answer; all of it gets twice as long."""
MOST_BYTES = 64 * 1024
MOST_ADDRESSES = 4

Resolve = Mapping[tuple[str, int], str]
"""Addresses that are taken instead of what a resolver says, by name and port."""


def begin(url: str, resolve: Resolve) -> Callable[[], Outside]:
    """Asks beside all else; the answer is waited for where it is called for, and is the same each time."""
    answer: Future[Outside] = Future()

    def run() -> None:
        try:
            answer.set_result(ask(url, resolve))
        except BaseException as error:
            answer.set_exception(error)  # raised where the answer is called for

    threading.Thread(target=run, name=f"ask {url}", daemon=True).start()

    def settled() -> Outside:
        try:
            return answer.result(2 * SECONDS)
        except TooLate:
            return Outside(url, None, trouble="timeout", failure=f"no answer within {2 * SECONDS:g} s")

    return settled


def ask(url: str, resolve: Resolve) -> Outside:
    """One GET. Follows no redirect, heeds no proxy of the environment, sends no cookie and no password."""
    parts = urlsplit(url)
    name, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        addresses = _addresses(name, port, resolve)
    except OSError as error:
        return Outside(url, None, trouble="dns", failure=f"the name does not resolve here ({error.strerror})")
    failed = Outside(url, None, trouble="dns", failure="the name has no address")
    for address in addresses[:MOST_ADDRESSES]:
        answer = _ask_at(url, parts, address, port)
        if answer.trouble not in ("refused", "timeout", "unreachable"):
            return answer
        failed = answer if failed.address is None else failed
    return failed


def _addresses(name: str, port: int, resolve: Resolve) -> list[str]:
    if (name, port) in resolve:
        return [resolve[name, port]]
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _ask_at(url: str, parts: SplitResult, address: str, port: int) -> Outside:
    untrusted = None
    try:
        if parts.scheme != "https":
            return _answer(url, parts, address, _connected(address, port))
        try:
            sock = _handshaken(parts, address, port, ssl.create_default_context())
        except ssl.SSLCertVerificationError as error:
            untrusted = error.verify_message or str(error)
            sock = _handshaken(parts, address, port, _trusting())
        return _answer(url, parts, address, sock, untrusted)
    except (OSError, http.client.HTTPException, ValueError) as error:
        trouble, failure = _trouble(error)
        return Outside(url, address, trouble=trouble, failure=failure, untrusted=untrusted)


def _connected(address: str, port: int) -> socket.socket:
    return socket.create_connection((address, port), timeout=SECONDS)


def _handshaken(parts: SplitResult, address: str, port: int, context: ssl.SSLContext) -> socket.socket:
    raw = _connected(address, port)
    try:
        return context.wrap_socket(raw, server_hostname=parts.hostname)
    except BaseException:
        raw.close()
        raise


def _trusting() -> ssl.SSLContext:
    """Only to see what stands behind a certificate that was told to be bad; nothing secret is sent."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _answer(url: str, parts: SplitResult, address: str, sock: socket.socket, untrusted: str | None = None) -> Outside:
    connection = http.client.HTTPConnection(parts.hostname or "", timeout=SECONDS)
    connection.sock = sock
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Host": parts.netloc, "User-Agent": "remediate", "Accept": "*/*", "Connection": "close"}
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        head = "\r\n".join([f"HTTP/1.1 {response.status} {response.reason}", *map(": ".join, response.getheaders())])
        body = response.read(MOST_BYTES).decode(errors="replace")
        return Outside(url, address, response.status, head, body, untrusted=untrusted)
    finally:
        connection.close()


def _trouble(error: Exception) -> tuple[Trouble, str]:
    match error:
        case ConnectionRefusedError():
            return "refused", "connection refused"
        case TimeoutError():
            return "timeout", f"no answer within {SECONDS:g} s"
        case ssl.SSLError():
            return "tls", f"the TLS handshake failed ({error.reason or error})"
        case http.client.RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
            return "closed", "the connection was closed without an answer"
        case OSError():
            return "unreachable", f"cannot be reached ({error.strerror or error})"
    return "closed", f"what came back is no HTTP answer ({type(error).__name__})"
