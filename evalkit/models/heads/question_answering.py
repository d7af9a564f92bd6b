"""Extractive question answering: the best span of the context, or no answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.errors import ModelError
from evalkit.exchange import Request, Response, Status
from evalkit.models.heads.runner import (
    HeadRequest,
    LoadedCheckpoint,
    TokenRow,
    UnsupportedInputError,
)

Logits = NDArray[np.float64]


class Span(NamedTuple):
    """A span: its score (start logit plus end logit) and its characters in the context."""

    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Window:
    """The positions of the context's tokens in a row, and their characters."""

    places: tuple[int, ...]
    characters: tuple[tuple[int, int], ...]


class QuestionAnswering:
    """A question-answering head over overlapping windows of the context.

    A span's score is its start logit plus its end logit, over all spans of at most
    ``max_answer_tokens``; the best span of all windows is the answer. The null score is that of the
    first token of a row (``[CLS]``), the lowest of all windows. The answer is empty if the null
    score leads the best span by more than ``no_answer_threshold``.

    Source: P. Rajpurkar et al., Know What You Don't Know, ACL 2018; J. Devlin et al., BERT, NAACL
    2019, section 4.3.
    """

    weight = 1

    def __init__(self, checkpoint: LoadedCheckpoint) -> None:
        """Raises ModelError if the tokenizer does not report positions in the text."""
        if not checkpoint.tokenizer.is_fast:
            raise ModelError("a question-answering head needs a fast tokenizer")
        self._checkpoint = checkpoint

    def encode(self, request: Request) -> HeadRequest:
        """The question with each window of the context. Raises UnsupportedInputError."""
        assert request.inputs is not None
        options = self._checkpoint.options
        question, context = request.inputs.texts
        size = min(options.window, self._checkpoint.context_length or options.window)
        tokenizer = self._checkpoint.tokenizer
        around = len(tokenizer(question, "", verbose=False)["input_ids"])
        if size - around < 1:
            message = f"the question has {around} tokens and leaves no room in a window of {size}"
            raise UnsupportedInputError(message)
        encoded = tokenizer(
            question,
            context,
            truncation="only_second",
            max_length=size,
            stride=min(options.overlap, size - around - 1),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            verbose=False,
        )
        segments = encoded.get("token_type_ids") or [()] * len(encoded["input_ids"])
        rows = [
            TokenRow(tuple(ids), tuple(types))
            for ids, types in zip(encoded["input_ids"], segments, strict=True)
        ]
        windows = [_window(encoded, i) for i in range(len(rows))]
        return HeadRequest(request, rows, "\n".join(map(self._checkpoint.sent, rows)), windows)

    def compute(self, rows: Sequence[TokenRow]) -> Sequence[tuple[Logits, Logits]]:
        """Start and end logits of each row."""
        output, _ = self._checkpoint.forward(rows)
        starts = output.start_logits.double().cpu().numpy()
        ends = output.end_logits.double().cpu().numpy()
        return [
            (start[: len(row.ids)], end[: len(row.ids)])
            for row, start, end in zip(rows, starts, ends, strict=True)
        ]

    def response(self, item: HeadRequest, results: Sequence[tuple[Logits, Logits]]) -> Response:
        """The text of the best span, or an empty answer."""
        assert item.request.inputs is not None
        options = self._checkpoint.options
        if not all(np.isfinite(logits).all() for pair in results for logits in pair):
            return Response(Status.ERROR, error="the head's logits are NaN or infinite")
        found: dict[tuple[int, int], Span] = {}
        for window, (start, end) in zip(item.notes, results, strict=True):
            for span in _best(window, start, end, options.max_answer_tokens, options.n_best):
                other = found.get(span[1:])
                found[span[1:]] = max(span, other) if other else span
        spans = sorted(found.values(), key=lambda s: (-s.score, s.start, s.end))[: options.n_best]
        null = min(float(start[0] + end[0]) for start, end in results)
        if not spans:
            return Response(Status.ERROR, error="the context has no tokens")
        return self._answer(item.request.inputs.texts[1], spans, null, len(results))

    def _answer(self, context: str, spans: Sequence[Span], null: float, windows: int) -> Response:
        options = self._checkpoint.options
        best = spans[0]
        lead = null - best.score
        text = context[best.start : best.end]
        how = f"the best span, with score {best.score:.4g}"
        if options.no_answer:
            how += f"; no answer has {null:.4g}"
            if lead > options.no_answer_threshold:
                how = f"no answer: its score {null:.4g} leads that of '{text}' by {lead:.3g}"
                text = ""
        details: dict[str, Any] = {
            "how": how,
            "null_score": null,
            "windows": windows,
            "n_best": [
                {"text": context[s.start : s.end], "score": s.score, "start": s.start}
                for s in spans
            ],
        }
        return Response(Status.OK, text, details=details)


def _window(encoded: Any, index: int) -> _Window:
    offsets = encoded["offset_mapping"][index]
    places = [i for i, part in enumerate(encoded.sequence_ids(index)) if part == 1]
    places = [i for i in places if offsets[i][0] < offsets[i][1]]
    return _Window(tuple(places), tuple(tuple(offsets[i]) for i in places))


def _best(window: _Window, start: Logits, end: Logits, longest: int, count: int) -> list[Span]:
    """The ``count`` best spans of a window."""
    places = list(window.places)
    size = len(places)
    if not size:
        return []
    scores = start[places][:, None] + end[places][None, :]
    length = np.arange(size)[None, :] - np.arange(size)[:, None]
    scores = np.where((length >= 0) & (length < longest), scores, -np.inf)
    order = np.argsort(-scores, axis=None, kind="stable")[:count]
    spans = []
    for first, last in zip(*np.unravel_index(order, scores.shape), strict=True):
        if np.isfinite(scores[first, last]):
            begin, stop = window.characters[first][0], window.characters[last][1]
            spans.append(Span(float(scores[first, last]), begin, stop))
    return spans
