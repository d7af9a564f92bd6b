"""Continuous batching on a GPU: a paged KV cache, and steps that wait for nothing.

A step takes its tokens from the step before on the device. The host launches the next step, then
reads the tokens of the one before: a sequence that has ended is known one step late, and what was
computed for it is ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from evalkit.engine.attention import PrefillPlan, packed_forward
from evalkit.engine.decode_graphs import NOT_FINITE, Attend, Capture, DecodeSteps, PendingStep, Row
from evalkit.engine.fused_layers import FusedLayers, fused_layers
from evalkit.engine.language_model import GpuParts, LanguageModel, current_device
from evalkit.engine.packed import difference_between
from evalkit.engine.paged_cache import BLOCK, PagedKVCache, blocks_for
from evalkit.engine.prefill import Waiting, prefill_batches
from evalkit.engine.prefix_cache import PrefixCache
from evalkit.engine.sampling import NAN_LOGITS, sample_next
from evalkit.engine.sequence import SequenceState
from evalkit.errors import first_line

ADMISSIONS = 8
"""Sequences are admitted when this fraction of the slots is free, so that prefills are large."""


@dataclass(slots=True)
class _Running:
    """A sequence being decoded.

    length: tokens in the cache once the launched steps are done. asked: tokens that were asked for.
    source: its row in the last step; None: its last token is known.
    """

    sequence: SequenceState
    slot: int
    length: int
    asked: int = 1
    source: int | None = None

    @property
    def complete(self) -> bool:
        """True when no further step computes it."""
        most = self.sequence.encoded.request.generation.max_new_tokens
        return self.sequence.done or self.asked >= most

    def row(self) -> Row:
        """The row of the next step."""
        if self.source is None:
            return Row(self.slot, self.length, self.sequence.ids[-1])
        return Row(self.slot, self.length, None, self.source)


class PagedDecoder:
    """Decodes sequences of one model. Cache and graphs stay for the next call.

    attend: the attention kernel. capture: whether steps are captured as CUDA graphs.
    """

    def __init__(self, attend: Attend, *, capture: bool = True) -> None:
        self._attend, self._capture = attend, Capture(capture)
        self._steps: DecodeSteps | None = None
        self._cache: PagedKVCache | None = None

    def clear(self) -> None:
        """Free the memory of cache and graphs."""
        self._steps = self._cache = None

    def describe(self) -> str:
        """See ``Decoder``."""
        why = self._capture.failed_because
        return "paged KV cache, " + (f"no CUDA graphs: {why}" if why else "CUDA graphs")

    def generate(
        self,
        lm: LanguageModel,
        sequences: Sequence[SequenceState],
        prefixes: Sequence[int | None],
        prefix_cache: PrefixCache,
    ) -> Iterator[list[SequenceState]]:
        """As ``evalkit.engine.decode.generate``."""
        import torch

        cache, steps = self._prepared(lm, sequences)
        waiting = [Waiting(*pair) for pair in zip(sequences, prefixes, strict=True)][::-1]
        running: list[_Running] = []
        pending: _Launched | None = None
        try:
            while waiting or running:
                with torch.inference_mode():
                    launched = _launch(lm, steps, running)
                    if pending is not None:
                        pending.collect()
                    if launched is not None and launched.needs_logits:
                        launched.sample()
                        launched = None
                    pending = launched
                    finished = _pop_finished(lm, running, cache)
                    admitted = _admit(cache, waiting, bool(running))
                    running += _prefill(lm, cache, admitted, prefix_cache)
                    finished += _pop_finished(lm, running, cache)
                    lm.activity.decoding([member.sequence for member in running])
                if finished:
                    yield finished
        finally:
            cache.clear()

    def _prepared(
        self, lm: LanguageModel, sequences: Sequence[SequenceState]
    ) -> tuple[PagedKVCache, DecodeSteps]:
        """A cache for these sequences; it is larger than the one before if that is too small."""
        counts = sorted(blocks_for(s.encoded.max_length) for s in sequences)
        slots, width = min(len(counts), lm.max_running), counts[-1]
        most = max(blocks_for(lm.max_cached_tokens), width)
        blocks = min(sum(counts[-slots:]), most)
        cache, steps = self._cache, self._steps
        if cache is not None and steps is not None:
            if cache.slots >= slots and cache.width >= width and cache.blocks >= blocks:
                return cache, steps
            slots, width = max(slots, cache.slots), max(width, cache.width)
            blocks = max(blocks, cache.blocks)
        self.clear()
        cache = steps = None
        # rounded up, so that a slightly larger call needs no new cache and graphs
        slots = min(_power_of_two(slots), lm.max_running)
        blocks = max(blocks, min(_power_of_two(blocks), most))
        cache = PagedKVCache(blocks, slots, _power_of_two(width), lm.device)
        self._cache = cache
        self._steps = DecodeSteps(lm, cache, self._attend, self._capture)
        return cache, self._steps


@dataclass(slots=True)
class _Launched:
    """A step being computed, and the sequence of each of its rows."""

    step: PendingStep
    members: list[_Running]

    @property
    def needs_logits(self) -> bool:
        """True when a token of this step is not simply the most likely one."""
        settings = (member.sequence.encoded.request.generation for member in self.members)
        return any(s.temperature > 0 or s.repetition_penalty != 1.0 for s in settings)

    def collect(self) -> None:
        """Append the step's tokens; those of sequences that had ended are ignored."""
        for member, token in zip(self.members, self.step.wait(), strict=True):
            if member.sequence.done:
                continue
            if token == NOT_FINITE:
                member.sequence.fail(NAN_LOGITS)
            else:
                member.sequence.append(token)

    def sample(self) -> None:
        """Sample the step's tokens from its logits."""
        rows = [row for row, member in enumerate(self.members) if not member.sequence.done]
        if rows:
            sample_next(self.step.logits[rows], [self.members[row].sequence for row in rows])
        for member in self.members:
            member.source = None


