"""Decides gates: a verdict and its reason from the scores of a cell."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from evalkit.errors import EvalkitError
from evalkit.gates.grammar import Gate, Term
from evalkit.records import GateRecord, ScoreRecord, Verdict
from evalkit.records.names import base_of
from evalkit.stats.power import NearSide, samples_to_settle

_OPS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
Scores = Mapping[str, ScoreRecord]


@dataclass(frozen=True, slots=True)
class Difference:
    """How a score differs from that of another cell, over the n samples both have.

    value: this cell minus the other; low, high: its interval; NaN if undefined. note: why it is
    undefined, or a caveat. ends_at: the interval expected at a larger number of samples, if known.
    """

    value: float
    low: float
    high: float
    n: int
    note: str = ""
    ends_at: Callable[[int], tuple[float, float]] | None = None


@dataclass(frozen=True, slots=True)
class Shared:
    """A score of this cell and of another over the n samples they share, if these are not all.

    NaN if it cannot be computed over these alone. note: how many samples are not shared, or why
    there is no value.
    """

    own: float
    other: float
    n: int
    note: str


class NotYetError(EvalkitError):
    """The reference of a gate does not exist yet, which is allowed."""


Resolve = Callable[[str, str], float]
Share = Callable[[str, str], Shared | None]
Compare = Callable[[str, str, float], Difference]


def decide(
    gate: Gate,
    scores: Scores,
    resolve: Resolve = lambda target, score: math.nan,
    compare: Compare | None = None,
    share: Share = lambda target, score: None,
    *,
    lost: str = "",
    part: str = "",
    own: str = "",
) -> GateRecord:
    """The verdict on one gate.

    scores: those of the cell, with intervals at the gate's confidence. resolve: the value of a
    score of ``baseline`` or ``model/prompt``; raises EvalkitError with what is missing, and
    NotYetError if that means no verdict (none). compare: the paired difference from a score of such
    a cell, at a confidence. share: both scores over the samples that both cells have; None if these
    are all. lost: why the cell cannot be trusted (errors above the suite's ``max_errors``); such a
    cell fails all its gates for this reason. part: how many of the samples were evaluated, if not
    all; a score that is undefined for these is then inconclusive, not an error. own:
    ``model/prompt`` of the cell; a comparison with itself has no verdict (none).
    """
    verdicts = [
        _with_itself(gate, term, scores)
        if own and term.reference.target == own
        else _decide_term(gate, term, scores, resolve, compare, share, part)
        for term in gate.terms
    ]
    worst = max(verdicts, key=lambda v: _SEVERITY[v.verdict])
    if len(verdicts) > 1:
        worst.reason = "; ".join(v.reason for v in verdicts)
    if lost:
        worst.verdict = "fail"
        worst.reason = f"{lost}; {worst.reason}"
    return worst


_SEVERITY = {"none": -1, "pass": 0, "inconclusive": 1, "fail": 2, "error": 3}


def _decide_term(
    gate: Gate,
    term: Term,
    scores: Scores,
    resolve: Resolve,
    compare: Compare | None,
    share: Share,
    part: str,
) -> GateRecord:
    score = scores.get(term.score)
    record = _record(gate, term, score)
    if part and _lacks_samples(term.score, scores):
        record.verdict = "inconclusive"
        record.reason = f"no sample counts towards {term.score}, so it is undefined: {part}"
        return record
    if score is None:
        whole = scores.get(base_of(term.score))
        why = f": {whole.note}" if whole and whole.value is None and whole.note else ""
        record.reason = f"the score {term.score} was not computed{why}"
        return record
    shared = None
    try:
        if term.reference.target:
            record.threshold += resolve(term.reference.target, term.score)
            shared = share(term.reference.target, term.score)
    except EvalkitError as error:
        record.verdict = "none" if isinstance(error, NotYetError) else "error"
        record.reason = str(error)
        return record
    if math.isnan(record.threshold):
        record.reason = f"{term.reference.target} has no {term.score} to compare with"
        return record
    if score.value is None or math.isnan(score.value):
        what = "infinite" if score.no_value == "infinite" else "undefined"
        record.reason = f"{term.score} is {what}{f': {score.note}' if score.note else ''}"
        return record
    if shared is not None:
        if math.isnan(shared.own) or math.isnan(shared.other):
            record.verdict = "inconclusive"
            record.reason = f"{term.score} cannot be compared with {term.reference.target}:"
            record.reason += f" {shared.note}"
            return record
        record.threshold = term.reference.offset + shared.other
        record.value, record.n = shared.own, shared.n
        record.low = record.high = None
    value = score.value if shared is None else shared.own
    record.margin = _margin(value, term.op, record.threshold)
    if gate.confidence is None:
        _judge_value(record, value, shared.note if shared else "")
    elif term.reference.target and compare is not None:
        found = compare(term.reference.target, term.score, gate.confidence)
        _judge_difference(record, term, found, gate.confidence)
    else:
        _judge_interval(record, score, gate.confidence)
    return record


def _with_itself(gate: Gate, term: Term, scores: Scores) -> GateRecord:
    record = _record(gate, term, scores.get(term.score))
    record.verdict = "none"
    record.threshold += record.value or 0.0
    record.reason = f"not applicable: {term.reference.target} is this cell itself"
    return record


def _record(gate: Gate, term: Term, score: ScoreRecord | None) -> GateRecord:
    return GateRecord(
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


def _lacks_samples(name: str, scores: Scores) -> bool:
    """Whether a score is missing only because no sample has its group or label."""
    score = scores.get(name)
    if score is None:
        whole = scores.get(base_of(name))
        return whole is None or whole.value is not None
    return score.no_value == "undefined"


def _margin(value: float, op: str, threshold: float) -> float:
    if op in ("<=", "<"):
        return threshold - value
    if op in (">=", ">"):
        return value - threshold
    return abs(value - threshold) * (1 if op == "!=" else -1)


def _judge_value(record: GateRecord, value: float, note: str = "") -> None:
    passed = _OPS[record.op](value, record.threshold)
    record.verdict = "pass" if passed else "fail"
    claim = "holds" if passed else "does not hold"
    record.reason = (
        f"{record.score} = {_shown(value)} over {record.n} samples{f' ({note})' if note else ''}:"
        f" {record.op} {record.threshold:.4g} {claim}"
    )


def _judge_interval(record: GateRecord, score: ScoreRecord, confidence: float) -> None:
    assert score.value is not None
    if score.corrected is not None:
        _judge_corrected(record, score, confidence)
        return
    low, high = score.low, score.high
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        record.verdict = "inconclusive"
        record.reason = f"{record.score} has no interval{f': {score.note}' if score.note else ''}"
        return
    level = f"{confidence * 100:.4g} %"
    span = (
        f"{record.score} = {_shown(score.value)}, {level} interval {_shown(low)} to {_shown(high)}"
    )
    above = score.value > record.threshold
    near = NearSide(
        score.value,
        low if above else high,
        record.n,
        confidence,
        end=score.range_low if above else score.range_high,
        standard_error=math.nan if score.standard_error is None else score.standard_error,
        share=score.interval == "wilson",
    )
    _judge_ends(record, (low, high), record.threshold, span, near)


def _judge_corrected(record: GateRecord, score: ScoreRecord, confidence: float) -> None:
    """Decide by the interval that includes the errors of the grader."""
    assert score.corrected is not None
    assert score.value is not None
    assert score.corrected_low is not None
    assert score.corrected_high is not None
    low, high = score.corrected_low, score.corrected_high
    record.value, record.low, record.high = score.corrected, low, high
    record.margin = _margin(score.corrected, record.op, record.threshold)
    span = (
        f"{record.score} = {_shown(score.corrected)}, corrected by the grader's errors"
        f" ({_shown(score.value)} as graded), {confidence * 100:.4g} % interval {_shown(low)} to"
        f" {_shown(high)}"
    )
    bound = low if score.corrected > record.threshold else high
    near = NearSide(score.corrected, bound, record.n, confidence)
    _judge_ends(record, (low, high), record.threshold, span, near)
    if record.verdict == "inconclusive":
        record.reason = (
            f"{span}: the threshold {record.threshold:.4g} lies inside; more samples narrow the"
            " interval, and so do more labelled answers (evalkit judge calibrate)"
        )


def _judge_difference(record: GateRecord, term: Term, found: Difference, confidence: float) -> None:
    """Non-inferiority: does the interval of the paired difference clear the allowed offset?"""
    offset, target = term.reference.offset, term.reference.target
    if math.isnan(found.low) or math.isnan(found.high):
        record.verdict = "inconclusive"
        record.reason = f"{record.score} cannot be paired with {target}: {found.note}"
        return
    # The interval of the difference, shifted to the axis of the score.
    other = record.threshold - offset
    record.low, record.high = other + found.low, other + found.high
    record.margin = _margin(found.value, term.op, offset)
    level = f"{confidence * 100:.4g} %"
    note = f" ({found.note})" if found.note else ""
    span = (
        f"{record.score} - {target} = {_signed(found.value)} over {found.n} paired samples{note},"
        f" {level} interval {_signed(found.low)} to {_signed(found.high)}"
    )
    above = found.value > offset
    bound = found.low if above else found.high
    near = NearSide(found.value, bound, found.n, confidence)
    if (ends_at := found.ends_at) is not None:
        side = 0 if above else 1
        near = replace(near, width_at=lambda n: abs(ends_at(n)[side] - found.value))
    _judge_ends(record, (found.low, found.high), offset, span, near)


def _judge_ends(
    record: GateRecord,
    ends: tuple[float, float],
    threshold: float,
    span: str,
    near: NearSide,
) -> None:
    verdict = _of_interval(record.op, ends, threshold)
    record.verdict = verdict
    if verdict == "pass":
        record.reason = f"{span}: the whole interval is {record.op} {threshold:.4g}"
    elif verdict == "fail":
        record.reason = f"{span}: no part of the interval is {record.op} {threshold:.4g}"
    else:
        record.reason = f"{span}: the threshold {threshold:.4g} lies inside; "
        record.reason += _advice(record.op, samples_to_settle(near, threshold))


def _of_interval(op: str, ends: tuple[float, float], threshold: float) -> Verdict:
    """Whether a rule holds for every value in an interval, for none, or for some."""
    low, high = ends
    if op in ("==", "!="):
        inside = low <= threshold <= high
        apart: Verdict = "fail" if op == "==" else "pass"
        certain: Verdict = "pass" if op == "==" else "fail"
        return apart if not inside else certain if low == high else "inconclusive"
    met = [_OPS[op](end, threshold) for end in ends]
    return "pass" if all(met) else "inconclusive" if any(met) else "fail"


def _advice(op: str, needed: int | None) -> str:
    if op == "==":
        return (
            "an interval cannot show that a score equals a value; more samples will not decide it"
        )
    if needed is None:
        return "the score equals the threshold; more samples will not decide it"
    return f"if the score stays the same, about {needed:,} samples decide it with 80 % probability"


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'}{_shown(abs(value))}"


def _shown(value: float) -> str:
    """Three decimals as in tables; more if they would round to 0."""
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.001 else f"{value:.3g}"
