"""Validation by JSON Schema (draft 2020-12): no remote references, and a limit on patterns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import jsonschema
import referencing
import referencing.jsonschema
from jsonschema.exceptions import SchemaError, ValidationError
from referencing.exceptions import Unresolvable

from evalkit.written.patterns import PatternTimeoutError, pattern

_LONGEST = 200


def flaw(schema: Mapping[str, Any]) -> str:
    """Why a value is no JSON Schema; "" if it is one."""
    try:
        jsonschema.Draft202012Validator.check_schema(dict(schema))
        return next(filter(None, map(_unresolved(schema), _references(schema))), "")
    except SchemaError as error:
        return _said(error)
    except (RecursionError, ValueError) as error:
        return f"{type(error).__name__}: {error}"[:_LONGEST]


def _references(schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference
        schema = list(schema.values())
    if isinstance(schema, list):
        for one in schema:
            yield from _references(one)


def _unresolved(schema: Mapping[str, Any]) -> Callable[[str], str]:
    resource = referencing.jsonschema.DRAFT202012.create_resource(dict(schema))
    resolver = referencing.Registry().resolver_with_root(resource)

    def problem(reference: str) -> str:
        try:
            resolver.lookup(reference)
        except Unresolvable:
            return f"'$ref: {reference}' leads to nothing within it"
        return ""

    return problem


class Schema:
    """A JSON Schema, ready to validate."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        # An empty registry: references within the schema resolve, and nothing is fetched.
        self._validator = _validator()(dict(schema), registry=referencing.Registry())

    def problem(self, value: object) -> str:
        """The first reason why a value is not valid; "" if it is."""
        try:
            found = min(self._validator.iter_errors(value), key=_rank, default=None)
        except RecursionError:
            return "it is nested too deeply"
        except (PatternTimeoutError, Unresolvable) as error:
            return str(error)
        return "" if found is None else _said(found)


def _rank(error: ValidationError) -> tuple[list[str], str]:
    return list(map(str, error.absolute_path)), error.message


def _said(error: ValidationError | SchemaError) -> str:
    path = ".".join(map(str, error.absolute_path))
    message = error.message
    message = message if len(message) <= _LONGEST else message[: _LONGEST - 1] + "…"
    return f"{path}: {message}" if path else message


@cache
def _validator() -> Any:
    from jsonschema.validators import extend

    return extend(jsonschema.Draft202012Validator, {"pattern": _pattern})


def _pattern(
    validator: Any, expected: str, instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if isinstance(instance, str) and pattern(expected).search(instance) is None:
        yield ValidationError(f"{instance!r} does not match {expected!r}")
