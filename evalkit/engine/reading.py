"""How likely a model finds a whole text: log-likelihoods over sliding windows.

Rules:

* The text is tokenised as it is, and read after the tokenizer's begin-of-text token (where it has
  none, its end-of-text token), so that every token of the text counts. A tokenizer with neither
  leaves the first token without a prediction, and the response says how many counted.
* A text longer than the window is read in several: the first counts all its tokens, each next
  one begins ``stride`` tokens further on and counts those that were not counted before.
* A window's tokens are given to the model as a context and one choice, so that batches, memory
  and precision are as for choices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from evalkit.engine.encoding import Encoded, Encoder
from evalkit.engine.language_model import LanguageModel
from evalkit.engine.outcome import Answers
from evalkit.exchange import Reading, Request, Response, Status

LONGEST = 2048
"""Tokens of a window where the suite does not say and the model could see more."""

TOGETHER = 4
"""Batches' worth of tokens that are laid out together."""

Compute = Callable[[LanguageModel, Sequence[Encoded], Sequence[bool]], Iterator[Answers]]
_CHOICE = Request("", choices=("",))


@dataclass(slots=True)
class _Text:
    """A text being read."""

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


def read(
    lm: LanguageModel, requests: Sequence[Request], wanted: Sequence[bool], compute: Compute
) -> Iterator[list[tuple[Request, Response]]]:
    """The response to each request that is to be read, as soon as its windows are done.

    compute: how windows become log-likelihoods (see evalkit.engine.local).
    """
    encoder = Encoder(lm.tokenizer, lm.context_length, lm.chat_template)
    # long texts end with their last windows: some at a time, so that an interruption loses little
    together = TOGETHER * lm.limits.batch_tokens
    group: list[tuple[_Text, list[Encoded], bool]] = []
    tokens = 0
    for request, want in zip(requests, wanted, strict=True):
        made = _encoded(encoder, request)
        if isinstance(made, Response):
            yield [(request, made)]
            continue
        text, parts = made
        group.append((text, parts, want))
        tokens += text.tokens
        if tokens >= together:
            yield from _read(lm, group, compute)
            group, tokens = [], 0
    yield from _read(lm, group, compute)


def _read(
    lm: LanguageModel, group: Sequence[tuple[_Text, list[Encoded], bool]], compute: Compute
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


def windows(ids: Sequence[int], size: int, stride: int) -> list[tuple[int, int, int]]:
    """Where windows over a text begin, from where each counts, and where it ends.

    The first token is context only; every other token is counted exactly once.
    """
    found = [(0, 1, min(size, len(ids)))]
    while found[-1][2] < len(ids):
        counted = found[-1][2]
        end = min(counted + stride, len(ids))
        found.append((max(0, end - size), counted, end))
    return found


def _encoded(encoder: Encoder, request: Request) -> tuple[_Text, list[Encoded]] | Response:
    text = request.prompt
    if not isinstance(text, str):
        return _refused("a chat cannot be read; write the prompt as `text:`")
    tokenizer = encoder.tokenizer
    ids = list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    start, name = tokenizer.bos_token_id, tokenizer.bos_token
    if start is None:
        start, name = tokenizer.eos_token_id, tokenizer.eos_token
    sent = text
    if start is not None and ids[:1] != [start]:
        ids, sent = [start, *ids], f"{name}{text}"
    if len(ids) < 2:
        return _refused("the text is empty: there is nothing to read")
    size, stride = _sizes(request.reading or Reading(), encoder.context_length)
    parts = [
        Encoded(_CHOICE, tuple(ids[begin:counted]), sent, (tuple(ids[counted:end]),))
        for begin, counted, end in windows(ids, size, stride)
    ]
    return _Text(request, sent, size, stride, len(ids) - 1, len(parts), len(parts)), parts


def _sizes(reading: Reading, context: int | None) -> tuple[int, int]:
    """Window and stride in tokens; the window is never longer than the model's context."""
    size = reading.window or min(LONGEST, context or LONGEST)
    size = max(min(size, context or size), 2)
    return size, min(reading.stride or max(size // 2, 1), size - 1)


def _refused(error: str) -> Response:
    return Response(Status.ERROR, error=error)
