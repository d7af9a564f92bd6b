"""From requests to token ids: chat template, special tokens once, borders of choices.

Rules, for every local model:

* A chat goes through the tokenizer's chat template, which writes its own special tokens:
  its text is tokenised without adding any.
* A raw text gets the tokenizer's own special tokens (say, BOS), never twice when the text
  already begins with one, and no end-of-text at its end.
* A choice continues the prompt. After a raw text that does not end in whitespace, a choice
  that does not start with whitespace is joined by one space; after a chat nothing is added.
* Prompt and choice are tokenised together, because a tokenizer may merge across their
  border. Choices are scored from the last border that all of them share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from evalkit.exchange import Request, Response, Status
from evalkit.messages import Message, is_text, to_openai

CHUNK = 256
"""Requests whose texts are tokenised together."""

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A request as token ids.

    prompt: ids of the prompt (for choices: of what all choices share). choices: the ids that
    follow it, per choice, at least one each. sent: the exact text, special tokens included.
    """

    request: Request
    prompt: tuple[int, ...]
    sent: str
    choices: tuple[tuple[int, ...], ...] = ()

    @property
    def length(self) -> int:
        """Tokens that enter the model before anything is generated (the longest choice counts)."""
        return len(self.prompt) + max((len(c) for c in self.choices), default=0)

    @property
    def growth(self) -> int:
        """Tokens that may still be written."""
        return 0 if self.choices else self.request.generation.max_new_tokens

    @property
    def reach(self) -> int:
        """Tokens at most when it is done."""
        return self.length + self.growth


