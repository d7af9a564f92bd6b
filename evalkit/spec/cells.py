"""Lists in the cells of csv and tsv files, where every value is text.

A list is written as JSON or as a Python literal, which is what pandas puts into a csv file. A cell
that looks like a list and is neither (an array as NumPy prints it, a cell that was cut off) is an
error: as a text it would be one answer that no model can give. Only columns that may hold a list
are parsed; ``ListCells`` says which of their cells count as lists.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from evalkit.spec.readers import Row, RowProblems
from evalkit.spec.sections import DataSpec
from evalkit.tasks import Task

_LONGEST = 1_000_000
_DEEPEST = 32
_QUOTED = re.compile(
    r"""\s*[\[({][\[({\s]*
        (?:(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*(?:[,:'"\])}]|$)  # a text, and what may follow
        |'(?:[^'\\]|\\.)*$|"(?:[^"\\]|\\.)*$)  # or one that is cut off
    """,
    re.VERBOSE | re.DOTALL,
)
_OF_NOTHING = re.compile(r"""\s*\[\s*(?:\]\s*$|(?:nan|NaN|None|null)\b\s*[,\s].*['"])""", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
        |(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.:/-]))
        |(?P<word>(?:None|True|False)\b)
        |(?P<mark>[\[\](){},:]))""",
    re.VERBOSE | re.DOTALL,
)


class ListCells(Enum):
    """Which cells of a column are parsed as lists.

    BRACKETED: all that begin with a bracket (``[`` or ``{``, or ``(`` before a quote), for columns
    whose texts never do. QUOTED: those whose bracket is followed by a quoted text, so that
    ``[Intro] The film …``, ``["Daisy" plays] Hello`` and ``[0, 1)`` stay texts, as do JSON objects.
    """

    BRACKETED = "bracketed"
    QUOTED = "quoted"


class NoListError(ValueError):
    """A cell looks like a list but cannot be parsed as one. The message says why."""


def read_list(text: str) -> list[Any]:
    """A list of plain values (texts, numbers, booleans, None, lists and mappings of these).

    Raises NoListError.
    """
    try:
        value = json.loads(
            text, strict=False, parse_constant=_no_constant, object_pairs_hook=_mapping
        )
    except json.JSONDecodeError:
        value = _python(text)
    except RecursionError:
        raise NoListError("it is nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise NoListError(str(error)) from None
    if isinstance(value, Mapping):
        raise NoListError("it is a mapping, not a list; put each value into its own column")
    if not isinstance(value, (list, tuple)):
        raise NoListError(f"it is a {type(value).__name__}, not a list")
    return [_plain(item) for item in value]


def looks_like_list(text: str) -> bool:
    """True for a text that is a list of quoted texts from its first character to its last."""
    return _QUOTED.match(text) is not None and text.rstrip().endswith(("]", ")"))


def list_columns(task: Task, data: DataSpec) -> dict[str, ListCells]:
    """The columns of a suite whose cells may hold a list, and how they are read."""
    readings: dict[str, ListCells] = {}
    for column in task.columns:
        named = data.named(column.key)
        if column.lists and len(named) == 1:
            readings[named[0]] = ListCells(column.lists)
    if task.target.lists:
        readings |= dict.fromkeys(data.target, ListCells(task.target.lists))
    return readings


def with_lists(
    rows: Iterable[Row],
    readings: Mapping[str, ListCells],
    row_problems: RowProblems,
    choices: Sequence[str] = (),
) -> Iterator[Row]:
    """Parse the lists of rows in place; rows with a cell that cannot be parsed are skipped.

    choices: the choice columns of a multiple-choice question; a target equal to a choice stays a
    text.
    """
    for number, row in rows:
        try:
            for column, reading in readings.items():
                cell = row.get(column)
                if isinstance(cell, str) and _is_list(cell, reading):
                    offered = () if column in choices else _offered(row, choices)
                    row[column] = cell if cell in offered else _read(column, cell)
        except NoListError as error:
            row_problems.add("list", number, str(error))
        else:
            yield number, row


def _offered(row: Mapping[str, Any], choices: Sequence[str]) -> Container[Any]:
    values = [row.get(column) for column in choices]
    return values[0] if len(values) == 1 and isinstance(values[0], list) else values


def _is_list(cell: str, reading: ListCells) -> bool:
    if reading is ListCells.BRACKETED:
        return cell.lstrip()[:1] in ("[", "{") or _QUOTED.match(cell) is not None
    if _OF_NOTHING.match(cell):
        return True
    return _QUOTED.match(cell) is not None and not _is_object(cell)


def _is_object(cell: str) -> bool:
    if not cell.lstrip().startswith("{"):
        return False
    try:
        return isinstance(json.loads(cell), dict)
    except (ValueError, RecursionError):
        return False


def _read(column: str, cell: str) -> list[Any]:
    try:
        return read_list(cell)
    except NoListError as error:
        raise NoListError(
            f"column '{column}': cannot read the list {_shown(cell)}: {error}. Write it as JSON:"
            ' ["one", "two"]; write a text that begins with a bracket as a list of one:'
            ' ["[sic]"]'
        ) from None


def _python(text: str) -> Any:
    """The value of a Python literal whose tokens have been checked first."""
    if len(text) > _LONGEST:
        raise NoListError(f"it is not JSON, and longer than {_LONGEST:,} characters")
    _check_tokens(text)
    try:
        tree = ast.parse(text.strip(), mode="eval")
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict):
                _mapping([(ast.literal_eval(key), None) for key in node.keys if key is not None])
        return ast.literal_eval(tree)
    except NoListError:
        raise
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise NoListError("it is neither a JSON list nor a Python list") from None


def _check_tokens(text: str) -> None:
    """Raise NoListError at the first token that a list of plain values cannot contain."""
    at, depth, after_value = 0, 0, False
    end = len(text.rstrip())
    while at < end:
        token = _TOKEN.match(text, at)
        if token is None:
            rest = text[at:].lstrip()
            if rest[0] in "'\"":
                raise NoListError(f"the quote before {_shown(rest[1:])} is never closed")
            raise NoListError(f"{_word(rest)} is not a text, number, None, True or False")
        mark = token["mark"]
        if mark is None or mark in "[({":
            if after_value:
                raise NoListError(
                    "two values without a comma, as NumPy prints arrays; save array.tolist()"
                )
            depth += mark is not None
        elif mark in "])}":
            depth -= 1
        if depth > _DEEPEST:
            raise NoListError("it is nested too deeply")
        after_value = mark is None or mark in "])}"
        at = token.end()
    if depth > 0:
        raise NoListError("the list is never closed; was the cell cut off?")


def _mapping(pairs: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if key in found:
            raise NoListError(f"the key {key!r} appears twice")
        found[key] = value
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        raise NoListError("it contains a set, which has no order")
    if isinstance(value, float) and not math.isfinite(value):
        raise NoListError("it contains a number that is too large")
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _no_constant(name: str) -> Any:
    raise NoListError(f"{name} is not a value; remove it or write null")


def _word(text: str) -> str:
    """The first word of a text, for a message."""
    word = re.match(r"[\w.+-]+|.", text, re.DOTALL)
    return _shown(word[0] if word else text)


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"
