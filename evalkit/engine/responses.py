"""Turns the results of a batch into responses."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evalkit.engine.choice_logprobs import ChoiceLogprobs
from evalkit.engine.memory import OutOfMemory
from evalkit.engine.sampling import NAN_LOGITS
from evalkit.engine.sequence import SequenceState
from evalkit.engine.tokenization import TokenizedRequest
from evalkit.exchange import Response, Status

IndexedResponses = list[tuple[int, Response]]
"""Responses, each with the index of its request among those tokenised together."""

BatchResult = Sequence[ChoiceLogprobs | SequenceState]
"""The results of a batch: log-likelihoods of choices, or generated sequences."""


def responses(
    batch: Sequence[TokenizedRequest], outcome: BatchResult | OutOfMemory, seconds: float
) -> list[Response]:
    """The responses of a batch. seconds: how long each request took."""
    if isinstance(outcome, OutOfMemory):
        return [out_of_memory_response(encoded) for encoded in batch]
    return [
        o.response(seconds) if isinstance(o, SequenceState) else choice_response(e, o, seconds)
        for e, o in zip(batch, outcome, strict=True)
    ]


def choice_response(encoded: TokenizedRequest, scored: ChoiceLogprobs, seconds: float) -> Response:
    """The response to a request with choices. A lead within rounding is marked as a tie."""
    logprobs = scored.logprobs
    prompt_tokens = len(encoded.prompt)
    if not all(math.isfinite(value) for value in logprobs):
        return Response(
            Status.ERROR,
            sent=encoded.sent,
            prompt_tokens=prompt_tokens,
            seconds=seconds,
            error=NAN_LOGITS,
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
        tie=scored.tie,
        details={"margin": scored.margin, "noise": scored.noise} if scored.tie else {},
    )


def out_of_memory_response(encoded: TokenizedRequest) -> Response:
    """The error response of a request that does not fit into memory even alone."""
    tokens = len(encoded.prompt)
    return Response(
        Status.ERROR,
        sent=encoded.sent,
        prompt_tokens=tokens,
        error=f"out of memory with this sample alone ({tokens} prompt tokens)",
    )
