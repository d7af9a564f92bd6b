"""Checks: rules on one response, such as ``max_words: 30``. Pure functions of its parts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from evalkit.records import CheckRecord
from evalkit.records.references import resolve
from evalkit.written.patterns import PatternTimeoutError, pattern

if TYPE_CHECKING:
    from evalkit.spec.fields import Check


def run_check(check: Check, response: Mapping[str, Any]) -> CheckRecord:
    """Whether a response satisfies a rule, and why.

    response: see :meth:`evalkit.records.Answer.values`. A rule is about its text, or with ``of:``
    about another part: passages are their texts, anything else but a text is its JSON.
    Comparisons are case-sensitive; ``equals``, ``starts_with`` and ``ends_with`` ignore white space
    around the text. Both sides are normalised to NFC, as in metrics.
    """
    negated = check.name.startswith("not_")
    name = check.name.removeprefix("not_")
    value = normalize("NFC", check.value) if isinstance(check.value, str) else check.value
    part = resolve(check.of or "response.text", response)
    if part is None:
        return CheckRecord(check.rule, negated, f"the response has no {check.of}")
    try:
        holds, found = _RULES[name](normalize("NFC", _text(part)), value)
    except PatternTimeoutError as error:  # neither found nor not found
        return CheckRecord(check.rule, False, str(error))
    return CheckRecord(check.rule, holds != negated, found)


def _text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, list) and part and all(isinstance(p, dict) and "text" in p for p in part):
        return "\n\n".join(str(passage["text"]) for passage in part)
    return json.dumps(part, ensure_ascii=False)


def _contains(text: str, value: Any) -> tuple[bool, str]:
    at = text.find(value)
    return at >= 0, f"found at character {at}" if at >= 0 else "not found in the response"


def _equals(text: str, value: Any) -> tuple[bool, str]:
    same = text.strip() == value.strip()
    return same, "the response equals this text" if same else f"the response is {_quoted(text)}"


def _starts_with(text: str, value: Any) -> tuple[bool, str]:
    return text.lstrip().startswith(value), f"the response begins with {_quoted(text.lstrip())}"


def _ends_with(text: str, value: Any) -> tuple[bool, str]:
    return text.rstrip().endswith(value), f"the response ends with {_quoted(text.rstrip()[-60:])}"


def _regex(text: str, value: Any) -> tuple[bool, str]:
    match = pattern(value).search(text)
    return match is not None, f"matches {_quoted(match[0] or '')}" if match else "no match"


def _json(text: str, value: Any) -> tuple[bool, str]:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        return value is False, f"not JSON: {error}"
    return value is True, "valid JSON"


def _count(text: str, unit: str) -> int:
    return len(text.split()) if unit == "words" else len(text.strip())


def _at_most(unit: str) -> Callable[[str, Any], tuple[bool, str]]:
    def rule(text: str, value: Any) -> tuple[bool, str]:
        count = _count(text, unit)
        return count <= value, f"{count} {unit}"

    return rule


def _at_least(unit: str) -> Callable[[str, Any], tuple[bool, str]]:
    def rule(text: str, value: Any) -> tuple[bool, str]:
        count = _count(text, unit)
        return count >= value, f"{count} {unit}"

    return rule


_RULES: dict[str, Callable[[str, Any], tuple[bool, str]]] = {
    "contains": _contains,
    "equals": _equals,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "regex": _regex,
    "json": _json,
    "max_words": _at_most("words"),
    "min_words": _at_least("words"),
    "max_chars": _at_most("chars"),
    "min_chars": _at_least("chars"),
}


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")
