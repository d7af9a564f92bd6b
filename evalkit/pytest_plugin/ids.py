"""Ids of gates whose names have brackets, such as ``recall[spam] >= 0.9``.

pytest takes what follows the first ``[`` of an id for parameters, which end where the id does. From
9.2 on it closes the bracket again when it puts an id together (``recall[spam] >= 0.9]``), and tells
ids apart by their pieces: one that was made of pieces is another than the same one read from text.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from _pytest.junitxml import xml_key

from evalkit.spec.files import SUFFIXES


def item_id(cell: pytest.Collector, name: str) -> str:
    """The id of an item as plain text, which pytest parses like the id of an earlier session."""
    return f"{cell.nodeid}::{name}"


class WholeNames:
    """A plugin for the reporting process: reports show the ids that items have."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Name the test case of ``--junitxml`` before it is opened: at the call of the item, or
        where it gets no further."""
        xml = self._config.stash.get(xml_key, None)
        if xml is None or not _is_item(report) or report.when == "teardown":
            return
        if report.when == "call" or not report.passed:
            xml.node_reporter(report).add_attribute("name", _names(report)[1])

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Make the short summary print ids that pytest accepts on the command line."""
        for report in (one for some in terminalreporter.stats.values() for one in some):
            if isinstance(report, pytest.TestReport) and hasattr(report, "id") and _is_item(report):
                report._id = replace(report.id, names=_names(report), params=None)


def _is_item(report: pytest.TestReport) -> bool:
    return report.nodeid.partition("::")[0].endswith(SUFFIXES)


def _names(report: pytest.TestReport) -> tuple[str, ...]:
    """Of the cell and of the item."""
    return tuple(report.nodeid.split("::", 2)[1:])
