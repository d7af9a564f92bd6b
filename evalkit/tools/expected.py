"""The calls that are expected, as data give them.

A cell is a list of calls, ``[{name: weather, arguments: {city: [Paris, "Paris, FR"]}}]``, or a list
of such lists, of which any is right. ``[]``: nothing is to be called. The value of an argument is
accepted as it is; a list has the accepted values, and ``{optional: […]}`` those of an argument that
may be left out. So are the values within an object.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from evalkit.errors import shortened, unknown
from evalkit.tools.declared import Toolbox

_OPTIONAL = "optional"
_CALL = "{name: weather, arguments: {city: [Paris, 'Paris, FR']}}"


@dataclass(frozen=True, slots=True)
class Argument:
    """The accepted values of an argument."""

    accepted: tuple[Any, ...]
    """JSON values; in place of an object, a mapping of its keys to further Arguments."""
    optional: bool = False
    """Whether it may be left out."""

    @property
    def example(self) -> Any:
        """The first accepted value."""
        return example_of(self.accepted[0])

    def plain(self) -> Any:
        """As JSON values, in the long form."""
        accepted = [_plain(one) for one in self.accepted]
        return {_OPTIONAL: accepted} if self.optional else accepted

    def __str__(self) -> str:
        return " or ".join(json.dumps(example_of(one), ensure_ascii=False) for one in self.accepted)


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """A call that is expected."""

    name: str
    arguments: Mapping[str, Argument]

    def plain(self) -> dict[str, Any]:
        """As JSON values, in the long form."""
        return {
            "name": self.name,
            "arguments": {k: one.plain() for k, one in self.arguments.items()},
        }

    @property
    def example(self) -> dict[str, Any]:
        """The arguments of one right call."""
        return _example(self.arguments)


def example_of(accepted: Any) -> Any:
    """A JSON value that equals an accepted one."""
    if isinstance(accepted, Mapping):
        return _example(accepted)
    if isinstance(accepted, list):
        return [example_of(one) for one in accepted]
    return accepted


def _example(arguments: Mapping[str, Argument]) -> dict[str, Any]:
    return {name: one.example for name, one in arguments.items() if not one.optional}


def _plain(accepted: Any) -> Any:
    if isinstance(accepted, Mapping):
        return {name: one.plain() for name, one in accepted.items()}
    if isinstance(accepted, list):
        return [_plain(one) for one in accepted]
    return accepted


def expected_of(cell: object, tools: Toolbox) -> list[list[ExpectedCall]]:
    """The alternatives of a cell, each a list of calls; never empty.

    tools: expected calls are validated by them, if there are some. Raises ValueError.
    """
    if isinstance(cell, str):
        cell = _json(cell)
    if not isinstance(cell, list | tuple):
        raise ValueError(
            f"expected a list of calls such as [{_CALL}], or [] if nothing is to be called, found"
            f" {shortened(cell)}"
        )
    listed = [isinstance(one, list | tuple) for one in cell]
    if any(listed) and not all(listed):
        raise ValueError(
            "expected either calls or lists of calls, found both; a list of lists has several"
            " answers of which any is right"
        )
    alternatives = cell if any(listed) else [cell]
    return [[_call(one, tools) for one in calls] for calls in alternatives]


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(
            f"expected a list of calls such as [{_CALL}], found the text {shortened(text)}"
        ) from None


def _call(value: object, tools: Toolbox) -> ExpectedCall:
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise ValueError(f"expected a call such as {_CALL}, found {shortened(value)}")
    for key in value:
        if key not in ("name", "arguments"):
            raise ValueError(unknown("key of a call", str(key), ("name", "arguments")))
    name, arguments = value["name"], value.get("arguments") or {}
    if not isinstance(arguments, Mapping):
        raise ValueError(
            f"'arguments' of the call '{name}' must be a mapping, found {shortened(arguments)}"
        )
    call = ExpectedCall(name, _arguments(arguments, f"call '{name}'"))
    if tools:
        _refuse_invalid(call, tools)
    return call


def _arguments(values: Mapping[Any, Any], where: str) -> dict[str, Argument]:
    return {str(name): _argument(one, f"{where}, '{name}'") for name, one in values.items()}


def _argument(value: Any, where: str) -> Argument:
    optional = isinstance(value, Mapping) and set(value) == {_OPTIONAL}
    value = value[_OPTIONAL] if optional else value
    accepted = value if isinstance(value, list | tuple) else [value]
    if not accepted:
        raise ValueError(
            f"{where}: no value is accepted; write [[]] if the argument must be an empty list"
        )
    return Argument(tuple(_accepted(one, where) for one in accepted), optional)


def _accepted(value: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        return _arguments(value, where)
    if isinstance(value, list | tuple):
        return [_accepted(one, where) for one in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ValueError(f"{where}: {shortened(value)} is no JSON value")


def _refuse_invalid(call: ExpectedCall, tools: Toolbox) -> None:
    """Raise ValueError if a tool refuses an accepted value, so that no answer could be right."""
    base = call.example
    if wrong := tools.problem(call.name, base):
        raise ValueError(f"expected call '{call.name}': {wrong}{_hint(call, wrong)}")
    for name, argument in call.arguments.items():
        for accepted in argument.accepted:
            wrong = tools.problem(call.name, {**base, name: example_of(accepted)})
            if wrong:
                raise ValueError(f"expected call '{call.name}': {wrong}{_hint(call, wrong)}")


def _hint(call: ExpectedCall, wrong: str) -> str:
    if "is not of type 'array'" not in wrong:
        return ""
    return "; a list has the accepted values: write a value that is a list as [[one, two]]"


def written(calls: Sequence[ExpectedCall]) -> str:
    """Expected calls as one line of JSON, which :func:`expected_in` reads."""
    return json.dumps([call.plain() for call in calls], ensure_ascii=False)


@lru_cache(maxsize=4096)
def expected_in(text: str) -> tuple[ExpectedCall, ...]:
    """The calls that :func:`written` wrote, or that a cell of a single answer states.

    Raises ValueError.
    """
    return tuple(chain.from_iterable(expected_of(text, Toolbox())))
