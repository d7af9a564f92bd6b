"""Packed batches: no token twice, no padding in the linear layers.

Prefixes that requests share are computed once. Choices of a request share its prompt and are
compared in the same forward pass. ``evalkit.engine.decode`` generates texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from evalkit.engine.attention import NotPackableError, PrefillPlan, PrefixKV, packed_forward
from evalkit.engine.choice_logprobs import ChoiceLogprobs, sum_choice_logprobs
from evalkit.engine.kv_cache import DecodePlan, KVCache
from evalkit.engine.language_model import LanguageModel
from evalkit.engine.prefix_cache import PrefixCache
from evalkit.engine.prefix_tree import PrefixNode, PrefixTree
from evalkit.engine.tokenization import TokenizedRequest
from evalkit.errors import first_line

if TYPE_CHECKING:
    import torch


def score_choices(
    lm: LanguageModel, batch: Sequence[TokenizedRequest], prefix: PrefixKV | None
) -> list[ChoiceLogprobs]:
    """Log-likelihoods of every choice of every request, in one forward pass.

    All requests begin with ``prefix``. The last token of the prompt predicts the first token of
    each choice, so a choice of one token costs nothing beyond the prompt.
    """
    import torch

    packing = _Packing(prefix.length if prefix else 0)
    for encoded in batch:
        packing.add(encoded)
    with torch.inference_mode():
        plan = PrefillPlan(
            packing.lengths, lm.device, lm.dtype, prefix=prefix, branches=packing.branches
        )
        logits = packed_forward(lm, packing.ids, packing.positions, plan, packing.logit_positions)
        return sum_choice_logprobs(batch, logits, packing.places, packing.targets, lm.dtype)


class _Packing:
    """The tokens of a batch of choices in one row, and the positions that predict them."""

    def __init__(self, before: int) -> None:
        self.before = before
        self.ids: list[int] = []
        self.positions: list[int] = []
        self.lengths: list[int] = []
        self.branches: list[list[tuple[int, int, int]]] = []
        self.logit_positions: list[int] = []
        self.places: list[int] = []
        self.targets: list[int] = []

    def add(self, encoded: TokenizedRequest) -> None:
        first = len(self.ids)
        own = encoded.prompt[self.before :]
        self.ids.extend(own)
        self.positions.extend(range(self.before, len(encoded.prompt)))
        ends_at = self._logits_at(len(self.ids) - 1)
        branches: list[tuple[int, int, int]] = []
        for choice in encoded.choices:
            self._add_target(ends_at, choice[0])
            start = len(self.ids) - first
            for k, token in enumerate(choice[:-1]):
                self.ids.append(token)
                self.positions.append(len(encoded.prompt) + k)
                self._add_target(self._logits_at(len(self.ids) - 1), choice[k + 1])
            # the first branch follows the prompt directly: there are no siblings to hide
            if len(choice) > 1 and start > len(own):
                branches.append((start, len(self.ids) - first, len(own)))
        self.branches.append(branches)
        self.lengths.append(len(self.ids) - first)

    def _logits_at(self, token: int) -> int:
        self.logit_positions.append(token)
        return len(self.logit_positions) - 1

    def _add_target(self, place: int, token: int) -> None:
        self.places.append(place)
        self.targets.append(token)


def why_not_packable(lm: LanguageModel) -> str:
    """Why a model cannot run in packed batches; "" when it can.

    A trial with a few tokens compares its logits with those of a plain batch: some models attend
    through a sliding window, carry a recurrent state or add a bias by position.
    """
    import torch

    if reason := _excluded_by_config(lm.model.config):
        return reason
    if not (lm.accepts("logits_to_keep") and lm.accepts("position_ids")):
        return "its forward has no position_ids or logits_to_keep"
    if not getattr(lm.model, "_supports_attention_backend", False):
        return "its attention cannot be replaced"
    size = int(lm.model.get_input_embeddings().weight.shape[0])
    ids = [(7 * k + 3) % min(size, 97) for k in range(13)]
    try:
        with torch.inference_mode(), _one_thread():
            plain = lm.model(torch.tensor([ids], device=lm.device), use_cache=False).logits[0]
            packed = _trial(lm, ids)
    except NotPackableError as error:
        return str(error)
    except Exception as error:  # the model's own code may raise anything here
        return first_line(error)
    return difference_between(packed, plain[[11, 12, 8]])


def difference_between(packed: torch.Tensor, plain: torch.Tensor) -> str:
    """ "" if logits differ by no more than rounding allows, else by how much."""
    import torch

    plain = plain.float()
    spread = float(plain.std()) or 1.0
    allowed = 1e-3 if packed.dtype == torch.float32 else 5e-2
    difference = float((packed.float() - plain).abs().mean()) / spread
    return "" if difference <= allowed else f"packed and plain logits differ by {difference:.1%}"


def _excluded_by_config(config: Any) -> str:
    """A reason in the config that a trial with a few tokens would miss; "" for none."""
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    layers = set(getattr(text, "layer_types", None) or ["full_attention"])
    if layers != {"full_attention"}:
        return f"it has layers of {', '.join(sorted(layers - {'full_attention'}))}"
    if getattr(text, "attention_chunk_size", None):
        return "it attends in chunks"
    rope = getattr(text, "rope_parameters", None) or {}
    if rope.get("rope_type") in ("dynamic", "longrope"):
        return "its rotary positions depend on the longest sequence"
    return ""


@contextmanager
def _one_thread() -> Iterator[None]:
    """Use one thread: for so few tokens, reading the weights is the bottleneck."""
    import torch

    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)


def _trial(lm: LanguageModel, ids: Sequence[int]) -> torch.Tensor:
    """Logits at positions 11, 12 and 8, from a prefix, a prefill of two sequences and a step."""
    import torch

    node = PrefixNode(tuple(ids[:5]), 0, 5, None)
    prefix = PrefixCache(lm, PrefixTree((node,), ()), [0]).get(0)
    cache = KVCache(2)
    cache.reserve(12)
    plan = PrefillPlan([7, 4], lm.device, lm.dtype, prefix=prefix, store=cache.put)
    both = packed_forward(lm, [*ids[5:12], *ids[5:9]], [*range(5, 12), *range(5, 9)], plan, [6, 10])
    cache.add([12, 9])
    step = packed_forward(
        lm, [ids[12], 0], list(cache.lengths), DecodePlan([cache], lm.device, lm.dtype)
    )
    return torch.stack([both[0], step[0], both[1]])
