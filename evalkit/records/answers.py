"""One answer to one sample, with everything that scoring, comparing and reports look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from evalkit.exchange import is_answered
from evalkit.messages import Prompt


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """A check on one response: rule as written, passed or not, and why."""

    rule: str
    passed: bool
    reason: str


class Likelihood(NamedTuple):
    """How likely a model finds a text: log-probability (nats) of its tokens, tokens, bytes."""

    logprob: float
    tokens: int
    bytes: int


class Choices(NamedTuple):
    """Continuations that were compared by log-likelihood.

    texts: what each stands for (a label's name, a choice of the sample). continuations: the texts
    that were compared. logprobs: the log-likelihood of each, in nats.
    """

    texts: tuple[str, ...]
    continuations: tuple[str, ...]
    logprobs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CodeRun:
    """What came of running code with its tests.

    passed: whether all tests pass. reason: why not. output: what it printed. seconds: wall time.
    """

    passed: bool
    reason: str = ""
    output: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a sample: what came back, what was taken from it, what it is worth.

    It does not change; whoever knows more of it makes another with ``dataclasses.replace``.

    output: the text that is scored, without a reasoning model's thoughts.
    prediction: the answer taken from it; None where there is none.
    explanation: how it was taken, in words.
    status: ``ok``, ``truncated``, ``overflow``, ``unparsed`` or ``error``; error: the message.
    correct: whether it is right; None where the task has no such notion, or nothing was scored.
    scores: its values by full name of the score.
    thinking: what a reasoning model thought before it; None: nothing. unfinished: it was still
    thinking when it had to stop.
    probabilities: by label, relative to each other, where choices were compared.
    choices: the continuations that were compared. likelihood: of a text that was read.
    candidates: texts for a mask, best first. tests: what came of running it, where it is code.
    tie: it was chosen by less than the rounding of the model's precision.
    checks: results of the suite's checks. judgments: what judges said of it, in the order asked.
    sent: the exact text that the model saw. cached: the response came from the cache.
    seconds, prompt_tokens, completion_tokens, finish: what it cost and why it ended.
    details: what else the backend says, for people; nothing reads it.
    """

    output: str = ""
    prediction: str | None = None
    explanation: str = ""
    status: str = "ok"
    error: str = ""
    correct: bool | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    thinking: str | None = None
    unfinished: bool = False
    probabilities: Mapping[str, float] = field(default_factory=dict)
    choices: Choices | None = None
    likelihood: Likelihood | None = None
    candidates: tuple[str, ...] | None = None
    tests: CodeRun | None = None
    tie: bool = False
    checks: tuple[CheckRecord, ...] = ()
    judgments: tuple[Mapping[str, Any], ...] = ()
    sent: str = ""
    cached: bool = False
    seconds: float = 0.0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def answered(self) -> bool:
        """Whether there is anything to score."""
        return is_answered(self.status)

    def counts(self, on_unparsed: str) -> bool:
        """Whether scores are over it.

        One that is no answer never counts. Where nothing could be taken from the text, it counts
        as wrong, unless the suite says ``on_unparsed: exclude``.
        """
        return self.answered and not (on_unparsed == "exclude" and self.status == "unparsed")


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file keeps of a sample in place of its row and its answers.

    digest: of the row with its targets. sums: what the sample adds to each score that is a function
    of sums.
    """

    digest: str
    sums: Mapping[str, Sequence[float | None]] = field(default_factory=dict)


@dataclass(slots=True)
class SampleRecord:
    """One sample in one cell: its row, the prompt made of it, and every answer.

    id, index (position in the data), fields (the row), targets (accepted answers).
    prompt: the final prompt.
    answers: one per repeat, in order; never empty. shown: the place of the one that stands for all:
    the first that is scored, else the first.
    scores: values by full name; the means over the answers that are scored, and those that only all
    answers together have (``pass@3``) or judges give.
    kept: of a sample that was read from a file, which has no row.
    """

    id: str
    index: int
    fields: dict[str, Any]
    targets: list[str]
    prompt: Prompt
    answers: list[Answer]
    scores: dict[str, float] = field(default_factory=dict)
    shown: int = 0
    kept: Kept | None = None

    @property
    def answer(self) -> Answer:
        """The answer that stands for all."""
        return self.answers[self.shown]

    @property
    def output(self) -> str:
        """The text of the shown answer."""
        return self.answer.output

    @property
    def prediction(self) -> str | None:
        """What was taken from the shown answer."""
        return self.answer.prediction

    @property
    def how(self) -> str:
        """How the shown answer was taken from its text."""
        return self.answer.explanation

    @property
    def status(self) -> str:
        """The status of the shown answer."""
        return self.answer.status

    @property
    def error(self) -> str:
        """The message where the shown answer is an error or did not fit."""
        return self.answer.error

    @property
    def sent(self) -> str:
        """The exact text that the model saw."""
        return self.answer.sent

    @property
    def probabilities(self) -> Mapping[str, float]:
        """Those of the shown answer, by label."""
        return self.answer.probabilities

    @property
    def correct(self) -> bool | None:
        """Whether the shown answer is right."""
        return self.answer.correct

    @property
    def checks(self) -> list[CheckRecord]:
        """Each check once, as the first answer that breaks it says."""
        return _merged(self.answers)

    @property
    def cached(self) -> bool:
        """Whether every answer came from the cache."""
        return all(answer.cached for answer in self.answers)

    @property
    def seconds(self) -> float:
        """The time that all answers took."""
        return sum(answer.seconds for answer in self.answers)

    @property
    def judgments(self) -> list[Mapping[str, Any]]:
        """What judges said of all answers, answer by answer."""
        return [judgment for answer in self.answers for judgment in answer.judgments]

    @property
    def unanswered(self) -> bool:
        """Whether one of the answers is missing."""
        return not all(answer.answered for answer in self.answers)


def _merged(answers: Sequence[Answer]) -> list[CheckRecord]:
    if len(answers) == 1:
        return list(answers[0].checks)
    checks: dict[str, CheckRecord] = {}
    for number, check in _numbered(answers):
        before = checks.get(check.rule)
        if before is None or (before.passed and not check.passed):
            reason = check.reason if check.passed else f"answer {number}: {check.reason}"
            checks[check.rule] = CheckRecord(check.rule, check.passed, reason)
    return list(checks.values())


def _numbered(answers: Sequence[Answer]) -> Iterable[tuple[int, CheckRecord]]:
    return ((number, check) for number, one in enumerate(answers, 1) for check in one.checks)
