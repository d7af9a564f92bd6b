"""Drills: what evalkit survives. `make drills` runs them in full, `make check` a part of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills import tally as counting

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.drills)


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> counting.Tally:
    """Counts what the test tries, for the table at the end of the run."""
    return counting.Tally(request.node)


@pytest.fixture(scope="session")
def full() -> bool:
    """True under `make drills`: run full numbers, not a short part."""
    return counting.full()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [
        report
        for outcome in ("passed", "failed", "xfailed", "xpassed")
        for report in terminalreporter.stats.get(outcome, [])
    ]
    counted = counting.rows(reports)
    if counted:
        terminalreporter.write_sep("=", "drills")
        for line in counting.table(counted):
            terminalreporter.write_line(line)
