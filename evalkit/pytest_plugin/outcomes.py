"""What the items of suites came to, as the reporting process sees it.

Under xdist the items run in workers; the exit status is that of the process that reports them. It
must not be a success if nothing was decided, and it is the same with and without workers.
"""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.spec.files import SUFFIXES

USAGE = "evalkit_usage"
"""The key under which a worker sends a usage error."""


class Outcomes:
    """A plugin for the reporting process. broken: whether a suite could not be collected. usage:
    a usage error that a worker found."""

    def __init__(self) -> None:
        self.broken = False
        self.usage = ""
        self._verdicts: dict[str, set[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the verdict of a gate."""
        for name, value in report.user_properties if _of_suite(report.nodeid) else ():
            if name == "verdict":
                self._verdicts.setdefault(_file(report.nodeid), set()).add(str(value))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a suite that could not be collected."""
        self.broken = self.broken or (report.failed and _of_suite(report.nodeid))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Note the usage error of a worker."""
        self.usage = self.usage or getattr(node, "workeroutput", {}).get(USAGE, "")

    @property
    def undecided(self) -> list[str]:
        """The files whose gates ran, none of them with a verdict."""
        return [file for file, verdicts in self._verdicts.items() if verdicts == {"none"}]

    def exit_status(self, session: pytest.Session, *, whole: bool) -> int | pytest.ExitCode:
        """The status that the session ends with. whole: whether its run finished and every output
        was written. Raises UsageError."""
        if self.usage:
            raise pytest.UsageError(self.usage)
        status = session.exitstatus
        if status == pytest.ExitCode.OK and (self.undecided or not whole):
            return pytest.ExitCode.TESTS_FAILED
        goes_on = session.config.getoption("continue_on_collection_errors")
        if status == pytest.ExitCode.TESTS_FAILED and self.broken and not goes_on:
            return pytest.ExitCode.INTERRUPTED  # xdist reports a failure
        return status


def _of_suite(nodeid: str) -> bool:
    return _file(nodeid).endswith(SUFFIXES)


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]
