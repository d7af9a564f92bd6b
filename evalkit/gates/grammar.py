"""The grammar of gates. Rules are parsed, never evaluated as code::

    gate   := term ("and" term)* ["at" NUMBER ["%"]]
    term   := score op reference
    score  := NAME ["[" key "]"] ["[" column "=" value "]"]
                                                   recall[negative], accuracy[topic=art]
    op     := ">=" | ">" | "<=" | "<" | "==" | "!="
    reference := NUMBER | NUMBER "%" | target [("+" | "-") NUMBER]
    target := "baseline" | MODEL "/" PROMPT

The long form is a mapping: ``{metric: macro_f1, min: 0.55, confidence: 0.95}``. ``min`` and
``max`` take a number or a reference (``min: baseline - 0.02``); ``max_drop`` is the largest allowed
drop below the baseline. With a confidence the verdict depends on the interval of the score or,
against another cell, of the paired difference: pass if the whole interval clears the threshold,
fail if no part of it does, else inconclusive. ``certified`` sets bounds on the certificates of the
judges of the score (``{kappa: 0.6}``).

Labels and groups are written in brackets as they are; one that makes a rule ambiguous is written as
a JSON string: ``recall["a] >= b"] >= 0.9`` (see :class:`ScoreName`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from evalkit.errors import EvalkitError, nearest, shortened, unknown
from evalkit.gates.certified import requirement_problem
from evalkit.metrics.registry import BUILT_IN, Registry
from evalkit.records.names import GROUP, KEY, Group, ScoreName

_OPS = (">=", ">", "<=", "<", "==", "!=")
_OP = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*")
_BASE = r"[^\W\d][\w.:/@-]*"
_WRITTEN = re.compile(rf"{_BASE}(?:{KEY})?(?:{GROUP})?", re.DOTALL)
_LOOSE = re.compile(rf"{_BASE}(?:\[.*\])?", re.DOTALL)
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_PLAIN = re.compile(rf"^(?P<number>{_NUMBER})\s*(?P<percent>%?)$")
_RELATIVE = re.compile(
    rf"^(?P<target>baseline|[^\s/]+/\S+(?:\s+\S+)*?)(?:\s*(?P<sign>[-+])\s*(?P<offset>{_NUMBER})\s*(?P<percent>%?))?$"
)
_AT = re.compile(rf"\s+at\s+(?P<number>{_NUMBER})\s*(?P<percent>%?)\s*$", re.IGNORECASE)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_LONG_KEYS = ("metric", "min", "max", "max_drop", "confidence", "certified")


class GateSyntaxError(EvalkitError):
    """A gate cannot be parsed. The message says what was expected."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a score is compared with: ``offset``, or another cell's score plus ``offset``.

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
    """A parsed rule. Compares the value if ``confidence`` is None, else the interval at that level.

    certified: bounds on figures of the judges' certificates.
    """

    rule: str
    terms: tuple[Term, ...]
    confidence: float | None = None
    certified: tuple[tuple[str, float], ...] = ()


def parse(declared: object, registry: Registry = BUILT_IN) -> Gate:
    """Parse a gate as written in a suite: a string, or the long form as a mapping.

    registry: gives the direction in which a score is better, for ``max_drop``. Raises
    GateSyntaxError.
    """
    if isinstance(declared, str):
        rule, level = declared.strip(), None
        if at := _AT.search(rule):
            level = _level(_number(at["number"], at["percent"]))
            rule = rule[: at.start()]
        return Gate(" ".join(declared.split()), _terms(rule), level)
    if isinstance(declared, Mapping):
        return _long_form(declared, registry)
    raise GateSyntaxError(
        f"expected a rule such as 'accuracy >= 0.8' or a mapping with {', '.join(_LONG_KEYS)};"
        f" found {shortened(declared)}"
    )


def _terms(rule: str) -> tuple[Term, ...]:
    """The terms of a rule. It is split at ``and`` only between valid terms, as labels are any text.

    Names in evalkit's own notation take precedence over brackets with arbitrary text.
    """
    for score in (_WRITTEN, _LOOSE):
        found = _cut(rule, score)
        if found is not None:
            return tuple(found)
    raise GateSyntaxError(_unread(rule))


def _cut(rule: str, score: re.Pattern[str]) -> list[Term] | None:
    for found in _AND.finditer(rule):
        first = _term(rule[: found.start()], score)
        rest = _cut(rule[found.end() :], score) if first else None
        if first and rest:
            return [first, *rest]
    only = _term(rule, score)
    return [only] if only else None


def _term(text: str, score: re.Pattern[str]) -> Term | None:
    """One term, split at the first operator between a score and a reference; None if invalid."""
    for found in _OP.finditer(text):
        left, right = text[: found.start()].strip(), text[found.end() :].strip()
        if score.fullmatch(left) and (reference := _reference(right)):
            return Term(left, found[1], reference)
    return None


