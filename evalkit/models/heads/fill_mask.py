"""Masked language modelling: the most likely words for one or several masks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from evalkit.errors import ModelError
from evalkit.exchange import MASK, Request, Response, Status
from evalkit.models.heads.runner import (
    HeadRequest,
    LoadedCheckpoint,
    TokenRow,
    UnsupportedInputError,
)

_Filled = tuple[str, float]


class FillMask:
    """A fill-mask head.

    ``[MASK]`` in a text becomes the tokenizer's mask token. A candidate is a word of the vocabulary
    without surrounding white space; equal ones are listed once, with the higher probability.
    Several masks are filled independently: a candidate is then one word for each mask, separated by
    spaces, and its log-probability is the sum.
    """

    def __init__(self, checkpoint: LoadedCheckpoint) -> None:
        """Raises ModelError if the tokenizer has no mask token."""
        if checkpoint.tokenizer.mask_token is None:
            raise ModelError("a fill-mask head needs a tokenizer with a mask token")
        self._checkpoint = checkpoint
        vocabulary, width = checkpoint.model.get_input_embeddings().weight.shape
        self.weight = 1 + int(vocabulary) // (16 * int(width))  # most of its memory is logits

    def encode(self, request: Request) -> HeadRequest:
        """The text with the model's mask. Raises UnsupportedInputError."""
        assert request.inputs is not None
        (text,) = request.inputs.texts
        tokenizer = self._checkpoint.tokenizer
        row = self._checkpoint.row(text.replace(MASK, tokenizer.mask_token))
        masks = [i for i, token in enumerate(row.ids) if token == tokenizer.mask_token_id]
        if not masks:
            raise UnsupportedInputError(f"the text has no {MASK}")
        return HeadRequest(
            request, [TokenRow(row.ids, row.types)], self._checkpoint.sent(row), masks
        )

    def compute(self, rows: Sequence[TokenRow]) -> Sequence[list[list[_Filled]]]:
        """For each mask of each row, its words with their log-probabilities, best first."""
        import torch

        output, _ = self._checkpoint.forward(rows)
        mask = self._checkpoint.tokenizer.mask_token_id
        where = [(i, k) for i, row in enumerate(rows) for k, t in enumerate(row.ids) if t == mask]
        places = torch.tensor(where, device=output.logits.device).T
        scores = output.logits[places[0], places[1]].float().log_softmax(dim=-1)
        # more than needed: several tokens may be the same word
        values, tokens = scores.topk(min(2 * self._checkpoint.options.top_k, scores.shape[-1]))
        found: list[list[list[_Filled]]] = [[] for _ in rows]
        for (row, _), logs, ids in zip(where, values.tolist(), tokens.tolist(), strict=True):
            found[row].append(self._words(logs, ids))
        return found

    def _words(self, logs: Sequence[float], ids: Sequence[int]) -> list[_Filled]:
        words: dict[str, float] = {}
        for value, token in zip(logs, ids, strict=True):
            words.setdefault(str(self._checkpoint.tokenizer.decode([token])).strip(), value)
        return list(words.items())[: self._checkpoint.options.top_k]

    def response(self, item: HeadRequest, results: Sequence[list[list[_Filled]]]) -> Response:
        """The most likely word or words, with all candidates."""
        (masks,) = results
        if not all(math.isfinite(value) for words in masks for _, value in words):
            return Response(Status.ERROR, error="the head's logits are NaN or infinite")
        ranked: list[_Filled] = [("", 0.0)]
        for words in masks:
            joint = [(f"{a} {b}".strip(), x + y) for a, x in ranked for b, y in words]
            ranked = sorted(joint, key=lambda filled: -filled[1])[: self._checkpoint.options.top_k]
        best, value = ranked[0]
        several = "s" if len(masks) > 1 else ""
        details: dict[str, Any] = {
            "how": f"most likely word{several} for the mask{several}: p = {math.exp(value):.3g}",
            "candidate_logprobs": [value for _, value in ranked],
        }
        candidates = tuple(text for text, _ in ranked)
        return Response(Status.OK, best, candidates=candidates, details=details)
