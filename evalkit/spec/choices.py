"""Multiple choice: the choices of each row, and which of them its target means.

A target may be the choice's text, its letter (A, B, …) or its number counted from 0. Which of
the three is decided once for the whole data, by what fits every row: a file does not change its
mind halfway, and "1" among the choices 0, 1, 2 would mean two things.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from evalkit.errors import nearest
from evalkit.spec.readers import Complaints

if TYPE_CHECKING:
    from evalkit.spec.origin import Rows

LETTERS = string.ascii_uppercase
_Choices = tuple[str, ...]


def settle_choices(
    columns: Sequence[str], rows: Rows, targets: Sequence[tuple[str, ...]]
) -> tuple[list[_Choices], list[tuple[str, ...]]]:
    """The choices of every row, and its target as the text of one of them.

    columns: one that holds a list, or one for each choice. targets: as written, () for none.
    """
    numbers, complaints = rows.numbers, rows.complaints
    choices = [
        _choices(columns, row, number, complaints)
        for number, row in zip(numbers, rows.fields, strict=True)
    ]
    told = []
    for i, (options, target) in enumerate(zip(choices, targets, strict=True)):
        if len(target) > 1:
            message = f"has {len(target)} targets; multiple choice has one right answer"
            complaints.add("targets", numbers[i], message)
        elif options and target:
            told.append(i)

    def misses(read: _Reading) -> list[int]:
        return [i for i in told if read(targets[i][0], choices[i]) is None]

    best = min(_READINGS, key=lambda read: len(misses(read)))
    settled = list(targets)
    for i in told:
        text = best(targets[i][0], choices[i])
        if text is None:
            message = _why_none(targets[i][0], choices[i], best)
            complaints.add("choice", numbers[i], message)
        else:
            settled[i] = (text,)
    return choices, settled


_Reading = Callable[[str, _Choices], str | None]


def _by_text(target: str, choices: _Choices) -> str | None:
    return target if target in choices else None


def _by_letter(target: str, choices: _Choices) -> str | None:
    position = LETTERS.find(target.upper()) if len(target) == 1 else -1
    return choices[position] if 0 <= position < len(choices) else None


def _by_number(target: str, choices: _Choices) -> str | None:
    if not target.isascii() or not target.isdigit() or int(target) >= len(choices):
        return None
    return choices[int(target)]


_READINGS: dict[_Reading, str] = {
    _by_text: "a choice's text",
    _by_letter: "a letter",
    _by_number: "a number",
}


def _why_none(target: str, choices: _Choices, best: _Reading) -> str:
    """What is wrong with a target that the reading which fits the other rows does not fit."""
    listed = " | ".join(choices)
    for reading, name in _READINGS.items():
        if reading(target, choices) is not None:
            other = _READINGS[best]
            return f"the target '{target}' is {name}, those of other rows are {other}; choose one"
    guess = nearest(target, choices)
    hint = f"; did you mean '{guess}'?" if guess else ""
    if target.isascii() and target.isdigit() and int(target) == len(choices):
        hint = "; numbers count from 0"
    return f"the target '{target}' is none of the choices{hint} (choices: {listed})"


def _choices(
    columns: Sequence[str], row: dict[str, Any], number: int, complaints: Complaints
) -> _Choices:
    """The choices of a row, as text; () with a complaint when there are none."""
    values: Any = [row.get(column) for column in columns]
    if len(columns) == 1:
        values = _as_list(values[0])
        if values is None:
            message = (
                f"the choices (column '{columns[0]}') are no list; in csv write a JSON list, or "
                "name one column per choice"
            )
            complaints.add("choices", number, message)
            return ()
    texts = tuple(
        as_text(value) or json.dumps(value, ensure_ascii=False)
        for value in values
        if value is not None and value != ""
    )
    if len(texts) < 2:
        complaints.add("choices", number, f"has {len(texts)} choices; at least two are needed")
        return ()
    if len(texts) > len(LETTERS):
        complaints.add("choices", number, f"has {len(texts)} choices; at most {len(LETTERS)}")
        return ()
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        complaints.add("choices", number, f"the choice '{twice}' is there twice")
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
