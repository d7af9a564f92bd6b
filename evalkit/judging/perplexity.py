"""Perplexity of answers under a reference model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from evalkit.exchange import Reading, Request, Response, Status
from evalkit.judging.questions import GradedCell
from evalkit.metrics.base import Columns, Likelihood
from evalkit.metrics.build import joined
from evalkit.metrics.registry import BUILT_IN
from evalkit.records import SampleRecord, ScoreRecord
from evalkit.respond.client import OneOffClient
from evalkit.scoring.measure import Measure
from evalkit.scoring.reference_models import reference_models


@dataclass(slots=True)
class ReadText:
    """An answer's text, its sample, and the response (None if it was not sent)."""

    sample: SampleRecord
    text: str
    response: Response | None = None

    @property
    def good(self) -> bool:
        """Whether it was read."""
        return self.response is not None and self.response.status is Status.OK


class PerplexityScorer:
    """One cell's answers and the model that reads them. metrics: those computed from it."""

    def __init__(self, cell: GradedCell, model: str, metrics: tuple[str, ...]) -> None:
        self.model = model
        self._metrics = metrics
        self._done = cell.done
        self._read = [
            ReadText(sample, answer.output if answer.answered else "")
            for sample in cell.samples
            for answer in sample.answers
        ]

    def request(self, client: OneOffClient) -> None:
        """Request the likelihoods of the answers; empty ones have no tokens to predict."""
        nonempty = [one for one in self._read if one.text.strip()]
        if nonempty:
            sent = client.send([Request(one.text, reading=Reading()) for one in nonempty])
            for one, answered in zip(nonempty, sent, strict=True):
                one.response = answered.response

    def score(self) -> None:
        """Write the scores into the cell, of all answers and by group."""
        counted = [one.good for one in self._read]
        columns = _columns([one for one in self._read if one.good])
        suite = self._done.cell.suite
        rows = [one.sample for one in self._read]
        measure = Measure(suite, rows, counted, columns, BUILT_IN)  # READ names evalkit's own

        def made(confidence: float) -> dict[str, ScoreRecord]:
            scores: dict[str, ScoreRecord] = {}
            for part, name in product(measure.parts, self._metrics):
                scores |= measure.records(name, part, confidence)
            for record in scores.values():
                record.note = joined(record.note, f"under {self.model}")
            return scores

        self._done.add(made)
        sent = [one for one in self._read if one.response is not None]
        failed = [one.response.error for one in sent if one.response and not one.good]
        if len({one.sample.index for one in sent if not one.good}) > suite.max_errors:
            why = (
                f"{len(failed)} of {len(sent)} answers could not be read by {self.model}"
                f" ({failed[0][:120]}), more than max_errors: {suite.max_errors}"
            )
            self._done.record.distrust.update(dict.fromkeys(self._metrics, why))


def _columns(read: Sequence[ReadText]) -> Columns:
    likelihoods = [
        Likelihood(
            one.response.logprobs[0],
            one.response.choice_tokens[0],
            len(one.text.encode("utf-8", "surrogatepass")),
        )
        for one in read
        if one.response is not None
    ]
    return Columns([one.text for one in read], [()] * len(read), likelihoods=likelihoods)


def readers_of(cells: Sequence[GradedCell]) -> list[PerplexityScorer]:
    """A reader for each cell and reference model."""
    readers = []
    for cell in cells:
        by_model: dict[str, list[str]] = {}
        for metric, model in reference_models(cell.done.cell.suite).items():
            by_model.setdefault(model, []).append(metric)
        readers += [
            PerplexityScorer(cell, model, tuple(names)) for model, names in by_model.items()
        ]
    return readers
