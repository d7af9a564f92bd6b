"""Models of an Ollama server, through LangChain's ChatOllama."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from pydantic import Field

from evalkit.errors import ModelError
from evalkit.exchange import Request, Response, Status
from evalkit.models.base import Batch, Capabilities, unanswered
from evalkit.models.fingerprints import fingerprint
from evalkit.models.options import Declaration, check
from evalkit.models.remote import chat_models, prompts
from evalkit.models.remote.client import ClientConfig, Send, send_each
from evalkit.models.remote.failures import (
    Advice,
    MissingError,
    RequestRejectedError,
    TemporaryError,
    UnreachableError,
)
from evalkit.models.remote.http import fetch_json
from evalkit.models.remote.keys import redact
from evalkit.models.remote.model_card import AS_STORED, not_stored
from evalkit.models.remote.options import Address, RemoteOptions
from evalkit.models.remote.usage import Usage

LOCAL = "http://127.0.0.1:11434"
INSTALL_OLLAMA = 'pip install "pytest-evalkit[ollama]"'


class OllamaOptions(RemoteOptions):
    """Options of the ``ollama`` backend, in addition to those of every server.

    base_url: the address; default: ``$OLLAMA_HOST``, else this machine. num_ctx: the context length
    in tokens. keep_alive: how long the model stays loaded (``10m``, ``-1``). reasoning: whether, or
    how much, the model thinks first. parameters: further options of Ollama (``num_gpu``,
    ``mirostat``, …).
    """

    base_url: Address | None = None
    num_ctx: int | None = Field(default=None, ge=1)
    keep_alive: str | int | None = None
    reasoning: bool | str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    max_concurrency: int = Field(default=4, ge=1, le=1024)


class OllamaModel:
    """A model that Ollama runs. It takes chats and cannot compare choices."""

    def __init__(self, declaration: Declaration) -> None:
        self.name = declaration.name
        self.declaration = declaration
        self.options = check(declaration, OllamaOptions)
        self.capabilities = Capabilities(choices=False, text=False, reading=False)
        self._usage = Usage(self.options.prices)
        self._card: dict[str, Any] | None = None
        self.recalled = False
        self._model: Any = None
        self._context: int | None = None

    def fingerprint(self) -> Mapping[str, Any] | None:
        """The digest of the model's files, the version of the server and the context length.

        If the server reports no digest, its address and the model's name count. Raises ModelError
        if the server or the model does not exist.
        """
        if not self.options.cache:
            return None
        card = self._model_card()
        place = {} if card["digest"] else {"base_url": self._url}
        return fingerprint(self.options, "ollama", **card, **place, truncate=False)

    def recall(self, fingerprint: Mapping[str, Any] | None) -> None:
        """See ``evalkit.models.base.Recalling``."""
        self.recalled = fingerprint is not None
        known = fingerprint or {}
        self._card = {key: known.get(key) for key in ("digest", "ollama")} if known else None

    def load(self) -> None:
        """Check that the server has the model, and create the client. Raises ModelError."""
        if self.recalled:
            raise ModelError(f"'{self.name}': {not_stored(self._url)}. {self._advice.unreachable}")
        self._model_card()
        if self._model is None:
            try:
                from langchain_ollama import ChatOllama
            except ImportError:
                raise ModelError(
                    f"'{self.name}' needs langchain-ollama: {INSTALL_OLLAMA}"
                ) from None
            self._model = ChatOllama(
                model=self.options.model,
                base_url=self._url,
                keep_alive=self.options.keep_alive,
                reasoning=self.options.reasoning,
                async_client_kwargs={"event_hooks": {"request": [_forbid_truncation]}},
            )

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
            understood=("top_k", "top_p", "seed", "repetition_penalty"),
            advice="Ollama has no such parameter",
            text=False,
        )
        self.load()
        config = ClientConfig(self.options, self._connect, self._advice, self._usage, redact)
        yield from send_each(config, requests, indices)

    def describe(self) -> Mapping[str, Any]:
        """Address of the server, digest of the files, and the cost."""
        known: dict[str, Any] = {"model": self.options.model, "server": self._url}
        if self._card is not None:
            known["digest"] = self._card["digest"] or "not reported by the server"
            known["ollama"] = self._card["ollama"]
        if self.recalled:
            known["answers"] = AS_STORED
        if size := self._context or self.options.num_ctx:
            known["context_length"] = size
        return {**known, **self._usage.described()}

    def close(self) -> None:
        """Drop the client."""
        self._model = self._context = None

    def arguments(self, request: Request) -> dict[str, Any]:
        """The options of a request by Ollama's names."""
        generation = request.generation
        options: dict[str, Any] = {
            "num_predict": generation.max_new_tokens,
            "temperature": generation.temperature,
            "seed": prompts.seed(request),
            "repeat_penalty": generation.repetition_penalty,
            "top_k": generation.top_k,
            "top_p": generation.top_p,
            "num_ctx": self.options.num_ctx,
            "stop": list(generation.stop) or None,
            **self.options.parameters,
        }
        return {key: value for key, value in options.items() if value is not None}

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[Send]:
        async def send(request: Request) -> Response:
            arguments = self.arguments(request)
            response = await chat_models.send(self._model, request, options=arguments)
            if self._context is None:
                self._context = await asyncio.to_thread(self._request_context_length)
            return self._checked(response)

        yield send

    def _checked(self, response: Response) -> Response:
        """The response, or an overflow if an older Ollama may have truncated the prompt."""
        size = self._context
        if not size or response.prompt_tokens is None or response.prompt_tokens < size:
            return response
        message = (
            f"the prompt fills num_ctx ({size} tokens), so Ollama may have truncated its beginning;"
            " declare a larger num_ctx"
        )
        return replace(response, status=Status.OVERFLOW, text="", error=message)

    def _request_context_length(self) -> int:
        """The context length that the model was loaded with, in tokens; 0 if it is unknown."""
        if self.options.num_ctx:
            return self.options.num_ctx
        try:
            running = fetch_json(f"{self._url}/api/ps", {}, self._advice).get("models")
        except (TemporaryError, RequestRejectedError, ModelError):
            return 0
        own = [e for e in running if self._is_mine(e)] if isinstance(running, list) else []
        size = own[0].get("context_length") if own else None
        return size if isinstance(size, int) else 0

    def _is_mine(self, entry: Any) -> bool:
        """Whether an entry in a list of models is this model."""
        names = (self.options.model, f"{self.options.model}:latest")
        return isinstance(entry, dict) and (entry.get("model") or entry.get("name")) in names

    @property
    def _url(self) -> str:
        if self.options.base_url:
            return self.options.base_url
        host = os.environ.get("OLLAMA_HOST", "").rstrip("/")
        if not host:
            return LOCAL
        return host if "://" in host else f"http://{host}" + ("" if ":" in host else ":11434")

    @property
    def _advice(self) -> Advice:
        return Advice(
            unauthorised="The server requires a key; Ollama itself does not",
            missing=f"Download the model with: ollama pull {self.options.model}",
            unreachable=f"Start the server with: ollama serve (or correct base_url: {self._url})",
        )

    def _model_card(self) -> dict[str, Any]:
        """Digest and version of the server, requested once. Raises ModelError."""
        if self._card is None:
            try:
                self._card = self._request_model_card()
            except (TemporaryError, RequestRejectedError) as error:
                message = f"'{self.name}': {error} at {self._url}"
                if isinstance(error, TemporaryError) and error.unreachable:
                    raise UnreachableError(f"{message}. {self._advice.unreachable}") from None
                raise ModelError(f"{message}. Check that this is an Ollama server") from None
            except MissingError:
                message = f"'{self.name}': {self._url} has no model '{self.options.model}'"
                raise ModelError(f"{message}. {self._advice.missing}") from None
        return self._card

    def _request_model_card(self) -> dict[str, Any]:
        wanted = self.options.model
        listed = fetch_json(f"{self._url}/api/tags", {}, self._advice).get("models")
        entries = listed if isinstance(listed, list) else []
        found = next((e for e in entries if self._is_mine(e)), None)
        if found is None:
            # proxies serve models that they do not list
            fetch_json(f"{self._url}/api/show", {}, self._advice, body={"model": wanted})
        try:
            version = fetch_json(f"{self._url}/api/version", {}, self._advice).get("version")
        except (TemporaryError, RequestRejectedError, ModelError):
            version = None
        return {"digest": (found or {}).get("digest"), "ollama": version}


async def _forbid_truncation(request: Any) -> None:
    """Make Ollama reject a prompt that exceeds the context.

    Without ``truncate: false`` it cuts such a prompt to half of the context. Its client has no
    argument for this, and older servers ignore it. request: of the client's HTTP library.
    """
    if request.url.path.endswith("/api/chat"):
        content = json.dumps({**json.loads(request.content), "truncate": False}).encode()
        request.headers["Content-Length"] = str(len(content))
        request.stream = type(request.stream)(content)
