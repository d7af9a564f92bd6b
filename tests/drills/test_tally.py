"""The table at the end of the drills counts what was tried, passed or failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills import conftest
from tests.drills.tally import Row, Tally, rows, table


def test_the_table_counts_attempts_of_passed_and_failed_tests(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(Path(conftest.__file__).read_text())
    pytester.makepyfile(
        """
        def test_two(tally):
            tally.tried("lies", 5, of=6)
            with tally.attempt("kills"):
                pass

        def test_that_fails(tally):
            with tally.attempt("kills"):
                raise ValueError
        """
    )
    pytester.makeini("[pytest]\nmarkers = drills: x")
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    result.stdout.re_match_lines([r"kills +2 +1", r"lies +6 +5", r"all +8 +6"])


def test_only_the_call_counts(request: pytest.FixtureRequest) -> None:
    item = request.node
    before = list(item.user_properties)
    Tally(item).tried("x", True)
    properties = [p for p in item.user_properties if p not in before]
    item.user_properties[:] = before
    reports = [
        pytest.TestReport("n", ("f", 1, "n"), {}, "passed", None, when, user_properties=properties)
        for when in ("setup", "call", "teardown")
    ]
    assert rows(reports) == [Row("x", 1, 1)]
    assert table(rows(reports))[-1].split() == ["all", "1", "1"]