def _unread(rule: str) -> str:
    """What is wrong with a rule: its first invalid part."""
    parts = [part.strip() for part in _AND.split(rule)]
    part = next((part for part in parts if not _term(part, _LOOSE)), rule)
    begun = re.match(
        rf"{_LOOSE.pattern}\s*(?:>=|<=|==|!=|>|<)\s*(?P<rest>[^\s<>=!].*)", part, re.DOTALL
    )
    if begun:
        return (
            f"cannot read '{begun['rest']}': expected a number (0.8 or 80%), 'baseline',"
            " 'baseline - 0.02', or 'MODEL/PROMPT - 0.02'"
        )
    return (
        f"cannot read '{part}': expected a score, one of {' '.join(_OPS)} and a"
        " number, such as 'accuracy >= 0.8', 'recall[spam] >= 0.9' or"
        " 'macro_f1 >= baseline - 0.02'"
    )


def _reference(text: str) -> Reference | None:
    """What a score is compared with; None if the text is not a reference."""
    if match := _PLAIN.match(text):
        return Reference(_number(match["number"], match["percent"]))
    if match := _RELATIVE.match(text):
        offset = _number(match["offset"], match["percent"]) if match["offset"] else 0.0
        return Reference(-offset if match["sign"] == "-" else offset, match["target"])
    return None


def _number(text: str, percent: str | None) -> float:
    return float(text) / 100 if percent else float(text)


def _long_form(declared: Mapping[object, object], registry: Registry) -> Gate:
    for key in declared:
        if key not in _LONG_KEYS:
            guess = nearest(str(key), _LONG_KEYS)
            hint = f"; did you mean '{guess}'?" if guess else ""
            raise GateSyntaxError(f"unknown key '{key}'{hint} (known: {', '.join(_LONG_KEYS)})")
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
        raise GateSyntaxError(
            f"the confidence must be at least 0.5 and below 1, such as 0.95; found {value}"
        )
    return value


def _limit(key: str, value: object) -> Reference:
    """A number, or a score of another cell (``baseline - 0.02``)."""
    if isinstance(value, str) and (relative := _reference(value.strip())) and relative.target:
        return relative
    return Reference(_bound(key, value))


def _drop(score: str, drop: float, registry: Registry) -> Term:
    """A drop is a change for the worse, in the direction of the metric."""
    metric = registry.of_score(score)
    if metric is not None and metric.better == "lower":
        return Term(score, "<=", Reference(drop, "baseline"))
    return Term(score, ">=", Reference(-drop, "baseline"))


def _bound(key: str, value: object) -> float:
    with suppress(OverflowError):  # a whole number of 400 digits
        number = float(value) if isinstance(value, int | float) else math.nan
        if math.isfinite(number) and not isinstance(value, bool):
            return number
    raise GateSyntaxError(f"'{key}' must be a number; found {shortened(value)}")


def _show_reference(reference: Reference) -> str:
    if not reference.target:
        return f"{reference.offset:g}"
    if not reference.offset:
        return reference.target
    sign = "-" if reference.offset < 0 else "+"
    return f"{reference.target} {sign} {abs(reference.offset):g}"


@dataclass(frozen=True, slots=True)
class KnownScores:
    """The scores that a suite will have.

    names: full names, without groups. columns: the columns that group its samples. bases: of scores
    whose keys are known only once they are computed. groups: those with samples, if the data has
    been read; they resolve ambiguous names.
    """

    names: Collection[str]
    columns: Collection[str] = ()
    bases: Collection[str] = ()
    groups: Collection[Group] = ()

    def find(self, text: str) -> ScoreName | None:
        """The score that a text names, or None."""
        found = ScoreName.resolve(text, self.columns, self._has_samples) if self.groups else None
        return found or ScoreName.resolve(text, self.columns, self._has)

    def _has_samples(self, name: ScoreName) -> bool:
        return self._has(name) and (name.group is None or name.group in self.groups)

    def _has(self, name: ScoreName) -> bool:
        if name.group is not None and name.group.column not in self.columns:
            return False
        return str(name.whole) in self.names or name.base in self.bases

    def named(self, gate: Gate) -> Gate:
        """A gate with the full names of its scores; unknown ones stay as they are."""
        terms = (
            replace(term, score=str(self.find(term.score) or term.score)) for term in gate.terms
        )
        return replace(gate, terms=tuple(terms))


def problem(gate: Gate, known: KnownScores) -> str | None:
    """What is wrong with the scores of a gate, or None. known: the scores of the suite."""
    for term in gate.terms:
        if known.find(term.score) is not None:
            continue
        name = ScoreName.parse(term.score)
        if name.group is not None and str(name.whole) in known.names and known.columns:
            return f"'{term.score}': {unknown('group', name.group.column, list(known.columns))}"
        guess = nearest(term.score, list(known.names))
        hint = f"; did you mean '{guess}'?" if guess else ""
        return (
            f"unknown score '{term.score}'{hint} (this suite has: {', '.join(known.names)}; a gate"
            " can only use metrics listed under 'metrics:')"
        )
    return None
