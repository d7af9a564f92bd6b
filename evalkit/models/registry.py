"""The backends by name, and models from declarations.

Built-in backends are listed as ``module:class`` and imported when they are used. Other packages
register theirs under the entry point group ``evalkit.models`` (``name = module:class``). The class
of a backend is called with the declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from evalkit.errors import EvalkitError, ModelError, SpecError, UsageError, stated, unknown
from evalkit.models.base import Model
from evalkit.models.options import Declaration, problem

BACKENDS: Mapping[str, str] = {
    "transformers": "evalkit.models.heads.select:transformers_model",
    "callable": "evalkit.models.callable:CallableModel",
    "openai": "evalkit.models.openai:OpenAIModel",
    "ollama": "evalkit.models.ollama:OllamaModel",
    "langchain": "evalkit.models.langchain:LangChainModel",
    "vllm": "evalkit.models.vllm:VllmModel",
    "hf-inference": "evalkit.models.hf_inference:InferenceModel",
}

BUILTIN_MODELS: Mapping[str, Mapping[str, Any]] = {"smollm2": {"model": "builtin:smollm2"}}
"""Models that need no declaration: name → options of the ``transformers`` backend."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A declaration made in Python rather than in a file."""

    name: str
    backend: str
    options: Mapping[str, Any] = field(default_factory=dict)
    file: str = "(built in)"
    line: int = 0
    root: Path = field(default_factory=Path.cwd)


def resolve(declaration: Declaration) -> Model:
    """The model of a declaration. Its options are validated; nothing is loaded.

    Raises SpecError for an unknown backend or an invalid option, with file, line and the nearest
    valid name, and ModelError if the backend of another package cannot be imported.
    """
    others = _others()
    known = [*BACKENDS, *sorted(set(others) - set(BACKENDS))]
    backend = declaration.backend
    if backend not in known:
        raise SpecError([problem(declaration, unknown("backend", backend, known))])
    make = _built_in(BACKENDS[backend]) if backend in BACKENDS else _load(others[backend])
    try:
        return make(declaration)
    except (EvalkitError, KeyboardInterrupt):
        raise
    except BaseException as error:  # of another package's class
        raise ModelError(f"'{declaration.name}' cannot be created: {stated(error)}") from error


def builtin_declaration(name: str, root: Path | None = None) -> Declared:
    """The declaration of a built-in model. Raises UsageError for an unknown name."""
    if name not in BUILTIN_MODELS:
        raise UsageError(unknown("built-in model", name, list(BUILTIN_MODELS)))
    return Declared(name, "transformers", BUILTIN_MODELS[name], root=root or Path.cwd())


def backends() -> list[str]:
    """The names of all backends: built-in ones first, then those of other packages."""
    return [*BACKENDS, *sorted(set(_others()) - set(BACKENDS))]


def _built_in(target: str) -> Callable[[Declaration], Model]:
    module, _, name = target.partition(":")
    make: Callable[[Declaration], Model] = getattr(import_module(module), name)
    return make


def _others() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="evalkit.models")}


def _load(entry: EntryPoint) -> Callable[[Declaration], Model]:
    try:
        make: Callable[[Declaration], Model] = entry.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # another package's import may raise anything
        raise ModelError(
            f"backend '{entry.name}' ({entry.value}) cannot be imported: {stated(error)}"
        ) from error
    return make
