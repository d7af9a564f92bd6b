"""The JSON Schema of a suite file, for editors: every key and every short form.

Generated from the models, so that keys, bounds and descriptions have one source. Short forms (a
bare string, a mapping with one key), which the models expand before validation, are added here.
"""

from __future__ import annotations

from typing import Any

from evalkit import tasks
from evalkit.spec.fields import CHECKS
from evalkit.spec.suite import suite_of

Schema = dict[str, Any]
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXT: Schema = {"type": "string", "minLength": 1}
_WORD: Schema = {"type": ["string", "number", "boolean"]}


def suite_schema() -> Schema:
    """JSON Schema (draft 2020-12) of a ``*.eval.yaml`` file."""
    schema = suite_of(None).model_json_schema(by_alias=True)
    parts: dict[str, Schema] = schema.pop("$defs")
    keys: dict[str, Schema] = schema["properties"]
    parts.pop("AnswerSpec")
    parts["Answer"] = _answer()
    parts["Check"] = _check()
    parts["MetricSpec"] = _metric()
    parts["DataSpec"]["oneOf"] = [{"required": [key]} for key in ("file", "rows", "hf")]
    parts["ShotsSpec"]["oneOf"] = [{"required": [key]} for key in ("file", "rows", "from", "split")]
    parts["PromptSpec"]["oneOf"] = [{"required": [key]} for key in ("user", "messages", "text")]
    parts["DataSpec"] = _or_text(parts["DataSpec"], "The file with the data.")
    parts["PromptSpec"] = _or_text(parts["PromptSpec"], "Template of one user message.")
    several = [column.key for task in tasks.every() for column in task.columns if column.several]
    for key in ("target", "group", "input", *several):
        _one_or_many(parts["DataSpec"]["anyOf"][1]["properties"][key])
    _one_or_many(parts["GenerationSpec"]["properties"]["stop"])
    parts["JudgeSpec"] = _or_text(parts["JudgeSpec"], "The name of a rubric, or its file.")
    judge = parts["JudgeSpec"]["anyOf"][1]["properties"]
    _one_or_many(judge["by"])
    judge["model"] = {**judge["by"], "description": "Another name of `by`."}
    parts["ClaimsSpec"] = {"anyOf": [{"const": "sentences"}, parts["ClaimsSpec"]]}
    refusals = parts["RefusalsSpec"]
    _one_or_many(refusals["properties"]["by"])
    methods = {"enum": refusals["properties"]["method"]["enum"], "description": "The method."}
    parts["RefusalsSpec"] = {"anyOf": [methods, refusals]}
    for key in ("tags", "metrics", "gates", "checks", "judges"):
        _one_or_many(keys[key])
    keys["judges"]["anyOf"].append(_judges_by_name(judge))
    keys["gates"]["anyOf"] = [_gate(), {"type": "array", "items": _gate()}]
    _or_named(keys["tools"])
    keys["task"] = {"enum": list(tasks.names()), "description": keys["task"]["description"]}
    keys["labels"] = _labels(keys["labels"]["description"])
    keys["answer"] = {"$ref": "#/$defs/Answer", "description": keys["answer"]["description"]}
    keys["prompts"]["minProperties"] = 1
    keys["prompt"] = {"$ref": "#/$defs/PromptSpec", "description": "The only prompt, unnamed."}
    schema["required"] = [key for key in schema["required"] if key != "prompts"]
    schema["oneOf"] = [{"required": ["prompts"]}, {"required": ["prompt"]}]
    schema["title"] = "evalkit suite"
    schema["description"] = "A suite of evalkit: data, prompts, how to score, and thresholds."
    _tidy(schema)
    _tidy(parts)
    return {"$schema": _DIALECT, **schema, "$defs": parts}


def _or_text(part: Schema, description: str) -> Schema:
    return {"anyOf": [{**_TEXT, "description": description}, part]}


def _one_or_many(field: Schema) -> None:
    """Allow one element in place of a list."""
    items = field["items"]
    many = {key: field.pop(key) for key in ("type", "items")}
    field["anyOf"] = [items, many]


