"""Models that are in memory already: passed to ``evaluate`` or by ``pytest_evalkit_models``.

A value is a transformers model with its tokenizer (a pair, a dict with ``model`` and ``tokenizer``,
or a text-generation pipeline), a function of the prompt, or an object that satisfies the Model
protocol.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from evalkit.errors import ModelError
from evalkit.exchange import Request
from evalkit.models import hardware
from evalkit.models.base import Batch, Capabilities, InProgress, Model, unanswered
from evalkit.models.call_pool import perform
from evalkit.models.callable import Caller, Calling
from evalkit.models.heads.in_memory import InMemoryHead
from evalkit.models.heads.kinds import head_named

if TYPE_CHECKING:
    from evalkit.engine.language_model import LanguageModel


def as_model(name: str, value: Any) -> Model:
    """A Model from a value that was passed under ``name``.

    Raises ModelError for a value of another type.
    """
    if isinstance(value, Model):
        return value
    pair = _pair(value)
    if pair is not None:
        head = _head(pair[0])
        if head is not None:
            return InMemoryHead(name, head, *pair, _state_digest)
        return InMemoryTransformers(name, *pair)
    if callable(value):
        return InMemoryFunction(name, value)
    raise ModelError(
        f"model '{name}' is a {type(value).__name__}; expected (model, tokenizer), a dict with"
        " 'model' and 'tokenizer', a text-generation pipeline, a function, or an object with the"
        " methods of evalkit.models.base.Model"
    )


class InMemoryTransformers:
    """A transformers model with its tokenizer. ``close`` does not free it: its owner does."""

    def __init__(self, name: str, model: Any, tokenizer: Any) -> None:
        self.name = name
        self.capabilities = Capabilities()
        self._model, self._tokenizer = model, tokenizer
        self._prepared: LanguageModel | None = None
        self._fingerprint: Mapping[str, Any] | None = None

    def fingerprint(self) -> Mapping[str, Any]:
        """A hash of all weights, the config, the tokenizer and the chat template; computed once."""
        if self._fingerprint is None:
            from evalkit.engine.version import ENGINE

            model = self._model
            self._fingerprint = {
                "backend": "handed",
                "weights": {"state_sha256": _state_digest(model, self._tokenizer)},
                "dtype": str(model.dtype).removeprefix("torch."),
                "device": model.device.type,
                "attn_implementation": getattr(model.config, "_attn_implementation", None),
                "engine": ENGINE,
                "versions": hardware.library_versions("torch", "transformers", "tokenizers"),
                **_beyond_weights(model, self._tokenizer),
            }
        return self._fingerprint

    def load(self) -> None:
        """Find out how to run the model; its weights are in memory."""
        if self._prepared is None:
            from evalkit.engine.local import prepare

            self._prepared = prepare(self._model, self._tokenizer)

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Answer in batches (see ``evalkit.engine.local.respond``)."""
        from evalkit.engine.local import respond

        self.load()
        assert self._prepared is not None
        yield from respond(self._prepared, requests, answered)

    def in_progress(self) -> InProgress:
        """See ``evalkit.models.base.Reporting``."""
        from evalkit.models.transformers import in_progress

        return in_progress(self._prepared)

    def describe(self) -> Mapping[str, Any]:
        """Facts about the model."""
        from evalkit.models.transformers import facts

        return {
            "model": "handed over",
            "device": str(self._model.device),
            "dtype": str(self._model.dtype).removeprefix("torch."),
            **(facts(self._prepared) if self._prepared else {}),
        }

    def close(self) -> None:
        """Free the KV cache that a GPU keeps. The model belongs to its owner."""
        if self._prepared is not None:
            self._prepared.release()


def _head(model: Any) -> str | None:
    """The head of a model; for a PEFT wrapper, that of the wrapped model."""
    base = getattr(model, "get_base_model", None)
    return head_named(type(base() if callable(base) else model).__name__)