class Encoder:
    """Turns requests into token ids with one tokenizer.

    Parameters
    ----------
    tokenizer: a transformers tokenizer.
    context_length: tokens the model can see at once; None when unlimited.
    chat_template: a template to use instead of the tokenizer's own.
    """

    def __init__(
        self, tokenizer: Any, context_length: int | None, chat_template: str | None = None
    ) -> None:
        self.tokenizer = tokenizer
        self.context_length = context_length
        self.chat_template = chat_template

    def encode(self, requests: Sequence[Request]) -> list[Encoded | Response]:
        """Each request as ids, or the response that says why that could not be done."""
        found: list[Encoded | Response] = []
        for start in range(0, len(requests), CHUNK):
            found.extend(self._chunk(requests[start : start + CHUNK]))
        return found

    def _chunk(self, requests: Sequence[Request]) -> list[Encoded | Response]:
        """A few requests, their texts tokenised in two calls (with and without special tokens)."""
        texts = [self._try(self._texts, request) for request in requests]
        ids: dict[int, list[tuple[int, ...]]] = {}
        for special in (True, False):
            members = {
                i: text
                for i, text in enumerate(texts)
                if isinstance(text, list) and isinstance(requests[i].prompt, str) == special
            }
            try:
                every = iter(self._ids([t for text in members.values() for t in text], special))
            except Exception:  # one text may break them all; then each is tried alone below
                continue
            ids |= {i: [next(every) for _ in text] for i, text in members.items()}
        return [
            text if isinstance(text, Response) else self._one(request, text, ids.get(i))
            for i, (request, text) in enumerate(zip(requests, texts, strict=True))
        ]

    def _one(
        self, request: Request, texts: list[str], ids: list[tuple[int, ...]] | None
    ) -> Encoded | Response:
        def encode(request: Request) -> Encoded:
            special = is_text(request.prompt)
            return self._encode(request, texts[0], ids or self._ids(texts, special))

        encoded = self._try(encode, request, texts[0])
        if isinstance(encoded, Response):
            return encoded
        return self._overflow(encoded) or encoded

    def _try(
        self, make: Callable[[Request], Made], request: Request, sent: str = ""
    ) -> Made | Response:
        try:
            return make(request)
        except Exception as error:  # a template or tokenizer may raise anything
            return Response(Status.ERROR, sent=sent, error=_explain(error, request))

    def _texts(self, request: Request) -> list[str]:
        """The prompt's text, and for each choice the text of prompt and choice together."""
        special = is_text(request.prompt)
        text = request.prompt if is_text(request.prompt) else self._render(request.prompt)
        gap = " " if special and text and not text[-1].isspace() else ""
        return [text, *(text + ("" if c[:1].isspace() else gap) + c for c in request.choices)]

    def _render(self, messages: Sequence[Message]) -> str:
        """The chat template's text. A closing assistant turn is left open, to be continued."""
        if self.chat_template is None and getattr(self.tokenizer, "chat_template", None) is None:
            raise _RefusedError(
                "this model has no chat template; write the prompt as `text:` or declare "
                "`chat_template` for the model"
            )
        turns = to_openai(messages)
        open_turn = bool(turns) and turns[-1]["role"] == "assistant"
        text = self.tokenizer.apply_chat_template(
            turns,
            tokenize=False,
            add_generation_prompt=not open_turn,
            continue_final_message=open_turn,
            **({"chat_template": self.chat_template} if self.chat_template is not None else {}),
        )
        return str(text)

    def _encode(self, request: Request, text: str, ids: Sequence[tuple[int, ...]]) -> Encoded:
        prompt, *joined = ids
        sent = self._leading(prompt, text) + text if is_text(request.prompt) else text
        if not joined:
            if not prompt:
                raise _RefusedError("the prompt is empty: there is nothing to continue")
            return Encoded(request, prompt, sent)
        shared = min(_common(prompt, whole) for whole in joined)
        shared = min(shared, min(len(whole) for whole in joined) - 1)
        if shared < 1:
            raise _RefusedError("the prompt is empty: choices need at least one token before them")
        return Encoded(request, prompt[:shared], sent, tuple(whole[shared:] for whole in joined))

    def _ids(self, texts: Sequence[str], special: bool) -> list[tuple[int, ...]]:
        if not texts:
            return []
        every = self.tokenizer(
            list(texts),
            add_special_tokens=special,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
        if not special:
            return [tuple(ids) for ids in every]
        return [tuple(self._once(ids, text)) for ids, text in zip(every, texts, strict=True)]

    def _once(self, ids: list[int], text: str) -> list[int]:
        """Special tokens that the tokenizer added although the text already has them, taken off."""
        bos, eos = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        if bos is not None and len(ids) > 1 and ids[0] == ids[1] == bos:
            ids = ids[1:]
        if (
            eos is not None
            and ids
            and ids[-1] == eos
            and not text.endswith(self.tokenizer.eos_token)
        ):
            ids = ids[:-1]
        return ids

    def _leading(self, ids: Sequence[int], text: str) -> str:
        """The special tokens in front of a raw text, as text."""
        bos = self.tokenizer.bos_token_id
        if bos is None or not ids or ids[0] != bos or text.startswith(self.tokenizer.bos_token):
            return ""
        return str(self.tokenizer.bos_token)

    def _overflow(self, encoded: Encoded) -> Response | None:
        if self.context_length is None:
            return None
        request = encoded.request
        if request.choices:
            wanted, what = encoded.length - len(encoded.prompt), "the longest choice"
        else:
            wanted, what = request.generation.max_new_tokens, "max_new_tokens"
        if len(encoded.prompt) + wanted <= self.context_length:
            return None
        return Response(
            Status.OVERFLOW,
            sent=encoded.sent,
            prompt_tokens=len(encoded.prompt),
            error=(
                f"the prompt has {len(encoded.prompt)} tokens and {what} {wanted}: together more "
                f"than the model's context of {self.context_length}"
            ),
        )


class _RefusedError(Exception):
    """A request that cannot be encoded; the message is for the suite's author."""


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """How many ids at the start of both are equal."""
    size = min(len(a), len(b))
    if a[:size] == b[:size]:
        return size
    return next((i for i in range(size) if a[i] != b[i]), size)


def _explain(error: Exception, request: Request) -> str:
    if isinstance(error, _RefusedError):
        return str(error)
    detail = f"{type(error).__name__}: {error}"
    prompt = request.prompt
    if not is_text(prompt) and type(error).__module__.startswith("jinja2"):
        system = any(message.role == "system" for message in prompt)
        if system and "system" in str(error).lower():
            return (
                f"the model's chat template refuses a system message ({error}); "
                "move it into the user message"
            )
        return f"the model's chat template refuses these messages ({detail})"
    return f"the prompt could not be tokenised ({detail})"
