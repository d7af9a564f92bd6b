"""Sequence classification: the label with the highest logit, for a text or a pair of texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from evalkit.errors import ModelError
from evalkit.exchange import Inputs, Request, Response, Status, decisive
from evalkit.models.heads import labels
from evalkit.models.heads.runner import HeadRequest, LoadedCheckpoint, TokenRow


class SequenceClassification:
    """A sequence-classification head of one logit per label, or of a single one.

    Log-probabilities are the log-softmax of the logits over all labels of the head (log-sigmoid if
    the config says ``multi_label_classification``). If several labels of the head mean one label of
    the suite, their probabilities are added. A single logit gives the probability of its label
    (sigmoid); the other label of the suite has the remainder.
    """

    weight = 1

    def __init__(self, checkpoint: LoadedCheckpoint) -> None:
        """Raises ModelError if the head predicts a number instead of labels."""
        self._checkpoint = checkpoint
        config = checkpoint.model.config
        if config.problem_type == "regression":
            raise ModelError("the model's head predicts a number (regression), not a label")
        self._several = config.problem_type == "multi_label_classification"
        self._names = labels.label_names(config, checkpoint.options.labels)
        self._owners: dict[Inputs, dict[str, list[int]]] = {}

    def encode(self, request: Request) -> HeadRequest:
        """The text or the pair. Raises UnsupportedInputError; ModelError if labels differ."""
        assert request.inputs is not None
        self._owned(request.inputs)
        if request.inputs.windowed:
            rows = self._checkpoint.windows(*request.inputs.texts)
        else:
            rows = [self._checkpoint.row(*request.inputs.texts)]
        return HeadRequest(request, rows, "\n".join(map(self._checkpoint.sent, rows)))

    def compute(self, rows: Sequence[TokenRow]) -> Sequence[list[float]]:
        """The log-probability of each of the head's labels."""
        import torch

        output, _ = self._checkpoint.forward(rows)
        logits = output.logits.float()
        if logits.shape[-1] == 1:  # the label and its complement
            logits = torch.cat([logits, -logits], dim=-1)
            scores = torch.nn.functional.logsigmoid(logits)
        elif self._several:
            scores = torch.nn.functional.logsigmoid(logits)
        else:
            scores = logits.log_softmax(dim=-1)
        found: list[list[float]] = scores.tolist()
        return found

    def response(self, item: HeadRequest, results: Sequence[list[float]]) -> Response:
        """The suite's label with the highest log-probability."""
        assert item.request.inputs is not None
        if not all(map(math.isfinite, (score for scores in results for score in scores))):
            return Response(Status.ERROR, error="the head's logits are NaN or infinite")
        owned = self._owned(item.request.inputs)
        readings = [
            [_added([scores[i] for i in places]) for places in owned.values()] for scores in results
        ]
        window = decisive(readings)
        scores, logprobs = results[window], dict(zip(owned, readings[window], strict=True))
        best = max(logprobs, key=logprobs.__getitem__)
        used = {i for places in owned.values() for i in places}
        details: dict[str, Any] = {
            "how": f"the head's most likely label: '{best}'",
            "head": dict(zip(self._names, scores, strict=False)),
        }
        if len(results) > 1:
            details["windows"] = f"window {window + 1} of {len(results)} decides"
        if left := [name for i, name in enumerate(self._names) if i not in used]:
            details["labels_left_out"] = left
        return Response(Status.OK, best, logprobs=tuple(logprobs.values()), details=details)

    def _owned(self, inputs: Inputs) -> dict[str, list[int]]:
        key = Inputs(inputs.task, (), inputs.labels, inputs.optional)
        if key not in self._owners:
            self._owners[key] = self._match(inputs)
        return self._owners[key]

    def _match(self, inputs: Inputs) -> dict[str, list[int]]:
        owned = labels.match_labels(self._names, inputs)
        missing = [label for label, places in owned.items() if not places]
        required = [label for label in missing if label not in inputs.optional]
        one_of_all = len(self._names) == 1 and 0 < len(missing) == len(owned) - 1
        if one_of_all and set(required) <= {missing[-1]}:
            owned[missing[-1]] = [1]  # the complement of the single label
            return owned
        if required:
            raise labels.label_mismatch(self._names, inputs, required)
        return owned


def _added(logs: Sequence[float]) -> float:
    """The logarithm of a sum of probabilities, which are given as logarithms."""
    if not logs:
        return -math.inf
    top = max(logs)
    return top + math.log(sum(math.exp(value - top) for value in logs))
