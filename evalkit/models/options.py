"""Options of models, and their validation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evalkit.errors import Problem, SpecError, unknown


class Declaration(Protocol):
    """A model declared in ``evalkit.yaml``, on the command line or in Python."""

    @property
    def name(self) -> str: ...
    @property
    def backend(self) -> str: ...
    @property
    def options(self) -> Mapping[str, Any]: ...
    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def root(self) -> Path: ...


class Thinking(BaseModel):
    """How the thinking of a reasoning model is marked.

    start: the tag before it. end: the tag after it. keep: score it as part of the answer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: str = Field(default="<think>", min_length=1)
    end: str = Field(default="</think>", min_length=1)
    keep: bool = False


class Options(BaseModel):
    """Base class of a backend's options. Unknown options are errors; instances are immutable.

    thinking: how the thinking of a reasoning model is marked; it changes how a response is parsed,
    not the request.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    thinking: Thinking | None = None


Checked = TypeVar("Checked", bound=Options)


def check(declaration: Declaration, kind: type[Checked]) -> Checked:
    """The options of a declaration as ``kind``. Raises SpecError with all problems."""
    try:
        return kind.model_validate(dict(declaration.options))
    except ValidationError as error:
        problems = [_problem(declaration, kind, item) for item in error.errors()]
        raise SpecError(problems) from None


def problem(declaration: Declaration, message: str, option: str = "") -> Problem:
    """A problem with the file and line of a model's declaration."""
    where = f"models.{declaration.name}" + (f".{option}" if option else "")
    return Problem(declaration.file, declaration.line, where, message)


def _problem(declaration: Declaration, kind: type[Options], item: Any) -> Problem:
    option = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return problem(declaration, unknown("option", option, list(kind.model_fields)))
    if item["type"] == "missing":
        return problem(declaration, f"option '{option}' is missing")
    # the value of an option for an environment variable may be the secret itself
    found = "" if option.endswith("_env") else f", not {item['input']!r}"
    message = item.get("ctx", {}).get("error", item["msg"])  # without pydantic's "Value error, "
    return problem(declaration, f"{message}{found}", option)
