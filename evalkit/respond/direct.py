"""Direct calls to a model: a prompt in, a text or log-likelihoods out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from types import TracebackType
from typing import Any

from evalkit.errors import ModelError, UsageError, unknown
from evalkit.exchange import Generation, Request, Response
from evalkit.messages import Message, Prompt, from_openai
from evalkit.models.base import Model
from evalkit.models.model_errors import model_errors


class DirectModel:
    """A model to call directly: loaded on entry, freed on exit.

    >>> with DirectModel(loaded) as model:                            # doctest: +SKIP
    ...     model.generate("What is the capital of France?")
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    def __enter__(self) -> DirectModel:
        with model_errors(self.model):
            self.model.load()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.model.close()

    def generate(self, prompt: str | Sequence[Mapping[str, str]], **generation: Any) -> str:
        """The model's answer to one user message, or to ``[{"role", "content"}, …]``.

        generation: fields of :class:`evalkit.Generation`. Raises ModelError.
        """
        response = self._ask(Request(_messages(prompt), generation_of(generation)))
        return response.text

    def choose(
        self, prompt: str | Sequence[Mapping[str, str]], choices: Sequence[str]
    ) -> dict[str, float]:
        """The log-likelihood (nats) of each choice as the continuation. Raises ModelError."""
        response = self._ask(Request(_messages(prompt), choices=tuple(choices)))
        return dict(zip(choices, response.logprobs, strict=True))

    def _ask(self, request: Request) -> Response:
        with model_errors(self.model):
            response = next(r for batch in self.model.respond([request]) for _, r in batch)
        if not response.answered:
            raise ModelError(f"{self.name}: {response.status}: {response.error}")
        return response


def _messages(prompt: str | Sequence[Mapping[str, str]]) -> Prompt:
    return (Message("user", prompt),) if isinstance(prompt, str) else from_openai(prompt)


def generation_of(parameters: Mapping[str, Any]) -> Generation:
    """How to generate, from its fields by name. Raises UsageError for another name."""
    stop = parameters.get("stop")
    if stop is not None:
        stop = (stop,) if isinstance(stop, str) else tuple(stop)
        parameters = {**parameters, "stop": stop}
    known = [field.name for field in fields(Generation)]
    for name in parameters:
        if name not in known:
            raise UsageError(unknown("generation parameter", name, known))
    return Generation(**parameters)
