"""Requests in, responses out, for a language model in this process."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence

from evalkit.engine import plain
from evalkit.engine.encoding import Encoded, Encoder
from evalkit.engine.language_model import LanguageModel
from evalkit.engine.layout import batches
from evalkit.engine.memory import Backoff, DoesNotFit
from evalkit.engine.rows import Row
from evalkit.engine.sampling import NAN
from evalkit.exchange import Request, Response, Status

WINDOW = 4096
"""Requests that are tokenised and laid out together: bounds memory on long runs."""


def respond(
    lm: LanguageModel, requests: Sequence[Request], answered: frozenset[int] = frozenset()
) -> Iterator[list[tuple[int, Response]]]:
    """Answer requests, a batch at a time, each index not in ``answered`` exactly once.

    Identical requests are computed once. Batches are a function of ``requests`` alone:
    those in ``answered`` hold their place, and a batch of only such is skipped.
    """
    for start in range(0, len(requests), WINDOW):
        window = range(start, min(start + WINDOW, len(requests)))
        places = _places(requests, window)
        for batch in _window(lm, list(places), [not set(p) <= answered for p in places.values()]):
            spread = [
                (index, response)
                for request, response in batch
                for index in places[request]
                if index not in answered
            ]
            if spread:
                yield spread


def _places(requests: Sequence[Request], window: range) -> dict[Request, list[int]]:
    """Where each distinct request occurs. Repeats of a greedy request are the same request."""
    places: dict[Request, list[int]] = {}
    for index in window:
        request = requests[index]
        if request.repeat and (request.choices or request.generation.temperature == 0):
            request = Request(request.prompt, request.generation, request.choices)
        places.setdefault(request, []).append(index)
    return places


def _window(
    lm: LanguageModel, requests: Sequence[Request], wanted: Sequence[bool]
) -> Iterator[list[tuple[Request, Response]]]:
    encoder = Encoder(lm.tokenizer, lm.context_length, lm.chat_template)
    encoded: list[Encoded] = []
    needed: list[bool] = []
    failed: list[tuple[Request, Response]] = []
    for request, result, want in zip(requests, encoder.encode(requests), wanted, strict=True):
        if isinstance(result, Response):
            failed.append((request, result))
        else:
            encoded.append(result)
            needed.append(want)
    if failed:
        yield failed
    kinds: list[tuple[Compute, list[int]]] = [
        (_choose, [i for i, e in enumerate(encoded) if e.choices]),
        (_beams, [i for i, e in enumerate(encoded) if _beamed(e)]),
        (_generate, [i for i, e in enumerate(encoded) if not e.choices and not _beamed(e)]),
    ]
    for compute, members in kinds:
        yield from _kind(lm, encoded, needed, members, compute)


def _kind(
    lm: LanguageModel,
    encoded: Sequence[Encoded],
    needed: Sequence[bool],
    members: Sequence[int],
    compute: Compute,
) -> Iterator[list[tuple[Request, Response]]]:
    """Requests of one kind, batch by batch."""

    def run(part: Sequence[int]) -> Outcome:
        return compute(lm, [encoded[i] for i in part])

    backoff = Backoff(lambda part: _weight([encoded[i] for i in part]))
    for batch in _layout(lm, encoded, members):
        if not any(needed[i] for i in batch):
            continue
        started = time.perf_counter()
        for part, result in backoff.run(batch, run):
            seconds = (time.perf_counter() - started) / len(part)
            started = time.perf_counter()
            yield _responses([encoded[i] for i in part], result, seconds)


def _layout(
    lm: LanguageModel, encoded: Sequence[Encoded], members: Sequence[int]
) -> Iterator[list[int]]:
    lengths = [encoded[i].length * _width(encoded[i]) for i in members]
    extra = [_growth(encoded[i]) * _width(encoded[i]) for i in members]
    for batch in batches(lengths, lm.limits.batch_tokens, lm.limits.batch_rows, extra):
        yield [members[i] for i in batch]


def _width(e: Encoded) -> int:
    """Rows that a request takes in a batch."""
    return len(e.choices) or e.request.generation.num_beams


def _growth(e: Encoded) -> int:
    return 0 if e.choices else e.request.generation.max_new_tokens


def _beamed(e: Encoded) -> bool:
    return not e.choices and e.request.generation.num_beams > 1


def _weight(batch: Sequence[Encoded]) -> int:
    return max(e.length + _growth(e) for e in batch) * sum(_width(e) for e in batch)


Outcome = Sequence["tuple[float, ...] | Row"]
Compute = Callable[[LanguageModel, Sequence[Encoded]], Outcome]


def _choose(lm: LanguageModel, batch: Sequence[Encoded]) -> Outcome:
    return plain.choose(lm, batch)


def _generate(lm: LanguageModel, batch: Sequence[Encoded]) -> Outcome:
    rows = [Row(i, e, lm.tokenizer, lm.eos) for i, e in enumerate(batch)]
    plain.generate(lm, rows)
    return rows


def _beams(lm: LanguageModel, batch: Sequence[Encoded]) -> Outcome:
    rows = [Row(i, e, lm.tokenizer, lm.eos) for i, e in enumerate(batch)]
    for row in rows:
        plain.beam(lm, row)
    return rows


def _responses(
    batch: Sequence[Encoded], outcome: Outcome | DoesNotFit, seconds: float
) -> list[tuple[Request, Response]]:
    if isinstance(outcome, DoesNotFit):
        return [(e.request, _no_memory(e)) for e in batch]
    return [
        (e.request, o.response(seconds) if isinstance(o, Row) else _chosen(e, o, seconds))
        for e, o in zip(batch, outcome, strict=True)
    ]


def _chosen(e: Encoded, logprobs: tuple[float, ...], seconds: float) -> Response:
    if any(math.isnan(value) for value in logprobs):
        return Response(
            Status.ERROR, sent=e.sent, prompt_tokens=len(e.prompt), seconds=seconds, error=NAN
        )
    best = max(range(len(logprobs)), key=logprobs.__getitem__)
    return Response(
        Status.OK,
        text=e.request.choices[best],
        sent=e.sent,
        logprobs=logprobs,
        choice_tokens=tuple(len(c) for c in e.choices),
        prompt_tokens=len(e.prompt),
        completion_tokens=sum(len(c) for c in e.choices),
        seconds=seconds,
    )


def _no_memory(e: Encoded) -> Response:
    return Response(
        Status.ERROR,
        sent=e.sent,
        prompt_tokens=len(e.prompt),
        error=f"out of memory with this sample alone ({len(e.prompt)} prompt tokens)",
    )
