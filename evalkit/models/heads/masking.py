"""A masked language model: the likeliest words for one mask, or for several at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from evalkit.errors import ModelError
from evalkit.exchange import MASK, Request, Response, Status
from evalkit.models.heads.rows import Item, Reader, RefusedError, Row

_Filled = tuple[str, float]


class Filler:
    """A fill-mask head.

    ``[MASK]`` in a text becomes the tokenizer's own mask token. A candidate is a word of the
    vocabulary, white space around it taken off (equal ones are listed once, with the higher
    probability). Several masks are filled independently of each other: a candidate is then a word
    for each, in order, with spaces between, and its log-probability is their sum.
    """

    def __init__(self, reader: Reader) -> None:
        """Raises ModelError when the tokenizer has no mask token."""
        if reader.tokenizer.mask_token is None:
            raise ModelError("a fill-mask head needs a tokenizer with a mask token")
        self._reader = reader
        vocabulary, width = reader.model.get_input_embeddings().weight.shape
        self.weight = 1 + int(vocabulary) // (16 * int(width))  # its logits are the largest part

    def encode(self, request: Request) -> Item:
        """The text with the model's mask. Raises RefusedError."""
        assert request.inputs is not None
        (text,) = request.inputs.texts
        tokenizer = self._reader.tokenizer
        row = self._reader.row(text.replace(MASK, tokenizer.mask_token))
        masks = [i for i, token in enumerate(row.ids) if token == tokenizer.mask_token_id]
        if not masks:
            raise RefusedError(f"the text has no {MASK} to fill in")
        return Item(request, [Row(row.ids, row.types)], self._reader.sent(row), masks)

    def compute(self, rows: Sequence[Row]) -> Sequence[list[list[_Filled]]]:
        """For each mask of each row, its words with their log-probabilities, best first."""
        import torch

        output, _ = self._reader.forward(rows)
        mask = self._reader.tokenizer.mask_token_id
        where = [(i, k) for i, row in enumerate(rows) for k, t in enumerate(row.ids) if t == mask]
        places = torch.tensor(where, device=output.logits.device).T
        scores = output.logits[places[0], places[1]].float().log_softmax(dim=-1)
        # some more than are wanted: several tokens may be the same word
        values, tokens = scores.topk(min(2 * self._reader.options.top_k, scores.shape[-1]))
        found: list[list[list[_Filled]]] = [[] for _ in rows]
        for (row, _), logs, ids in zip(where, values.tolist(), tokens.tolist(), strict=True):
            found[row].append(self._words(logs, ids))
        return found

    def _words(self, logs: Sequence[float], ids: Sequence[int]) -> list[_Filled]:
        words: dict[str, float] = {}
        for value, token in zip(logs, ids, strict=True):
            words.setdefault(str(self._reader.tokenizer.decode([token])).strip(), value)
        return list(words.items())[: self._reader.options.top_k]

    def response(self, item: Item, results: Sequence[list[list[_Filled]]]) -> Response:
        """The likeliest word or words; all candidates are in the details."""
        (masks,) = results
        if not all(math.isfinite(value) for words in masks for _, value in words):
            return Response(Status.ERROR, error="the head's logits are not numbers")
        ranked: list[_Filled] = [("", 0.0)]
        for words in masks:
            joint = [(f"{a} {b}".strip(), x + y) for a, x in ranked for b, y in words]
            ranked = sorted(joint, key=lambda filled: -filled[1])[: self._reader.options.top_k]
        best, value = ranked[0]
        several = "s" if len(masks) > 1 else ""
        details: dict[str, Any] = {
            "how": f"the likeliest word{several} for the mask{several}: p = {math.exp(value):.3g}",
            "candidates": [text for text, _ in ranked],
            "candidate_logprobs": [value for _, value in ranked],
        }
        return Response(Status.OK, best, details=details)
