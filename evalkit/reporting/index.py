"""The index that filters use: one letter or number per sample and cell.

A letter says what the answer's status was, whether it was right, whether its checks passed,
whether repeated answers or the judges of a panel differ, and what the baseline's answer was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit import tasks
from evalkit.comparing.baseline import Baseline
from evalkit.comparing.operand import row_digest
from evalkit.comparing.rows import match_rows
from evalkit.records import CellRecord, SampleRecord, SuiteRecord
from evalkit.records.analyses import OTHER_LABELS, JudgedReport
from evalkit.reporting.analyses import labels_of
from evalkit.reporting.changes import before
from evalkit.reporting.document import finite

REFERENCE = "probability of the reference"
_STATUS_LETTERS = {"ok": "o", "truncated": "t", "overflow": "f", "unparsed": "u", "error": "e"}
_CORRECT_LETTERS = {True: "1", False: "0", None: "-"}
_ABSENT = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One sample across the cells of a suite; None where a cell does not have it."""

    first: SampleRecord
    cells: tuple[SampleRecord | None, ...]


def rows_of(cells: Sequence[CellRecord]) -> list[Row]:
    """The samples of all cells side by side, in the order of the data."""
    by_cell = [{(s.index, s.id): s for s in cell.samples} for cell in cells]
    keys = sorted({key for samples in by_cell for key in samples})
    rows = []
    for key in keys:
        found = tuple(samples.get(key) for samples in by_cell)
        rows.append(Row(next(s for s in found if s is not None), found))
    return rows


def index_of(
    suite: SuiteRecord | None,
    cells: Sequence[CellRecord],
    rows: Sequence[Row],
    fields: list[str],
    baseline: Baseline | None,
    chunk: int,
) -> dict[str, Any]:
    """The index of a suite's rows, as JSON values. chunk: rows per chunk."""
    labels = labels_of(cells)
    score = _graded(rows)
    better = next((c.scores[score].better for c in cells if score in c.scores), "higher")
    return {
        "n": len(rows),
        "chunk": chunk,
        "fields": fields,
        "lead": _lead(rows, fields),
        "labels": labels,
        "score": score,
        "better": better,
        "folded": suite is not None and tasks.find(suite.task).grades_refusals,
        "baseline": baseline.run.id if baseline else "",
        "ids": [row.first.id for row in rows],
        "gold": _codes((_gold(row.first, labels) for row in rows), labels),
        "differ": "".join("01"[_differs(row, bool(labels))] for row in rows),
        "cells": [
            {
                "model": cell.model,
                "prompt": cell.prompt,
                "error": cell.error,
                "status": _letters(_status(row.cells[k]) for row in rows),
                "correct": _letters(_correct(row.cells[k]) for row in rows),
                "checks": _letters(_checks(row.cells[k]) for row in rows),
                "predicted": _codes((_predicted(row.cells[k], labels) for row in rows), labels),
                "entries": _entries(suite, cell, (row.cells[k] for row in rows), labels),
                "scores": [_graded_value(row.cells[k], score) for row in rows] if score else [],
                "flaky": _letters(_flaky(row.cells[k]) for row in rows),
                "panel": _letters(_panel(cell, row.cells[k]) for row in rows),
                "before": _before(suite, baseline, cell, rows, score),
            }
            for k, cell in enumerate(cells)
        ],
    }


def _letters(letters: Iterable[str]) -> str:
    return "".join(letters)


def _codes(codes: Iterable[int], labels: list[str]) -> list[int]:
    return list(codes) if labels else []


def _entries(
    suite: SuiteRecord | None,
    cell: CellRecord,
    samples: Iterable[SampleRecord | None],
    labels: Sequence[str],
) -> list[list[tuple[int, ...]]]:
    """The entries of the confusion matrix that each row counts in, where these may be several."""
    find = tasks.find(suite.task).confused if suite is not None else None
    own = labels_of([cell])
    if suite is None or find is None or not own:
        return []
    entries = find(suite)

    def code(label: str) -> int:
        return labels.index(label if label in own else OTHER_LABELS)

    found = [entries(one) if one and one.answer.answered else [] for one in samples]
    return [[tuple(map(code, entry)) for entry in of_row] for of_row in found]


def _gold(sample: SampleRecord, labels: list[str]) -> int:
    target = sample.targets[0] if sample.targets else None
    return labels.index(target) if target in labels else -1


def _predicted(sample: SampleRecord | None, labels: list[str]) -> int:
    """The label's number; for no label or no prediction that of "(none)", else -1."""
    if sample is None or not sample.answer.answered:
        return -1
    if sample.prediction in labels:
        return labels.index(sample.prediction)
    return labels.index("(none)") if "(none)" in labels else -1


def _status(sample: SampleRecord | None) -> str:
    return _ABSENT if sample is None else _STATUS_LETTERS.get(sample.status, "e")


