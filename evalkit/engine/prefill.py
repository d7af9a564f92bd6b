"""Prompts that are computed together before their answers are decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from evalkit.engine.attention import ContinuePlan, PrefillPlan, PrefixKV, packed_forward
from evalkit.engine.batching import make_batches
from evalkit.engine.language_model import LanguageModel
from evalkit.engine.prefix_cache import PrefixCache
from evalkit.engine.sampling import sample_next
from evalkit.engine.sequence import SequenceState

PREFILL_PARTS = 4
"""A prefill has at most this fraction of a batch's tokens: enough for matrix products, and little
enough for a CPU's cache."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sequence that is not running yet, and the shared prefix that its prompt continues."""

    sequence: SequenceState
    prefix: int | None


@dataclass(frozen=True, slots=True)
class PrefillBatch:
    """Sequences that all continue the prefix ``shared``, or each continue one of ``kept``."""

    sequences: list[SequenceState]
    shared: PrefixKV | None = None
    kept: Sequence[PrefixKV] = ()

    @property
    def lengths(self) -> list[int]:
        """Tokens of the prompts, the prefix included."""
        return [len(sequence.encoded.prompt) for sequence in self.sequences]

    def compute(self, lm: LanguageModel, store: Any) -> None:
        """Compute the prompts, store their keys and values, sample each sequence's first token.

        store: called for each layer with keys and values of shape (sequences, key-value heads,
        longest prompt, d).
        """
        shared = self.shared.length if self.shared else 0
        before = [prefix.length for prefix in self.kept] or [shared] * len(self.sequences)
        own = [s.encoded.prompt[n:] for s, n in zip(self.sequences, before, strict=True)]
        lengths = [len(ids) for ids in own]
        plan: ContinuePlan | PrefillPlan
        if self.kept:
            plan = ContinuePlan(self.kept, lengths, lm.device, lm.dtype, store)
        else:
            plan = PrefillPlan(lengths, lm.device, lm.dtype, prefix=self.shared, store=store)
        ids = [token for part in own for token in part]
        positions = [n + k for n, size in zip(before, lengths, strict=True) for k in range(size)]
        ends = [end - 1 for end in accumulate(lengths)]
        sample_next(packed_forward(lm, ids, positions, plan, ends), self.sequences)


def prefill_batches(
    lm: LanguageModel, members: Sequence[Waiting], prefix_cache: PrefixCache
) -> Iterator[PrefillBatch]:
    """The batches of a prefill; each ends its uses of prefixes once it is computed."""
    tokens = max(1, lm.limits.batch_tokens // PREFILL_PARTS)
    by_prefix: dict[int | None, list[SequenceState]] = {}
    continued = []
    for waiting in members:
        if prefix_cache.is_kept(waiting.prefix):
            continued.append(waiting)
        else:
            by_prefix.setdefault(waiting.prefix, []).append(waiting.sequence)
    for prefix, sequences in by_prefix.items():
        for batch in _batches(sequences, tokens):
            yield PrefillBatch([sequences[k] for k in batch], prefix_cache.get(prefix))
            for _ in batch:
                prefix_cache.release(prefix)
    for batch in _batches([waiting.sequence for waiting in continued], tokens):
        part = [continued[k] for k in batch]
        kept = [found for w in part if (found := prefix_cache.get(w.prefix)) is not None]
        yield PrefillBatch([waiting.sequence for waiting in part], kept=kept)
        for waiting in part:
            prefix_cache.release(waiting.prefix)


def _batches(sequences: Sequence[SequenceState], tokens: int) -> Sequence[Sequence[int]]:
    lengths = [len(sequence.encoded.prompt) for sequence in sequences]
    return make_batches(lengths, tokens, max(1, len(sequences)))
