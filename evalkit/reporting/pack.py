"""The samples of a suite, small enough to travel inside one HTML file.

Per suite there is one index, which holds what filters need (ids, statuses, correctness,
labels) for all rows, and chunks of some hundred rows with everything else; a page decodes a
chunk only when one of its rows is looked at. Repeated texts are written once: the row's fields
are shared by all cells, a prompt is its template with references to the fields, the text sent
is the chat template with references to the messages. ``reports/data.js`` is the other half.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.comparing.baseline import Baseline
from evalkit.messages import is_text
from evalkit.records import CellRecord, SampleRecord, SuiteRecord
from evalkit.reporting.answers import details_of, repeats_of
from evalkit.reporting.document import finite
from evalkit.reporting.index import Row, index_of, rows_of, short

CHUNK_ROWS = 500
_SHORTEST_REFERENCE = 8
"""Shorter texts are not worth a reference and occur by accident."""
_TRIM = " \t\r\n"


@dataclass(frozen=True, slots=True)
class PackedSuite:
    """The blocks of one suite: base64 of gzip of JSON."""

    index: str
    chunks: tuple[str, ...]


def pack(
    suite: SuiteRecord | None, cells: Sequence[CellRecord], baseline: Baseline | None = None
) -> PackedSuite:
    """Pack the samples of one suite's cells; the cells' order is that of the page's columns.

    baseline: an earlier run; whether its cells were right travels with the index.
    """
    rows = rows_of(cells)
    fields = list(dict.fromkeys(name for row in rows for name in row.first.fields))
    parts = [rows[i : i + CHUNK_ROWS] for i in range(0, len(rows), CHUNK_ROWS)]
    return PackedSuite(
        index=_compressed(index_of(suite, cells, rows, fields, baseline, CHUNK_ROWS)),
        chunks=tuple(_compressed(_chunk(part, fields, len(cells))) for part in parts),
    )


# A chunk: everything else, column by column.


def _chunk(rows: Sequence[Row], fields: list[str], cells: int) -> dict[str, Any]:
    templates: dict[str, int] = {}
    columns = [_cell_columns(rows, k, fields, templates) for k in range(cells)]
    return {
        "present": _column(
            [[i for i, f in enumerate(fields) if f in r.first.fields] for r in rows]
        ),
        "fields": [
            _column([finite(row.first.fields.get(name)) for row in rows]) for name in fields
        ],
        "targets": _column([row.first.targets for row in rows]),
        "cells": columns,
        "templates": [json.loads(template) for template in templates],
    }


def _cell_columns(
    rows: Sequence[Row], k: int, fields: list[str], templates: dict[str, int]
) -> dict[str, Any]:
    samples = [row.cells[k] for row in rows]

    def number_of(template: Any) -> int:
        return templates.setdefault(json.dumps(template), len(templates))

    prompts: list[Any] = []
    sent: list[Any] = []
    for row, sample in zip(rows, samples, strict=True):
        if sample is None:
            prompts.append(None)
            sent.append(None)
            continue
        values = [row.first.fields.get(name) for name in fields]
        messages = _messages(sample)
        roles = [[role, _split(content, values)] for role, content in messages]
        prompts.append(number_of(roles))
        sent.append(number_of(_split(sample.sent, [content for _, content in messages])))
    columns = {"prompt": _column(prompts), "sent": _column(sent)}
    for name, value in _PLAIN.items():
        columns[name] = _column([None if s is None else value(s) for s in samples])
    columns["output"] = _column(
        [None if s is None else 0 if s.output == s.prediction else s.output for s in samples]
    )
    columns["seconds"] = _column([None if s is None else short(s.seconds) for s in samples])
    columns["scores"] = _column([_numbers(s.scores) if s else {} for s in samples], keyed=True)
    columns["probabilities"] = _column(
        [_numbers(s.probabilities) if s else {} for s in samples], keyed=True
    )
    columns["checks"] = _column(
        [[[c.rule, c.passed, c.reason] for c in s.checks] if s else [] for s in samples]
    )
    columns["details"] = _column([_details(s) if s else {} for s in samples])
    return columns


def _details(sample: SampleRecord) -> dict[str, Any]:
    """Details of the backend, and every answer to a repeated question."""
    details: dict[str, Any] = finite(details_of(sample))
    repeats = repeats_of(sample)
    return {**details, "repeats": finite(repeats)} if repeats else details


_PLAIN: Mapping[str, Callable[[SampleRecord], Any]] = {
    "status": lambda sample: sample.answer.status,
    "correct": lambda sample: sample.answer.correct,
    "prediction": lambda sample: sample.answer.prediction,
    "how": lambda sample: sample.answer.explanation,
    "error": lambda sample: sample.error,
    "cached": lambda sample: sample.cached,
    "prompt_tokens": lambda sample: sample.answer.prompt_tokens,
    "completion_tokens": lambda sample: sample.answer.completion_tokens,
    "finish": lambda sample: sample.answer.finish,
}


def _messages(sample: SampleRecord) -> list[tuple[str, str]]:
    """The prompt's messages; a raw text is one message without a role."""
    if is_text(sample.prompt):
        return [("", sample.prompt)]
    return [(message.role, message.text) for message in sample.prompt]


def _split(text: str, values: Sequence[Any]) -> list[Any]:
    """A text as literals and references: ``i`` is ``values[i]``, ``[i]`` is the same, trimmed.

    Putting the values back in gives exactly the text.
    """
    parts: list[Any] = [text]
    candidates: list[tuple[str, Any]] = []
    for i, value in enumerate(values):
        if isinstance(value, str) and len(value) >= _SHORTEST_REFERENCE:
            candidates.append((value, i))
            trimmed = value.strip(_TRIM)
            if trimmed != value and len(trimmed) >= _SHORTEST_REFERENCE:
                candidates.append((trimmed, [i]))
    for value, reference in sorted(candidates, key=lambda c: -len(c[0])):
        if value in text:
            parts = [piece for part in parts for piece in _replaced(part, value, reference)]
    return parts


def _replaced(part: Any, value: str, reference: Any) -> list[Any]:
    if not isinstance(part, str) or value not in part:
        return [part]
    pieces: list[Any] = []
    for literal in part.split(value):
        pieces += [literal, reference] if literal else [reference]
    return pieces[:-1]


def _column(values: list[Any], *, keyed: bool = False) -> Any:
    """A column in the shortest of three forms.

    ``{"c": value}``: all alike. ``{"d": distinct, "i": numbers}``: few distinct values.
    ``{"k": names, "v": columns}`` (when ``keyed``): mappings with the same names.
    Else the list itself.
    """
    if keyed and values and values[0]:
        names = list(values[0])
        if all(list(value) == names for value in values):
            return {"k": names, "v": [_column([v[name] for v in values]) for name in names]}
    numbers: dict[Hashable, int] = {}
    codes = [numbers.setdefault(_key(value), len(numbers)) for value in values]
    if len(numbers) == 1:
        return {"c": values[0]}
    if len(numbers) * 4 <= len(values):
        distinct = [values[codes.index(number)] for number in range(len(numbers))]
        return {"d": distinct, "i": codes}
    return values


def _key(value: Any) -> Hashable:
    """A key that distinguishes values as JSON does: ``1``, ``1.0`` and ``True`` differ."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, (bool, int, float)):
        return type(value), value
    return "json", json.dumps(value)


def _numbers(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: short(value) for name, value in values.items()}


def _compressed(value: Any) -> str:
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("ascii"), 6, mtime=0)).decode("ascii")
