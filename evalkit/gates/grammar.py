"""The grammar of gates. A rule is parsed, never evaluated as code::

    gate   := term ("and" term)* ["at" NUMBER ["%"]]
    term   := score op reference
    score  := NAME | NAME "[" key "]"              recall[negative], accuracy[topic=art]
    op     := ">=" | ">" | "<=" | "<" | "==" | "!="
    reference := NUMBER | NUMBER "%" | target [("+" | "-") NUMBER]
    target := "baseline" | MODEL "/" PROMPT

The long form is a mapping: ``{metric: macro_f1, min: 0.55, confidence: 0.95}``; ``min`` and
``max`` take a number or a reference (``min: baseline - 0.02``), ``max_drop`` says how much worse
than the baseline the score may be. With a confidence the verdict is on an interval instead of the
value, and against another cell on that of the paired difference: pass when the whole interval
clears the threshold, fail when none of it does, inconclusive otherwise. ``certified`` demands
figures of the certificates of those who judged the score (``{kappa: 0.6}``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.errors import EvalkitError, nearest, unknown
from evalkit.judging.certificate import requirement_problem
from evalkit.metrics.registry import BUILT_IN, Registry

_OPS = (">=", ">", "<=", "<", "==", "!=")
_TERM = re.compile(
    r"""^\s*(?P<score>[^\W\d][\w.:/@-]*(?:\[.*?\])?)\s*
        (?P<op>>=|<=|==|!=|>|<)\s*
        (?P<reference>.+?)\s*$""",
    re.VERBOSE,
)
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_PLAIN = re.compile(rf"^(?P<number>{_NUMBER})\s*(?P<percent>%?)$")
_RELATIVE = re.compile(
    rf"^(?P<target>baseline|[^\s/]+/\S+(?:\s+\S+)*?)(?:\s*(?P<sign>[-+])\s*(?P<offset>{_NUMBER})\s*(?P<percent>%?))?$"
)
_AT = re.compile(rf"\s+at\s+(?P<number>{_NUMBER})\s*(?P<percent>%?)\s*$", re.IGNORECASE)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_LONG_KEYS = ("metric", "min", "max", "max_drop", "confidence", "certified")


class GateSyntaxError(EvalkitError):
    """A gate cannot be read. The message says what was expected."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a score is compared with: ``offset`` alone, or added to another cell's score.

    target: "" for a plain number, ``baseline``, or ``model/prompt``.
    """

    offset: float
    target: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison."""

    score: str
    op: str
    reference: Reference


@dataclass(frozen=True, slots=True)
class Gate:
    """A parsed rule. ``confidence`` None compares values; else the interval at that level.

    certified: the figures that the judges' certificates must show, with their bounds.
    """

    rule: str
    terms: tuple[Term, ...]
    confidence: float | None = None
    certified: tuple[tuple[str, float], ...] = ()


def parse(declared: object, registry: Registry = BUILT_IN) -> Gate:
    """Read a gate as written in a suite: a string, or the long form as a mapping.

    registry: tells in which direction a score is better, for ``max_drop``. Raises GateSyntaxError.
    """
    if isinstance(declared, str):
        rule, level = declared.strip(), None
        if at := _AT.search(rule):
            level = _level(_number(at["number"], at["percent"]))
            rule = rule[: at.start()]
        terms = tuple(_term(part) for part in _parts(rule))
        return Gate(" ".join(declared.split()), terms, level)
    if isinstance(declared, Mapping):
        return _long_form(declared, registry)
    raise GateSyntaxError(
        f"expected a rule such as 'accuracy >= 0.8' or a mapping with {', '.join(_LONG_KEYS)};"
        f" found {declared!r}"
    )


def _parts(rule: str) -> list[str]:
    """A rule cut at each ``and`` that is not inside brackets: labels and groups are any text."""
    parts, start = [], 0
    for found in _AND.finditer(rule):
        part = rule[start : found.start()]
        if part.count("[") <= part.count("]"):
            parts.append(part)
            start = found.end()
    return [*parts, rule[start:]]


def _term(text: str) -> Term:
    match = _TERM.match(text)
    if match is None:
        raise GateSyntaxError(
            f"cannot read '{text.strip()}': expected a score, one of {' '.join(_OPS)} and a"
            " number, such as 'accuracy >= 0.8', 'recall[spam] >= 0.9' or"
            " 'macro_f1 >= baseline - 0.02'"
        )
    return Term(match["score"], match["op"], _reference(match["reference"]))


