"""Multiple choice: the choices of each row, and which of them its targets mean.

A target may be the choice's text, its letter (A, B, …) or its number counted from 0. One reading is
chosen for the whole data, the one that fits most targets, because row by row "1" among the choices
0, 1, 2 would be ambiguous. Several targets are several right choices.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from evalkit.answers.choices import LETTERS as LETTERS
from evalkit.errors import nearest
from evalkit.spec.readers import RowProblems

if TYPE_CHECKING:
    from evalkit.spec.sources import Rows

_Choices = tuple[str, ...]


def settle_choices(
    columns: Sequence[str], rows: Rows, targets: Sequence[tuple[str, ...]]
) -> tuple[list[_Choices], list[tuple[str, ...]]]:
    """The choices of every row, and its targets as the texts of some of them.

    columns: one column of lists, or one column per choice. targets: as written, () for none.
    """
    numbers, row_problems = rows.numbers, rows.row_problems
    choices = [
        _choices(columns, row, number, row_problems)
        for number, row in zip(numbers, rows.fields, strict=True)
    ]
    settled = list(targets)
    given = [i for i, options in enumerate(choices) if options and settled[i]]

    def misses(read: _Reading) -> int:
        return sum(read(target, choices[i]) is None for i in given for target in settled[i])

    best = min(_READINGS, key=misses)
    for i in given:
        texts = [best(target, choices[i]) for target in settled[i]]
        for target, text in zip(settled[i], texts, strict=True):
            if text is None:
                row_problems.add("choice", numbers[i], _why_no_reading(target, choices[i], best))
        right = tuple(dict.fromkeys(text for text in texts if text is not None))
        settled[i] = right or settled[i]
    return choices, settled


_Reading = Callable[[str, _Choices], str | None]


def _by_text(target: str, choices: _Choices) -> str | None:
    return target if target in choices else None


def _by_letter(target: str, choices: _Choices) -> str | None:
    letters = LETTERS[: len(choices)]
    return choices[letters.index(target.upper())] if target.upper() in letters else None


def _by_number(target: str, choices: _Choices) -> str | None:
    if not target.isascii() or not target.isdigit() or int(target) >= len(choices):
        return None
    return choices[int(target)]


_READINGS: dict[_Reading, str] = {
    _by_text: "a choice's text",
    _by_letter: "a letter",
    _by_number: "a number",
}


def _why_no_reading(target: str, choices: _Choices, best: _Reading) -> str:
    """Why a target does not fit the reading that fits the other rows."""
    listed = " | ".join(choices)
    for reading, name in _READINGS.items():
        if reading(target, choices) is not None:
            other = _READINGS[best]
            return f"the target '{target}' is {name}, but other rows give {other}; use one form"
    guess = nearest(target, choices)
    hint = f"; did you mean '{guess}'?" if guess else ""
    if target.isascii() and target.isdigit() and int(target) == len(choices):
        hint = "; numbers count from 0"
    return f"the target '{target}' is not one of the choices{hint} (choices: {listed})"


def _choices(
    columns: Sequence[str], row: dict[str, Any], number: int, row_problems: RowProblems
) -> _Choices:
    """The choices of a row as text; () and a complaint if there are none."""
    values: Any = [row.get(column) for column in columns]
    if len(columns) == 1:
        values = _as_list(values[0])
        if values is None:
            message = (
                f"the choices (column '{columns[0]}') are not a list; in csv write a JSON list, or "
                "name one column per choice"
            )
            row_problems.add("choices", number, message)
            return ()
    texts = tuple(
        as_text(value) or json.dumps(value, ensure_ascii=False)
        for value in values
        if value is not None and value != ""
    )
    if len(texts) < 2:
        row_problems.add("choices", number, f"has {len(texts)} choices; at least two are needed")
        return ()
    if len(texts) > len(LETTERS):
        row_problems.add(
            "choices", number, f"has {len(texts)} choices; at most {len(LETTERS)} are allowed"
        )
        return ()
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        row_problems.add("choices", number, f"the choice '{twice}' appears twice")
        return ()
    return texts


def _as_list(value: Any) -> list[Any] | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, list) else None


def as_text(value: Any) -> str | None:
    """A value as a target: text as it is, numbers as Python writes them; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else None
