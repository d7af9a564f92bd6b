"""A sequence being generated: its tokens so far, and when it ends."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import Any

from evalkit.engine.tokenization import TokenizedRequest
from evalkit.exchange import Response, Status


class SequenceState:
    """The answer to one request while it is generated.

    It ends at an end-of-text token (finish ``stop``), before the first stop string
    (``stop_string``) or after ``max_new_tokens`` (``length``). Stop strings are searched in the
    decoded text, so token borders inside them do not matter.

    index: of the request in its batch or cell. eos: ids of end-of-text tokens.
    """

    __slots__ = (
        "_eos",
        "_random",
        "_tokenizer",
        "_window",
        "encoded",
        "error",
        "finish",
        "ids",
        "index",
    )

    def __init__(
        self, index: int, encoded: TokenizedRequest, tokenizer: Any, eos: frozenset[int]
    ) -> None:
        self.index = index
        self.encoded = encoded
        self.ids: list[int] = []
        self.finish = ""
        self.error = ""
        self._tokenizer = tokenizer
        self._eos = eos
        self._random = (
            random.Random(_seed(encoded)) if encoded.request.generation.temperature else None
        )
        stops = encoded.request.generation.stop
        # every token adds at least a byte, so a stop string spans at most as many tokens as it has
        # bytes; a few more allow for tokenizers that drop the first space they decode
        self._window = max((len(s.encode()) for s in stops), default=0) + 4 if stops else 0

    @property
    def done(self) -> bool:
        """True when the sequence has ended."""
        return bool(self.finish or self.error)

    def random(self) -> float:
        """The next random number in [0, 1). It depends on the request and its seed alone."""
        return self._random.random() if self._random else 0.0

    def append(self, token: int) -> None:
        """Append the next token, and end the sequence if it is the last one."""
        if token in self._eos:
            self.finish = "stop"
            return
        self.ids.append(token)
        if self._window and self._stopped():
            self.finish = "stop_string"
        elif len(self.ids) >= self.encoded.request.generation.max_new_tokens:
            self.finish = "length"

    def fail(self, error: str) -> None:
        """End the sequence with an error."""
        self.error = error

    def _stopped(self) -> bool:
        tail = detokenize(self._tokenizer, self.ids[-self._window :])
        if not any(stop in tail for stop in self.encoded.request.generation.stop):
            return False
        text = detokenize(self._tokenizer, self.ids)
        return any(stop in text for stop in self.encoded.request.generation.stop)

    def response(self, seconds: float) -> Response:
        """The response of a sequence that has ended. seconds: how long it took."""
        prompt_tokens = len(self.encoded.prompt)
        if self.error:
            return Response(
                Status.ERROR,
                sent=self.encoded.sent,
                prompt_tokens=prompt_tokens,
                seconds=seconds,
                error=self.error,
            )
        text = before_stop_string(
            detokenize(self._tokenizer, self.ids), self.encoded.request.generation.stop
        )
        return Response(
            Status.TRUNCATED if self.finish == "length" else Status.OK,
            text=text,
            sent=self.encoded.sent,
            prompt_tokens=prompt_tokens,
            completion_tokens=len(self.ids) + (self.finish == "stop"),
            finish=self.finish,
            seconds=seconds,
        )


def detokenize(tokenizer: Any, ids: Sequence[int]) -> str:
    """The text of generated tokens, without special tokens and with spaces unchanged."""
    return str(
        tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
    )


def before_stop_string(text: str, stops: Sequence[str]) -> str:
    """The text before the first of the stop strings."""
    places = [at for stop in stops if (at := text.find(stop)) >= 0]
    return text[: min(places)] if places else text


def _seed(encoded: TokenizedRequest) -> int:
    """A seed from the request itself, so that neighbours do not change what is sampled."""
    request = encoded.request
    words = f"{request.generation.seed}|{request.repeat}|{','.join(map(str, encoded.prompt))}"
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big")
