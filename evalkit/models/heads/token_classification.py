"""Token classification: a tag for each token, that of the token's first sub-word."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from evalkit.errors import ModelError
from evalkit.exchange import Request, Response, Status
from evalkit.models.heads import labels
from evalkit.models.heads.runner import (
    HeadRequest,
    LoadedCheckpoint,
    TokenRow,
    UnsupportedInputError,
)

OUTSIDE = "O"
_IOBES = {"L": "E", "U": "S"}
"""Prefixes of the BILOU scheme as those of IOBES."""


class TokenClassification:
    """A token-classification head.

    The tag of a token is the head's label of its first sub-word; a token without sub-words is
    outside (``O``). Labels without ``B-`` and ``I-`` get these prefixes: neighbours with the same
    label are one entity.
    """

    weight = 1

    def __init__(self, checkpoint: LoadedCheckpoint) -> None:
        """Raises ModelError if the tokenizer does not report the sub-words of a token."""
        if not checkpoint.tokenizer.is_fast:
            raise ModelError("a token-classification head needs a fast tokenizer")
        self._checkpoint = checkpoint
        self._names = labels.label_names(checkpoint.model.config, checkpoint.options.labels)

    def encode(self, request: Request) -> HeadRequest:
        """The tokens. Raises UnsupportedInputError; ModelError if no label is in the suite."""
        assert request.inputs is not None
        known = {_bare(name).casefold() for name in self._names}
        ways = {w.casefold() for label, written in request.inputs.labels for w in (*written, label)}
        if ways and not ways & known:
            missing = [label for label, _ in request.inputs.labels]
            raise labels.label_mismatch(self._names, request.inputs, missing)
        try:
            encoded = self._checkpoint.tokenizer(
                list(request.inputs.texts), is_split_into_words=True, verbose=False
            )
        except AssertionError as error:
            raise UnsupportedInputError(f"the tokenizer does not take tokens: {error}") from error
        row = self._checkpoint.fitting(
            TokenRow(tuple(encoded["input_ids"]), self._checkpoint.types(encoded))
        )
        first: dict[int, int] = {}
        for place, word in enumerate(encoded.word_ids()):
            if word is not None:
                first.setdefault(word, place)
        return HeadRequest(request, [row], self._checkpoint.sent(row), first)

    def compute(self, rows: Sequence[TokenRow]) -> Sequence[list[int]]:
        """The most likely label of each sub-word."""
        output, _ = self._checkpoint.forward(rows)
        found: list[list[int]] = output.logits.argmax(dim=-1).tolist()
        return found

    def response(self, item: HeadRequest, results: Sequence[list[int]]) -> Response:
        """A JSON list with a tag for each token."""
        assert item.request.inputs is not None
        (best,) = results
        tokens = item.request.inputs.texts
        read = [
            self._names[best[item.notes[i]]] if i in item.notes else OUTSIDE
            for i in range(len(tokens))
        ]
        details: dict[str, Any] = {"how": "the head's tag for the first sub-word of each token"}
        if unread := [token for i, token in enumerate(tokens) if i not in item.notes]:
            details["unread_tokens"] = unread
        text = json.dumps(self._tags(read), ensure_ascii=False)
        return Response(Status.OK, text, details=details)

    def _tags(self, read: Sequence[str]) -> list[str]:
        if all(name == OUTSIDE or _prefixed(name) for name in self._names):
            return [_IOBES.get(t[0], t[0]) + t[1:] if t != OUTSIDE else t for t in read]
        before = [OUTSIDE, *read]
        return [
            tag if tag == OUTSIDE else f"{'I' if tag == before[i] else 'B'}-{tag}"
            for i, tag in enumerate(read)
        ]


def _prefixed(name: str) -> bool:
    return name[1:2] == "-" and name[0] in "BIESLU"


def _bare(name: str) -> str:
    return name[2:] if _prefixed(name) else name
