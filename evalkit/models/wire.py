"""Requests and responses as JSON, to and from a process of their own. No pickle is involved."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

_T = TypeVar("_T")


def to_wire(value: Any) -> Any:
    """A request or response as JSON values."""
    return asdict(value)


def from_wire(kind: type[_T], value: Any) -> _T:
    """A request or response from its JSON values."""
    return cast(_T, _made(kind, value))


def line_of(values: Any) -> str:
    """JSON on one line. Escapes keep texts that are not valid Unicode; infinity has no quotes."""
    return json.dumps(values, default=str) + "\n"


def _made(kind: Any, value: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        kind = _member(get_args(kind), value)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        known = (f.name for f in fields(kind) if f.name in value)
        return kind(**{name: _made(hints[name], value[name]) for name in known})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        if inner[-1] is Ellipsis:
            return tuple(_made(inner[0], each) for each in value)
        return tuple(_made(one, each) for one, each in zip(inner, value, strict=True))
    return value


def _member(kinds: tuple[Any, ...], value: Any) -> Any:
    """The member of a union that a JSON value belongs to."""
    if isinstance(value, list):
        return next((one for one in kinds if get_origin(one) is tuple), Any)
    if isinstance(value, Mapping):
        return next((one for one in kinds if is_dataclass(one)), Any)
    return Any


@lru_cache(maxsize=32)
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
