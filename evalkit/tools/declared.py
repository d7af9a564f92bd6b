"""Tools as a suite declares them: names, descriptions and JSON Schemas of their arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from evalkit.errors import repeated, shortened, unknown

if TYPE_CHECKING:
    from evalkit.tools.schemas import Schema

_EXAMPLE = (
    "{'type': 'function', 'function': {'name': 'weather', 'description': '…', 'parameters':"
    " {'type': 'object', 'properties': {'city': {'type': 'string'}}}}}"
)
_KEYS = ("name", "description", "parameters", "strict")


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may call."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """JSON Schema of its arguments, an object; empty: it takes any."""

    def plain(self) -> dict[str, Any]:
        """In OpenAI's form, as JSON values."""
        parameters = self.parameters or {"type": "object", "properties": {}}
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": dict(parameters),
            },
        }

    @property
    def defaults(self) -> dict[str, Any]:
        """The values of omitted arguments, where the schema states them."""
        properties = self.parameters.get("properties", {})
        return {
            name: one["default"]
            for name, one in properties.items()
            if isinstance(one, Mapping) and "default" in one
        }


def tools_of(value: object) -> tuple[Tool, ...]:
    """Tools from a list in OpenAI's form, ``{"type": "function", "function": {…}}`` or flat.

    Raises ValueError for anything else, for schemas that are no JSON Schema of an object, and for
    two tools of one name.
    """
    if not isinstance(value, list | tuple):
        raise ValueError(f"expected a list of tools such as {_EXAMPLE}, found {shortened(value)}")
    tools = tuple(_tool(one, place) for place, one in enumerate(value, start=1))
    if twice := repeated(tool.name for tool in tools):
        raise ValueError(f"two tools have the name '{twice}'; rename one")
    return tools


def _tool(value: object, place: int) -> Tool:
    flat = value.get("function", value) if isinstance(value, Mapping) else value
    if not isinstance(value, Mapping) or not isinstance(flat, Mapping):
        raise ValueError(f"tool {place}: expected {_EXAMPLE}, found {shortened(value)}")
    kind = value.get("type", "function")
    if kind != "function":
        raise ValueError(f"tool {place}: the type must be 'function', found {shortened(kind)}")
    name = flat.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"tool {place}: the 'name' is missing; expected {_EXAMPLE}")
    for key in flat:
        if key not in _KEYS and not (key == "type" and flat is value):
            raise ValueError(f"tool '{name}': {unknown('key', str(key), _KEYS)}")
    description = flat.get("description") or ""
    if not isinstance(description, str):
        raise ValueError(f"tool '{name}': 'description' must be a text")
    return Tool(name, description, _parameters(flat.get("parameters") or {}, name))


def _parameters(value: object, name: str) -> Mapping[str, Any]:
    from evalkit.tools.schemas import flaw

    if not isinstance(value, Mapping):
        raise ValueError(
            f"tool '{name}': 'parameters' must be a JSON Schema of an object, found"
            f" {shortened(value)}"
        )
    if value and value.get("type", "object") != "object":
        raise ValueError(
            f"tool '{name}': 'parameters' must describe an object ('type': 'object'), found type"
            f" {shortened(value['type'])}"
        )
    if wrong := flaw(value):
        raise ValueError(f"tool '{name}': 'parameters' is no valid JSON Schema: {wrong}")
    return value


@dataclass(frozen=True)
class Toolbox:
    """The tools of a request by name, with their schemas ready to validate."""

    tools: Sequence[Tool] = ()

    def __bool__(self) -> bool:
        return bool(self.tools)

    def __iter__(self) -> Iterator[Tool]:
        return iter(self.tools)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """In the order of the declaration."""
        return tuple(tool.name for tool in self.tools)

    def defaults(self, name: str) -> Mapping[str, Any]:
        """The values that omitted arguments of a tool have; empty for an unknown tool."""
        return self._defaults.get(name, {})

    def properties(self, name: str) -> Mapping[str, Any]:
        """The schemas of a tool's arguments, by name; empty for an unknown tool."""
        found = next((tool.parameters for tool in self.tools if tool.name == name), {})
        properties: Mapping[str, Any] = found.get("properties", {})
        return properties

    def problem(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Why a call is not valid: no such tool, or arguments against its schema; "" if it is."""
        schema = self._schemas.get(name)
        return unknown("tool", name, self.names) if schema is None else schema.problem(arguments)

    @cached_property
    def _defaults(self) -> dict[str, dict[str, Any]]:
        return {tool.name: tool.defaults for tool in self.tools}

    @cached_property
    def _schemas(self) -> dict[str, Schema]:
        from evalkit.tools.schemas import Schema

        return {tool.name: Schema(tool.parameters) for tool in self.tools}
