"""Which models a run is over, and how their names become models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.errors import UsageError, unknown
from evalkit.models import in_memory, registry
from evalkit.models.base import Model
from evalkit.spec.project import Project, parse_model

DEFAULT_MODEL = "smollm2"


def chosen_names(
    requested: Sequence[str], project: Project, loaded: Mapping[str, Any]
) -> list[str]:
    """The models of a run by name.

    The requested ones; else the project's ``default:``; else the models passed in memory; else the
    only declared one; else the built-in one. Raises UsageError if several are declared and none is
    selected.
    """
    if requested:
        return list(dict.fromkeys(requested))
    if project.default:
        return list(project.default)
    if loaded:
        return list(loaded)
    if len(project.models) > 1:
        raise UsageError(
            f"{project.root / 'evalkit.yaml'} declares several models"
            f" ({', '.join(project.models)}): choose with --eval-model NAME (repeatable), or"
            " write 'default: NAME' in that file"
        )
    return list(project.models) or [DEFAULT_MODEL]


def fallback_notice(requested: Sequence[str], project: Project, loaded: Mapping[str, Any]) -> str:
    """A notice if a run uses the built-in model because none was selected; else ""."""
    if requested or project.default or loaded or project.models:
        return ""
    return (
        f"No model was named: this is the built-in {DEFAULT_MODEL}, a small one to try evalkit"
        " with. Choose yours with --eval-model NAME, or declare it in evalkit.yaml."
    )


def make_models(
    names: Sequence[str], project: Project, loaded: Mapping[str, Any]
) -> dict[str, Model]:
    """A model for each name: declared, built in, in memory, or ``backend:name?key=value``.

    Nothing is loaded. Raises UsageError for an unknown name, SpecError for invalid options.
    """
    return {name: _make(name, project, loaded) for name in names}


def _make(name: str, project: Project, loaded: Mapping[str, Any]) -> Model:
    if name in loaded:
        return in_memory.as_model(name, loaded[name])
    if name in project.models:
        return registry.resolve(project.models[name])
    if name in registry.BUILTIN_MODELS:
        return registry.resolve(registry.builtin_declaration(name))
    if ":" in name:
        return registry.resolve(parse_model(name, project.root))
    known = [*loaded, *project.models, *registry.BUILTIN_MODELS]
    raise UsageError(
        f"{unknown('model', name, list(dict.fromkeys(known)))}. Declare it under 'models:' in"
        " evalkit.yaml, or write it as backend:name, such as transformers:./my-model"
    )
