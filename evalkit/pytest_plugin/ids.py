"""Ids of gates whose names have brackets, such as ``recall[spam] >= 0.9``.

pytest takes what follows the first ``[`` of an id for parameters, which end where the id does. From
9.2 on it closes the bracket again when it puts an id together (``recall[spam] >= 0.9]``), and
compares ids by their parts: an id built from parts differs from the same id parsed from text.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from _pytest.junitxml import xml_key

from evalkit.spec.files import SUFFIXES
from evalkit.written.printable import block


def item_name(text: str) -> str:
    """The name of an item: a rule or the id of a sample, without what a terminal would obey."""
    return block(text).replace("\n", "\ufffd")


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
        if _is_item(report):
            _make_printable(report)
        xml = self._config.stash.get(xml_key, None)
        if xml is None or not _is_item(report) or report.when == "teardown":
            return
        if report.when == "call" or not report.passed:
            xml.node_reporter(report).add_attribute("name", _names(report)[1])

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Show what is wrong with a suite as it is written, and nothing that a terminal obeys."""
        if _is_item(report):
            _make_printable(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Make the short summary print ids that pytest accepts on the command line."""
        for report in (one for some in terminalreporter.stats.values() for one in some):
            if isinstance(report, pytest.TestReport) and hasattr(report, "id") and _is_item(report):
                report._id = replace(report.id, names=_names(report), params=None)


def _make_printable(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Replace what models, applications and data files wrote into a report and its captured output
    by text that a terminal and a log show as it is."""
    report.sections = [(name, block(text)) for name, text in report.sections]
    said = report.longrepr
    if isinstance(said, tuple):  # where a test was skipped, and why
        path, line, reason = said
        report.longrepr = (path, line, block(reason))
    elif said is not None:
        text = str(said)
        if text != (shown := block(text)):
            report.longrepr = shown


def _is_item(report: pytest.TestReport | pytest.CollectReport) -> bool:
    return report.nodeid.partition("::")[0].endswith(SUFFIXES)


def _names(report: pytest.TestReport) -> tuple[str, ...]:
    """Of the cell and of the item."""
    return tuple(report.nodeid.split("::", 2)[1:])
