"""Translates pydantic's errors for the person who wrote the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from evalkit import tasks
from evalkit.errors import nearest, unknown
from evalkit.spec.fields import shown

Path = tuple[Any, ...]


def sentence(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    """A message for one of pydantic's errors (of ``model``): the cause and the fix."""
    kind, found, context = error["type"], error["input"], error.get("ctx", {})
    path: Path = error["loc"]
    if kind in ("extra_forbidden", "invalid_key"):
        return _unknown_key(model, path)
    if kind == "missing":
        return f"the key '{path[-1]}' is missing{_meaning(model, path)}"
    if kind == "value_error":
        return str(context.get("error", error["msg"]))
    if found is None:
        return "is empty; give it a value or remove the key"
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        if isinstance(found, str):
            return unknown("value", found, allowed)
        return f"expected {' or '.join(allowed)}, found {shown(found)}"
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"must be {words} {context[key]}, found {found}"
    if kind == "string_too_short":
        return "must not be empty"
    if kind in _EXPECTED:
        advice = ""
        if kind == "string_type" and isinstance(found, (bool, int, float)):
            advice = "; put it in quotes"
        if kind == "string_type" and isinstance(found, Mapping):
            advice = "; a text that begins with { or contains ': ' needs quotes"
        return f"expected {_EXPECTED[kind]}, found {shown(found)}{advice}"
    return str(error["msg"])


_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}
_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _unknown_key(model: type[BaseModel], path: Path) -> str:
    """A message for an unknown key, which may belong under another."""
    key = str(path[-1])
    here = known_keys(model, path[:-1])
    users = [task.name for task in tasks.every() if path[:-1] == ("data",) and task.column(key)]
    if users:
        return f"'{key}' is only for the task {' and '.join(users)}; remove it"
    if nearest(key, here) is None:
        for name, field in model.model_fields.items():
            part = _model_in(field.annotation)
            if len(path) == 1 and part is not None and get_origin(field.annotation) is None:
                inner = nearest(key, known_keys(part, ()))
                if inner is not None:
                    return f"unknown key '{key}' here; did you mean '{inner}' under '{name}'?"
        if len(path) > 1 and nearest(key, known_keys(model, ())):
            outer = nearest(key, known_keys(model, ()))
            hint = f"; '{outer}' belongs at the top of the file, not under '{path[-2]}'"
            return f"unknown key '{key}' here{hint} (known here: {', '.join(here)})"
    return unknown("key", key, here)


def guessed_key(path: Path, model: type[BaseModel]) -> str | None:
    """The known key nearest to a misspelt one, if any is near."""
    return nearest(str(path[-1]), known_keys(model, path[:-1]))


def known_keys(model: type[BaseModel], path: Path) -> tuple[str, ...]:
    """The valid keys at a path of a model."""
    part = _model_at(model, path)
    keys = [field.alias or name for name, field in part.model_fields.items()]
    return tuple(keys)


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel]:
    """The model that validates the value at a path; list indices and names stay inside one."""
    named = False
    for step in path:
        field = None if named else model.model_fields.get(str(step))
        named = False
        if field is None:
            continue
        part = _model_in(field.annotation)
        if part is not None:
            model = part
            named = get_origin(field.annotation) is dict
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The first model mentioned in a type: PromptSpec of ``dict[str, PromptSpec]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


def _meaning(model: type[BaseModel], path: Path) -> str:
    """What a missing key is for."""
    field = _model_at(model, path[:-1]).model_fields.get(str(path[-1]))
    if field is None:
        return ""
    if path == ("task",):
        return f"; one of {', '.join(tasks.names())}"
    return f": {field.description}" if field.description else ""
