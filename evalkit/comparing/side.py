"""One cell as a comparison sees it: its scored samples by id, each with what tells rows apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.comparing.columns import columns_of, scored
from evalkit.metrics.base import Columns
from evalkit.records import CellRecord, Kept, RunRecord, SampleRecord, SuiteRecord
from evalkit.records.names import base_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """A cell to compare.

    samples: the scored ones, by id. whole: they have everything metrics need; else only what a file
    kept of them. run: the id of its run.
    """

    cell: CellRecord
    suite: SuiteRecord | None
    samples: Mapping[str, SampleRecord]
    whole: bool = True
    run: str = ""

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
            task=suite.task,
            labels=suite.labels,
            answer=suite.answer,
            source=suite.source,
            pair=suite.pair,
            which=suite.which,
        )
        return columns, [i for i, _ in answers]

    def sums(self, score: str, ids: Sequence[str], suite: SuiteRecord) -> Floats | None:
        """What each of these samples adds to the sums that a score is a function of.

        Shape (n, k), over all answers to a question; None where a file does not keep it.
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
    """The ids two sides share, in the first one's order, and how many could not be paired.

    changed: in both, but with another row or target. missing: scored in one only.
    """

    ids: list[str]
    changed: int
    missing: int


def side_of(run: RunRecord, cell: CellRecord) -> Side:
    """A cell of a run, with its samples loaded."""
    suite = run.suites.get(cell.suite)
    kept = scored(cell.samples, suite.on_unparsed if suite else "wrong")
    whole = all(sample.kept is None for sample in kept)
    return Side(cell, suite, {s.id: s for s in kept}, whole, run.id)


def pair(a: Side, b: Side) -> Paired:
    """The samples that both sides have, where their rows and targets agree."""
    both = [one for one in a.samples if one in b.samples]
    if a.whole and b.whole and a.run == b.run:  # cells of one suite in one run share its data
        agreeing = both
    else:
        agreeing = [o for o in both if row_digest(a.samples[o]) == row_digest(b.samples[o])]
    missing = len(a.samples) + len(b.samples) - 2 * len(both)
    return Paired(agreeing, len(both) - len(agreeing), missing)


def row_digest(sample: SampleRecord) -> str:
    """Twelve hexadecimal digits that stand for a sample's row and accepted answers."""
    if sample.kept is not None:
        return sample.kept.digest
    content = [sample.fields, list(sample.targets)]
    text = json.dumps(content, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12]
