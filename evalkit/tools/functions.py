"""Tools from Python: functions with type hints and docstrings, tools of LangChain, mappings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_type_hints

from pydantic import ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from evalkit.errors import shortened

_Kind = inspect.Parameter


def tools_in(value: object) -> list[dict[str, Any]]:
    """The tools of a module's attribute, in OpenAI's form.

    value: a list of functions, tools of LangChain or mappings in OpenAI's form; functions by name;
    or a single function. Raises ValueError for anything else.
    """
    if isinstance(value, Mapping):
        return [_tool(one, str(name)) for name, one in value.items()]
    return [_tool(one) for one in (value if isinstance(value, list | tuple) else [value])]


def _tool(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tool_call_schema") and hasattr(value, "name"):  # LangChain's
        schema = value.tool_call_schema
        schema = schema if isinstance(schema, Mapping) else schema.model_json_schema()
        kept = {key: one for key, one in schema.items() if key not in ("title", "description")}
        return _flat(name or value.name, value.description, kept)
    if not callable(value):
        raise ValueError(f"expected functions, found {shortened(value)}")
    return tool_of(value, name)


def tool_of(function: Callable[..., Any], name: str = "") -> dict[str, Any]:
    """A function in OpenAI's form: its name, the summary of its docstring, and its parameters.

    A parameter's schema is that of its type hint, as pydantic writes it; its description comes from
    the docstring (in Google's, NumPy's or Sphinx's form) or from ``Annotated[…, Field(…)]``. Raises
    ValueError for a parameter that a call cannot name, or a hint without a schema.
    """
    name = name or getattr(function, "__name__", "")
    summary, described = _docstring(inspect.getdoc(function) or "")
    try:
        fields, open_ = _fields(function, described)
        model = create_model(
            "Arguments",
            __config__=ConfigDict(
                extra="allow" if open_ else "forbid", arbitrary_types_allowed=False
            ),
            **fields,
        )
        schema = model.model_json_schema()
    except ValueError as error:
        raise ValueError(f"function '{name}': {error}") from None
    except Exception as error:  # of pydantic, for hints without a schema
        first = str(error).strip().splitlines()[0]
        raise ValueError(f"function '{name}': no JSON Schema of its type hints: {first}") from None
    return _flat(name, summary, _untitled(schema))


def _flat(name: str, description: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "description": description, "parameters": dict(parameters)}


def _fields(
    function: Callable[..., Any], described: Mapping[str, str]
) -> tuple[dict[str, Any], bool]:
    """The parameters as fields of a model, and whether the function takes any others."""
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    open_ = False
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is _Kind.VAR_KEYWORD:
            open_ = True
            continue
        if parameter.kind in (_Kind.POSITIONAL_ONLY, _Kind.VAR_POSITIONAL):
            raise ValueError(f"a call names its arguments, which parameter '{name}' does not allow")
        hint = hints.get(name, Any)
        default = ... if parameter.default is _Kind.empty else parameter.default
        if isinstance(default, FieldInfo):
            fields[f"field_{len(fields)}"] = (hint, default)
            default.alias = default.alias or name
            continue
        field: Any = Field(default, alias=name)
        if text := described.get(name):
            field = Field(default, alias=name, description=text)
        fields[f"field_{len(fields)}"] = (hint, field)
    return fields, open_


def _untitled(schema: Any) -> Any:
    """A schema without the titles that pydantic makes of names."""
    if isinstance(schema, list):
        return [_untitled(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _untitled(one) for key, one in schema.items() if key != "properties"}
    if isinstance(plain.get("title"), str):
        del plain["title"]
    if isinstance(properties := schema.get("properties"), dict):
        plain["properties"] = {name: _untitled(one) for name, one in properties.items()}
    return plain


# --- docstrings ---------------------------------------------------------------------------------

_SECTION = re.compile(r"(Args|Arguments|Parameters|Params)\s*:?\s*$")
_OTHER_SECTION = re.compile(r"[A-Z][A-Za-z ]*:\s*$")
_GOOGLE = re.compile(r"\s+\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_SPHINX = re.compile(r"\s*:param\s+(?:[^:]*\s)?(\w+)\s*:\s*(.*)$")
_NUMPY = re.compile(r"(\w+)\s*(?::.*)?$")
_RULE = re.compile(r"-{3,}\s*$")


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """The text before the sections, and the description of each parameter."""
    lines = text.splitlines()
    summary = []
    for place, line in enumerate(lines):
        ruled = place + 1 < len(lines) and _RULE.match(lines[place + 1])
        if _SECTION.match(line) or _OTHER_SECTION.match(line) or ruled or _FIELD.match(line):
            break
        summary.append(line)
    described = {name: " ".join(parts).strip() for name, parts in _described(lines).items()}
    return "\n".join(summary).strip(), described


_FIELD = re.compile(r"\s*:(?:param|type|returns?|rtype|raises)\b")


def _described(lines: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    current = ""
    for name, words in _items(lines):
        if name:
            current = name
            found[name] = []
        if current and words is not None:
            found[current].append(words)
        elif words is None:
            current = ""
    return found


def _items(lines: list[str]) -> Iterator[tuple[str, str | None]]:
    """The names of parameters with their words; "" goes on, and None ends a description."""
    style, indent = "", 0
    for place, line in enumerate(lines):
        if sphinx := _SPHINX.match(line):
            style = "sphinx"
            yield sphinx[1], sphinx[2]
        elif _SECTION.match(line):
            ruled = place + 1 < len(lines) and _RULE.match(lines[place + 1])
            style, indent = ("numpy" if ruled else "google"), 0
            yield "", None
        elif not style or _RULE.match(line):
            continue
        elif style == "google":
            depth = len(line) - len(line.lstrip())
            named = _GOOGLE.match(line)
            if line.strip() and not depth:
                style = ""
                yield "", None
            elif named and (not indent or depth == indent):
                indent = depth
                yield named[1], named[2]
            elif line.strip():
                yield "", line.strip()
        elif style == "numpy":
            following = lines[place + 1] if place + 1 < len(lines) else ""
            if _RULE.match(following):
                style = ""
                yield "", None
            elif line[:1].strip() and (named := _NUMPY.match(line)):
                yield named[1], ""
            elif line.strip():
                yield "", line.strip()
        elif _FIELD.match(line) or not line.strip():
            style = ""
            yield "", None
        else:
            yield "", line.strip()
