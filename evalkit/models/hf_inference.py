"""Hugging Face Inference: providers, endpoints and TGI servers, through ``huggingface_hub``."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pydantic import Field

from evalkit.errors import ModelError
from evalkit.exchange import Request, Response
from evalkit.messages import is_text
from evalkit.models.base import Batch, Capabilities, unanswered
from evalkit.models.fingerprints import fingerprint
from evalkit.models.options import Declaration, check
from evalkit.models.remote import chat_models, prompts, replies
from evalkit.models.remote.client import ClientConfig, Send, send_each
from evalkit.models.remote.failures import Advice
from evalkit.models.remote.keys import ApiKey
from evalkit.models.remote.options import RemoteOptions, Variable
from evalkit.models.remote.usage import Usage

DEFAULT_KEY = "HF_TOKEN"


class InferenceOptions(RemoteOptions):
    """Options of the ``hf-inference`` backend, in addition to those of every server.

    model: a hub id, or the address of an endpoint. provider: the inference provider (``auto``,
    ``hf-inference``, ``together``, …). api_key_env: the environment variable with the API key;
    default: ``HF_TOKEN`` if it is set, else the login of ``huggingface_hub``. extra_body: added to
    every chat request.
    """

    provider: str | None = None
    api_key_env: Variable | None = None
    extra_body: dict[str, Any] = Field(default_factory=dict)


class InferenceModel:
    """A model behind ``AsyncInferenceClient``: chats, and raw texts if the server supports them."""

    def __init__(self, declaration: Declaration) -> None:
        self.name = declaration.name
        self.declaration = declaration
        self.options = check(declaration, InferenceOptions)
        self.capabilities = Capabilities(choices=False, reading=False)
        usual = DEFAULT_KEY if os.environ.get(DEFAULT_KEY) else ""
        self._key = ApiKey(self.options.api_key_env or usual)
        self._usage = Usage(self.options.prices)

    def fingerprint(self) -> Mapping[str, Any] | None:
        """Model, provider and what every request contains. The weights are unknown."""
        if not self.options.cache:
            return None
        return fingerprint(
            self.options, "hf-inference", versions=chat_models.versions("huggingface_hub")
        )

    def load(self) -> None:
        """Check that the API key is set and the library is installed. Raises ModelError."""
        self._key.read()
        self._client()

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Responses as they arrive (see ``evalkit.models.remote.client``)."""
        return self.respond_each(requests, unanswered(requests, answered))

    one_by_one = True

    def respond_each(self, requests: Sequence[Request], indices: Iterator[int]) -> Iterator[Batch]:
        """Responses to these requests, each taken when a connection is free for it."""
        texts = [r for r in requests if is_text(r.prompt)]
        chats = [r for r in requests if not is_text(r.prompt)]
        advice = "Hugging Face Inference has no such parameter; for chats, use extra_body"
        more = ("top_k", "repetition_penalty")
        usual = ("top_p", "seed")
        prompts.check_supported(self.name, chats, understood=usual, advice=advice)
        prompts.check_supported(self.name, texts, understood=(*usual, *more), advice=advice)
        config = ClientConfig(
            self.options, self._connect, self._advice, self._usage, self._key.redact
        )
        yield from send_each(config, requests, indices)

    def describe(self) -> Mapping[str, Any]:
        """Model, provider and cost."""
        known: dict[str, Any] = {"model": self.options.model}
        known["provider"] = self.options.provider or "auto"
        known["weights"] = "known only to the provider"
        return {**known, **self._usage.described()}

    def close(self) -> None:
        """Do nothing: no connection stays open."""

    def _client(self) -> Any:
        try:
            from huggingface_hub import AsyncInferenceClient
        except ImportError:
            needed = "pip install huggingface_hub"
            raise ModelError(f"'{self.name}' needs huggingface_hub: {needed}") from None
        provider: Any = self.options.provider
        return AsyncInferenceClient(
            self.options.model,
            provider=provider,
            token=self._key.read() or None,
            timeout=self.options.timeout,
        )

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[Send]:
        client = self._client()

        async def send(request: Request) -> Response:
            if is_text(request.prompt):
                return await self._text(client, request)
            return await self._chat(client, request)

        try:
            yield send
        finally:
            close = getattr(client, "close", None)
            if close is not None:
                await close()

    async def _chat(self, client: Any, request: Request) -> Response:
        generation = request.generation
        sampled = generation.temperature > 0
        reply = await client.chat_completion(
            prompts.messages(request.prompt),
            max_tokens=generation.max_new_tokens,
            temperature=generation.temperature,
            top_p=generation.top_p if sampled else None,
            seed=prompts.seed(request) if sampled else None,
            stop=list(generation.stop) or None,
            extra_body=self.options.extra_body or None,
            **({"tools": json.loads(request.tools)} if request.tools else {}),
        )
        return replies.parse_reply(request, reply)

    async def _text(self, client: Any, request: Request) -> Response:
        generation = request.generation
        sampled = generation.temperature > 0
        penalty = generation.repetition_penalty
        reply = await client.text_generation(
            request.prompt,
            details=True,
            do_sample=sampled,
            max_new_tokens=generation.max_new_tokens,
            temperature=generation.temperature if sampled else None,
            top_k=generation.top_k if sampled else None,
            top_p=generation.top_p if sampled else None,
            seed=prompts.seed(request) if sampled else None,
            repetition_penalty=penalty if penalty != 1.0 else None,
            stop=list(generation.stop) or None,
        )
        details = getattr(reply, "details", None)
        return replies.build_response(
            request,
            reply if isinstance(reply, str) else str(reply.generated_text),
            str(getattr(details, "finish_reason", "") or ""),
            details={},
            prompt_tokens=None,
            completion_tokens=replies.token_count(getattr(details, "generated_tokens", None)),
        )

    @property
    def _advice(self) -> Advice:
        return Advice(
            unauthorised=self._key.advice,
            missing=f"Check that '{self.options.model}' exists and that a provider runs it",
            unreachable="Check the network connection, and the address of the endpoint",
        )
