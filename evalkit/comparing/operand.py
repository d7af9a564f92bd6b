"""One side of a comparison: a cell's scored samples by id, with digests of their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit import tasks
from evalkit.comparing.rows import digest_of, match_rows
from evalkit.metrics.base import Columns
from evalkit.records import CellRecord, Kept, RunRecord, SampleRecord, SuiteRecord
from evalkit.records.names import base_of
from evalkit.scoring.columns import columns_of, scored
from evalkit.tools import CallRules

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """A cell to compare.

    samples: the scored ones, by id. whole: they have everything metrics need; else only what a file
    contains. run: the id of its run.
    """

    cell: CellRecord
    suite: SuiteRecord | None
    samples: Mapping[str, SampleRecord]
    whole: bool = True
    run: str = ""

    @cached_property
    def digests(self) -> dict[str, str]:
        """The digest of each sample's row, by id."""
        return {one: row_digest(sample) for one, sample in self.samples.items()}

    @property
    def name(self) -> str:
        """``model/prompt``."""
        return f"{self.cell.model}/{self.cell.prompt}"

    def columns(self, ids: Sequence[str], suite: SuiteRecord) -> tuple[Columns, list[int]]:
        """The columns of the answers to these samples, and to which of them each belongs."""
        answers = [
            (i, (sample, answer))
            for i, sample in enumerate(self.samples[one] for one in ids)
            for answer in sample.answers
            if answer.counts(suite.on_unparsed)
        ]
        columns = columns_of(
            [row for _, row in answers],
            task=tasks.find(suite.task),
            labels=suite.labels,
            answer=suite.answer,
            source=suite.source,
            pair=suite.pair,
            which=suite.which,
            contexts=suite.column("contexts"),
            relevant=suite.column("relevant"),
            calls=CallRules.declared(suite.declared),
        )
        return columns, [i for i, _ in answers]

    def sums(self, score: str, ids: Sequence[str], suite: SuiteRecord) -> Floats | None:
        """What each of these samples adds to the sums that a score is a function of.

        Shape (n, k), over all answers to a question; None if a file does not contain it.
        """
        if not self.whole:
            rows = [kept.sums.get(score) if kept else None for kept in self._kept(ids)]
            return None if None in rows else np.array(rows, dtype=np.float64)
        from evalkit.metrics.weighted import sums

        columns, of_sample = self.columns(ids, suite)
        settings = suite.metric_settings.get(base_of(score), {})
        added = sums(score, columns, settings)
        if len(added) == len(ids):
            return added
        total = np.zeros((len(ids), added.shape[1]))
        np.add.at(total, of_sample, added)
        return total

    def _kept(self, ids: Sequence[str]) -> list[Kept | None]:
        return [self.samples[one].kept for one in ids]

    def completed(self, other: Side, ids: Sequence[str]) -> Side:
        """The same side with the rows and targets of the other, where their digests agree."""
        if self.whole or not other.whole:
            return self
        samples = dict(self.samples)
        for one in ids:
            row = other.samples[one]
            samples[one] = replace(samples[one], fields=row.fields, targets=row.targets)
        return replace(self, samples=samples)


class Paired(NamedTuple):
    """Two sides with the samples they share under the same ids.

    ids: of these, in the order of a. changed: how many are in both, but with another row or target.
    gone: how many are scored in a only. new: in b only.
    """

    a: Side
    b: Side
    ids: list[str]
    changed: int
    gone: int
    new: int


def side_of(run: RunRecord, cell: CellRecord) -> Side:
    """A cell of a run, with its samples loaded."""
    suite = run.suites.get(cell.suite)
    kept = scored(cell.samples, suite.on_unparsed if suite else "wrong")
    whole = all(sample.kept is None for sample in kept)
    return Side(cell, suite, {s.id: s for s in kept}, whole, run.id)


def pair(a: Side, b: Side) -> Paired:
    """The samples that both sides have, where their rows and targets agree.

    Rows that moved are found again: a of the result has them under the ids of b.
    """
    if a.whole and b.whole and a.run == b.run:  # cells of one suite in one run share its data
        both = [one for one in a.samples if one in b.samples]
        return Paired(a, b, both, 0, len(a.samples) - len(both), len(b.samples) - len(both))
    rows = match_rows(a.digests, b.digests)
    if any(one != other for one, other in rows.same.items()):
        a = replace(a, samples={other: a.samples[one] for one, other in rows.same.items()})
    counts = (len(rows.changed), len(rows.gone), len(rows.new))
    return Paired(a, b, list(rows.same.values()), *counts)


def row_digest(sample: SampleRecord) -> str:
    """The digest of a sample's row and accepted answers."""
    if sample.kept is not None:
        return sample.kept.digest
    return digest_of(sample.fields, sample.targets)
