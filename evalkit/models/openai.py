"""Servers with the OpenAI protocol: vLLM, llama.cpp, TGI, transformers, hosted services.

Chats go to ``/chat/completions``, raw texts to ``/completions``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from evalkit.errors import ModelError, unknown
from evalkit.exchange import Request, Response
from evalkit.messages import is_text
from evalkit.models.base import Batch, Capabilities, unanswered
from evalkit.models.fingerprints import fingerprint
from evalkit.models.options import Declaration, check
from evalkit.models.remote import likelihood, model_card, prompts, replies
from evalkit.models.remote.client import ClientConfig, Send, send_each
from evalkit.models.remote.failures import (
    Advice,
    MissingError,
    RequestRejectedError,
    TemporaryError,
    UnreachableError,
)
from evalkit.models.remote.http import CONNECT, Server, connect, fetch_json
from evalkit.models.remote.keys import ApiKey
from evalkit.models.remote.options import Address, RemoteOptions, Variable
from evalkit.models.remote.usage import Usage

HOSTED = "https://api.openai.com/v1"
LISTING_ATTEMPTS = 3
"""How often the list of models is requested."""

Accepted = Literal["top_k", "repetition_penalty"]
Method = Literal["completions-echo", "chat-prompt-logprobs", "first-token"]


class OpenAIOptions(RemoteOptions):
    """Options of the ``openai`` backend, in addition to those of every server.

    base_url: the address, including ``/v1``. api_key_env: the environment variable with the API
    key; default: ``OPENAI_API_KEY`` for OpenAI itself, no key for other addresses.
    max_tokens_field: the server's name for the number of new tokens. accepts: generation parameters
    beyond the protocol that the server supports. omit: parameters that the server rejects.
    extra_body: added to every request. choices: how choices are compared; ``auto`` uses the first
    method that works.
    """

    base_url: Address = HOSTED
    api_key_env: Variable | None = None
    max_tokens_field: Literal["auto", "max_tokens", "max_completion_tokens"] = "auto"
    accepts: tuple[Accepted, ...] = ()
    omit: tuple[Literal["temperature", "top_p", "seed", "stop", "response_format"], ...] = ()
    extra_body: dict[str, Any] = Field(default_factory=dict)
    choices: Method | Literal["auto"] = "auto"


class OpenAIModel:
    """A model behind a server with the OpenAI protocol."""

    def __init__(self, declaration: Declaration) -> None:
        self.name = declaration.name
        self.declaration = declaration
        self.options = check(declaration, OpenAIOptions)
        self.capabilities = Capabilities(reading=False)
        hosted = "OPENAI_API_KEY" if self.options.base_url == HOSTED else ""
        self._key = ApiKey(self.options.api_key_env or hosted)
        self._usage = Usage(self.options.prices)
        self._card: dict[str, Any] | str | None = None
        self.recalled = False
        self.methods: dict[str, Method] = {}

    def fingerprint(self) -> Mapping[str, Any] | None:
        """Address, name, the server's facts about the model, and what every request contains.

        The weights themselves are unknown. Declare ``version`` to distinguish states that the
        server does not report. Raises ModelError if no server answers.
        """
        if not self.options.cache:
            return None
        card = self._model_card()
        return fingerprint(
            self.options,
            "openai",
            served=card if isinstance(card, dict) else None,
            accepts=sorted(self.options.accepts),
            omit=sorted(self.options.omit),
            limit=self.limit,
        )

    def recall(self, fingerprint: Mapping[str, Any] | None) -> None:
        """See ``evalkit.models.base.Recalling``."""
        self.recalled = fingerprint is not None
        known = fingerprint or {}
        self._card = (
            (known.get("served") or "as reported when the server was up") if known else None
        )

    def load(self) -> None:
        """Check that the server answers, accepts the key and has the model. Raises ModelError."""
        if self.recalled:
            message = model_card.not_stored(self.options.base_url)
            raise ModelError(f"'{self.name}': {message}. {self._advice.unreachable}")
        self._key.read()
        self._model_card()

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Responses as they arrive (see ``evalkit.models.remote.client``)."""
        return self.respond_each(requests, unanswered(requests, answered))

    one_by_one = True

    def respond_each(self, requests: Sequence[Request], indices: Iterator[int]) -> Iterator[Batch]:
        """Responses to these requests, each taken when a connection is free for it."""
        prompts.check_supported(
            self.name,
            requests,
            understood=("top_p", "seed", *self.options.accepts),
            advice=(
                "The OpenAI protocol has no such parameter. If this server supports it, declare "
                "accepts: [top_k, repetition_penalty] or add it to extra_body"
            ),
        )
        config = ClientConfig(
            self.options, self._connect, self._advice, self._usage, self._key.redact
        )
        yield from send_each(config, requests, indices)

    def describe(self) -> Mapping[str, Any]:
        """Address, the server's facts about the model, how choices were compared, the cost."""
        known: dict[str, Any] = {"model": self.options.model, "server": self.options.base_url}
        if isinstance(self._card, dict):
            known["served"] = ", ".join(f"{k} {v}" for k, v in self._card.items() if k != "meta")
        known["weights"] = "known only to the server"
        if self._card is not None and not isinstance(self._card, dict):
            known["weights"] += f" ({self._card})"
        if self.recalled:
            known["answers"] = model_card.AS_STORED
        if self.methods:
            known["choices_by"] = ", ".join(sorted(set(self.methods.values())))
        return {**known, **self._usage.described()}

    def close(self) -> None:
        """Do nothing: no connection stays open."""

    @property
    def _advice(self) -> Advice:
        url = self.options.base_url
        return Advice(
            unauthorised=self._key.advice,
            missing=(
                f"Check that '{self.options.model}' is the server's name of the model, and that "
                f"the address {url} includes /v1"
            ),
            unreachable=f"Start the server, or correct base_url: {url}",
        )

    def _headers(self) -> dict[str, str]:
        key = self._key.read()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _model_card(self) -> dict[str, Any] | str:
        """The server's entry for the model, or why there is none; requested once."""
        if self._card is None:
            self._card = self._request_model_card()
        return self._card

    def _request_model_card(self) -> dict[str, Any] | str:
        url = f"{self.options.base_url}/models"
        silent = "the server does not list its models"
        for last in (False,) * (LISTING_ATTEMPTS - 1) + (True,):
            try:
                # some servers do not list models that they load on request
                limit = min(CONNECT, self.options.timeout)
                listed = fetch_json(url, self._headers(), self._advice, timeout=limit)
                found = model_card.find_model_card(listed, self.options.model)
            except TemporaryError as error:
                if error.unreachable:
                    message = f"'{self.name}': {error}. {self._advice.unreachable}"
                    raise UnreachableError(self._key.redact(message)) from None
                if last:
                    return silent
            except (RequestRejectedError, MissingError):
                return silent
            except ModelError as error:
                raise ModelError(f"'{self.name}': {self._key.redact(str(error))}") from None
            else:
                return (
                    found
                    if found is not None
                    else self._not_listed(model_card.listed_models(listed))
                )
        return silent

    def _not_listed(self, names: Sequence[str]) -> str:
        if not names:
            return "the server lists no models"
        hint = unknown("model", self.options.model, names[:20])
        return f"the server does not list this model; {hint}"

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[Send]:
        options = self.options
        async with connect(
            options.base_url + "/", self._headers(), options, self._advice
        ) as server:
            yield _Sender(self, server).send

    def body(self, request: Request) -> dict[str, Any]:
        """The body of a request that generates."""
        options, generation = self.options, request.generation
        body: dict[str, Any] = {self.limit: generation.max_new_tokens}
        body["temperature"] = generation.temperature
        if generation.temperature > 0:
            body["seed"] = prompts.seed(request)
            if generation.top_p is not None:
                body["top_p"] = generation.top_p
        if generation.stop:
            body["stop"] = list(generation.stop)
        if request.json_schema and not is_text(request.prompt):
            wanted = {"name": "answer", "strict": True, "schema": json.loads(request.json_schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        if request.tools:
            body["tools"] = json.loads(request.tools)
        for parameter in options.accepts:
            if parameter in prompts.used_parameters(generation):
                body[parameter] = getattr(generation, parameter)
        for refused in options.omit:
            body.pop(refused, None)
        if is_text(request.prompt):
            return {"prompt": request.prompt, **body}
        return {"messages": prompts.messages(request.prompt), **body}

    @property
    def limit(self) -> str:
        """The server's name for the number of new tokens."""
        field = self.options.max_tokens_field
        if field != "auto":
            return field
        return "max_completion_tokens" if self.options.base_url == HOSTED else "max_tokens"


class _Sender:
    """Sends requests to one server in one event loop."""

    def __init__(self, model: OpenAIModel, server: Server) -> None:
        self._model = model
        self._server = server
        self._probing = asyncio.Lock()

    async def send(self, request: Request) -> Response:
        """Send a request once."""
        call = _Call(self._model, self._server, request)
        if not request.choices:
            return replies.parse_reply(request, await call.post(self._model.body(request)))
        kind = "text" if is_text(request.prompt) else "chat"
        methods = self._model.methods
        async with self._probing:
            if kind not in methods:
                methods[kind] = await call.probe()
        return await call.choose(methods[kind])


class _Call:
    """One request; comparing choices takes several calls."""

    def __init__(self, model: OpenAIModel, server: Server, request: Request) -> None:
        self._model = model
        self._server = server
        self._request = request
        self._tokens: list[tuple[int | None, int | None]] = []

    async def post(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The reply to a body, which determines the endpoint."""
        options = self._model.options
        path = "chat/completions" if "messages" in body else "completions"
        sent = {"model": options.model, **body, **options.extra_body}
        reply = await self._server.post(path, sent)
        self._tokens.append(replies.token_usage(reply))
        return reply

    async def probe(self) -> Method:
        """The first method that the server supports, tried with this request. Raises ModelError."""
        wanted = self._model.options.choices
        text = is_text(self._request.prompt)
        own: Method = "completions-echo" if text else "chat-prompt-logprobs"
        methods: tuple[Method, ...] = (own, "first-token") if wanted == "auto" else (wanted,)
        for method in methods:
            try:
                await self._try(method)
            except likelihood.NotOfferedError:
                continue
            except RequestRejectedError as error:
                if error.overflow or error.moderated:
                    raise  # it is about this request; the server may support the method
                continue
            return method
        raise ModelError(
            f"'{self._model.name}' returns no log-probabilities (tried {', '.join(methods)}), which"
            " 'answer: choice' needs. Write 'answer: text' in the suite: the label is then"
            " extracted from the model's text"
        )

    async def _try(self, method: Method) -> None:
        if method == "first-token":
            likelihood.first_tokens(await self._first())
        elif method == "completions-echo":
            await self._echo(self._request.choices[0])
        else:
            await self._continued(self._request.choices[0])

    async def choose(self, method: Method) -> Response:
        """Compare the choices. Raises TemporaryError if log-probabilities are missing."""
        self._tokens.clear()
        try:
            response = await self._compare(method)
        except likelihood.NotOfferedError as error:
            raise TemporaryError(f"log-probabilities are missing: {error}") from None
        prompts_, answers = zip(*self._tokens, strict=True)
        return replace(response, prompt_tokens=_sum(prompts_), completion_tokens=_sum(answers))

    async def _compare(self, method: Method) -> Response:
        request = self._request
        if method == "first-token":
            return likelihood.from_first_token(request, await self._first())
        if method == "completions-echo":
            return likelihood.from_echo(request, [await self._echo(c) for c in request.choices])
        reference = await self._continued(likelihood.REFERENCE)
        scored = [await self._continued(c) for c in request.choices]
        return likelihood.from_prompt_tokens(request, scored, reference)

    async def _echo(self, continuation: str) -> list[tuple[int, float]]:
        if not is_text(self._request.prompt):
            raise likelihood.NotOfferedError("completions-echo supports only raw texts")
        text = likelihood.join_choice(self._request.prompt, continuation)
        return likelihood.echoed(await self.post(likelihood.echo_body(text)), text)

    async def _continued(self, continuation: str) -> list[tuple[str, float]]:
        if is_text(self._request.prompt):
            raise likelihood.NotOfferedError("chat-prompt-logprobs supports only chats")
        body = likelihood.continued_body(self._request, continuation)
        return likelihood.prompt_tokens_of(await self.post(body))

    async def _first(self) -> dict[str, Any]:
        return await self.post(likelihood.first_token_body(self._request, self._model.limit))


def _sum(counts: Sequence[int | None]) -> int | None:
    """The sum; None if a part is unknown."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