def _correct(sample: SampleRecord | None) -> str:
    return _ABSENT if sample is None else _CORRECT_LETTERS[sample.correct]


def _checks(sample: SampleRecord | None) -> str:
    """``0`` when a check failed, ``1`` when all passed, ``-`` when there was none."""
    if sample is None or not sample.checks:
        return _ABSENT
    return "1" if all(check.passed for check in sample.checks) else "0"


def _flaky(sample: SampleRecord | None) -> str:
    """``1`` when the same question got several answers, ``0`` when one, ``-`` if asked once."""
    if sample is None or len(sample.answers) < 2:
        return _ABSENT
    taken = {(answer.prediction, answer.correct) for answer in sample.answers}
    return "1" if len(taken) > 1 else "0"


def _panel(cell: CellRecord, sample: SampleRecord | None) -> str:
    """``1`` if two judges differ by the score's distance of disagreement or more, ``0`` if the
    panel agrees, ``-`` if fewer than two judges gave a grade."""
    grades = defaultdict(list)
    for one in sample.judgments if sample else ():
        if one.reply.value is not None:
            against = one.pair.against if one.pair else None
            part = (one.score, one.aspect, against, one.repeat)
            grades[part].append((one.judge, one.reply.value))
    panels = {
        part: [value for _, value in graded]
        for part, graded in grades.items()
        if len({judge for judge, _ in graded}) > 1
    }
    if not panels:
        return _ABSENT
    apart = {a.score: a.panel.apart for a in cell.analyses if isinstance(a, JudgedReport)}
    wide = (max(v) - min(v) >= apart.get(part[0], 1) for part, v in panels.items())
    return "1" if any(wide) else "0"


def _before(
    suite: SuiteRecord | None,
    baseline: Baseline | None,
    cell: CellRecord,
    rows: Sequence[Row],
    score: str,
) -> dict[str, Any] | None:
    """The correctness of the baseline's cell by row; None if there is no such cell."""
    other = before(baseline, cell)
    if baseline is None or other is None or not other.samples:
        return None
    then = {one.id: one for one in other.samples}
    old_suite = baseline.run.suites.get(cell.suite)
    if suite is None or old_suite is None or old_suite.data_hash != suite.data_hash:
        now = {row.first.id: row_digest(row.first) for row in rows}
        same = match_rows({one.id: row_digest(one) for one in other.samples}, now).same
        then = {here: then[there] for there, here in same.items()}
    found = [then.get(row.first.id) for row in rows]
    return {
        "correct": _letters(_was_correct(suite, sample) for sample in found),
        "scores": [_graded_value(sample, score) for sample in found] if score else [],
    }


def _was_correct(suite: SuiteRecord | None, sample: SampleRecord | None) -> str:
    """As in the record; from a file that keeps scores only, by the first metric if it is 0 or 1."""
    if sample is None or sample.correct is not None:
        return _correct(sample)
    main = next((m for m in (suite.metrics if suite else ()) if m in sample.scores), "")
    return {0.0: "0", 1.0: "1"}.get(sample.scores.get(main, -1.0), _ABSENT)


def _differs(row: Row, labelled: bool) -> bool:
    """Whether the cells disagree: in the label, in being correct, else in the answer itself."""
    answers: set[Any] = set()
    for sample in row.cells:
        if sample is None:
            continue
        if labelled or sample.correct is None:
            answers.add((sample.status, sample.prediction))
        else:
            answers.add(sample.correct)
    return len(answers) > 1


def _graded(rows: Sequence[Row]) -> str:
    """What to sort by: the first per-sample score that has values between its extremes, else the
    probability of the reference, else "".
    """
    names = dict.fromkeys(name for row in rows[:100] for s in row.cells if s for name in s.scores)
    for name in names:
        if any(s.scores.get(name, 0) not in (0, 1) for row in rows for s in row.cells if s):
            return name
    given = any(
        s.targets and s.targets[0] in s.probabilities for row in rows[:1] for s in row.cells if s
    )
    return REFERENCE if given else ""


def _graded_value(sample: SampleRecord | None, name: str) -> float | None:
    if sample is None:
        return None
    if name == REFERENCE:
        target = sample.targets[0] if sample.targets else ""
        return short(sample.probabilities.get(target))
    return short(sample.scores.get(name))


def _lead(rows: Sequence[Row], fields: list[str]) -> int:
    """The index of the most descriptive field of a sample: the longest text."""

    def length(name: str) -> int:
        values = (row.first.fields.get(name) for row in rows[:100])
        return sum(len(value) for value in values if isinstance(value, str))

    return max(range(len(fields)), key=lambda i: length(fields[i]), default=-1)


def short(value: float | None) -> float | None:
    """Four significant digits, more than a page shows."""
    kept = finite(value)
    return None if kept is None else float(f"{kept:.4g}")
