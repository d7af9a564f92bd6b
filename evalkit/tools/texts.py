"""Calls in the text of a model, in the forms that models are trained to write.

Hermes and Qwen put JSON between ``<tool_call>`` tags, Qwen's coders XML; Llama writes bare JSON
with ``parameters``, or Python in a list; Mistral writes ``[TOOL_CALLS]`` and JSON, or a name and
its arguments. Without such a mark, a text counts as calls only as a whole. Nothing is guessed: a
marked call that cannot be read is returned as it is written, and prose has none.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from evalkit.messages import ToolCall
from evalkit.tools.declared import Toolbox

_LONGEST = 200_000
"""Longer texts are not searched for unmarked calls."""
_TAGGED = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_FUNCTION = re.compile(r"\s*<function=([^>\s]+)>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>\s]+)>\n?(.*?)\n?</parameter>", re.DOTALL)
_MISTRAL = "[TOOL_CALLS]"
_ARGUMENTS = re.compile(
    r"\s*([A-Za-z_][\w.-]*)(?:\[CALL_ID\][\w-]+)?(?:\[ARGS\])?\s*(?=\{)", re.DOTALL
)
_FENCE = re.compile(r"```(?:json|python|tool_code)?\s*\n(.*?)\n?```", re.DOTALL)
_MARKS = ("<|python_tag|>", "<|python_start|>", "<|python_end|>", "<|eom_id|>", "<|eot_id|>")
_KEYS = ("arguments", "parameters", "args")


def calls_in(text: str, tools: Toolbox) -> list[ToolCall]:
    """The calls in a text, in their order; [] if it has none.

    tools: those declared. Their schemas say which values of Qwen's XML are texts; a bare name
    before arguments must be one of them.
    """
    if "<tool_call>" in text:
        return [call for inner in _TAGGED.findall(text) for call in _tagged(inner, tools)]
    if _MISTRAL in text:
        return [
            call
            for part in text.split(_MISTRAL)[1:]
            if part.strip()
            for call in _mistral(part.strip())
        ]
    return _whole(text, tools) if len(text) <= _LONGEST else []


def _tagged(inner: str, tools: Toolbox) -> list[ToolCall]:
    if function := _FUNCTION.match(inner):
        return [_xml(function[1], function[2], tools)]
    return _of_json(inner) or [_unreadable(inner)]


def _xml(name: str, body: str, tools: Toolbox) -> ToolCall:
    properties = tools.properties(name)
    values = {}
    for key, text in _PARAMETER.findall(body):
        values[key] = text if _is_text(properties.get(key)) else _value(text)
    return ToolCall("", name, json.dumps(values, ensure_ascii=False))


def _is_text(schema: Any) -> bool:
    """Whether a schema allows texts, so that what is written need not be JSON."""
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    return kind == "string" or (isinstance(kind, list) and "string" in kind)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _mistral(part: str) -> list[ToolCall]:
    if found := _of_json(part):
        return found
    if named := _ARGUMENTS.match(part):
        return [ToolCall("", named[1], part[named.end() :].strip())]
    return [_unreadable(part)]


def _whole(text: str, tools: Toolbox) -> list[ToolCall]:
    """The calls of a text that is nothing else."""
    for mark in _MARKS:
        text = text.replace(mark, "")
    text = text.strip()
    if fenced := _FENCE.fullmatch(text):
        text = fenced[1].strip()
    if found := _of_json(text):
        return found
    if text.startswith("[") and text.endswith(")]"):
        return _python(text)
    named = _ARGUMENTS.match(text)
    if named and named[1] in tools.names:
        return [ToolCall("", named[1], text[named.end() :].strip())]
    return []


def _of_json(text: str) -> list[ToolCall]:
    """The calls of JSON values one after the other, or in a list; [] if there is anything else."""
    decoder, at, values = json.JSONDecoder(), 0, []
    text = text.strip()
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return []
        values += value if isinstance(value, list) else [value]
        at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n;,"))
    calls = [_of_value(value) for value in values]
    return [] if None in calls else [call for call in calls if call is not None]


def _of_value(value: Any) -> ToolCall | None:
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        value = value["function"]
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    key = next((key for key in _KEYS if key in value), None)
    if key is None:
        return None
    arguments = value[key]
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments or {}, ensure_ascii=False)
    return ToolCall(str(value.get("id") or ""), value["name"], arguments)


_NAME = re.compile(r'"name"\s*:\s*"([^"\n]{1,200})"')


def _unreadable(text: str) -> ToolCall:
    """A marked call that cannot be read, with its name if that can be."""
    name = _NAME.search(text)
    return ToolCall("", name[1] if name else "?", text.strip() or '""')


def _python(text: str) -> list[ToolCall]:
    """The calls of a Python list of calls with literal arguments; [] for other code."""
    try:
        tree = ast.parse(text, mode="eval").body
        return list(_python_calls(tree))
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return []


def _python_calls(tree: ast.expr) -> Iterator[ToolCall]:
    """Raises ValueError for anything but calls with literal keyword arguments."""
    for node in tree.elts if isinstance(tree, ast.List) else [None]:
        if not isinstance(node, ast.Call) or node.args:
            raise ValueError
        values = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise ValueError
            values[keyword.arg] = ast.literal_eval(keyword.value)
        yield ToolCall("", ast.unparse(node.func), json.dumps(values, ensure_ascii=False))


# --- asking in text -----------------------------------------------------------------------------

_HERMES = """\
You may call functions to answer the user. Their signatures are within <tools></tools> tags:
<tools>
{tools}
</tools>
For each call, return a JSON object with the name of the function and its arguments within \
<tool_call></tool_call> tags:
<tool_call>
{{"name": <function-name>, "arguments": <arguments-object>}}
</tool_call>
If no function fits, answer without a call."""


def hermes(tools: Toolbox) -> str:
    """A system message that describes tools, and asks for calls in the form of Hermes."""
    listed = (json.dumps(tool.plain(), ensure_ascii=False) for tool in tools)
    return _HERMES.format(tools="\n".join(listed))


def hermes_call(name: str, arguments: Mapping[str, Any]) -> str:
    """A call in that form."""
    body = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>\n{body}\n</tool_call>"
