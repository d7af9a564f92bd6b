"""Parity: where the answers of two models that should agree differ, and why.

Two backends of one model, two precisions, weights with and without an adapter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from evalkit.comparing.cells import CellComparison, compare_cells
from evalkit.comparing.operand import Side, side_of
from evalkit.exchange import Status
from evalkit.metrics.registry import BUILT_IN, Registry
from evalkit.records import Answer, CellRecord, RunRecord, SampleRecord


@dataclass(frozen=True, slots=True)
class ParityDifference:
    """A sample that the two models answer differently.

    a, b: the answers as they were written (for choices: the prediction; where there is none, the
    error). status_a, status_b: their statuses. flip: the answers taken from them differ too.
    won: None unless one is right and the other wrong; then whether B is right. why: the likely
    explanation.
    """

    id: str
    a: str
    b: str
    status_a: str
    status_b: str
    flip: bool
    won: bool | None
    why: str


@dataclass(frozen=True, slots=True)
class Parity:
    """Two cells side by side, over the n samples of both.

    ties: differences in which one side chose by less than its rounding. largest: the largest
    difference of a choice's log-likelihood in nats, None without choices. causes: how many
    differences each explanation has. scores: B minus A, with paired intervals. errors: of
    each side, which samples have no answer where these are more than the suite's ``max_errors``,
    or where no answer could be read.
    """

    suite: str
    prompt: str
    a: str
    b: str
    n: int
    differences: list[ParityDifference]
    ties: int
    largest: float | None
    scores: CellComparison | None
    errors: tuple[str, str] = ("", "")
    causes: dict[str, int] = field(default_factory=dict)

    @property
    def flips(self) -> int:
        """Samples whose prediction differs."""
        return sum(one.flip for one in self.differences)


def parity(
    run: RunRecord,
    a: str,
    b: str,
    *,
    metrics: Sequence[str] = (),
    registry: Registry = BUILT_IN,
    confidence: float = 0.95,
) -> list[Parity]:
    """The cells of two models of one run, with their samples, prompt by prompt.

    metrics: the scores to compare, as in ``compare_cells``; default: the first of the suite.
    registry: where metrics are looked up.
    """
    cells = {(cell.suite, cell.model, cell.prompt): cell for cell in run.cells}
    compared = partial(compare_cells, metrics=metrics, registry=registry, confidence=confidence)
    return [
        _two(run, one, other, compared)
        for (suite, model, prompt), one in cells.items()
        if model == a and (other := cells.get((suite, b, prompt))) is not None
    ]


def _two(
    run: RunRecord,
    a: CellRecord,
    b: CellRecord,
    compared: Callable[[Sequence[tuple[Side, Side]]], list[CellComparison]],
) -> Parity:
    second = {sample.id: sample for sample in b.samples}
    pairs = [(one, second[one.id]) for one in a.samples if one.id in second]
    differing = [
        (x, y) for x, y in pairs if _compared_text(x) != _compared_text(y) or x.status != y.status
    ]
    differences = [_difference(x, y) for x, y in differing]
    scores = None
    if a.scores and b.scores:
        scores = compared([(side_of(run, a), side_of(run, b))])[0]
    return Parity(
        suite=a.suite,
        prompt=a.prompt,
        a=a.model,
        b=b.model,
        n=len(pairs),
        differences=differences,
        ties=sum(x.answer.tie or y.answer.tie for x, y in differing),
        largest=_largest(pairs),
        scores=scores,
        errors=(_unanswered(run, a), _unanswered(run, b)),
        causes=dict(Counter(one.why for one in differences).most_common()),
    )


def _unanswered(run: RunRecord, cell: CellRecord) -> str:
    lost = [sample for sample in cell.samples if not sample.answer.answered]
    suite = run.suites.get(cell.suite)
    allowed = suite.max_errors if suite else 0
    if cell.error:
        return cell.error
    if cell.samples and len(lost) + cell.statuses.get(Status.UNPARSED.value, 0) == cell.n != len(
        lost
    ):
        first = cell.samples[0]
        why = first.error or first.answer.explanation
        nothing = f"no answer could be read from any of {cell.n} samples"
        return f"{nothing}; first {first.id}: {first.status}: {why}"
    if not lost:
        return ""
    if len(lost) <= allowed and len(lost) < cell.n:
        return ""
    first = lost[0]
    return f"{len(lost)} of {cell.n} samples; first {first.id}: {first.status}: {first.error}"


def _difference(a: SampleRecord, b: SampleRecord) -> ParityDifference:
    decided = a.correct is not None and b.correct is not None and a.correct != b.correct
    return ParityDifference(
        id=a.id,
        a=_compared_text(a) or a.error,
        b=_compared_text(b) or b.error,
        status_a=a.status,
        status_b=b.status,
        flip=a.prediction != b.prediction,
        won=bool(b.correct) if decided else None,
        why=_why(a.answer, b.answer),
    )


def _compared_text(sample: SampleRecord) -> str:
    """What is compared: the choice where choices were compared, else the text."""
    chosen = sample.prediction if sample.answer.choices else sample.output
    return chosen or ""


def _why(a: Answer, b: Answer) -> str:
    if a.status != b.status and not (a.answered and b.answered):
        return "one of the two has no answer"
    if a.sent and b.sent and a.sent != b.sent:
        return "the models were sent different texts"
    if a.tie or b.tie:
        return "a tie: the lead is smaller than rounding"
    if a.choices is not None:
        return "another choice leads, by more than rounding"
    if not a.output or not b.output:
        return "one of the two wrote nothing"
    shorter = min(a.output, b.output, key=len)
    shared = next((i for i in range(len(shorter)) if a.output[i] != b.output[i]), len(shorter))
    if shared == len(shorter):
        return "one of the two wrote on where the other had ended"
    # greedy texts differ from their first divergence on; its place is reported
    where = "first third" if shared < len(shorter) / 3 else "later part"
    return f"the texts part in their {where}"


def _largest(pairs: Sequence[tuple[SampleRecord, SampleRecord]]) -> float | None:
    compared = [(a.answer.choices, b.answer.choices) for a, b in pairs]
    gaps = [
        abs(x - y)
        for a, b in compared
        if a is not None and b is not None and a.continuations == b.continuations
        for x, y in zip(a.logprobs, b.logprobs, strict=False)
    ]
    return max(gaps, default=None)
