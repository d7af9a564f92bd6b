"""The page of a suite's keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from docs.generate.markdown import code, page, table

SECTIONS = {
    "DataSpec": "data",
    "PromptSpec": "prompts.NAME",
    "ShotsSpec": "prompts.NAME.shots",
    "GenerationSpec": "generation",
    "SandboxSpec": "sandbox",
    "RefusalsSpec": "refusals",
    "JudgeSpec": "judges[]",
    "MessageSpec": "prompts.NAME.messages[]",
}
"""Parts of the suite's schema and their place in a suite."""


def suites() -> str:
    """Every key of a suite, from its JSON Schema."""
    from evalkit import tasks
    from evalkit.spec.fields import CHECKS
    from evalkit.spec.schema import suite_schema

    schema = suite_schema()
    parts = ["## A suite", _keys(schema)]
    for name, where in SECTIONS.items():
        forms = schema["$defs"][name]
        whole = next((form for form in forms.get("anyOf", ()) if "properties" in form), forms)
        parts += [f"## `{where}`", _keys(whole)]
    checks = [[code(name), kind] for name, kind in CHECKS.items()]
    parts += ["## `checks[]`", table(["check", "value"], checks)]
    described = [[code(task.name), task.summary] for task in tasks.every()]
    parts += ["## Tasks", table(["task", "what the model predicts"], described)]
    about = (
        "The keys of a suite; [suites](../suites.md) explains them. `evalkit schema` prints them "
        "as a JSON Schema."
    )
    return page("Keys of a suite", about, *parts)


def rubrics() -> str:
    """Every key of a rubric, from its JSON Schema."""
    from evalkit.judging.schema import rubric_schema

    about = (
        "The keys of a file `*.judge.yaml`; [judges](../judges.md) explains them. "
        "`evalkit schema --judge` prints them as a JSON Schema."
    )
    return page("Keys of a rubric", about, _keys(rubric_schema()))


def _keys(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = []
    for name, key in schema["properties"].items():
        default = "required" if name in required else code(_default(key))
        rows.append([code(name), _kind(key), default, key.get("description", "")])
    return table(["key", "value", "default", "meaning"], rows)


def _default(key: Mapping[str, Any]) -> str:
    value = key.get("default")
    if value in (None, "", [], {}) or "default:" in key.get("description", ""):
        return ""
    return value if isinstance(value, str) and value.strip() else json.dumps(value)


def _kind(key: Mapping[str, Any]) -> str:
    """The values that a key accepts, in words."""
    if "enum" in key:
        return ", ".join(code(value) for value in key["enum"])
    if "const" in key:
        return code(key["const"])
    forms = key.get("anyOf") or key.get("oneOf")
    if forms:
        kinds = [_kind(form) for form in forms if form.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in key:
        name = key["$ref"].rpartition("/")[2]
        words = {"MetricSpec": "a metric", "Check": "a check", "Answer": "see suites"}
        return words.get(name) or f"see {code(SECTIONS.get(name, name))}"
    if key.get("type") == "array":
        return f"list of {_kind(key['items']).removeprefix('see ')}" if key.get("items") else "list"
    words = {"string": "text", "object": "mapping", "integer": "whole number"}
    kinds = key.get("type", "")
    kinds = [kinds] if isinstance(kinds, str) else [kind for kind in kinds if kind != "null"]
    return " or ".join(words.get(kind, kind) for kind in kinds) + _bounds(key)


def _bounds(key: Mapping[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {key[name]:,}" for name, sign in signs.items() if name in key]
    return f" ({', '.join(found)})" if found else ""


def project() -> str:
    """Every key of evalkit.yaml."""
    from evalkit.spec.judges import JudgeDeclaration
    from evalkit.spec.project import MEANINGS

    judge = JudgeDeclaration.model_json_schema(by_alias=True)
    about = (
        "The keys of `evalkit.yaml` at the project's root; "
        "[suites](../suites.md#the-project-file) explains them."
    )
    rows = [[code(name), meaning] for name, meaning in MEANINGS.items()]
    keys = table(["key", "meaning"], rows)
    return page("Keys of evalkit.yaml", about, keys, "## `judges.NAME`", _keys(judge))
