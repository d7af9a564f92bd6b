"""Decoding steps on a GPU, captured as CUDA graphs.

A step of a small model lasts a millisecond or two, but Python and the driver need several to launch
its kernels one by one. A captured step is launched at once. A graph has a fixed batch size, so
batches are filled up to one of a few sizes. The size, and with it the answer in half precision,
depends on the number of sequences alone.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalkit.engine.attention import packed_attention
from evalkit.engine.language_model import LanguageModel
from evalkit.engine.memory import is_out_of_memory
from evalkit.engine.paged_cache import PagedKVCache
from evalkit.errors import first_line

if TYPE_CHECKING:
    import torch

Attend = Callable[..., Any]
"""``evalkit.engine.paged_kernels.store_and_attend``, or a function with its parameters."""

WARM_UPS = 2
"""Steps of a size that run without a graph: kernels are compiled and libraries set up in them."""

PROGRAMS = 264
"""Programs that occupy a large GPU: two for each multiprocessor."""

MAX_SPLITS = 16
NOT_FINITE = -1
"""Takes the place of a token whose logits are NaN or infinite."""

_CAPTURING = threading.Lock()


def padded_size(count: int) -> int:
    """The batch size for so many sequences: 1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, …"""
    size = 1
    while size < count:
        size *= 2
    return size * 3 // 4 if size >= 32 and count <= size * 3 // 4 else size


@dataclass(frozen=True, slots=True)
class Row:
    """A sequence in a step.

    slot: of the cache. length: its tokens in the cache. token: the one to compute; None: the one
    that the step before wrote at row ``source``.
    """

    slot: int
    length: int
    token: int | None
    source: int = -1


class PagedStepPlan:
    """One token of every sequence, after its blocks (see ``evalkit.engine.attention``)."""

    kind = "decoding"

    def __init__(
        self,
        cache: PagedKVCache,
        attend: Attend,
        slots: torch.Tensor,
        lengths: torch.Tensor,
    ) -> None:
        self._cache, self._attend = cache, attend
        self._slots, self._lengths = slots, lengths

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """See ``AttentionPlan``."""
        keys, values = self._cache.layer(layer)
        splits = _splits(len(self._slots) * keys.shape[1])
        out: torch.Tensor = self._attend(
            q, k, v, keys, values, self._cache.tables, self._slots, self._lengths, scale, splits
        )
        return out


def _splits(programs: int) -> int:
    splits = 1
    while splits < MAX_SPLITS and splits * programs < PROGRAMS:
        splits *= 2
    return splits


@dataclass(slots=True)
class Capture:
    """Whether the steps of a model are captured as CUDA graphs; one failure ends it.

    failed_because: why its code cannot be captured; "" unless it was tried.
    """

    wanted: bool = True
    failed_because: str = ""

    @property
    def possible(self) -> bool:
        """True when a step may be captured."""
        return self.wanted and not self.failed_because


@dataclass(slots=True)
class PendingStep:
    """A step that the device computes. tokens: where they arrive; done: an event, None if they are
    there. logits: shape (rows, vocabulary)."""

    count: int
    tokens: torch.Tensor
    done: Any
    logits: torch.Tensor

    def wait(self) -> list[int]:
        """The next token of each row, NOT_FINITE where there is none."""
        if self.done is not None:
            self.done.synchronize()
        found: list[int] = self.tokens[: self.count].tolist()
        return found


class DecodeSteps:
    """Launches decoding steps over one cache."""

    def __init__(
        self, lm: LanguageModel, cache: PagedKVCache, attend: Attend, capture: Capture
    ) -> None:
        import torch

        self._lm, self._cache, self._attend = lm, cache, attend
        self._capture = capture
        size, device = padded_size(cache.slots), lm.device
        pinned = device.type == "cuda"
        # written in turns: the device may still read or write those of the step before
        self._inputs = [torch.zeros(4 * size, dtype=torch.long, pin_memory=pinned) for _ in "ab"]
        self._outputs = [torch.zeros(size, dtype=torch.long, pin_memory=pinned) for _ in "ab"]
        self._turn = 0
        self._next = torch.zeros(size, dtype=torch.long, device=device)
        self._rows: dict[int, torch.Tensor] = {}
        self._uses: Counter[int] = Counter()
        self._graphs: dict[int, tuple[Any, torch.Tensor]] = {}

    def launch(self, rows: Sequence[Row]) -> PendingStep:
        """Begin to compute the next token of each row."""
        import torch

        size = padded_size(len(rows))
        self._turn = 1 - self._turn
        tokens = self._outputs[self._turn]
        inputs = self._inputs[self._turn][: 4 * size].view(4, size)
        rest = size - len(rows)
        inputs.copy_(
            torch.tensor(
                [
                    [*(row.source if row.token is None else -1 for row in rows), *[-1] * rest],
                    [*(row.token or 0 for row in rows), *[0] * rest],
                    [*(row.length for row in rows), *[0] * rest],
                    [*(row.slot for row in rows), *[0] * rest],
                ]
            )
        )
        if size not in self._rows:
            self._rows[size] = torch.zeros(4, size, dtype=torch.long, device=self._lm.device)
        self._rows[size].copy_(inputs, non_blocking=True)
        logits = self._computed(size)
        tokens[:size].copy_(self._next[:size], non_blocking=True)
        done = None
        if self._lm.device.type == "cuda":
            done = torch.cuda.Event()
            done.record()
        return PendingStep(len(rows), tokens, done, logits[: len(rows)])

    def _computed(self, size: int) -> torch.Tensor:
        """The logits of a batch of this size, shape (size, vocabulary)."""
        self._uses[size] += 1
        if self._capture.possible and size not in self._graphs and self._uses[size] > WARM_UPS:
            self._try_to_capture(size)
        if size in self._graphs:
            graph, logits = self._graphs[size]
            graph.replay()
            return logits
        return self._step(size)

    def _try_to_capture(self, size: int) -> None:
        import torch

        graph = torch.cuda.CUDAGraph()
        pool = next(iter(self._graphs.values()))[0].pool() if self._graphs else None
        try:
            with (
                _CAPTURING,
                torch.cuda.device(self._lm.device),
                torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"),
            ):
                logits = self._step(size)
        except Exception as error:  # the model's own code may do what a graph cannot hold
            if is_out_of_memory(error):
                raise
            self._capture.failed_because = first_line(error)
            torch.cuda.synchronize(self._lm.device)
            return
        self._graphs[size] = graph, logits

    def _step(self, size: int) -> torch.Tensor:
        import torch

        source, given, lengths, slots = self._rows[size]
        # a token that is not finite belongs to a sequence that has failed: any id does
        before = self._next[source.clamp(min=0)].clamp(min=0)
        ids = torch.where(source >= 0, before, given)
        plan = PagedStepPlan(self._cache, self._attend, slots, lengths)
        with packed_attention(self._lm, plan):
            output = self._lm.model(
                input_ids=ids[None], position_ids=lengths[None], use_cache=False
            )
        logits: torch.Tensor = output.logits[0]
        best, tokens = logits.max(-1)
        self._next[:size] = tokens.masked_fill(~torch.isfinite(best), NOT_FINITE)
        return logits