def _beyond_weights(model: Any, tokenizer: Any) -> dict[str, Any]:
    """What determines answers besides the weights: active adapters, the date in the template, and
    special tokens and context length that differ from the config."""
    found: dict[str, Any] = _beyond_config(model, tokenizer)
    adapters = getattr(model, "active_adapters", None)
    if callable(adapters):  # a method of transformers' models, a property of PEFT's
        try:
            adapters = adapters()
        except ValueError:  # it has none
            adapters = None
    if adapters:
        found["adapters"] = list(adapters)
    if "strftime_now" in str(getattr(tokenizer, "chat_template", "") or ""):
        found["date"] = date.today().isoformat()
    return found


def _beyond_config(model: Any, tokenizer: Any) -> dict[str, Any]:
    from evalkit.engine.language_model import context_length_of

    config, settings = model.config, getattr(model, "generation_config", None)
    found: dict[str, Any] = {}
    for name in ("eos_token_id", "decoder_start_token_id", "forced_bos_token_id"):
        stated = getattr(settings, name, None)
        if stated != getattr(config, name, None):
            found[name] = stated
    if (last := tokenizer.eos_token_id) not in (None, getattr(config, "eos_token_id", None)):
        found["tokenizer_eos_token_id"] = last
    if (length := context_length_of(config, tokenizer)) != context_length_of(config):
        found["context_length"] = length
    return found


class InMemoryFunction:
    """A function of the prompt. Its answers are cached if it has ``evalkit_fingerprint``."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.capabilities = Capabilities(choices=hasattr(function, "evalkit_choose"), reading=False)
        self._function = function

    def fingerprint(self) -> Mapping[str, Any] | None:
        """The function's ``evalkit_fingerprint``, or None."""
        declared = getattr(self._function, "evalkit_fingerprint", None)
        return None if declared is None else {"backend": "handed", "function": declared}

    def load(self) -> None:
        """Do nothing."""

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Call the function for every request."""
        return self.respond_each(requests, unanswered(requests, answered))

    one_by_one = True

    def respond_each(self, requests: Sequence[Request], indices: Iterator[int]) -> Iterator[Batch]:
        """Call the function for each of these requests, taken when it is free."""
        choose = getattr(self._function, "evalkit_choose", None)
        call = Calling(Caller(self._function, {}), Caller(choose, {}) if choose else None)
        yield from perform(([(i, requests[i])] for i in indices), call)

    def describe(self) -> Mapping[str, Any]:
        """The function's name."""
        return {"function": getattr(self._function, "__qualname__", repr(self._function))}

    def close(self) -> None:
        """Do nothing."""


def _pair(value: Any) -> tuple[Any, Any] | None:
    """Model and tokenizer, if the value contains both; else None."""
    if isinstance(value, Mapping):
        model, tokenizer = value.get("model"), value.get("tokenizer")
    elif isinstance(value, tuple | list) and len(value) == 2:
        model, tokenizer = value
    else:
        model, tokenizer = getattr(value, "model", None), getattr(value, "tokenizer", None)
    writes_or_reads = hasattr(model, "generate") or _head(model) is not None
    fits = writes_or_reads and hasattr(model, "config") and callable(tokenizer)
    return (model, tokenizer) if fits else None


def _state_digest(model: Any, tokenizer: Any) -> str:
    import torch

    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        if not isinstance(tensor, torch.Tensor):
            digest.update(f"{key}={tensor!r}".encode())
            continue
        flat = tensor.detach().contiguous().cpu().reshape(-1)
        digest.update(f"{key}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
        digest.update(memoryview(flat.view(torch.uint8).numpy()))
    digest.update(model.config.to_json_string().encode())
    backend = getattr(tokenizer, "backend_tokenizer", None)
    vocabulary = backend.to_str() if backend is not None else repr(sorted(tokenizer.get_vocab()))
    digest.update(vocabulary.encode())
    digest.update(str(getattr(tokenizer, "chat_template", None)).encode())
    return digest.hexdigest()