def _judges_by_name(judge: Schema) -> Schema:
    """Entries by the name of their score, which is that of the rubric unless they name one."""
    entry = {"type": ["object", "null"], "properties": judge, "additionalProperties": False}
    return {
        "type": "object",
        "minProperties": 1,
        "description": "Judged scores by name; the rubric of that name unless `rubric` says so.",
        "propertyNames": {"not": {"enum": sorted(judge)}},
        "additionalProperties": {"anyOf": [_TEXT, entry]},
    }


def _or_named(field: Schema) -> None:
    """Allow a file, or functions by name, in place of the list."""
    many = {key: field.pop(key) for key in ("type", "items")}
    field["anyOf"] = [_TEXT, many]


def _labels(description: str) -> Schema:
    ways = {"anyOf": [_WORD, {"type": "array", "items": _WORD, "minItems": 1}, {"type": "null"}]}
    return {
        "description": description,
        "anyOf": [
            {"type": "array", "items": _WORD, "minItems": 2, "uniqueItems": True},
            {"type": "object", "additionalProperties": ways, "minProperties": 2},
        ],
    }


def _gate() -> Schema:
    return {
        "anyOf": [
            {**_TEXT, "examples": ["accuracy >= 0.8", "recall[negative] >= 0.7"]},
            {
                "type": "object",
                "minProperties": 1,
                "description": "The long form: metric, min or max, confidence, certified.",
            },
        ]
    }


def _metric() -> Schema:
    settings = {"type": ["object", "null"], "description": "Settings of the metric."}
    return {
        "anyOf": [
            {**_TEXT, "description": "The name of a metric."},
            {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": settings,
            },
        ]
    }


def _form(description: str, required: str, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": [required],
        "additionalProperties": False,
    }


def _answer() -> Schema:
    ends = {"enum": ["first", "last"]}
    size = {"type": "integer", "minimum": 1}
    group = {"type": ["integer", "string"], "minimum": 0}
    return {
        "anyOf": [
            {"const": "choice", "description": "The most likely of the labels or choices."},
            {"const": "text", "description": "The text of the response (the label it mentions)."},
            {
                "const": "admission",
                "description": "Whether the response admits to having no answer.",
            },
            {"type": "null"},
            _form(
                "The most likely choice, by the likelihood of its text or its letter.",
                "choice",
                choice={"enum": ["text", "letter"]},
            ),
            _form(
                "The label that the text mentions: the only one, the first or the last.",
                "label",
                label={"enum": ["only", "first", "last"]},
            ),
            _form("The first match of a regular expression.", "regex", regex=_TEXT, group=group),
            _form("A value inside JSON: $.a.b or $.items[0].", "json", json=_TEXT),
            _form("The first or last number.", "number", number=ends),
            _form("The text after a marker.", "after", after=_TEXT, which=ends),
            _form("Language modelling: tokens per window.", "window", window=size, stride=size),
            _form(
                "Language modelling: tokens by which the window moves.",
                "stride",
                window=size,
                stride=size,
            ),
        ]
    }


_CHECK_VALUES: dict[str, Schema] = {
    "text": _TEXT,
    "regex": {**_TEXT, "format": "regex"},
    "count": {"type": "integer", "minimum": 0},
    "flag": {"type": "boolean"},
}


def _check() -> Schema:
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {name: _CHECK_VALUES[kind] for name, kind in CHECKS.items()},
        "additionalProperties": False,
    }


def _tidy(schema: Any) -> None:
    """Drop what does not help an author: titles of keys, and null as a default."""
    if isinstance(schema, dict):
        if isinstance(schema.get("title"), str) and "properties" not in schema:
            del schema["title"]
        if "default" in schema and schema["default"] in (None, [], {}):
            del schema["default"]
        for value in schema.values():
            _tidy(value)
    elif isinstance(schema, list):
        for value in schema:
            _tidy(value)
