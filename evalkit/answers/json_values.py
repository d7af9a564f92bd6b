"""Extracts a value from the JSON in a text, which must be valid as a whole.

Brackets in prose (``[1]``, ``{name}``) are ignored. Invalid JSON gives no answer, so that a part of
it (an object inside a broken object) is never taken for the whole; nor do duplicate keys, or
several JSON values that differ.
"""

from __future__ import annotations

import json
import re
from typing import Any

from evalkit.answers.extracted import Extracted
from evalkit.errors import UsageError

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[['\"]([^'\"]+)['\"]\]")
_FENCED = re.compile(r"^\s*```\w*[ \t]*\n(.*?)\n?\s*```\s*$", re.DOTALL)
_OPENING = re.compile(r"[{\[]")
# What can be JSON at all.
_CAN_BE = re.compile(r"""\{\s*["}] | \[\s*(?:["\[{\]tfn]|-?\d[\d.eE+-]*\s*[,\]])""", re.VERBOSE)
# What begins as JSON does, well-formed or not: {"a, {'a, {a:, {}, [{, ["a.
_BEGINS = re.compile(
    r"""\{\s*(?:["'“‘}]|[A-Za-z_][\w-]*\s*:|//|/\*|\Z) | \[\s*(?:[\[{"“]|'[^']*'\s*[,\]]|\Z)
      | \[\s*-?\d[\d.,\s-]*,\s*["'{\[]""",
    re.VERBOSE,
)


class _TwiceError(ValueError):
    """An object has a duplicate key."""


def by_path(text: str, path: str = "$") -> Extracted:
    """The value at a path (``$.a.b[0]``) in the JSON of a text."""
    steps = parse_path(path)
    values, broken = _values(text)
    if broken:
        return Extracted(None, broken)
    if not values:
        return Extracted(None, "the answer contains no JSON")
    found = [value for value, there in (_follow(value, steps) for value in values) if there]
    if not found:
        return Extracted(None, f"the JSON in the answer has nothing at {path}")
    if any(_written(value) != _written(found[0]) for value in found):
        several = ", ".join(dict.fromkeys(_short(value) for value in found))
        return Extracted(None, f"several JSON values in the answer differ at {path}: {several}")
    if found[0] is None or found[0] == "":
        return Extracted(None, f"the JSON value at {path} is {json.dumps(found[0])}")
    piece = found[0] if isinstance(found[0], str) else _written(found[0])
    return Extracted(piece.strip() or None, f"the JSON value at {path}")


def parse_path(path: str) -> tuple[str | int, ...]:
    """The steps of a path: keys and indices. Raises UsageError for an invalid path."""
    body = path.removeprefix("$")
    if body and body[0] not in ".[":
        body = "." + body
    steps: list[str | int] = []
    at = 0
    while at < len(body):
        step = _STEP.match(body, at)
        if step is None:
            raise UsageError(
                f"'{path}' is not a JSON path; write it like $.answer or $.items[0].name"
            )
        steps.append(int(step[2]) if step[2] is not None else step[1] or step[3])
        at = step.end()
    return tuple(steps)


def _values(text: str) -> tuple[list[Any], str]:
    """The outermost JSON objects and arrays in a text, or the text as one scalar; and what is
    wrong with the JSON, or ""."""
    decoder = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_once)
    fence = _FENCED.match(text)
    try:
        return [decoder.decode((fence[1] if fence else text).strip())], ""
    except (ValueError, RecursionError):
        pass
    values = []
    at = 0
    while opening := _OPENING.search(text, at):
        begins = opening.start()
        try:
            if not _CAN_BE.match(text, begins):
                raise ValueError("its keys and texts need double quotes")
            value, at = decoder.raw_decode(text, begins)
            values.append(value)
        except _TwiceError as error:
            return [], f"the JSON in the answer has {error}"
        except ValueError as error:
            if _BEGINS.match(text, begins):
                return [], f"the JSON in the answer does not parse: {error}"
            at = begins + 1
        except RecursionError:
            return [], "the JSON in the answer is nested too deeply"
    return values, ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _TwiceError(f"the key '{key}' twice")
        found[key] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _follow(value: Any, steps: tuple[str | int, ...]) -> tuple[Any, bool]:
    for step in steps:
        in_object = isinstance(value, dict) and isinstance(step, str) and step in value
        in_array = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if not (in_object or in_array):
            return None, False
        value = value[step]
    return value, True


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _short(value: Any) -> str:
    written = _written(value)
    return written if len(written) <= 40 else written[:39] + "…"
