"""Log-likelihoods of whole texts, over sliding windows.

Rules:

* The text is tokenised as it is and preceded by the tokenizer's begin-of-text token (its
  end-of-text token if it has no other), so that every token of the text counts. With a tokenizer
  that has neither, the first token has no prediction; the response states how many tokens counted.
* A text longer than the window is scored in several. The first window counts all its tokens; each
  next one begins ``stride`` tokens later and counts the tokens that were not counted yet.
* A window is computed as a prompt with one choice, so batches, memory and precision are those of
  choices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from evalkit.engine.language_model import LanguageModel
from evalkit.engine.responses import IndexedResponses
from evalkit.engine.tokenization import RequestTokenizer, TokenizedRequest
from evalkit.exchange import Reading, Request, Response, Status

DEFAULT_WINDOW = 2048
"""Tokens of a window when the suite does not set it and the model's context allows more."""

BATCHES_AT_ONCE = 4
"""Texts are scheduled together until they fill this many batches."""

Compute = Callable[
    [LanguageModel, Sequence[TokenizedRequest], Sequence[bool]], Iterator[IndexedResponses]
]
_CHOICE = Request("", choices=("",))


@dataclass(slots=True)
class _Text:
    """A text being scored, and the sums over its windows so far."""

    request: Request
    sent: str
    size: int
    stride: int
    tokens: int
    windows: int
    left: int
    total: float = 0.0
    seconds: float = 0.0
    error: str = ""

    def add(self, response: Response) -> None:
        self.left -= 1
        self.seconds += response.seconds
        if response.status is Status.ERROR:
            self.error = response.error
        else:
            self.total += response.logprobs[0]

    def response(self) -> Response:
        if self.error:
            return Response(Status.ERROR, sent=self.sent, seconds=self.seconds, error=self.error)
        return Response(
            Status.OK,
            sent=self.sent,
            logprobs=(self.total,),
            choice_tokens=(self.tokens,),
            prompt_tokens=self.tokens,
            completion_tokens=0,
            seconds=self.seconds,
            details={
                "windows": self.windows,
                "window": self.size,
                "stride": self.stride,
                "perplexity": math.exp(min(-self.total / self.tokens, 700.0)),
            },
        )


def text_loglikelihoods(
    lm: LanguageModel, requests: Sequence[Request], needed: Sequence[bool], compute: Compute
) -> Iterator[list[tuple[Request, Response]]]:
    """The response to each request for a text's log-likelihood, as soon as its windows are done.

    wanted: for each request, whether it still needs a response. compute: computes windows as
    requests with one choice (see ``evalkit.engine.local``).
    """
    encoder = RequestTokenizer(lm.tokenizer, lm.context_length, lm.chat_template)
    # a few texts at a time: a text ends with its last window, and an interruption loses little
    budget = BATCHES_AT_ONCE * lm.limits.batch_tokens
    group: list[tuple[_Text, list[TokenizedRequest], bool]] = []
    tokens = 0
    for request, want in zip(requests, needed, strict=True):
        windowed = _windowed(encoder, request)
        if isinstance(windowed, Response):
            yield [(request, windowed)]
            continue
        text, parts = windowed
        group.append((text, parts, want))
        tokens += text.tokens
        if tokens >= budget:
            yield from _score(lm, group, compute)
            group, tokens = [], 0
    yield from _score(lm, group, compute)


def _score(
    lm: LanguageModel, group: Sequence[tuple[_Text, list[TokenizedRequest], bool]], compute: Compute
) -> Iterator[list[tuple[Request, Response]]]:
    owners = [text for text, parts, _ in group for _ in parts]
    windows_of_all = [part for _, parts, _ in group for part in parts]
    needed = [want for _, parts, want in group for _ in parts]
    for answers in compute(lm, windows_of_all, needed):
        done = []
        for part, response in answers:
            text = owners[part]
            text.add(response)
            if not text.left:
                done.append((text.request, text.response()))
        if done:
            yield done


def sliding_windows(ids: Sequence[int], size: int, stride: int) -> list[tuple[int, int, int]]:
    """The windows over a text: where each begins, where its counted tokens begin, where it ends.

    The first token is context only; every other token is counted exactly once.
    """
    found = [(0, 1, min(size, len(ids)))]
    while found[-1][2] < len(ids):
        counted = found[-1][2]
        end = min(counted + stride, len(ids))
        found.append((max(0, end - size), counted, end))
    return found


def _windowed(
    encoder: RequestTokenizer, request: Request
) -> tuple[_Text, list[TokenizedRequest]] | Response:
    text = request.prompt
    if not isinstance(text, str):
        return _error("the log-likelihood of a chat is undefined; write the prompt as `text:`")
    tokenizer = encoder.tokenizer
    ids = list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    start, name = tokenizer.bos_token_id, tokenizer.bos_token
    if start is None:
        start, name = tokenizer.eos_token_id, tokenizer.eos_token
    sent = text
    if start is not None and ids[:1] != [start]:
        ids, sent = [start, *ids], f"{name}{text}"
    if len(ids) < 2:
        return _error("the text is empty")
    size, stride = _sizes(request.reading or Reading(), encoder.context_length)
    parts = [
        TokenizedRequest(_CHOICE, tuple(ids[begin:counted]), sent, (tuple(ids[counted:end]),))
        for begin, counted, end in sliding_windows(ids, size, stride)
    ]
    return _Text(request, sent, size, stride, len(ids) - 1, len(parts), len(parts)), parts


def _sizes(reading: Reading, context: int | None) -> tuple[int, int]:
    """Window and stride in tokens; the window is at most the model's context."""
    size = reading.window or min(DEFAULT_WINDOW, context or DEFAULT_WINDOW)
    size = max(min(size, context or size), 2)
    return size, min(reading.stride or max(size // 2, 1), size - 1)


def _error(error: str) -> Response:
    return Response(Status.ERROR, error=error)
