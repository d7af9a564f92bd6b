"""Tools as suites declare them: lists, files, functions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from evalkit.errors import SpecError
from evalkit.spec.load import load_suite
from evalkit.tools import Toolbox, tools_of
from evalkit.tools.functions import tool_of, tools_in

WEATHER = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {}}}}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"name": "f"}, "expected a list of tools"),
        ([1], "tool 1: expected"),
        ([{"type": "code_interpreter"}], "type must be 'function'"),
        ([{"type": "function", "function": {}}], "tool 1: the 'name' is missing"),
        (
            [{"name": "f", "params": {}}],
            "tool 'f': unknown key 'params'; did you mean 'parameters'",
        ),
        ([{"name": "f", "parameters": [1]}], "must be a JSON Schema of an object"),
        ([{"name": "f", "parameters": {"type": "string"}}], "must describe an object"),
        (
            [{"name": "f", "parameters": {"type": "object", "required": "x"}}],
            "no valid JSON Schema",
        ),
        (
            [{"name": "f", "parameters": {"properties": {"x": {"$ref": "http://localhost/x"}}}}],
            "no valid JSON Schema: .*http://localhost/x",
        ),
        ([WEATHER, WEATHER], "two tools have the name 'weather'"),
    ],
)
def test_what_is_no_tool_is_refused(value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tools_of(value)


def test_both_forms_are_read() -> None:
    nested = {"type": "function", "function": WEATHER}
    assert tools_of([WEATHER]) == tools_of([nested])
    assert tools_of([tools_of([WEATHER])[0].plain()]) == tools_of([WEATHER])


def test_a_pattern_that_takes_forever_does_not() -> None:
    schema = {"type": "object", "properties": {"x": {"pattern": "^(a|aa)+$"}}}
    tools = Toolbox(tools_of([{"name": "f", "parameters": schema}]))
    started = time.perf_counter()
    assert tools.problem("f", {"x": "a" * 200 + "!"})
    assert time.perf_counter() - started < 5
    assert "does not match" in tools.problem("f", {"x": "b"})
    assert tools.problem("f", {"x": "aa"}) == ""


class Place(BaseModel):
    city: str
    country: str = "FR"


def weather(
    place: Place,
    unit: Literal["celsius", "kelvin"] = "celsius",
    days: Annotated[int, Field(ge=1, description="How many.")] = 1,
) -> str:
    """The weather at a place.

    Of today and the days after it.

    Args:
        place: Where,
            as a city.
        unit (str): Of the temperature.

    Returns:
        unit: not a parameter.
    """
    raise NotImplementedError


def numpydoc(city: str, tags: list[str] | None = None) -> None:
    """Look.

    Parameters
    ----------
    city : str
        The city.
    tags
        Some
        tags.

    Returns
    -------
    int
        Nothing.
    """


def sphinx(city, **rest):  # type: ignore[no-untyped-def]
    """Look.

    :param str city: The city
        of it.
    :returns: nothing
    """


def test_type_hints_and_docstrings_make_the_schema() -> None:
    made = tool_of(weather)
    assert made["description"] == "The weather at a place.\n\nOf today and the days after it."
    parameters = made["parameters"]
    assert parameters["required"] == ["place"]
    assert parameters["additionalProperties"] is False
    properties = parameters["properties"]
    assert properties["place"]["description"] == "Where, as a city."
    assert properties["unit"] == {
        "default": "celsius", "description": "Of the temperature.",
        "enum": ["celsius", "kelvin"], "type": "string",
    }  # fmt: skip
    assert (properties["days"]["minimum"], properties["days"]["description"]) == (1, "How many.")
    tools = Toolbox(tools_of([made]))
    assert tools.problem("weather", {"place": {"city": "Paris"}}) == ""
    assert "'city' is a required property" in tools.problem("weather", {"place": {}})
    assert tools.defaults("weather") == {"unit": "celsius", "days": 1}


@pytest.mark.parametrize(
    ("function", "described"),
    [
        (numpydoc, {"city": "The city.", "tags": "Some tags."}),
        (sphinx, {"city": "The city of it."}),
    ],
)
def test_other_docstrings(function: Callable[..., Any], described: dict[str, str]) -> None:
    made = tool_of(function)
    properties = made["parameters"]["properties"]
    assert made["description"] == "Look."
    assert {name: one.get("description") for name, one in properties.items()} == described


def positional(x: int, /) -> None: ...


def several(*x: int) -> None: ...


def opaque(x: Callable[[int], object]) -> None: ...


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (positional, "a call names its arguments, which parameter 'x' does not allow"),
        (several, "a call names its arguments"),
        (opaque, "no JSON Schema of its type hints"),
        (5, "expected functions"),
    ],
)
def test_functions_without_a_schema_are_refused(function: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tools_in([function])


def test_names_like_those_of_pydantic_are_parameters() -> None:
    def odd(schema: str, copy: int, model_config: str, _x: int = 1) -> None: ...

    properties = tool_of(odd)["parameters"]["properties"]
    assert list(properties) == ["schema", "copy", "model_config", "_x"]


def test_tools_of_langchain() -> None:
    tools = pytest.importorskip("langchain_core.tools")

    @tools.tool
    def weather(city: str, days: int = 1) -> str:
        """The weather in a city."""
        return city

    (made,) = tools_of(tools_in([weather]))
    assert (made.name, made.description) == ("weather", "The weather in a city.")
    assert made.parameters["required"] == ["city"]
    assert made.defaults == {"days": 1}


SUITE = """
task: tools
tools: {tools}
data:
  rows:
    - {{q: Weather in Paris?, calls: [{{name: weather, arguments: {{city: Paris}}}}]}}
  target: calls
