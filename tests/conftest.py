"""Fixtures that every test may use: real hosts, thrown away after the test."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import pytest

from tests.lab.base import require_lab
from tests.lab.errors import LabError
from tests.lab.host import LabHost
from tests.lab.lab import boot
from tests.lab.teardown import reap


class LabHostFactory(Protocol):
    """`lab_host("web1", variant="python,sudo-user")` boots a host; `via` hides it behind another."""

    def __call__(self, name: str = "web1", variant: str = "", via: LabHost | None = None) -> LabHost: ...


def pytest_configure(config: pytest.Config) -> None:
    """SIGTERM ends a run as Ctrl-C does, with every fixture's end; after SIGKILL the next run reaps."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    if threading.current_thread() is threading.main_thread():
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a run in the background; what we start must hear Ctrl-C
            signal.signal(signal.SIGINT, signal.default_int_handler)
        before = signal.signal(signal.SIGTERM, interrupt)
        config.add_cleanup(partial(_handle_termination, before))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what boots a host, so that `-m "not lab"` leaves out exactly that."""
    for item in items:
        if {"lab_host", "lab_run", "web1"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.lab)


def pytest_unconfigure() -> None:
    """An interrupted run with several workers kills those; what they could not remove is removed here."""
    if os.geteuid() == 0:
        reap()


@pytest.fixture(scope="session")
def lab_run(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """The folder of this run's keys; no lab makes errors, since a skip looks like a pass."""
    if reason := _why_no_lab():
        pytest.fail(reason, pytrace=False)
    with _heard(pytestconfig):
        reap()
    return tmp_path_factory.mktemp("lab")


@pytest.fixture
def lab_host(lab_run: Path, pytestconfig: pytest.Config) -> Iterator[LabHostFactory]:
    """Boots hosts that are gone after the test."""
    with ExitStack() as hosts:

        def start(name: str = "web1", variant: str = "", via: LabHost | None = None) -> LabHost:
            with _heard(pytestconfig):  # a first run builds the base tree and must say so
                host = boot(name, lab_run, [word for word in variant.split(",") if word], via=via)
            hosts.callback(host.stop)
            return host

        yield start


@pytest.fixture
def web1(lab_host: LabHostFactory) -> LabHost:
    """A plain host: nginx, PHP-FPM, two app servers, no Python."""
    return lab_host("web1")


def _why_no_lab() -> str | None:
    try:
        require_lab()
    except LabError as error:
        return str(error)
    return None


def _handle_termination(handler: Callable[[int, FrameType | None], Any] | int | None) -> None:
    signal.signal(signal.SIGTERM, handler)


@contextmanager
def _heard(config: pytest.Config) -> Iterator[None]:
    """Lets what the lab prints reach the terminal at once."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        yield
