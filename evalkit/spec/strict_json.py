"""Strict JSON: duplicate keys, NaN and Infinity are errors."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]', re.DOTALL)


class TwiceError(ValueError):
    """An object has a duplicate key, so one of its two values would be lost."""

    def __init__(self, key: str) -> None:
        super().__init__(f"'{key}' is written twice; keep one")


class Twice(NamedTuple):
    """A duplicate key of an object, and the lines (from 1) where it is written."""

    key: str
    first: int
    line: int


def strict_json(text: str) -> Any:
    """The value of a JSON text.

    Raises JSONDecodeError, TwiceError, ValueError (NaN, Infinity), RecursionError.
    """
    return _DECODER.decode(text)


def written_twice(text: str) -> Iterator[Twice]:
    """The keys that objects of a JSON text have twice, in its order."""
    enclosing: list[dict[str, int] | None] = []  # the keys of each object so far; None: a list
    key_follows = False
    line, counted = 1, 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in ("{", "["):
            enclosing.append({} if mark == "{" else None)
        elif mark in ("}", "]"):
            enclosing.pop()
        elif key_follows and (keys := enclosing[-1]) is not None:
            line, counted = line + text.count("\n", counted, token.start()), token.start()
            key = json.loads(mark)
            if key in keys:
                yield Twice(key, keys[key], line)
            keys.setdefault(key, line)
        key_follows = mark == "{" or (mark == "," and enclosing[-1] is not None)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise TwiceError(next(key for key in counts if counts[key] > 1))
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON; use null")


_DECODER = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_object)