prompt: "{{{{ q }}}}"
"""
FUNCTIONS = '''
def weather(city: str) -> str:
    """The weather in a city."""

tools = [weather]
by_name = {"weather": weather}
'''


@pytest.mark.parametrize(
    "named", ["tools.yaml", "tools.json", "my_tool_functions:tools", "my_tool_functions:by_name"]
)
def test_a_suite_names_a_file_or_functions(tmp_path: Path, named: str) -> None:
    (tmp_path / "evalkit.yaml").write_text("{}")
    (tmp_path / "my_tool_functions.py").write_text(FUNCTIONS)
    tool = {"name": "weather", "parameters": {"properties": {"city": {"type": "string"}}}}
    (tmp_path / "tools.json").write_text(json.dumps([tool]))
    (tmp_path / "tools.yaml").write_text(json.dumps([tool]))
    file = tmp_path / "x.eval.yaml"
    file.write_text(SUITE.format(tools=named))
    suite = load_suite(file)
    assert suite.tools[0]["function"]["name"] == "weather"
    assert suite.call_rules.tools.names == ("weather",)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("tool.yaml", "did you mean 'tools.yaml'"),
        ("tools.yaml", r"x.eval.yaml:3: tools: 'tools.yaml': tool 'f': unknown key 'nme'"),
        ("broken.yaml", r"broken.yaml:\d"),
        ("../tools.yaml", "outside the project"),
        ("my_other_functions:weather", "no module 'my_other_functions'"),
        ("weather", "'module:name' of functions"),
        ("3", "expected a list of tools"),
    ],
)
def test_tools_that_cannot_be_read_are_problems_of_the_suite(
    tmp_path: Path, named: str, said: str
) -> None:
    (tmp_path / "evalkit.yaml").write_text("{}")
    (tmp_path / "tools.yaml").write_text("[{name: f, nme: x}]")
    (tmp_path / "broken.yaml").write_text("[{name: f")
    file = tmp_path / "x.eval.yaml"
    file.write_text(SUITE.format(tools=named))
    with pytest.raises(SpecError, match=said):
        load_suite(file)
