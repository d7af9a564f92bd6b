"""Continuous batching: a sequence is prefilled, then decoded one token per step.

A finished sequence leaves at once, and a waiting one takes its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evalkit.engine.attention import ContinuePlan, PrefillPlan, PrefixKV, packed_forward
from evalkit.engine.batching import make_batches
from evalkit.engine.kv_cache import DecodePlan, KVCache
from evalkit.engine.language_model import LanguageModel
from evalkit.engine.prefix_cache import PrefixCache
from evalkit.engine.sampling import sample_next
from evalkit.engine.sequence import SequenceState

ADMISSIONS = 8
"""The running sequences are admitted in so many groups, each of similar lengths, so that attention
reads little padding."""

PREFILL_PARTS = 4
"""A prefill has at most this fraction of a batch's tokens: enough for matrix products, and little
enough for a CPU's cache."""

MIN_TOKENS_SAVED = 1024
"""Sequences attend to a shared prefix separately when that saves reading this many tokens in each
step. Copying a shorter prefix into every sequence is faster."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sequence that is not running yet, and the shared prefix that its prompt continues."""

    sequence: SequenceState
    prefix: int | None


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
            if sequence.done and not sequence.error and sequence.encoded.request.continued:
                length = self.cache.lengths[slot]
                if lm.kept.tokens + length <= lm.max_kept_tokens:
                    ids = (*sequence.encoded.prompt, *sequence.ids)[:length]
                    lm.kept.add(ids, self.cache.sequence(slot), lm.max_kept_tokens)

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
    most = max(1, lm.limits.batch_tokens // PREFILL_PARTS)
    continued = [waiting for waiting in members if prefix_cache.is_kept(waiting.prefix)]
    others = [waiting for waiting in members if not prefix_cache.is_kept(waiting.prefix)]
    for prefix, part in _prefill_batches(others, most):
        _prefill(lm, group.cache, part, prefix_cache.get(prefix))
        group.sequences.extend(part)
        for _ in part:
            prefix_cache.release(prefix)
    for batch in make_batches(
        [len(w.sequence.encoded.prompt) for w in continued], most, len(members)
    ):
        _continue(lm, group, [continued[k] for k in batch], prefix_cache)
    return group


def _continue(
    lm: LanguageModel, group: _Group, members: Sequence[Waiting], prefix_cache: PrefixCache
) -> None:
    """Prefill sequences that each continue a kept sequence."""
    prefixes = [prefix for w in members if (prefix := prefix_cache.get(w.prefix)) is not None]
    sequences = [waiting.sequence for waiting in members]
    before = [prefix.length for prefix in prefixes]
    own = [s.encoded.prompt[n:] for s, n in zip(sequences, before, strict=True)]
    lengths = [len(ids) for ids in own]
    group.cache.reserve(max(len(s.encoded.prompt) for s in sequences))
    plan = ContinuePlan(prefixes, lengths, lm.device, lm.dtype, group.cache.put)
    positions = [n + k for n, length in zip(before, lengths, strict=True) for k in range(length)]
    ends = [sum(lengths[: i + 1]) - 1 for i in range(len(lengths))]
    logits = packed_forward(lm, [token for ids in own for token in ids], positions, plan, ends)
    group.cache.add([len(s.encoded.prompt) for s in sequences])
    sample_next(logits, sequences)
    group.sequences.extend(sequences)
    for waiting in members:
        prefix_cache.release(waiting.prefix)


def _prefill_batches(
    members: Sequence[Waiting], tokens: int
) -> Iterator[tuple[int | None, list[SequenceState]]]:
    """Sequences to prefill together: they continue one prefix and have at most ``tokens``."""
    by_prefix: dict[int | None, list[SequenceState]] = {}
    for waiting in members:
        by_prefix.setdefault(waiting.prefix, []).append(waiting.sequence)
    for prefix, sequences in by_prefix.items():
        lengths = [len(sequence.encoded.prompt) for sequence in sequences]
        for batch in make_batches(lengths, tokens, len(sequences)):
            yield prefix, [sequences[k] for k in batch]


def _prefill(
    lm: LanguageModel, cache: KVCache, sequences: Sequence[SequenceState], prefix: PrefixKV | None
) -> None:
    """Compute prompts, store their keys and values, sample each sequence's first token."""
    before = prefix.length if prefix else 0
    own = [sequence.encoded.prompt[before:] for sequence in sequences]
    lengths = [len(ids) for ids in own]
    cache.reserve(before + max(lengths))
    plan = PrefillPlan(lengths, lm.device, lm.dtype, prefix=prefix, store=cache.put)
    ids = [token for part in own for token in part]
    positions = [before + k for length in lengths for k in range(length)]
    ends = [sum(lengths[: i + 1]) - 1 for i in range(len(lengths))]
    logits = packed_forward(lm, ids, positions, plan, ends)
    cache.add([before + length for length in lengths])
    sample_next(logits, sequences)


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
