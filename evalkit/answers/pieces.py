"""Cutting the part that holds the answer out of a text."""

from __future__ import annotations

import json
import re
import unicodedata
from decimal import Decimal
from fractions import Fraction
from math import gcd
from typing import Any

from evalkit.answers.taken import Taken
from evalkit.errors import UsageError

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[['\"]([^'\"]+)['\"]\]")
_MARKDOWN = " \t\r*`"


def by_pattern(text: str, pattern: str, group: int | str | None = None) -> Taken:
    """The first match of a regular expression: its group, else its first group, else all."""
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"the regular expression {pattern!r} is wrong: {error}") from None
    found = expression.search(text)
    if found is None:
        return Taken(None, f"nothing matches /{pattern}/")
    wanted = group if group is not None else min(expression.groups, 1)
    try:
        piece = found[wanted]
    except IndexError:
        raise UsageError(f"the regular expression {pattern!r} has no group {wanted!r}") from None
    if piece is None or not piece.strip():
        return Taken(None, f"the match of /{pattern}/ is empty")
    return Taken(piece.strip(), f"the first match of /{pattern}/")


def after(text: str, marker: str, which: str = "last") -> Taken:
    """The rest of the line after a marker, or the next line with text when that is empty.

    The marker is found in any case; markdown marks around the answer are dropped.
    """
    found = list(re.finditer(re.escape(marker), text, re.IGNORECASE))
    if not found:
        return Taken(None, f"'{marker}' does not occur")
    rest = text[found[0 if which == "first" else -1].end() :]
    piece = next((line for line in (p.strip(_MARKDOWN) for p in rest.splitlines()) if line), "")
    if not piece:
        return Taken(None, f"nothing follows '{marker}'")
    times = "" if len(found) == 1 else f"{which} "
    return Taken(piece, f"the text after the {times}'{marker}'")


# --- JSON ---------------------------------------------------------------------------------


def by_path(text: str, path: str = "$") -> Taken:
    """The value at a path (``$.a.b[0]``) in the first JSON value of the text that has it."""
    steps = parse_path(path)
    values = _json_values(text)
    if not values:
        return Taken(None, "there is no JSON in the answer")
    for value in values:
        found, there = _follow(value, steps)
        if there:
            if found is None or found == "":
                return Taken(None, f"the JSON value at {path} is {json.dumps(found)}")
            piece = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
            return Taken(piece.strip() or None, f"the JSON value at {path}")
    return Taken(None, f"the JSON in the answer has nothing at {path}")


def parse_path(path: str) -> tuple[str | int, ...]:
    """The steps of a path: keys and indices. Raises UsageError when it is not one."""
    body = path.removeprefix("$")
    if body and body[0] not in ".[":
        body = "." + body
    steps: list[str | int] = []
    at = 0
    while at < len(body):
        step = _STEP.match(body, at)
        if step is None:
            raise UsageError(f"'{path}' is no JSON path; write it like $.answer or $.items[0].name")
        steps.append(int(step[2]) if step[2] is not None else step[1] or step[3])
        at = step.end()
    return tuple(steps)


def _json_values(text: str) -> list[Any]:
    """The JSON objects and arrays in a text, outermost only; or the text as one scalar."""
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    bare = re.sub(r"^\s*```\w*\s*\n(.*?)\n?\s*```\s*$", r"\1", text, flags=re.DOTALL).strip()
    try:
        return [decoder.decode(bare)]
    except (ValueError, RecursionError):
        pass
    values = []
    at = 0
    while opening := re.compile(r"[{\[]").search(text, at):
        try:
            value, at = decoder.raw_decode(text, opening.start())
            values.append(value)
        except ValueError:
            at = opening.end()
        except RecursionError:  # nested a thousand deep: no answer, and none is worth the search
            break
    return values


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _follow(value: Any, steps: tuple[str | int, ...]) -> tuple[Any, bool]:
    for step in steps:
        in_object = isinstance(value, dict) and isinstance(step, str) and step in value
        in_array = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if not (in_object or in_array):
            return None, False
        value = value[step]
    return value, True


# --- numbers ------------------------------------------------------------------------------

_INTEGER = r"(?:\d{1,3}(?:,\d{3})+(?![\d])|\d{1,3}(?:[\u00a0\u202f'’]\d{3})+(?!\d)|\d+)"
_NUMBER = re.compile(
    rf"""(?<![^\W_])
    (?P<sign>(?<![\w)])[-−–]\s?)?
    [$€£¥]?
    (?:
      (?P<whole>\d+)[ ](?P<mixed>\d+/\d+)(?![/\d])
    | (?P<fraction>(?<!\d/)\d+\s?/\s?\d+)(?!\s?[/\d.])
    | (?P<european>(?<!\d,)(?:
        \d{{1,3}}(?:\.\d{{3}})+,\d+ | \d{{1,3}}(?:\.\d{{3}}){{2,}} | \d+,(?:\d{{1,2}}|\d{{4,}})
      ))(?![.,]?\d)
    | (?P<plain>{_INTEGER}(?:\.\d+)?(?:[eE][-+]?\d{{1,3}}(?![^\W_]))?|\.\d+)
    )""",
    re.VERBOSE,
)


def number(text: str, which: str = "last") -> Taken:
    """The first or last number of a text, in a normal form: ``1234.5``, ``-3``, ``3/4``.

    Understood: signs, thousands separators (1,234; 1 234 with no-break spaces; 1.234.567),
    decimals (3.14, and 3,14 where the comma cannot separate thousands), exponents, fractions
    (3/4, 1 1/2, ½; kept as fractions in lowest terms). Percent and currency signs are dropped.
    A digit that is part of a word (H2O) is no number.
    """
    found = list(_NUMBER.finditer(_plain_digits(text)))
    if not found:
        return Taken(None, "there is no number in the answer")
    hit = found[0 if which == "first" else -1]
    place = "only" if len(found) == 1 else which
    return Taken(_normal(hit), f"the {place} number in the answer, '{hit[0].strip()}'")


def _plain_digits(text: str) -> str:
    """Text with every script's digits as ASCII ones and ½ as 1/2."""
    return "".join(_plain_digit(c) for c in text) if not text.isascii() else text


def _plain_digit(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if unicodedata.category(character) == "No" and character not in "²³¹":
        value = Fraction(unicodedata.numeric(character)).limit_denominator(1000)
        if value.denominator > 1:
            return f" {value.numerator}/{value.denominator}"
    return character


def _normal(hit: re.Match[str]) -> str:
    sign = "-" if hit["sign"] else ""
    if hit["fraction"] or hit["mixed"]:
        top, bottom = (int(part) for part in (hit["fraction"] or hit["mixed"]).split("/"))
        if bottom == 0:
            return f"{sign}{top}/0"
        top += int(hit["whole"] or 0) * bottom
        shared = gcd(top, bottom)
        top, bottom = top // shared, bottom // shared
        return sign + (f"{top}" if bottom == 1 else f"{top}/{bottom}")
    if hit["european"]:
        digits = hit["european"].replace(".", "").replace(",", ".")
    else:
        digits = re.sub(r"[,\u00a0\u202f'’]", "", hit["plain"])
    value = f"{Decimal(digits):f}"
    if "." in value:
        value = value.rstrip("0").rstrip(".")
    value = value.lstrip("0") or "0"
    value = f"0{value}" if value.startswith(".") else value
    return value if value == "0" else sign + value
