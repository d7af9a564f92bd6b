"""Zero-shot classification by embeddings: the label with the nearest embedding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from evalkit.errors import ModelError
from evalkit.exchange import Request, Response, Status
from evalkit.models.heads.runner import (
    HeadRequest,
    LoadedCheckpoint,
    TokenRow,
    UnsupportedInputError,
)


class NearestLabel:
    """Zero-shot classification by cosine similarity.

    The text of a label is ``label_template`` with the label's first spelling. Log-probabilities are
    the log-softmax of cosines over ``temperature``: a ranking, not a calibrated probability.
    """

    weight = 1

    def __init__(self, checkpoint: LoadedCheckpoint) -> None:
        """Raises ModelError for an encoder-decoder model."""
        if checkpoint.model.config.is_encoder_decoder:
            raise ModelError(
                "sentence embeddings need an encoder; this is an encoder-decoder model"
            )
        self._checkpoint = checkpoint
        self._vectors: dict[str, list[float]] = {}

    def encode(self, request: Request) -> HeadRequest:
        """The text. Raises UnsupportedInputError."""
        assert request.inputs is not None
        if len(request.inputs.texts) != 1:
            raise UnsupportedInputError(
                "an embedding needs one text; name one column under 'input:'"
            )
        row = self._checkpoint.row(*request.inputs.texts)
        return HeadRequest(request, [row], self._checkpoint.sent(row))

    def compute(self, rows: Sequence[TokenRow]) -> Sequence[list[float]]:
        """The embedding of each row, of length one."""
        import torch

        output, mask = self._checkpoint.forward(rows)
        states, pooling = output.last_hidden_state.float(), self._checkpoint.pooling
        if pooling == "mean":
            kept = mask.unsqueeze(-1)
            pooled = (states * kept).sum(dim=1) / kept.sum(dim=1)
        else:
            at = mask.sum(dim=1) - 1 if pooling == "last" else torch.zeros_like(mask[:, 0])
            pooled = states[torch.arange(len(rows), device=states.device), at]
        found: list[list[float]] = torch.nn.functional.normalize(pooled, dim=-1).tolist()
        return found

    def response(self, item: HeadRequest, results: Sequence[list[float]]) -> Response:
        """The suite's label with the highest cosine."""
        assert item.request.inputs is not None
        (vector,) = results
        cosines = {
            label: sum(a * b for a, b in zip(vector, self._vector(spellings[0]), strict=True))
            for label, spellings in item.request.inputs.labels
        }
        if not all(map(math.isfinite, cosines.values())):
            return Response(Status.ERROR, error="the embedding has NaN or infinite components")
        best = max(cosines, key=cosines.__getitem__)
        scaled = [cosine / self._checkpoint.options.temperature for cosine in cosines.values()]
        top = max(scaled)
        total = top + math.log(sum(math.exp(value - top) for value in scaled))
        details: dict[str, Any] = {
            "how": f"the label with the nearest embedding: '{best}', cosine {cosines[best]:.3f}",
            "method": "zero-shot: nearest label embedding by cosine",
            "cosines": cosines,
            "temperature": self._checkpoint.options.temperature,
        }
        return Response(
            Status.OK, best, logprobs=tuple(value - total for value in scaled), details=details
        )

    def _vector(self, label: str) -> list[float]:
        if label not in self._vectors:
            text = self._checkpoint.options.label_template.replace("{}", label)
            (self._vectors[label],) = self.compute([self._checkpoint.row(text)])
        return self._vectors[label]
