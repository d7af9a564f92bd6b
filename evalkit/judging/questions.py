"""The questions to judges about a run's answers: every case, judge and criterion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from evalkit.errors import EvalkitError
from evalkit.exchange import Request, Response, Status
from evalkit.judging.judge_set import Judge, JudgeSet
from evalkit.judging.load import Judged
from evalkit.judging.prompts import Question, material, questions
from evalkit.messages import conversation, last_question
from evalkit.records import SampleRecord
from evalkit.records.judgments import Aspect, Overall, Reply
from evalkit.scoring.scored_cell import ScoredCell

TARGET = "target"
Place = tuple[int, int]
"""A sample of a cell, and which answer to its question."""


@dataclass(eq=False)
class GradedCell:
    """A cell whose answers are graded.

    chosen: the ids of those to grade, by score. places: which of their answers, where not all.
    """

    done: ScoredCell
    chosen: dict[str, set[str]] = field(default_factory=dict)
    places: dict[str, set[Place]] = field(default_factory=dict)

    @property
    def samples(self) -> list[SampleRecord]:
        """Those of the cell, in the order of the data."""
        return self.done.record.samples

    @property
    def name(self) -> str:
        """``model/prompt``."""
        return f"{self.done.record.model}/{self.done.record.prompt}"


@dataclass(frozen=True)
class Case:
    """One answer to grade, or one pair of answers in one order.

    sample: its place in the cell. repeat: which answer to the question. other: the cell (None: the
    target) that the answer is paired with; swapped: the other one stands first.
    """

    cell: GradedCell
    sample: int
    repeat: int
    paired: bool = False
    other: GradedCell | None = None
    swapped: bool = False


@dataclass(eq=False, kw_only=True)
class RubricRequest:
    """A question to one judge, with its reply. repeat: which of several draws it is."""

    judged: Judged
    judge: Judge
    aspect: Aspect
    question: Question | None
    method: str
    reasons: bool
    repeat: int = 0
    rationale: str = ""
    request: Request | None = None
    response: Response | None = None
    cached: bool = False
    settled: bool = False
    """Whether the reply is known without asking."""
    reply: Reply = field(default_factory=lambda: Reply(Status.ERROR, error="was not asked"))


@dataclass(eq=False, kw_only=True)
class JudgeRequest(RubricRequest):
    """A question about one case of a run."""

    case: Case


def queries_of(
    suite_cells: Sequence[GradedCell], judged: Judged, judge_set: JudgeSet
) -> Iterator[JudgeRequest]:
    """All questions of one ``judges:`` entry about the suite's cells."""
    cases = list(_pairs(suite_cells, judged) if _paired(judged) else _single(suite_cells, judged))
    shown_cases = [(case, *_shown(case, judged)) for case in cases]
    for judge in judge_set.of(judged):
        method, reasons = judge.method(judged), judge.reasons(judged)
        for case, shown, error in shown_cases:
            for aspect, question in shown.items():
                query = JudgeRequest(
                    case=case,
                    judged=judged,
                    judge=judge,
                    aspect=aspect,
                    question=question,
                    method=method,
                    reasons=reasons,
                )
                if question is None:
                    query.reply = Reply(Status.ERROR, error=error)
                yield query


def _paired(judged: Judged) -> bool:
    return judged.rubric.mode == "pairwise"


def _single(cells: Sequence[GradedCell], judged: Judged) -> Iterator[Case]:
    for cell in cells:
        yield from (Case(cell, i, repeat) for i, repeat in places(cell, judged))


def _pairs(cells: Sequence[GradedCell], judged: Judged) -> Iterator[Case]:
    """Every pair in both orders; equal texts are a tie without a question."""
    for one, other in opponents(cells, judged.spec.against):
        for i, sample in enumerate(one.samples):
            if sample.id not in one.chosen[judged.score]:
                continue
            for repeat, answer in enumerate(sample.answers):
                case = Case(one, i, repeat, True, other)
                if answer.answered and other_text(case) not in (None, own_text(case)):
                    yield case
                    yield Case(one, i, repeat, True, other, swapped=True)


def opponents(
    cells: Sequence[GradedCell], against: str | None
) -> list[tuple[GradedCell, GradedCell | None]]:
    """The pairs of cells to compare; None: the target."""
    ordered = sorted(cells, key=lambda cell: cell.name)
    if against == TARGET:
        return [(cell, None) for cell in ordered]
    if against is None:
        return list(combinations(ordered, 2))
    reference = next((cell for cell in cells if cell.name == against), None)
    return [(cell, reference) for cell in ordered if reference and cell is not reference]


def own_text(case: Case) -> str:
    """The answer that a case is about."""
    return case.cell.samples[case.sample].answers[case.repeat].output


def other_text(case: Case) -> str | None:
    """The answer it is paired with, or None."""
    if case.other is None:
        targets = case.cell.samples[case.sample].targets
        return targets[0] if targets else None
    answers = case.other.samples[case.sample].answers
    answer = answers[min(case.repeat, len(answers) - 1)]
    return answer.output if answer.answered else None


def _shown(case: Case, judged: Judged) -> tuple[Mapping[Aspect, Question | None], str]:
    """The questions about a case; if it cannot be rendered, one that holds the error."""
    try:
        return questions(judged.rubric, values_of(case)), ""
    except EvalkitError as error:
        return {Overall(): None}, str(error)


def prompt_of(case: Case) -> str:
    """What the answer responds to: the user's last message, or the whole of a conversation."""
    prompt = case.cell.samples[case.sample].prompt
    own = case.cell.done.cell.variant.conversation
    return conversation(prompt) if own else last_question(prompt)


def values_of(case: Case) -> dict[str, Any]:
    """The variables of a case."""
    sample = case.cell.samples[case.sample]
    source = case.cell.done.cell.suite.data.source
    texts: dict[str, str] = {"output": own_text(case)}
    if case.paired:
        both = [own_text(case), other_text(case) or ""]
        texts = dict(zip("ab", both[::-1] if case.swapped else both, strict=True))
    return material(
        sample.fields,
        prompt=prompt_of(case),
        targets=sample.targets,
        source=str(sample.fields.get(source, "")) if source else None,
        response=None if case.paired else sample.answers[case.repeat].values(),
        judged=texts,
    )


def places(cell: GradedCell, judged: Judged) -> list[Place]:
    """The answers of a cell that are to be graded."""
    only = cell.places.get(judged.score)
    return [
        (i, repeat)
        for i, sample in enumerate(cell.samples)
        if sample.id in cell.chosen[judged.score]
        for repeat, answer in enumerate(sample.answers)
        if answer.answered and (only is None or (i, repeat) in only)
    ]