def _reference(text: str) -> Reference:
    if match := _PLAIN.match(text):
        return Reference(_number(match["number"], match["percent"]))
    if match := _RELATIVE.match(text):
        offset = _number(match["offset"], match["percent"]) if match["offset"] else 0.0
        return Reference(-offset if match["sign"] == "-" else offset, match["target"])
    raise GateSyntaxError(
        f"cannot read '{text}': expected a number (0.8 or 80%), 'baseline', 'baseline - 0.02',"
        " or 'MODEL/PROMPT - 0.02'"
    )


def _number(text: str, percent: str | None) -> float:
    return float(text) / 100 if percent else float(text)


def _long_form(declared: Mapping[object, object], registry: Registry) -> Gate:
    for key in declared:
        if key not in _LONG_KEYS:
            guess = nearest(str(key), _LONG_KEYS)
            hint = f"; did you mean '{guess}'?" if guess else ""
            raise GateSyntaxError(
                f"unknown key '{key}'{hint} (a gate has: {', '.join(_LONG_KEYS)})"
            )
    score = declared.get("metric")
    if not isinstance(score, str):
        raise GateSyntaxError("a gate in long form needs 'metric:', the name of a score")
    terms = []
    if "min" in declared:
        terms.append(Term(score, ">=", _limit("min", declared["min"])))
    if "max" in declared:
        terms.append(Term(score, "<=", _limit("max", declared["max"])))
    if "max_drop" in declared:
        terms.append(_drop(score, _bound("max_drop", declared["max_drop"]), registry))
    if not terms:
        raise GateSyntaxError("a gate in long form needs 'min:', 'max:' or 'max_drop:'")
    confidence = declared.get("confidence")
    level = None if confidence is None else _level(_bound("confidence", confidence))
    rule = " and ".join(f"{t.score} {t.op} {_show_reference(t.reference)}" for t in terms)
    if level is not None:
        rule += f" at {level:.4g}"
    certified = _certified(declared["certified"]) if "certified" in declared else ()
    if certified:
        rule += f", certified {' '.join(f'{name} {bound:g}' for name, bound in certified)}"
    return Gate(rule, tuple(terms), level, certified)


def _certified(declared: object) -> tuple[tuple[str, float], ...]:
    wrong = requirement_problem(declared)
    if wrong or not isinstance(declared, Mapping):
        raise GateSyntaxError(str(wrong))
    return tuple((str(name), float(bound)) for name, bound in declared.items())


def _level(value: float) -> float:
    if not 0.5 <= value < 1:
        raise GateSyntaxError(f"confidence must be between 0.5 and 1, such as 0.95; found {value}")
    return value


def _limit(key: str, value: object) -> Reference:
    """A number, or a score of another cell (``baseline - 0.02``)."""
    if isinstance(value, str) and _RELATIVE.match(value.strip()):
        return _reference(value.strip())
    return Reference(_bound(key, value))


def _drop(score: str, drop: float, registry: Registry) -> Term:
    """A drop is a change for the worse, whichever way that is."""
    metric = registry.of_score(score)
    if metric is not None and metric.better == "lower":
        return Term(score, "<=", Reference(drop, "baseline"))
    return Term(score, ">=", Reference(-drop, "baseline"))


def _bound(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise GateSyntaxError(f"'{key}' must be a number; found {value!r}")
    return float(value)


def _show_reference(reference: Reference) -> str:
    if not reference.target:
        return f"{reference.offset:g}"
    if not reference.offset:
        return reference.target
    sign = "-" if reference.offset < 0 else "+"
    return f"{reference.target} {sign} {abs(reference.offset):g}"


def problem(declared: object, known: Sequence[str], *, groups: Sequence[str] = ()) -> str | None:
    """What is wrong with a gate as declared, or None.

    known: the score names the suite will have. groups: the columns it groups its samples by;
    ``name[column=value]`` is then a score for every known name, whatever the value.
    """
    try:
        gate = parse(declared)
    except GateSyntaxError as error:
        return str(error)
    for term in gate.terms:
        if term.score in known:
            continue
        base, _, key = term.score.partition("[")
        column, grouped, _ = key.partition("=")
        if grouped and base in known and groups:
            if column in groups:
                continue
            return f"'{term.score}': {unknown('group', column, groups)}"
        guess = nearest(term.score, known)
        hint = f"; did you mean '{guess}'?" if guess else ""
        return (
            f"no score is called '{term.score}'{hint} (this suite has: {', '.join(known)}."
            " A gate can only use metrics listed under 'metrics:')"
        )
    return None
