"""From what was computed for a request to its response."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evalkit.engine.comparison import Comparison
from evalkit.engine.encoding import Encoded
from evalkit.engine.memory import DoesNotFit
from evalkit.engine.rows import Row
from evalkit.engine.sampling import NAN
from evalkit.exchange import Response, Status

Answers = list[tuple[int, Response]]
"""Responses with the positions of their requests among those encoded together."""

Outcome = Sequence[Comparison | Row]
"""What a batch gives: comparisons of choices, or rows that were written."""


def responses(
    batch: Sequence[Encoded], outcome: Outcome | DoesNotFit, seconds: float
) -> list[Response]:
    """The responses of a batch; ``seconds`` is what each took."""
    if isinstance(outcome, DoesNotFit):
        return [no_memory(encoded) for encoded in batch]
    return [
        o.response(seconds) if isinstance(o, Row) else chosen(e, o, seconds)
        for e, o in zip(batch, outcome, strict=True)
    ]


def chosen(encoded: Encoded, comparison: Comparison, seconds: float) -> Response:
    """The response to a request with choices; a lead within rounding is marked as a tie."""
    logprobs = comparison.logprobs
    prompt_tokens = len(encoded.prompt)
    if not all(math.isfinite(value) for value in logprobs):
        return Response(
            Status.ERROR,
            sent=encoded.sent,
            prompt_tokens=prompt_tokens,
            seconds=seconds,
            error=NAN,
        )
    best = max(range(len(logprobs)), key=logprobs.__getitem__)
    return Response(
        Status.OK,
        text=encoded.request.choices[best],
        sent=encoded.sent,
        logprobs=logprobs,
        choice_tokens=tuple(len(choice) for choice in encoded.choices),
        prompt_tokens=prompt_tokens,
        completion_tokens=sum(len(choice) for choice in encoded.choices),
        seconds=seconds,
        details=_tie(comparison) if comparison.tie else {},
    )


def _tie(comparison: Comparison) -> dict[str, object]:
    return {"tie": True, "margin": comparison.margin, "noise": comparison.noise}


def no_memory(encoded: Encoded) -> Response:
    """The response to a request that does not fit into memory even alone."""
    tokens = len(encoded.prompt)
    return Response(
        Status.ERROR,
        sent=encoded.sent,
        prompt_tokens=tokens,
        error=f"out of memory with this sample alone ({tokens} prompt tokens)",
    )
