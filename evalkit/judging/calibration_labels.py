"""Answers that people graded: a table, read into cases with people's ratings."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from evalkit.errors import Problem, SpecError, UsageError, nearest
from evalkit.judging.rubric import CLAIM_STEPS, Rubric
from evalkit.spec.cells import ListCells, with_lists
from evalkit.spec.readers import RowProblems, is_textual, open_table
from evalkit.spec.source import display
from evalkit.spec.templates import compiled

RATING = "rating"
_FAMILIES = ("family", "family_a", "family_b")
_VERDICTS = {"a": 1.0, "tie": 0.5, "b": 0.0}
_MET = {"yes": 1.0, "no": 0.0, "1": 1.0, "0": 0.0, "true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True)
class LabelledCase:
    """A case with people's ratings.

    row: its columns, those of ratings and raters aside. ratings: by criterion ("" for a whole
    rubric), one from each rater, as numbers. line: where it stands first.
    """

    row: Mapping[str, Any]
    line: int
    ratings: dict[str, list[float]] = field(default_factory=dict)

    def human(self, criterion: str = "") -> float:
        """The mean of the raters."""
        return fmean(self.ratings[criterion])

    def text(self, column: str) -> str:
        """A column as text; "" where there is none."""
        value = self.row.get(column)
        return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Labels:
    """The cases of a file; hash: of their content, independent of the file's layout."""

    file: str
    hash: str
    cases: tuple[LabelledCase, ...]

    @property
    def raters(self) -> int:
        """The most ratings that any case has."""
        return max(len(given) for case in self.cases for given in case.ratings.values())


def read_labels(path: Path, rubric: Rubric, columns: Sequence[str] = ()) -> Labels:
    """The labelled cases of a table (csv, tsv, jsonl, json, parquet).

    columns: those with people's ratings, one for each rater; default: ``rating``, for a binary
    rubric with several criteria one column with the name of each. Rows that are alike but for
    ``rater`` and the ratings are one case. Raises SpecError with every problem, UsageError.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file; expected a table of people's ratings")
    by_column = _rating_columns(rubric, columns)
    row_problems = RowProblems(display(path))
    table = open_table(path, row_problems)
    lists = {"target": ListCells.QUOTED}
    if rubric.mode == "claims":
        lists["contexts"] = ListCells.BRACKETED
    listed = with_lists(table, lists, row_problems)
    rows = list(listed if is_textual(path) else table)
    if missing := list(_missing(rubric, table.columns, list(by_column))):
        raise SpecError(Problem(row_problems.file, 1, "", message) for message in missing)
    cases: dict[str, LabelledCase] = {}
    for line, row in rows:
        own = {k: v for k, v in row.items() if k not in by_column and k != "rater"}
        key = json.dumps(own, sort_keys=True, default=str)
        case = cases.setdefault(key, LabelledCase(own, line))
        for column, criterion in by_column.items():
            value = row.get(column)
            if value is None or not str(value).strip():
                if len(by_column) == 1 or criterion:
                    row_problems.add("empty", line, f"no rating in the column '{column}'")
                continue
            number = _rating(value, rubric)
            if number is None:
                invalid = f"'{value}' is not a valid rating: expected {_allowed(rubric)}"
                row_problems.add("rating", line, invalid, column)
            else:
                case.ratings.setdefault(criterion, []).append(number)
    unrated = [c for c in cases.values() if not c.ratings]
    for case in unrated:
        row_problems.add("unrated", case.line, "nobody rated this case")
    problems = row_problems.problems()
    if not cases:
        problems = [Problem(row_problems.file, 0, "", "has no rows with ratings")]
    if problems:
        raise SpecError(problems)
    text = json.dumps([[c.row, c.ratings] for c in cases.values()], sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Labels(path.name, digest, tuple(cases.values()))


def _rating_columns(rubric: Rubric, columns: Sequence[str]) -> dict[str, str]:
    """The criterion that each column of ratings is about."""
    if rubric.mode != "binary":
        return dict.fromkeys(columns or [RATING], "")
    names = [criterion.name for criterion in rubric.criteria]
    if not names:
        raise UsageError(
            f"rubric '{rubric.name}' has no criteria of its own; write a rubric with those of"
            " your suite (judges/NAME.judge.yaml) and calibrate that"
        )
    if len(names) == 1:
        return dict.fromkeys(columns or [RATING], names[0])
    if columns:
        raise UsageError(f"rubric '{rubric.name}' needs one column per criterion: {names}")
    return {name: name for name in names}


def _missing(rubric: Rubric, columns: Sequence[str], ratings: Sequence[str]) -> Iterator[str]:
    shown = ["target" if v == "targets" else v for v in compiled(rubric.prompt).variables]
    if rubric.mode == "claims":
        shown = [name for name in shown if name not in ("prompt", "output")]
    for column in dict.fromkeys([*(v for v in shown if v != "row"), *ratings]):
        if column not in columns:
            guess = nearest(column, columns)
            hint = f"; did you mean '{guess}'?" if guess else ""
            why = "people's ratings" if column in ratings else f"rubric '{rubric.name}' shows it"
            yield f"there is no column '{column}' ({why}){hint} (known: {', '.join(columns)})"


def _rating(value: object, rubric: Rubric) -> float | None:
    text = str(value).strip().lower()
    if rubric.mode == "pairwise":
        return _VERDICTS.get(text)
    if rubric.mode == "binary":
        return _MET.get(text)
    if rubric.mode == "claims":
        said = " ".join(re.split(r"[\s_-]+", text))
        return next((step for name, step in CLAIM_STEPS.items() if name.lower() == said), None)
    try:
        number = float(text)
    except ValueError:
        return None
    return number if rubric.low <= number <= rubric.high else None


def _allowed(rubric: Rubric) -> str:
    if rubric.mode == "pairwise":
        return "a, b or tie"
    if rubric.mode == "claims":
        return "supported, contradicted or not found"
    return "yes or no" if rubric.mode == "binary" else f"{rubric.low:g} to {rubric.high:g}"


def own_answer(case: LabelledCase, family: str) -> float | None:
    """Whether a judge of this family wrote it: 1 or 0; of a pair 1 for a, -1 for b, 0 for both or
    neither. None where the file or the judge names no family."""
    written = {column: case.text(column).strip().lower() for column in _FAMILIES}
    own = family.strip().lower()
    if not own:
        return None
    if written["family"]:
        return float(written["family"] == own)
    if written["family_a"] and written["family_b"]:
        return float(written["family_a"] == own) - float(written["family_b"] == own)
    return None
