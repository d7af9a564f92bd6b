"""The JSON Schema agrees with the loader, and the shipped suites match both."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings

from evalkit import content, tasks
from evalkit.errors import SpecError
from evalkit.runner.validate import vocabulary
from evalkit.spec.fields import CHECKS, GenerationSpec
from evalkit.spec.load import load_checked, load_suite
from evalkit.spec.schema import suite_schema
from evalkit.spec.sections import PromptSpec, ShotsSpec
from evalkit.spec.suite import Suite, suite_of
from tests.spec.test_load import BASE, suites_of_junk

from .loading import read_yaml

SHIPPED = sorted(content.folder("suites").rglob("*.eval.yaml"))
SCHEMA = suite_schema()
TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "integer": lambda v: (
        not isinstance(v, bool)
        and (isinstance(v, int) or (isinstance(v, float) and v.is_integer()))
    ),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
}
NOTES = {"description", "title", "default", "examples", "format", "$schema", "$defs"}


def violations(value: Any, schema: dict[str, Any], at: str = "$") -> Iterator[str]:
    """Where a value violates a schema, for the keywords that ours uses, by the standard."""
    for keyword, wanted in schema.items():
        if keyword in NOTES:
            continue
        yield from KEYWORDS[keyword](value, wanted, schema, at)


def fits(value: Any, schema: dict[str, Any]) -> bool:
    return not any(violations(value, schema))


def check(holds: bool, at: str, what: str) -> Iterator[str]:
    if not holds:
        yield f"{at}: {what}"


def types(value: Any, wanted: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    names = [wanted] if isinstance(wanted, str) else wanted
    yield from check(any(TYPES[name](value) for name in names), at, f"no {names}")


def reference(value: Any, wanted: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    yield from violations(value, SCHEMA["$defs"][wanted.removeprefix("#/$defs/")], at)


def properties(value: Any, wanted: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key in value.keys() & wanted.keys():
            yield from violations(value[key], wanted[key], f"{at}.{key}")


def additional(value: Any, wanted: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, dict) and wanted is not True:
        for key in value.keys() - schema.get("properties", {}).keys():
            if wanted is False:
                yield f"{at}: unknown key {key}"
            else:
                yield from violations(value[key], wanted, f"{at}.{key}")


def items(value: Any, wanted: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    for i, item in enumerate(value if isinstance(value, list) else ()):
        yield from violations(item, wanted, f"{at}[{i}]")


def sized(kind: type, least: bool) -> Any:
    def keyword(value: Any, wanted: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
        if isinstance(value, kind):
            holds = len(value) >= wanted if least else len(value) <= wanted
            yield from check(holds, at, f"size {len(value)}")

    return keyword


def bound(compare: Any) -> Any:
    def keyword(value: Any, wanted: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
        if TYPES["number"](value):
            yield from check(compare(value, wanted), at, f"{value} is out of bounds")

    return keyword


def same(left: Any, right: Any) -> bool:
    return left == right and isinstance(left, bool) == isinstance(right, bool)


KEYWORDS: dict[str, Any] = {
    "type": types,
    "$ref": reference,
    "properties": properties,
    "additionalProperties": additional,
    "items": items,
    "minItems": sized(list, True),
    "minLength": sized(str, True),
    "minProperties": sized(dict, True),
    "maxProperties": sized(dict, False),
    "minimum": bound(lambda v, w: v >= w),
    "maximum": bound(lambda v, w: v <= w),
    "exclusiveMinimum": bound(lambda v, w: v > w),
    "enum": lambda v, w, s, at: check(any(same(v, one) for one in w), at, f"none of {w}"),
    "const": lambda v, w, s, at: check(same(v, w), at, f"not {w}"),
    "required": lambda v, w, s, at: check(
        not isinstance(v, dict) or set(w) <= v.keys(), at, f"lacks one of {w}"
    ),
    "anyOf": lambda v, w, s, at: check(any(fits(v, one) for one in w), at, f"none of {len(w)}"),
    "oneOf": lambda v, w, s, at: check(
        sum(fits(v, one) for one in w) == 1, at, f"not one of {len(w)}"
    ),
    "uniqueItems": lambda v, w, s, at: check(
        not isinstance(v, list) or len({json.dumps(i) for i in v}) == len(v), at, "repeats"
    ),
    "pattern": lambda v, w, s, at: check(
        not isinstance(v, str) or bool(re.search(w, v)), at, f"not like {w}"
    ),
}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_suites_match_the_schema_and_load(path: Any) -> None:
    value = json.loads(json.dumps(read_yaml(path).value))
    assert list(violations(value, SCHEMA)) == []
    suite = load_suite(path, vocabulary())
    assert suite.licence
    assert len(suite.prompts) >= 2 or "course" in suite.tags  # a first exercise has one
    if suite.data.hf:  # tests/test_benchmarks.py has rows like the hub's
        return
    loaded = load_checked(path, vocabulary())
    for variant in loaded.variants.values():
        for sample in loaded.dataset:
            variant.render(sample)


def test_suites_are_shipped() -> None:
    assert len(SHIPPED) >= 4


def test_the_schema_knows_every_key() -> None:
    assert set(SCHEMA["properties"]) == {*Suite.model_fields, "prompt"}
    parts = SCHEMA["$defs"]
    for model, schema in [
        (suite_of(None).model_fields["data"].annotation, parts["DataSpec"]["anyOf"][1]),
        (PromptSpec, parts["PromptSpec"]["anyOf"][1]),
        (ShotsSpec, parts["ShotsSpec"]),
        (GenerationSpec, parts["GenerationSpec"]),
    ]:
        keys = {field.alias or name for name, field in model.model_fields.items()}
        assert set(schema["properties"]) == keys
        assert schema["additionalProperties"] is False
    assert set(parts["Check"]["properties"]) == set(CHECKS)
    assert SCHEMA["properties"]["task"]["enum"] == list(tasks.names())
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_key_is_described() -> None:
    bare = [key for key, value in SCHEMA["properties"].items() if "description" not in value]
    assert bare == []


def test_a_model_instance_of_the_schema_is_json() -> None:
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"data": "file.csv"},
        {"labels": {"a": ["x", 1], "b": "y", "c": None}},
        {"labels": [1, True, "x"]},
        {"prompts": {"p": {"messages": [{"role": "user", "content": "x"}], "shots": {"rows": []}}}},
        {"prompts": {"p": {"text": "x", "shots": {"from": "data", "count": 3, "balanced": True}}}},
        {"answer": {"regex": "a(b)", "group": 1}},
        {"answer": {"after": "x", "which": "first"}},
        {"metrics": "accuracy", "gates": "accuracy > 0", "tags": "x", "checks": {"json": True}},
        {"metrics": ["a", {"b": None}, {"c": {"d": 1}}]},
        {"gates": [{"metric": "a", "min": 0.5}]},
        {"generation": {"stop": "x", "temperature": 1, "top_p": None}},
        {"limit": None},
    ],
)
def test_valid_suites_match_the_schema(change: dict[str, Any]) -> None:
    assert list(violations({**BASE, **change}, SCHEMA)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"gate": []},
        {"task": "qua"},
        {"data": {"file": "x", "rows": []}},
        {"data": {"target": "x"}},
        {"data": {"file": "x", "traget": "x"}},
        {"prompts": {}},
        {"prompts": "x"},
        {"prompts": {"p": {"system": "x"}}},
        {"prompts": {"p": {"user": "x", "text": "x"}}},
        {"prompts": {"p": {"user": "x", "shots": {"rows": [], "file": "x"}}}},
        {"prompt": "x"},
        {"answer": "txt"},
        {"answer": {"number": "second"}},
        {"answer": {"regex": "x", "which": "last"}},
        {"metrics": [{"a": {}, "b": {}}]},
        {"checks": [{"max_words": 3, "json": True}]},
        {"checks": [{"max_words": "3"}]},
        {"generation": {"temperature": -1}},
        {"generation": {"top_p": 0}},
        {"on_unparsed": "right"},
        {"limit": 0},
        {"labels": ["x"]},
    ],
)
def test_invalid_suites_do_not_match_the_schema(change: dict[str, Any]) -> None:
    assert not fits({**BASE, **change}, SCHEMA)


@settings(deadline=None, max_examples=300)
@given(suites_of_junk)
def test_the_schema_accepts_every_suite_that_loads(keys: dict[str, Any]) -> None:
    """An editor must not underline a suite that runs."""
    for suite in (
        {**BASE, **keys},
        {**BASE, **keys, "task": "classification", "labels": ["y", "x"]},
    ):
        try:
            load_suite(suite)
        except SpecError:
            continue
        assert list(violations(suite, SCHEMA)) == []
