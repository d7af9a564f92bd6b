"""Gates: a rule on a score of a cell, and the verdict on it.

A rule is parsed by the small grammar below and never evaluated as code::

    gate   := term ("and" term)*
    term   := score op reference
    score  := NAME | NAME "[" key "]"              recall[negative], accuracy[topic=art]
    op     := ">=" | ">" | "<=" | "<" | "==" | "!="
    reference := NUMBER | NUMBER "%" | target [("+" | "-") NUMBER]
    target := "baseline" | MODEL "/" PROMPT

The long form is a mapping: ``{metric: macro_f1, min: 0.55, confidence: 0.95}``. With a
confidence the verdict is on the interval instead of the value: pass when the whole interval
clears the threshold, fail when none of it does, inconclusive otherwise.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evalkit.errors import EvalkitError, nearest
from evalkit.records import GateRecord, ScoreRecord

_OPS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
_TERM = re.compile(
    r"""^\s*(?P<score>[^\W\d][\w.:/@-]*(?:\[[^\]]*\])?)\s*
        (?P<op>>=|<=|==|!=|>|<)\s*
        (?P<reference>.+?)\s*$""",
    re.VERBOSE,
)
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_PLAIN = re.compile(rf"^(?P<number>{_NUMBER})\s*(?P<percent>%?)$")
_RELATIVE = re.compile(
    rf"^(?P<target>baseline|[^\s/]+/[^\s]+)(?:\s*(?P<sign>[-+])\s*(?P<offset>{_NUMBER})\s*(?P<percent>%?))?$"
)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_LONG_KEYS = ("metric", "min", "max", "max_drop", "confidence")


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
    """A parsed rule. ``confidence`` None compares values; else the interval at that level."""

    rule: str
    terms: tuple[Term, ...]
    confidence: float | None = None


def parse(declared: object) -> Gate:
    """Read a gate as written in a suite: a string, or the long form as a mapping.

    Raises GateSyntaxError.
    """
    if isinstance(declared, str):
        return Gate(
            " ".join(declared.split()), tuple(_term(part) for part in _AND.split(declared.strip()))
        )
    if isinstance(declared, Mapping):
        return _long_form(declared)
    raise GateSyntaxError(
        f"expected a rule such as 'accuracy >= 0.8' or a mapping with {', '.join(_LONG_KEYS)};"
        f" found {declared!r}"
    )


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


def _long_form(declared: Mapping[object, object]) -> Gate:
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
    bounds = {
        key: _bound(key, declared[key]) for key in ("min", "max", "max_drop") if key in declared
    }
    if not bounds:
        raise GateSyntaxError("a gate in long form needs 'min:', 'max:' or 'max_drop:'")
    confidence = declared.get("confidence")
    level = None if confidence is None else _bound("confidence", confidence)
    if level is not None and not 0.5 <= level < 1:
        raise GateSyntaxError(f"confidence must be between 0.5 and 1, such as 0.95; found {level}")
    terms = []
    if "min" in bounds:
        terms.append(Term(score, ">=", Reference(bounds["min"])))
    if "max" in bounds:
        terms.append(Term(score, "<=", Reference(bounds["max"])))
    if "max_drop" in bounds:
        terms.append(Term(score, ">=", Reference(-bounds["max_drop"], "baseline")))
    rule = " and ".join(f"{t.score} {t.op} {_show_reference(t.reference)}" for t in terms)
    return Gate(f"{rule} at {level:.4g}" if level is not None else rule, tuple(terms), level)


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


Scores = Mapping[str, ScoreRecord]


def decide(
    gate: Gate,
    scores: Scores,
    resolve: Callable[[str, str], float] = lambda target, score: math.nan,
    *,
    lost: str = "",
) -> GateRecord:
    """The verdict on one gate.

    scores: of the cell, with intervals at the gate's confidence. resolve: the value of a
    score of ``baseline`` or ``model/prompt``; raises EvalkitError saying what is missing.
    lost: why the cell cannot be trusted (errors above the suite's ``max_errors``); such a
    cell fails all its gates with this reason.
    """
    verdicts = [_decide_term(gate, term, scores, resolve) for term in gate.terms]
    worst = max(verdicts, key=lambda v: _SEVERITY[v.verdict])
    if len(verdicts) > 1:
        worst.reason = "; ".join(v.reason for v in verdicts)
    if lost:
        worst.verdict = "fail"
        worst.reason = f"{lost}; {worst.reason}"
    return worst


_SEVERITY = {"pass": 0, "inconclusive": 1, "fail": 2, "error": 3}


def _decide_term(
    gate: Gate, term: Term, scores: Scores, resolve: Callable[[str, str], float]
) -> GateRecord:
    score = scores.get(term.score)
    record = GateRecord(
        rule=gate.rule,
        verdict="error",
        score=term.score,
        op=term.op,
        threshold=term.reference.offset,
        value=score.value if score else None,
        low=score.low if score else None,
        high=score.high if score else None,
        margin=None,
        n=score.n if score else 0,
        confidence=gate.confidence,
        reason="",
    )
    if score is None:
        record.reason = f"the score {term.score} was not computed"
        return record
    try:
        if term.reference.target:
            record.threshold += resolve(term.reference.target, term.score)
    except EvalkitError as error:
        record.reason = str(error)
        return record
    if math.isnan(record.threshold):
        record.reason = f"{term.reference.target} has no {term.score} to compare with"
        return record
    if score.value is None or math.isnan(score.value):
        record.reason = f"{term.score} is undefined{f': {score.note}' if score.note else ''}"
        return record
    record.margin = _margin(score.value, term.op, record.threshold)
    if gate.confidence is None:
        _judge_value(record, score.value)
    else:
        _judge_interval(record, score, gate.confidence)
    return record


def _margin(value: float, op: str, threshold: float) -> float:
    if op in ("<=", "<"):
        return threshold - value
    if op in (">=", ">"):
        return value - threshold
    return abs(value - threshold) * (1 if op == "!=" else -1)


def _judge_value(record: GateRecord, value: float) -> None:
    passed = _OPS[record.op](value, record.threshold)
    record.verdict = "pass" if passed else "fail"
    claim = "holds" if passed else "does not hold"
    record.reason = (
        f"{record.score} = {_shown(value)} over {record.n} samples:"
        f" {record.op} {record.threshold:.4g} {claim}"
    )


def _judge_interval(record: GateRecord, score: ScoreRecord, confidence: float) -> None:
    assert score.value is not None
    low, high = score.low, score.high
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        record.verdict = "inconclusive"
        record.reason = f"{record.score} has no interval{f': {score.note}' if score.note else ''}"
        return
    compare = _OPS[record.op]
    ends = (compare(low, record.threshold), compare(high, record.threshold))
    level = f"{confidence * 100:.4g} %"
    span = (
        f"{record.score} = {_shown(score.value)}, {level} interval {_shown(low)} to {_shown(high)}"
    )
    if all(ends):
        record.verdict = "pass"
        record.reason = f"{span}: all of it {record.op} {record.threshold:.4g}"
    elif not any(ends):
        record.verdict = "fail"
        record.reason = f"{span}: none of it {record.op} {record.threshold:.4g}"
    else:
        record.verdict = "inconclusive"
        needed = samples_needed(score.value, low, high, record.n, record.threshold)
        advice = (
            f"; about {needed:,} samples would settle it if the score stays where it is"
            if needed
            else "; the score lies on the threshold, no number of samples settles that"
        )
        record.reason = f"{span}: the threshold {record.threshold:.4g} lies inside{advice}"


def _shown(value: float) -> str:
    """Three decimals, as the tables show; more where they would say 0."""
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.001 else f"{value:.3g}"


def samples_needed(value: float, low: float, high: float, n: int, threshold: float) -> int | None:
    """About how many samples would bring the interval clear of the threshold.

    The half-width of an interval shrinks with the square root of n, so the side that faces
    the threshold must shrink from its length now to the distance; None when that is 0.
    """
    distance = abs(value - threshold)
    width = value - low if threshold < value else high - value
    if distance <= 1e-12 or width <= 0:
        return None
    return max(n + 1, math.ceil(n * (width / distance) ** 2))


def problem(declared: object, known: Sequence[str], *, open_ended: bool = False) -> str | None:
    """What is wrong with a gate as declared, or None.

    known: the score names the suite will have. open_ended: also allow ``name[group=value]``
    for every known name (the suite groups its samples; values are only known from the data).
    """
    try:
        gate = parse(declared)
    except GateSyntaxError as error:
        return str(error)
    for term in gate.terms:
        if term.score in known:
            continue
        base, _, key = term.score.partition("[")
        if open_ended and "=" in key and base in known:
            continue
        guess = nearest(term.score, known)
        hint = f"; did you mean '{guess}'?" if guess else ""
        return (
            f"no score is called '{term.score}'{hint} (this suite has: {', '.join(known)}."
            " A gate can only use metrics listed under 'metrics:')"
        )
    return None
