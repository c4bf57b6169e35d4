"""A pytest plugin for full runs: a skipped test is a failure, and so is a run in which no test met a real host."""

from __future__ import annotations

import pytest


class NothingSkipped:
    """Watches the reports of all workers; `lab` tests are those that boot hosts."""

    def __init__(self) -> None:
        self.skipped: list[str] = []
        self.on_hosts = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped.append(report.nodeid)
        if report.when == "call" and report.passed and "lab" in report.keywords:
            self.on_hosts += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.complaints() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for complaint in self.complaints():
            terminalreporter.write_line(complaint, red=True)

    def complaints(self) -> list[str]:
        none = [] if self.on_hosts else ["no test met a real host: a full run must"]
        return [*(f"skipped, and a full run skips nothing: {name}" for name in self.skipped), *none]


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # a worker of xdist sees only its share
        config.pluginmanager.register(NothingSkipped())
