"""Turns requests into token ids: chat templates, special tokens, borders of choices.

Rules, for every local model:

* A chat goes through the tokenizer's chat template, which writes its own special tokens, so none
  are added when its text is tokenised.
* A raw text gets the tokenizer's special tokens (BOS, say), but no second BOS if it begins with one
  and no end-of-text token at its end.
* A choice continues the prompt. A space joins them if a raw text does not end in whitespace and
  the choice does not start with it. After a chat nothing is added.
* Prompt and choice are tokenised together, because a tokenizer may merge across their border.
  Choices are scored from the last token border that all of them share.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from evalkit.exchange import Request, Response, Status
from evalkit.messages import is_text, to_openai

REQUESTS_AT_ONCE = 256
"""Requests that are tokenised in one call."""

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class TokenizedRequest:
    """A request as token ids.

    prompt: ids of the prompt; with choices, of what all choices share. choices: for each choice the
    ids that follow, at least one. sent: the exact text, special tokens included.
    """

    request: Request
    prompt: tuple[int, ...]
    sent: str
    choices: tuple[tuple[int, ...], ...] = ()

    @property
    def length(self) -> int:
        """Tokens of the prompt and its longest choice."""
        return len(self.prompt) + max((len(c) for c in self.choices), default=0)

    @property
    def max_new_tokens(self) -> int:
        """The most tokens that are generated; 0 with choices."""
        return 0 if self.choices else self.request.generation.max_new_tokens

    @property
    def max_length(self) -> int:
        """The most tokens of the finished sequence."""
        return self.length + self.max_new_tokens


class RequestTokenizer:
    """Turns requests into token ids with one tokenizer.

    Parameters
    ----------
    tokenizer: a transformers tokenizer.
    context_length: the most tokens of a sequence; None: unlimited.
    chat_template: a template to use instead of the tokenizer's own.
    """

    def __init__(
        self, tokenizer: Any, context_length: int | None, chat_template: str | None = None
    ) -> None:
        self.tokenizer = tokenizer
        self.context_length = context_length
        self.chat_template = chat_template

    def encode(self, requests: Sequence[Request]) -> list[TokenizedRequest | Response]:
        """Each request as token ids, or the error response of one that cannot be tokenised."""
        found: list[TokenizedRequest | Response] = []
        for start in range(0, len(requests), REQUESTS_AT_ONCE):
            found.extend(self._chunk(requests[start : start + REQUESTS_AT_ONCE]))
        return found

    def _chunk(self, requests: Sequence[Request]) -> list[TokenizedRequest | Response]:
        """Tokenise requests in two calls, with and without special tokens."""
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
            except Exception:  # one text may fail the whole call; each is then tokenised alone
                continue
            ids |= {i: [next(every) for _ in text] for i, text in members.items()}
        return [
            text if isinstance(text, Response) else self._one(request, text, ids.get(i))
            for i, (request, text) in enumerate(zip(requests, texts, strict=True))
        ]

    def _one(
        self, request: Request, texts: list[str], ids: list[tuple[int, ...]] | None
    ) -> TokenizedRequest | Response:
        def encode(request: Request) -> TokenizedRequest:
            special = is_text(request.prompt)
            return self._encode(request, texts[0], ids or self._ids(texts, special))

        encoded = self._try(encode, request, texts[0])
        if isinstance(encoded, Response):
            return encoded
        return self._overflow(encoded) or encoded

    def _try(
        self, make: Callable[[Request], _Result], request: Request, sent: str = ""
    ) -> _Result | Response:
        try:
            return make(request)
        except Exception as error:  # a template or tokenizer may raise anything
            return Response(Status.ERROR, sent=sent, error=_explain(error, request))

    def _texts(self, request: Request) -> list[str]:
        """The text of the prompt, then that of prompt and choice for each choice."""
        special = is_text(request.prompt)
        if special and request.tools:
            raise _InvalidRequestError(
                "tools need a chat, and the prompt is a raw text ('text:'); write it as 'user:'"
            )
        text = request.prompt if is_text(request.prompt) else self._render(request)
        gap = " " if special and text and not text[-1].isspace() else ""
        return [text, *(text + ("" if c[:1].isspace() else gap) + c for c in request.choices)]

    def _render(self, request: Request) -> str:
        """The text of the chat template. A final assistant turn is left open, to be continued."""
        assert not is_text(request.prompt)
        if self.chat_template is None and getattr(self.tokenizer, "chat_template", None) is None:
            raise _InvalidRequestError(
                "this model has no chat template; write the prompt as `text:`, or declare "
                "`chat_template` for the model"
            )
        turns = to_openai(request.prompt)
        open_turn = bool(turns) and turns[-1]["role"] == "assistant"
        tools = {"tools": json.loads(request.tools)} if request.tools else {}
        if tools and not self._shows_tools:
            raise _InvalidRequestError(NO_TOOLS)
        return self._templated(
            turns,
            add_generation_prompt=not open_turn,
            continue_final_message=open_turn,
            **tools,
        )

    def _templated(self, turns: Sequence[Mapping[str, Any]], **settings: Any) -> str:
        if self.chat_template is not None:
            settings["chat_template"] = self.chat_template
        return str(self.tokenizer.apply_chat_template(turns, tokenize=False, **settings))

    @cached_property
    def _shows_tools(self) -> bool:
        """Whether the chat template shows tools to the model: many drop them without a word."""
        turns = [{"role": "user", "content": "Hi"}]
        return _SENTINEL in self._templated(turns, add_generation_prompt=True, tools=[_TOOL])

    def _encode(
        self, request: Request, text: str, ids: Sequence[tuple[int, ...]]
    ) -> TokenizedRequest:
        prompt, *joined = ids
        sent = self._leading(prompt, text) + text if is_text(request.prompt) else text
        if not joined:
            if not prompt:
                raise _InvalidRequestError("the prompt is empty")
            return TokenizedRequest(request, prompt, sent)
        shared = min(_common(prompt, whole) for whole in joined)
        shared = min(shared, min(len(whole) for whole in joined) - 1)
        if shared < 1:
            raise _InvalidRequestError(
                "the prompt is empty; a choice needs at least one token before it"
            )
        return TokenizedRequest(
            request, prompt[:shared], sent, tuple(whole[shared:] for whole in joined)
        )

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
        return [
            tuple(self._without_duplicates(ids, text))
            for ids, text in zip(every, texts, strict=True)
        ]

    def _without_duplicates(self, ids: list[int], text: str) -> list[int]:
        """Remove special tokens that the tokenizer added although the text has them."""
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
        """The text of special tokens in front of a raw text."""
        bos = self.tokenizer.bos_token_id
        if bos is None or not ids or ids[0] != bos or text.startswith(self.tokenizer.bos_token):
            return ""
        return str(self.tokenizer.bos_token)

    def _overflow(self, encoded: TokenizedRequest) -> Response | None:
        if self.context_length is None:
            return None
        request = encoded.request
        if request.choices:
            needed, what = encoded.length - len(encoded.prompt), "the longest choice"
        else:
            needed, what = request.generation.max_new_tokens, "max_new_tokens"
        if len(encoded.prompt) + needed <= self.context_length:
            return None
        return Response(
            Status.OVERFLOW,
            sent=encoded.sent,
            prompt_tokens=len(encoded.prompt),
            error=(
                f"the prompt has {len(encoded.prompt)} tokens and {what} {needed}; together they "
                f"exceed the model's context of {self.context_length}"
            ),
        )


NO_TOOLS = (
    "this model's chat template does not show tools to the model; write 'tools_form: hermes' in the"
    " suite, which describes them in a system message, or declare a `chat_template` that does"
)
_SENTINEL = "evalkit_is_this_shown"
_TOOL = {
    "type": "function",
    "function": {
        "name": _SENTINEL,
        "description": "",
        "parameters": {"type": "object", "properties": {}},
    },
}


class _InvalidRequestError(Exception):
    """A request that cannot be tokenised. The message is for the author of the suite."""


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """The number of equal ids at the start."""
    size = min(len(a), len(b))
    if a[:size] == b[:size]:
        return size
    return next((i for i in range(size) if a[i] != b[i]), size)


def _explain(error: Exception, request: Request) -> str:
    if isinstance(error, _InvalidRequestError):
        return str(error)
    detail = f"{type(error).__name__}: {error}"
    prompt = request.prompt
    if not is_text(prompt) and type(error).__module__.startswith("jinja2"):
        system = any(message.role == "system" for message in prompt)
        if system and "system" in str(error).lower():
            return (
                f"the model's chat template does not support a system message ({error}); "
                "move it into the user message"
            )
        return f"the model's chat template fails for these messages: {detail}"
    return f"the prompt cannot be tokenised: {detail}"
