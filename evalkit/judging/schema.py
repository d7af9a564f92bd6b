"""The JSON Schema of a rubric file, for editors: every key and every shorthand."""

from __future__ import annotations

from typing import Any

from evalkit.judging.rubric import Rubric

_TEXT = {"type": "string", "minLength": 1}


def rubric_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a ``*.judge.yaml`` file."""
    schema = Rubric.model_json_schema()
    keys = schema["properties"]
    weighed = {
        "type": "object",
        "properties": {
            "name": _TEXT,
            "text": _TEXT,
            "weight": {"type": "number", "exclusiveMinimum": 0},
        },
        "required": ["text"],
        "additionalProperties": False,
    }
    one = {"anyOf": [_TEXT, weighed]}
    keys["criteria"] = {
        "description": keys["criteria"]["description"],
        "anyOf": [
            {"type": "array", "items": one},
            {"type": "object", "additionalProperties": one},
        ],
    }
    keys["scale"] = {
        "description": keys["scale"]["description"],
        "type": "object",
        "minProperties": 2,
        "propertyNames": {"pattern": "^-?[0-9]+$"},
        "additionalProperties": _TEXT,
    }
    keys["needs"] = {
        "description": keys["needs"]["description"],
        "anyOf": [_TEXT, {"type": "array", "items": _TEXT}],
    }
    keys["instructions"] = {**_TEXT, "description": keys["instructions"]["description"]}
    schema["$defs"]["Example"]["properties"]["answer"] = {"type": ["string", "integer"]}
    schema["$defs"].pop("Criterion", None)
    schema["title"] = "evalkit rubric"
    schema["description"] = "What a judge grades by: criteria, a scale, and how a case is shown."
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
