"""One cell as a comparison sees it: its scored samples by id, each with a digest of its row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from evalkit.comparing.columns import columns_of, scored
from evalkit.metrics.base import Columns
from evalkit.records import CellRecord, RunRecord, SampleRecord, SuiteRecord


@dataclass(frozen=True)
class Side:
    """A cell to compare.

    samples: the scored ones, by id. digests: by id, what tells whether row and targets are the
    same. whole: the samples have everything metrics need; else only their per-sample scores,
    and ids and predictions as far as a file kept them. run: the id of its run.
    """

    cell: CellRecord
    suite: SuiteRecord | None
    samples: Mapping[str, SampleRecord]
    digests: Mapping[str, str]
    whole: bool = True
    run: str = ""

    @property
    def name(self) -> str:
        """``model/prompt``."""
        return f"{self.cell.model}/{self.cell.prompt}"

    def columns(self, ids: Sequence[str], suite: SuiteRecord) -> Columns:
        """The columns of these samples, in this order."""
        return columns_of(
            [self.samples[one] for one in ids],
            task=suite.task,
            labels=suite.labels,
            answer=suite.answer,
            source=suite.source,
        )

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
    digests = {s.id: str(s.details.get("digest") or row_digest(s)) for s in kept}
    whole = not any("digest" in sample.details for sample in kept)
    return Side(cell, suite, {s.id: s for s in kept}, digests, whole, run.id)


def pair(a: Side, b: Side) -> Paired:
    """The samples that both sides have, where their rows and targets agree."""
    both = [one for one in a.samples if one in b.samples]
    agreeing = [one for one in both if a.digests[one] == b.digests[one]]
    missing = len(a.samples) + len(b.samples) - 2 * len(both)
    return Paired(agreeing, len(both) - len(agreeing), missing)


def row_digest(sample: SampleRecord) -> str:
    """Twelve hexadecimal digits that stand for a sample's row and accepted answers."""
    content = [sample.fields, list(sample.targets)]
    text = json.dumps(content, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12]
