"""Chat models of LangChain, by the name of their class."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from evalkit.errors import ModelError, stated
from evalkit.exchange import Generation, Request, Response
from evalkit.models.base import Batch, Capabilities, unanswered
from evalkit.models.fingerprints import fingerprint
from evalkit.models.identity import file_digest
from evalkit.models.options import Declaration, check
from evalkit.models.remote import chat_models, prompts
from evalkit.models.remote.client import ClientConfig, Send, send_each
from evalkit.models.remote.failures import Advice
from evalkit.models.remote.keys import ApiKey
from evalkit.models.remote.options import RemoteOptions, Variable
from evalkit.models.remote.usage import Usage
from evalkit.modules import import_function, source_file

Parameter = Literal[
    "max_new_tokens", "temperature", "top_p", "top_k", "seed", "repetition_penalty", "num_beams"
]
COMMON_NAMES: Mapping[str, Sequence[str]] = {
    "max_new_tokens": (
        "max_tokens",
        "max_output_tokens",
        "max_completion_tokens",
        "num_predict",
        "max_new_tokens",
    ),
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "top_k": ("top_k",),
    "seed": ("seed",),
    "repetition_penalty": ("repetition_penalty", "repeat_penalty"),
    "num_beams": (),
}
"""Names of the generation parameters in LangChain's classes."""


class LangChainOptions(RemoteOptions):
    """Options of the ``langchain`` backend, in addition to those of every server.

    model: the class, ``package.module.Class``. arguments: the arguments of the class. parameters:
    the class's names for generation parameters, if they are unusual; null omits a parameter.
    api_key_env: the environment variable with the API key; most classes have a default.
    api_key_argument: the argument of the class for the key.
    """

    arguments: dict[str, Any] = Field(default_factory=dict)
    parameters: dict[Parameter, str | None] = Field(default_factory=dict)
    api_key_env: Variable | None = None
    api_key_argument: str = "api_key"

    @field_validator("model")
    @classmethod
    def _names_a_class(cls, value: str) -> str:
        if not all(part.isidentifier() for part in value.split(".")) or "." not in value:
            raise ValueError("expected package.module.Class")
        return value


class LangChainModel:
    """A chat model of LangChain. It takes chats and cannot compare choices."""

    def __init__(self, declaration: Declaration) -> None:
        self.name = declaration.name
        self.declaration = declaration
        self.options = check(declaration, LangChainOptions)
        self.capabilities = Capabilities(choices=False, text=False, reading=False)
        self._key = ApiKey(self.options.api_key_env or "")
        self._root = Path(declaration.root)
        self._usage = Usage(self.options.prices)
        self._class: Any = None

    def fingerprint(self) -> Mapping[str, Any] | None:
        """The class, its arguments, and the version of its package or the source of the user's own
        class. The model behind the class is unknown."""
        if not self.options.cache:
            return None
        package = self.options.model.split(".")[0].replace("_", "-")
        versions = chat_models.versions(package)
        source = None if versions[package] else self._source()
        return fingerprint(
            self.options,
            "langchain",
            **{"class": self.options.model},
            **({"source": source} if source else {}),
            versions=versions,
        )

    def load(self) -> None:
        """Import the class. Raises ModelError if the class or the API key is missing."""
        if self._class is None:
            self._key.read()
            module, _, name = self.options.model.rpartition(".")
            found = import_function(f"{module}:{name}", self._root)
            if not inspect.isclass(found) or not callable(getattr(found, "ainvoke", None)):
                raise ModelError(f"'{self.options.model}' is not a chat model of LangChain")
            self._class = found

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Responses as they arrive (see ``evalkit.models.remote.client``)."""
        return self.respond_each(requests, unanswered(requests, answered))

    one_by_one = True

    def respond_each(self, requests: Sequence[Request], indices: Iterator[int]) -> Iterator[Batch]:
        """Responses to these requests, each taken when a connection is free for it."""
        self.load()
        names = self.names()
        prompts.check_supported(
            self.name,
            requests,
            understood=("seed", *(ours for ours, theirs in names.items() if theirs)),
            advice=f"Declare its name in {self.options.model} with parameters: {{…: name}}",
            text=False,
        )
        config = ClientConfig(
            self.options, self._connect, self._advice, self._usage, self._key.redact
        )
        yield from send_each(config, requests, indices)

    def describe(self) -> Mapping[str, Any]:
        """The class, its names for generation parameters, and the cost."""
        known: dict[str, Any] = {"class": self.options.model}
        if self._class is not None:
            passed = [f"{ours} as {theirs}" for ours, theirs in self.names().items() if theirs]
            known["parameters"] = ", ".join(passed)
        return {**known, **self._usage.described()}

    def close(self) -> None:
        """Drop the class."""
        self._class = None

    def _source(self) -> str | None:
        """A hash of the source file of the class; None if it has none."""
        try:
            file = source_file(self.options.model.rpartition(".")[0], self._root)
        except ModelError:  # ``load`` reports it
            return None
        return file_digest(file) if file else None

    def names(self) -> dict[str, str | None]:
        """The class's name for each generation parameter; None: it is omitted.

        Raises ModelError if the name for the number of new tokens or the temperature is unknown.
        """
        fields = _fields(self._class)
        names: dict[str, str | None] = {
            ours: next((theirs for theirs in usual if theirs in fields), None)
            for ours, usual in COMMON_NAMES.items()
        }
        names.update({str(ours): theirs for ours, theirs in self.options.parameters.items()})
        for needed in ("max_new_tokens", "temperature"):
            if names[needed] is None and needed not in self.options.parameters:
                raise ModelError(
                    f"'{self.name}': {self.options.model} has no known name for {needed}. Declare "
                    f"parameters: {{{needed}: name}}, or null to omit it"
                )
        return names

    def _make(self, generation: Generation, seed: int) -> Any:
        """An instance of the class with these generation parameters."""
        wanted = prompts.used_parameters(generation)
        values = {name: getattr(generation, name) for name in wanted if name != "seed"}
        values |= {"max_new_tokens": generation.max_new_tokens}
        values |= {"temperature": generation.temperature}
        if "seed" in wanted:
            values["seed"] = seed
        names = self.names()
        arguments = {theirs: values[o] for o, theirs in names.items() if theirs and o in values}
        arguments |= self.options.arguments
        if self._key.variable:
            arguments[self.options.api_key_argument] = self._key.read()
        try:
            return self._class(**arguments)
        except BaseException as error:  # classes raise different types
            message = self._key.redact(stated(error))
            raise ModelError(
                f"'{self.name}': {self.options.model} cannot be created: {message}"
            ) from None

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[Send]:
        make = lru_cache(maxsize=64)(self._make)

        async def send(request: Request) -> Response:
            model = make(request.generation, prompts.seed(request))
            stop = list(request.generation.stop)
            return await chat_models.send(model, request, **({"stop": stop} if stop else {}))

        yield send

    @property
    def _advice(self) -> Advice:
        return Advice(
            unauthorised=self._key.advice,
            missing=f"Check that the arguments of '{self.name}' name an existing model",
            unreachable="Check that the service is running, and its address",
        )


def _fields(kind: Any) -> set[str]:
    """The arguments of a class: pydantic fields and their aliases, or parameters."""
    fields = getattr(kind, "model_fields", None)
    if not isinstance(fields, Mapping):
        return set(inspect.signature(kind).parameters)
    aliases = {field.alias for field in fields.values() if isinstance(field.alias, str)}
    return set(fields) | aliases
