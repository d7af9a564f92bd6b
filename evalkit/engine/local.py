"""The entry point of the engine: requests in, responses out, for a model in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from evalkit.engine import continuous, encoder_decoder, packed, plain
from evalkit.engine.language_model import BatchLimits, LanguageModel, wrap_model
from evalkit.engine.loglikelihood import text_loglikelihoods
from evalkit.engine.memory import retain_freed_memory
from evalkit.engine.paged_decode import with_gpu_decoder
from evalkit.engine.prepacked import prepack
from evalkit.engine.responses import IndexedResponses
from evalkit.engine.scheduler import run_packed, run_plain
from evalkit.engine.tokenization import RequestTokenizer, TokenizedRequest
from evalkit.exchange import Request, Response

WINDOW = 4096
"""Requests that are tokenised and scheduled together. It bounds memory on long runs."""


def prepare(
    model: Any,
    tokenizer: Any,
    *,
    engine: str = "auto",
    context_length: int | None = None,
    chat_template: str | None = None,
    limits: BatchLimits | None = None,
    frozen: bool = False,
) -> LanguageModel:
    """Make a loaded model ready to answer.

    engine: ``auto`` runs packed batches if a trial with a few tokens gives the same logits, else
    plain batches. ``plain`` always runs plain batches. ``continuous`` is ``auto``, except that
    transformers' own continuous batching generates greedy answers.
    context_length, chat_template, limits: replace what the model and its device imply.
    frozen: whether the weights stay unchanged while evalkit uses them.

    Raises ModelError when ``continuous`` does not support the model.
    """
    if engine == "continuous":
        continuous.require_support(model)
    lm = wrap_model(
        model, tokenizer, context_length=context_length, chat_template=chat_template, limits=limits
    )
    lm = replace(lm, frozen=frozen)
    retain_freed_memory(lm.device)
    if encoder_decoder.is_encoder_decoder(lm):
        return replace(lm, not_packed_because="it is an encoder-decoder model")
    if engine == "plain":
        return lm
    lm = replace(
        lm, not_packed_because=packed.why_not_packable(lm), continuous=engine == "continuous"
    )
    return with_gpu_decoder(lm) if lm.packed else lm


def respond(
    lm: LanguageModel, requests: Sequence[Request], answered: frozenset[int] = frozenset()
) -> Iterator[list[tuple[int, Response]]]:
    """Answer requests, a batch at a time; every index not in ``answered`` is yielded once.

    Identical requests are computed once. Batches depend on ``requests`` alone: requests in
    ``answered`` keep their place, and a batch of only such requests is skipped.
    """
    lm.activity.written = 0
    with lm.kept.one_call():
        yield from _windows(lm, requests, answered)


def _windows(
    lm: LanguageModel, requests: Sequence[Request], answered: frozenset[int]
) -> Iterator[list[tuple[int, Response]]]:
    for start in range(0, len(requests), WINDOW):
        window = range(start, min(start + WINDOW, len(requests)))
        places = _places(requests, window)
        needed = [not answered.issuperset(where) for where in places.values()]
        for batch in _window(lm, list(places), needed):
            spread = [
                (index, response)
                for request, response in batch
                for index in places[request]
                if index not in answered
            ]
            if spread:
                yield spread


def _places(requests: Sequence[Request], window: range) -> dict[Request, list[int]]:
    """The indices of each distinct request. Repeats of a greedy request are the same request."""
    places: dict[Request, list[int]] = {}
    for index in window:
        request = requests[index]
        deterministic = request.choices or request.reading
        if request.repeat and (deterministic or request.generation.temperature == 0):
            request = replace(request, repeat=0)
        places.setdefault(request, []).append(index)
    return places


def _window(
    lm: LanguageModel, requests: Sequence[Request], needed: Sequence[bool]
) -> Iterator[list[tuple[Request, Response]]]:
    """Tokenise distinct requests, then compute them kind by kind."""
    if encoder_decoder.is_encoder_decoder(lm):
        yield from _tokenized(lm, requests, needed, encoder_decoder.EncoderDecoderTokenizer(lm))
        return
    texts = [i for i, request in enumerate(requests) if request.reading is not None]
    if texts:
        yield from text_loglikelihoods(
            lm, [requests[i] for i in texts], [needed[i] for i in texts], _computed
        )
        rest = [i for i, request in enumerate(requests) if request.reading is None]
        requests, needed = [requests[i] for i in rest], [needed[i] for i in rest]
    encoder = RequestTokenizer(lm.tokenizer, lm.context_length, lm.chat_template)
    yield from _tokenized(lm, requests, needed, encoder)


def _tokenized(
    lm: LanguageModel,
    requests: Sequence[Request],
    all_needed: Sequence[bool],
    encoder: RequestTokenizer | encoder_decoder.EncoderDecoderTokenizer,
) -> Iterator[list[tuple[Request, Response]]]:
    encoded: list[TokenizedRequest] = []
    needed: list[bool] = []
    failed: list[tuple[Request, Response]] = []
    for request, result, is_needed in zip(
        requests, encoder.encode(requests), all_needed, strict=True
    ):
        if isinstance(result, Response):
            failed.append((request, result))
        else:
            encoded.append(result)
            needed.append(is_needed)
    if failed:
        yield failed
    for answers in _computed(lm, encoded, needed):
        yield [(encoded[i].request, response) for i, response in answers]


def _computed(
    lm: LanguageModel, encoded: Sequence[TokenizedRequest], needed: Sequence[bool]
) -> Iterator[IndexedResponses]:
    seq2seq = encoder_decoder.is_encoder_decoder(lm)
    kind_of = encoder_decoder.kind if seq2seq else partial(_kind, lm)

    def members(kind: str) -> list[int]:
        return [i for i, e in enumerate(encoded) if kind_of(e) == kind]

    if lm.frozen and any(needed[i] for i in members("generate")):
        prepack(lm.model)
    if seq2seq:
        yield from run_plain(lm, encoded, needed, members("choices"), encoder_decoder.score_choices)
        yield from run_plain(lm, encoded, needed, members("generate"), encoder_decoder.generate)
        yield from run_plain(
            lm, encoded, needed, members("single"), encoder_decoder.generate_singly
        )
        return

    if lm.continuous:
        greedy = members("continuous")
        yield from run_plain(
            continuous.with_running_limits(lm), encoded, needed, greedy, continuous.generate
        )
    if lm.packed:
        yield from run_packed(lm, encoded, needed, members("choices"), members("generate"))
    else:
        yield from run_plain(lm, encoded, needed, members("choices"), plain.score_choices)
        yield from run_plain(lm, encoded, needed, members("generate"), plain.generate)
    yield from run_plain(lm, encoded, needed, members("beam"), plain.beam_search)


def _kind(lm: LanguageModel, encoded: TokenizedRequest) -> str:
    if encoded.choices:
        return "choices"
    if lm.continuous and continuous.supports(encoded):
        return "continuous"
    return "beam" if encoded.request.generation.num_beams > 1 else "generate"
