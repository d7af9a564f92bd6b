"""Continuous batching: a sequence is prefilled, then decoded one token per step.

A finished sequence leaves at once, and a waiting one takes its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from evalkit.engine.attention import packed_forward
from evalkit.engine.kv_cache import DecodePlan, KVCache
from evalkit.engine.language_model import LanguageModel
from evalkit.engine.prefill import Waiting, prefill_batches
from evalkit.engine.prefix_cache import PrefixCache
from evalkit.engine.sampling import sample_next
from evalkit.engine.sequence import SequenceState

ADMISSIONS = 8
"""The running sequences are admitted in so many groups, each of similar lengths, so that attention
reads little padding."""

MIN_TOKENS_SAVED = 1024
"""Sequences attend to a shared prefix separately when that saves reading this many tokens in each
step. Copying a shorter prefix into every sequence is faster."""


@dataclass(slots=True)
class _Group:
    """Running sequences that were admitted together, with their KV cache.

    The slot of a sequence in the cache is its index here.
    """

    cache: KVCache
    sequences: list[SequenceState]

    @property
    def max_tokens(self) -> int:
        """Tokens in the cache when every sequence has its greatest length."""
        own = sum(s.encoded.max_length - self.cache.prefix_length for s in self.sequences)
        return self.cache.prefix_length + own

    def keep_finished(self, lm: LanguageModel) -> None:
        """Keep the keys and values of finished sequences that a later call continues."""
        for slot, sequence in enumerate(self.sequences):
            copied = partial(self.cache.sequence, slot)
            lm.kept.keep(sequence, self.cache.lengths[slot], copied, lm.max_kept_tokens)

    def pop_finished(self) -> list[SequenceState]:
        """Remove the finished sequences; the last ones fill their slots."""
        done = [slot for slot, sequence in enumerate(self.sequences) if sequence.done]
        finished = [self.sequences[slot] for slot in done]
        for slot in reversed(done):
            self.cache.remove(slot)
            self.sequences[slot] = self.sequences[-1]
            self.sequences.pop()
        return finished


def generate(
    lm: LanguageModel,
    sequences: Sequence[SequenceState],
    prefixes: Sequence[int | None],
    prefix_cache: PrefixCache,
) -> Iterator[list[SequenceState]]:
    """Decode every sequence to its end; yields sequences as they finish.

    prefixes: for each sequence, the shared prefix that its prompt continues, a node of
    ``prefix_cache``. Sequences are admitted in the given order, as many at a time as fit ``lm``.
    """
    import torch

    waiting = [Waiting(*pair) for pair in zip(sequences, prefixes, strict=True)][::-1]
    running: list[_Group] = []
    while waiting or running:
        with torch.inference_mode():
            admitted = _admit(lm, waiting, running)
            for prefix, members in _by_shared_prefix(lm, admitted, prefix_cache):
                running.append(_prefill_group(lm, prefix, members, prefix_cache))
            if not admitted:
                _decode_step(lm, running)
            for group in running:
                group.keep_finished(lm)
            finished = [sequence for group in running for sequence in group.pop_finished()]
            running = [group for group in running if group.sequences]
            lm.activity.decoding([s for group in running for s in group.sequences])
        if finished:
            yield finished


def _admit(lm: LanguageModel, waiting: list[Waiting], running: Sequence[_Group]) -> list[Waiting]:
    """Take the next sequences off the waiting list.

    None while there is little room beside the running ones, else at least one.
    """
    most = max(1, lm.max_running // ADMISSIONS)
    if running and lm.max_running - sum(len(group.sequences) for group in running) < most:
        return []
    tokens = sum(group.max_tokens for group in running)
    admitted: list[Waiting] = []
    while waiting and len(admitted) < most:
        tokens += waiting[-1].sequence.encoded.max_length
        if tokens > lm.max_cached_tokens and (admitted or running):
            break
        admitted.append(waiting.pop())
    return admitted


def _by_shared_prefix(
    lm: LanguageModel, admitted: Sequence[Waiting], prefix_cache: PrefixCache
) -> list[tuple[int | None, list[Waiting]]]:
    """Sequences by the longest prefix that they share and that is worth separate attention.

    None: sequences without such a prefix.
    """
    found: list[tuple[int | None, list[Waiting]]] = []
    by_prefix: dict[int | None, list[Waiting]] = {}
    for waiting in admitted:
        # two parts of attention are combined in the model's precision: only float32 is exact
        by_prefix.setdefault(waiting.prefix if lm.exact else None, []).append(waiting)
    while nodes := [node for node in by_prefix if node is not None]:
        # parents come before children, so a group that is too small joins that of its parent
        node = max(nodes)
        group = by_prefix.pop(node)
        if prefix_cache.length(node) * (len(group) - 1) >= MIN_TOKENS_SAVED:
            found.append((node, group))
        else:
            by_prefix.setdefault(prefix_cache.parent(node), []).extend(group)
    return [*found, *by_prefix.items()]


def _prefill_group(
    lm: LanguageModel, shared: int | None, members: Sequence[Waiting], prefix_cache: PrefixCache
) -> _Group:
    """Prefill sequences that all continue the prefix ``shared``, and sample their first tokens."""
    group = _Group(KVCache(len(members), prefix_cache.get(shared)), [])
    for batch in prefill_batches(lm, members, prefix_cache):
        group.cache.reserve(max(batch.lengths))
        batch.compute(lm, group.cache.put)
        group.cache.add(batch.lengths)
        group.sequences.extend(batch.sequences)
    return group


def _decode_step(lm: LanguageModel, running: Sequence[_Group]) -> None:
    """Compute one more token of every running sequence."""
    caches = [group.cache for group in running]
    sequences = [sequence for group in running for sequence in group.sequences]
    positions = [length for cache in caches for length in cache.lengths]
    plan = DecodePlan(caches, lm.device, lm.dtype)
    logits = packed_forward(lm, [sequence.ids[-1] for sequence in sequences], positions, plan)
    for cache in caches:
        cache.lengths = [length + 1 for length in cache.lengths]
    sample_next(logits, sequences)
