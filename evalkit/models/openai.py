"""Servers that speak OpenAI's protocol: vLLM, llama.cpp, TGI, transformers, hosted ones.

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
from evalkit.models.base import Batch, Capabilities
from evalkit.models.fingerprints import fingerprint
from evalkit.models.options import Declaration, check
from evalkit.models.remote import likelihood, prompts, replies, served
from evalkit.models.remote.asking import Ask, Asking
from evalkit.models.remote.asking import respond as ask_for
from evalkit.models.remote.failures import (
    Advice,
    MissingError,
    RefusedError,
    TemporaryError,
    UnreachableError,
)
from evalkit.models.remote.http import Server, connect, get
from evalkit.models.remote.keys import Key
from evalkit.models.remote.options import Address, RemoteOptions, Variable
from evalkit.models.remote.usage import Usage

HOSTED = "https://api.openai.com/v1"
TRIES = 3
"""How often the list of models is asked for."""

Accepted = Literal["top_k", "repetition_penalty"]
Method = Literal["completions-echo", "chat-prompt-logprobs", "first-token"]


class OpenAIOptions(RemoteOptions):
    """Options of the ``openai`` backend, beside those of every server.

    base_url: up to and with ``/v1``. api_key_env: the environment variable with the key; without
    one, ``OPENAI_API_KEY`` for OpenAI itself and no key for any other address. max_tokens_field:
    what the server calls the number of new tokens. accepts: generation parameters beyond the
    protocol that this server understands. omit: parameters that it refuses. extra_body: sent with
    every request as it is. choices: how choices are compared; ``auto`` finds out.
    """

    base_url: Address = HOSTED
    api_key_env: Variable | None = None
    max_tokens_field: Literal["auto", "max_tokens", "max_completion_tokens"] = "auto"
    accepts: tuple[Accepted, ...] = ()
    omit: tuple[Literal["temperature", "top_p", "seed", "stop", "response_format"], ...] = ()
    extra_body: dict[str, Any] = Field(default_factory=dict)
    choices: Method | Literal["auto"] = "auto"


class OpenAIModel:
    """Answers of a server (see the module's docstring)."""

    def __init__(self, declaration: Declaration) -> None:
        self.name = declaration.name
        self.declaration = declaration
        self.options = check(declaration, OpenAIOptions)
        self.capabilities = Capabilities(reading=False)
        hosted = "OPENAI_API_KEY" if self.options.base_url == HOSTED else ""
        self._key = Key(self.options.api_key_env or hosted)
        self._usage = Usage(self.options.prices)
        self._told: dict[str, Any] | str | None = None
        self.recalled = False
        self.methods: dict[str, Method] = {}

    def fingerprint(self) -> Mapping[str, Any] | None:
        """Address, name, what the server tells of the model, what is sent with every request.

        The weights themselves cannot be seen from here: ``version`` tells states apart that the
        server does not. Raises ModelError when nobody answers at the address.
        """
        if not self.options.cache:
            return None
        told = self._ask_served()
        return fingerprint(
            self.options,
            "openai",
            served=told if isinstance(told, dict) else None,
            accepts=sorted(self.options.accepts),
            omit=sorted(self.options.omit),
            limit=self.limit,
        )

    def recall(self, fingerprint: Mapping[str, Any] | None) -> None:
        """See evalkit.models.base.Recalling."""
        self.recalled = fingerprint is not None
        told = fingerprint or {}
        self._told = (told.get("served") or "as it was when the server was up") if told else None

    def load(self) -> None:
        """See that the server is there, that it takes the key, and that it has the model."""
        if self.recalled:
            told = served.not_stored(self.options.base_url)
            raise ModelError(f"'{self.name}': {told}. {self._advice.unreachable}")
        self._key.read()
        self._ask_served()

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Each response as soon as it is there (see evalkit.models.remote.asking)."""
        prompts.check(
            self.name,
            requests,
            understood=("top_p", "seed", *self.options.accepts),
            instead=(
                "The OpenAI protocol has no such parameter. If this server understands it, declare "
                "accepts: [top_k, repetition_penalty] or put it into extra_body"
            ),
        )
        asking = Asking(self.options, self._connect, self._advice, self._usage, self._key.hide)
        yield from ask_for(asking, requests, answered)

    def describe(self) -> Mapping[str, Any]:
        """Where it is reached, what the server tells of it, how choices were compared, the cost."""
        known: dict[str, Any] = {"model": self.options.model, "server": self.options.base_url}
        if isinstance(self._told, dict):
            known["served"] = ", ".join(f"{k} {v}" for k, v in self._told.items() if k != "meta")
        known["weights"] = "known to the server alone"
        if self._told is not None and not isinstance(self._told, dict):
            known["weights"] += f" ({self._told})"
        if self.recalled:
            known["answers"] = served.AS_STORED
        if self.methods:
            known["choices_by"] = ", ".join(sorted(set(self.methods.values())))
        return {**known, **self._usage.described()}

    def close(self) -> None:
        """Nothing is held between calls."""

    @property
    def _advice(self) -> Advice:
        url = self.options.base_url
        return Advice(
            unauthorised=self._key.advice,
            missing=(
                f"Is '{self.options.model}' the server's name of the model, and {url} its address "
                "up to and with /v1?"
            ),
            unreachable=f"Start the server, or correct base_url: {url}",
        )

    def _headers(self) -> dict[str, str]:
        key = self._key.read()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _ask_served(self) -> dict[str, Any] | str:
        """The server's entry of the model, or in words why there is none; asked once."""
        if self._told is None:
            self._told = self._served()
        return self._told

    def _served(self) -> dict[str, Any] | str:
        url = f"{self.options.base_url}/models"
        silent = "the server does not list its models"
        for last in (False,) * (TRIES - 1) + (True,):
            try:
                # some servers list models but not those that they load when asked
                listed = get(url, self._headers(), self._advice)
                found = served.entry(listed, self.options.model)
            except TemporaryError as error:
                if error.unreachable:
                    told = f"'{self.name}': {error}. {self._advice.unreachable}"
                    raise UnreachableError(self._key.hide(told)) from None
                if last:
                    return silent
            except (RefusedError, MissingError):
                return silent
            except ModelError as error:
                raise ModelError(f"'{self.name}': {self._key.hide(str(error))}") from None
            else:
                return found if found is not None else self._not_listed(served.names(listed))
        return silent

    def _not_listed(self, names: Sequence[str]) -> str:
        if not names:
            return "the server lists no models"
        return f"the server does not list it; {unknown('model', self.options.model, names[:20])}"

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[Ask]:
        options = self.options
        async with connect(
            options.base_url + "/", self._headers(), options, self._advice
        ) as server:
            yield _Asker(self, server).ask

    def body(self, request: Request) -> dict[str, Any]:
        """What is sent for a request that generates."""
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
        for parameter in options.accepts:
            if parameter in prompts.asked(generation):
                body[parameter] = getattr(generation, parameter)
        for refused in options.omit:
            body.pop(refused, None)
        if is_text(request.prompt):
            return {"prompt": request.prompt, **body}
        return {"messages": prompts.messages(request.prompt), **body}

    @property
    def limit(self) -> str:
        """What the server calls the number of new tokens."""
        field = self.options.max_tokens_field
        if field != "auto":
            return field
        return "max_completion_tokens" if self.options.base_url == HOSTED else "max_tokens"


class _Asker:
    """Asks one server, inside one event loop."""

    def __init__(self, model: OpenAIModel, server: Server) -> None:
        self._model = model
        self._server = server
        self._probing = asyncio.Lock()

    async def ask(self, request: Request) -> Response:
        """One try of one request."""
        call = _Call(self._model, self._server, request)
        if not request.choices:
            return replies.generated(request, await call.post(self._model.body(request)))
        kind = "text" if is_text(request.prompt) else "chat"
        methods = self._model.methods
        async with self._probing:
            if kind not in methods:
                methods[kind] = await call.probe()
        return await call.choose(methods[kind])


class _Call:
    """One request, which takes several calls where choices are compared."""

    def __init__(self, model: OpenAIModel, server: Server, request: Request) -> None:
        self._model = model
        self._server = server
        self._request = request
        self._spent: list[tuple[int | None, int | None]] = []

    async def post(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The reply to a body, sent where it belongs."""
        options = self._model.options
        path = "chat/completions" if "messages" in body else "completions"
        sent = {"model": options.model, **body, **options.extra_body}
        reply = await self._server.post(path, sent)
        self._spent.append(replies.tokens(reply))
        return reply

    async def probe(self) -> Method:
        """The first method that the server knows, tried on this request."""
        wanted = self._model.options.choices
        text = is_text(self._request.prompt)
        own: Method = "completions-echo" if text else "chat-prompt-logprobs"
        methods: tuple[Method, ...] = (own, "first-token") if wanted == "auto" else (wanted,)
        for method in methods:
            try:
                await self._try(method)
            except likelihood.NotOfferedError:
                continue
            except RefusedError as error:
                if error.overflow or error.moderated:
                    raise  # of this request, and tells nothing of the server: the next one may
                continue
            return method
        raise ModelError(
            f"'{self._model.name}' gives no log-probabilities (tried {', '.join(methods)}), and "
            "'answer: choice' needs them. Write 'answer: text' in the suite: the label is then "
            "taken from what the model writes"
        )

    async def _try(self, method: Method) -> None:
        if method == "first-token":
            likelihood.first_tokens(await self._first())
        elif method == "completions-echo":
            await self._echo(self._request.choices[0])
        else:
            await self._continued(self._request.choices[0])

    async def choose(self, method: Method) -> Response:
        """The choices compared. Raises TemporaryError when log-probabilities are missing."""
        self._spent.clear()
        try:
            response = await self._compare(method)
        except likelihood.NotOfferedError as error:
            raise TemporaryError(f"log-probabilities are missing: {error}") from None
        prompts_, answers = zip(*self._spent, strict=True)
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
            raise likelihood.NotOfferedError("completions-echo is for raw texts")
        text = likelihood.joined(self._request.prompt, continuation)
        return likelihood.echoed(await self.post(likelihood.echo_body(text)), text)

    async def _continued(self, continuation: str) -> list[tuple[str, float]]:
        if is_text(self._request.prompt):
            raise likelihood.NotOfferedError("chat-prompt-logprobs is for chats")
        body = likelihood.continued_body(self._request, continuation)
        return likelihood.prompt_tokens_of(await self.post(body))

    async def _first(self) -> dict[str, Any]:
        return await self.post(likelihood.first_token_body(self._request, self._model.limit))


def _sum(counts: Sequence[int | None]) -> int | None:
    """A sum, None where a part is not known."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