def _launch(lm: LanguageModel, steps: DecodeSteps, running: Sequence[_Running]) -> _Launched | None:
    """Begin a step of all sequences that still need one; None when none does."""
    members = [member for member in running if not member.complete]
    if not members:
        return None
    with lm.forward_pass("decoding", len(members)):
        step = steps.launch([member.row() for member in members])
    for row, member in enumerate(members):
        member.length += 1
        member.asked += 1
        member.source = row
    return _Launched(step, members)


def _pop_finished(
    lm: LanguageModel, running: list[_Running], cache: PagedKVCache
) -> list[SequenceState]:
    """Remove the finished sequences, keep those that a later call continues, free their blocks.

    A launched step may still write to them. The device does so before any step that reuses them.
    """
    finished = [member for member in running if member.sequence.done]
    if finished:
        running[:] = [member for member in running if not member.sequence.done]
        for member in finished:
            copied = partial(cache.sequence, member.slot)
            lm.kept.keep(member.sequence, member.length, copied, lm.max_kept_tokens)
            cache.release(member.slot)
    return [member.sequence for member in finished]


def _admit(cache: PagedKVCache, waiting: list[Waiting], running: bool) -> list[Waiting]:
    """Take the next sequences off the waiting list; none while little room is free."""
    if running and cache.free_slots * ADMISSIONS < cache.slots:
        return []
    slots, blocks = cache.free_slots, cache.free_blocks
    admitted: list[Waiting] = []
    while waiting and len(admitted) < slots:
        blocks -= blocks_for(waiting[-1].sequence.encoded.max_length)
        if blocks < 0:
            break
        admitted.append(waiting.pop())
    return admitted


def _prefill(
    lm: LanguageModel, cache: PagedKVCache, admitted: Sequence[Waiting], prefix_cache: PrefixCache
) -> list[_Running]:
    """Compute prompts, store their keys and values, sample each sequence's first token."""
    found: list[_Running] = []
    for batch in prefill_batches(lm, admitted, prefix_cache):
        slots = cache.take([sequence.encoded.max_length for sequence in batch.sequences])
        places = cache.places(slots, batch.lengths, max(batch.lengths))
        batch.compute(lm, partial(cache.put, places))
        found += [
            _Running(sequence, slot, length)
            for sequence, slot, length in zip(batch.sequences, slots, batch.lengths, strict=True)
        ]
    return found


def _power_of_two(number: int) -> int:
    """The smallest power of two that is not below a positive number."""
    return 1 << (number - 1).bit_length()


def with_gpu_decoder(lm: LanguageModel) -> LanguageModel:
    """The model with a paged decoder, if it is on one CUDA device and a trial agrees."""
    if lm.device.type != "cuda":
        return lm
    if lm.spread:
        return replace(lm, gpu=GpuParts(no_decoder_because="it is spread over several devices"))
    try:
        from evalkit.engine import fused_kernels, paged_kernels
    except ImportError:
        return replace(lm, gpu=GpuParts(no_decoder_because="Triton is not installed"))
    attend = paged_kernels.store_and_attend
    fused = FusedLayers()
    try:
        with current_device(lm.device):
            fused = fused_layers(lm.model, fused_kernels, join=lm.frozen)
            why = why_not_paged(replace(lm, gpu=GpuParts(fused=fused)), attend)
    except Exception as error:  # Triton, its compiler and the model's code may raise anything here
        why = first_line(error)
    return replace(lm, gpu=GpuParts(None if why else PagedDecoder(attend), fused, why))


def why_not_paged(lm: LanguageModel, attend: Attend) -> str:
    """Why a model cannot be decoded with a paged cache; "" when it can.

    A trial with a few tokens compares the logits of a step with those of a plain forward pass.
    """
    import torch

    size = min(int(lm.model.get_input_embeddings().weight.shape[0]), 97)
    ids = [(7 * k + 3) % size for k in range(BLOCK + 2)]
    with torch.inference_mode():
        with lm.gpu.fused.active():
            inputs = torch.tensor([ids], device=lm.device)
            plain = lm.model(inputs, use_cache=False).logits[0, [-1, 8]]
        cache = PagedKVCache(3, 2, 2, lm.device)
        lengths = [len(ids) - 1, 8]
        slots = cache.take([len(ids), 9])
        places = cache.places(slots, lengths, lengths[0])
        plan = PrefillPlan(lengths, lm.device, lm.dtype, store=partial(cache.put, places))
        positions = [k for length in lengths for k in range(length)]
        packed_forward(lm, [ids[k] for k in positions], positions, plan, [0])
        rows = [Row(slots[0], lengths[0], ids[-1]), Row(slots[1], lengths[1], ids[8])]
        step = DecodeSteps(lm, cache, attend, Capture(wanted=False)).launch(rows)
        step.wait()
        return difference_between(step.logits, plain)
