"""One answer to one sample, with everything that scoring, comparing and reports use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from evalkit.exchange import is_answered
from evalkit.messages import Message, Prompt, ToolCall, to_openai
from evalkit.passages import Passage
from evalkit.records.judgments import Judgment


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
    """The result of running code with its tests.

    passed: whether all tests pass. reason: why not. output: what it printed. seconds: wall time.
    """

    passed: bool
    reason: str = ""
    output: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a sample: the response, the prediction in it, and its scores.

    It does not change; each stage adds what it finds with ``dataclasses.replace``. It has so many
    fields because scoring, judges, comparisons and reports each read a part of it.
    """

    output: str = ""
    """The text that is scored, without a reasoning model's thoughts."""
    prediction: str | None = None
    """The answer taken from it; None where there is none."""
    explanation: str = ""
    """How it was taken, in words."""
    status: str = "ok"
    """``ok``, ``truncated``, ``overflow``, ``unparsed`` or ``error``."""
    error: str = ""
    """The message of an error."""
    correct: bool | None = None
    """Whether it is right; None where the task has no such notion, or nothing was scored."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Its values by full name of the score."""
    thinking: str | None = None
    """What a reasoning model thought before it; None: nothing."""
    unfinished: bool = False
    """Generation stopped at the length limit during its reasoning."""
    probabilities: Mapping[str, float] = field(default_factory=dict)
    """By label, relative to each other, where choices were compared."""
    choices: Choices | None = None
    """The continuations that were compared."""
    likelihood: Likelihood | None = None
    """Of a text that was read."""
    candidates: tuple[str, ...] | None = None
    """Texts for a mask, best first."""
    tests: CodeRun | None = None
    """The result of running it, if it is code."""
    tie: bool = False
    """It was chosen by less than the rounding of the model's precision."""
    checks: tuple[CheckRecord, ...] = ()
    """Results of the suite's checks."""
    judgments: tuple[Judgment, ...] = ()
    """Judgments of it, in the order requested."""
    sent: str = ""
    """The exact text that the model saw."""
    cached: bool = False
    """The response came from the cache."""
    seconds: float = 0.0
    """Wall time."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish: str = ""
    """Why it ended."""
    contexts: tuple[Passage, ...] = ()
    """The passages that the application retrieved, best first."""
    calls: tuple[ToolCall, ...] = ()
    """The tools that it calls, in order."""
    messages: tuple[Message, ...] = ()
    """What was written between the prompt and the output."""
    cost: float | None = None
    """In the currency of the model's prices."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Further details of the backend, for people; no code reads them."""

    @property
    def answered(self) -> bool:
        """Whether there is anything to score."""
        return is_answered(self.status)

    def values(self) -> dict[str, Any]:
        """The response as JSON values: what ``response.…`` names in a suite or a rubric."""
        return {
            "text": self.output,
            "contexts": [passage.plain() for passage in self.contexts],
            "calls": [call.plain() for call in self.calls],
            "messages": to_openai(self.messages),
            "usage": {
                "prompt_tokens": self.prompt_tokens,
                "completion_tokens": self.completion_tokens,
                "cost": self.cost,
            },
            "seconds": self.seconds,
            "finish": self.finish,
            "details": dict(self.details),
        }

    def counts(self, on_unparsed: str) -> bool:
        """Whether scores are over it.

        A missing answer never counts. An unparsed one counts as wrong, unless the suite says
        ``on_unparsed: exclude``.
        """
        return self.answered and not (on_unparsed == "exclude" and self.status == "unparsed")


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file contains of a sample in place of its row and answers.

    digest: of the row with its targets. sums: what the sample adds to each score that is a function
    of sums.
    """

    digest: str
    sums: Mapping[str, Sequence[float | None]] = field(default_factory=dict)


@dataclass(slots=True)
class SampleRecord:
    """One sample in one cell: its row, the prompt made of it, and every answer."""

    id: str
    index: int
    """Position in the data."""
    fields: dict[str, Any]
    """The row."""
    targets: list[str]
    """Accepted answers."""
    prompt: Prompt
    answers: list[Answer]
    """One per repeat, in order; never empty."""
    scores: dict[str, float] = field(default_factory=dict)
    """Values by full name; the means over the answers that are scored, and those that only all
    answers together have (``pass@3``) or judges give."""
    shown: int = 0
    """The index of the shown answer: the first that is scored, else the first."""
    kept: Kept | None = None
    """Of a sample that was read from a file, which has no row."""

    @property
    def answer(self) -> Answer:
        """The shown answer."""
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
    def judgments(self) -> list[Judgment]:
        """The judgments of all answers, answer by answer."""
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
