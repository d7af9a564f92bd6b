"""Labels of people: who rated what, and what is wrong in the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.judging.calibrating import calibrate, graded, labels, only


def test_two_raters_in_rows_or_in_columns_are_one_case(project: Path) -> None:
    long = [{**row, "rater": r, "rating": g} for row in graded(6) for r, g in (("x", 1), ("y", 3))]
    labels(project, long)
    calibrate("good", "fair")
    in_rows = only(project)
    assert (in_rows.labels.cases, in_rows.labels.raters) == (6, 2)
    assert {human for human, _ in in_rows.labelled} == {2.0}
    wide = [{"question": r["question"], "output": r["output"], "x": 1, "y": 3} for r in graded(6)]
    labels(project, wide)
    calibrate("good", "fair", "--rating", "x", "--rating", "y")
    assert only(project).labelled == in_rows.labelled


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"question": "q", "output": "o", "rating": "5"}], "expected 1 to 3"),
        ([{"question": "q", "outputs": "o", "rating": "1"}], "there is no column 'output'"),
        ([{"question": "q", "output": "o", "rating": ""}], "no rating in the column 'rating'"),
        ([{"question": "q", "output": "o", "grade": "1"}], "there is no column 'rating'"),
    ],
)
def test_invalid_labels_are_reported(
    project: Path, rows: list[dict[str, Any]], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    labels(project, rows)
    assert calibrate("good", "fair") == 2
    assert said in capsys.readouterr().err
