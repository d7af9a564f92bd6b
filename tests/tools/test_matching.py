"""Calls against those expected: pairs, alternatives, values, defaults, order, validity."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest

from evalkit.messages import ToolCall
from evalkit.tools import Matched, Rules, Toolbox, expected_of, match, tools_of

NONE = Toolbox()


def call(name: str, arguments: Any = None) -> ToolCall:
    written = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    return ToolCall("", name, written)


def matched(cell: Any, made: list[ToolCall], tools: Toolbox = NONE, **rules: Any) -> Matched:
    return match(expected_of(cell, tools), made, tools, Rules(**rules))


def one(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def test_the_best_assignment_pairs_what_a_greedy_one_does_not() -> None:
    found = matched([one("f"), one("f", x=1)], [call("f", {"x": 1}), call("f", {"y": 2})])
    assert (found.found, found.made, found.expected) == (1, 2, 2)
    assert not found.right
    assert found.why == "'f': y is 2, which is not expected"


def test_pairs_are_as_good_as_any_assignment() -> None:
    rng = random.Random(3)
    for _ in range(300):
        expected = [one(rng.choice("fg"), **_some(rng)) for _ in range(rng.randint(0, 4))]
        made = [call(rng.choice("fg"), _some(rng)) for _ in range(rng.randint(0, 4))]
        for order in ("any", "strict"):
            found = matched(expected, made, order=order)
            assert found.found == _most(expected, made, order), (expected, made, order)


def _some(rng: random.Random) -> dict[str, int]:
    return {name: rng.randint(0, 1) for name in "xy" if rng.random() < 0.5}


def _most(expected: list[dict[str, Any]], made: list[ToolCall], order: str) -> int:
    """The most right calls, by trying every assignment."""
    best = 0
    for size in range(min(len(expected), len(made)) + 1):
        for rows, columns in itertools.product(
            itertools.combinations(range(len(expected)), size),
            itertools.permutations(range(len(made)), size),
        ):
            if order == "strict" and list(columns) != sorted(columns):
                continue
            right = sum(
                expected[i]["name"] == made[j].name and expected[i]["arguments"] == made[j].values
                for i, j in zip(rows, columns, strict=True)
            )
            best = max(best, right)
    return best


def test_equal_calls_count_twice() -> None:
    twice = [one("f", x=1), one("f", x=1)]
    assert matched(twice, [call("f", {"x": 1})] * 2).right
    once = matched(twice, [call("f", {"x": 1})])
    assert (once.found, once.right, once.why) == (1, False, "'f' is not called")
    assert not matched([one("f", x=1)], [call("f", {"x": 1})] * 2).right


def test_extra_calls_cost_unless_they_are_allowed() -> None:
    made = [call("g"), call("f", {"x": 1})]
    found = matched([one("f", x=1)], made)
    assert (found.right, found.found, found.made) == (False, 1, 2)
    assert found.why == "'g' is called, which is not expected"
    allowed = matched([one("f", x=1)], made, extra=True)
    assert (allowed.right, allowed.made, allowed.calls) == (True, 1, 2)
    assert not matched([], [call("g")], extra=True).right


def test_nothing_is_to_be_called() -> None:
    for cell in ([], [[]], "[]"):
        assert matched(cell, []).right
        assert not matched(cell, [call("f")]).right
    either = [[], [one("f")]]
    assert matched(either, []).right
    assert matched(either, [call("f")]).right
    assert not matched(either, [call("g")]).right


def test_order() -> None:
    expected, made = [one("f"), one("g")], [call("g"), call("f")]
    assert matched(expected, made).right
    strict = matched(expected, made, order="strict")
    assert (strict.right, strict.found) == (False, 1)
    assert matched(expected, [call("f"), call("h"), call("g")], order="strict", extra=True).right


@pytest.mark.parametrize(
    ("accepted", "given", "equal"),
    [
        ("Paris", "Paris", True),
        ("Paris", "paris", False),
        (["Paris", "Paris, FR"], "Paris, FR", True),
        (25, 25.0, True),
        (25.0, 25, True),
        (25, "25", False),
        (1, True, False),
        (True, 1, False),
        (True, True, True),
        (0, False, False),
        ([None], None, True),
        ([None], 0, False),
        ([[1, 2]], [1.0, 2], True),
        ([[1, 2]], [2, 1], False),
        ([[1, 2]], [1, 2, 3], False),
        ([[]], [], True),
        ({"lat": [48, 49], "name": "x"}, {"lat": 49.0, "name": "x"}, True),
        ({"lat": [48, 49]}, {"lat": 50}, False),
        ({"lat": 48}, {"lat": 48, "lon": 2}, False),
        ({"lat": 48, "lon": {"optional": 2}}, {"lat": 48}, True),
        ([[{"id": [1, 2]}]], [{"id": 2}], True),
        ([{"optional": [1]}], {"optional": 1}, True),
        ("\u00e9", "e\u0301", True),
        (9007199254740993, 9007199254740992.0, False),
    ],
)
def test_values(accepted: Any, given: Any, equal: bool) -> None:
    assert matched([one("f", x=accepted)], [call("f", {"x": given})]).right is equal


def test_numbers_and_texts_by_the_rules() -> None:
    made = [call("f", {"x": 25.0})]
    assert not matched([one("f", x=25)], made, numbers="strict").right
    assert matched([one("f", x=25.0)], made, numbers="strict").right
    made = [call("f", {"x": "new-york, ny"})]
    assert matched([one("f", x="New York NY")], made, texts="loose").right
    assert not matched([one("f", x="New Jersey")], made, texts="loose").right
    assert not matched([one("f", x="C")], [call("f", {"x": "C++"})], texts="loose").right


def test_optional_and_missing_arguments() -> None:
    cell = [one("f", city="Paris", unit={"optional": ["celsius"]})]
    right = matched(cell, [call("f", {"city": "Paris"})])
    assert (right.right, right.arguments, right.agreeing) == (True, 1, 1)
    assert matched(cell, [call("f", {"city": "Paris", "unit": "celsius"})]).right
    wrong = matched(cell, [call("f", {"unit": "kelvin", "day": 1})])
    assert (wrong.arguments, wrong.agreeing) == (3, 0)
    assert wrong.why == (
        '\'f\': city is missing, expected "Paris", unit is "kelvin", expected "celsius",'
        " day is 1, which is not expected"
    )


WEATHER = Toolbox(
    tools_of(
        [
            {
                "name": "weather",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "city": {"type": "string"},
                        "unit": {"enum": ["celsius", "kelvin"], "default": "celsius"},
                        "days": {"type": "integer"},
                        "tags": {"type": "array", "items": {"type": "string"}},
                    },
                    "required": ["city"],
                    "additionalProperties": False,
                },
            }
        ]
    )
)


def test_an_argument_that_is_left_out_has_its_default() -> None:
    asked = [one("weather", city="Paris", unit="celsius")]
    assert matched(asked, [call("weather", {"city": "Paris"})], WEATHER).right
    kelvin = [one("weather", city="Paris", unit="kelvin")]
    assert not matched(kelvin, [call("weather", {"city": "Paris"})], WEATHER).right
    without = [one("weather", city="Paris")]
    assert matched(without, [call("weather", {"city": "Paris", "unit": "celsius"})], WEATHER).right
    assert not matched(
        without, [call("weather", {"city": "Paris", "unit": "kelvin"})], WEATHER
    ).right


def test_validity_is_by_the_schema_right_or_wrong() -> None:
    made = [
        call("weather", {"city": "Rome"}),
        call("weather", {"town": "Paris"}),
        call("weather", {"city": "Paris", "days": "2"}),
        call("wether", {"city": "Paris"}),
        call("weather", "{city"),
        call("weather", {"city": "Paris", "days": 2.0}),
    ]
    found = matched([one("weather", city="Paris")], made, WEATHER)
    assert (found.calls, found.valid) == (6, 2)
    assert matched([], made).valid is None


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (None, "expected a list of calls"),
        ({"name": "weather"}, "expected a list of calls"),
        ("weather(Paris)", "found the text"),
        (["weather"], "expected a call such as"),
        ([{"arguments": {}}], "expected a call such as"),
        ([[], one("weather", city="Paris")], "found both"),
        ([{"name": "weather", "args": {}}], "unknown key of a call 'args'"),
        ([{"name": "weather", "arguments": [1]}], "must be a mapping"),
        ([one("wether", city="Paris")], "did you mean 'weather'"),
        ([one("weather", town="Paris")], "'city' is a required property"),
        ([one("weather", city=["Paris", 5])], "city: 5 is not of type 'string'"),
        ([one("weather", city="Paris", tags=["a", "b"])], r"write a value that is a list as \[\["),
        ([one("weather", city="Paris", unit=[])], "no value is accepted"),
    ],
)
def test_a_cell_that_is_no_list_of_valid_calls_is_refused(cell: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        expected_of(cell, WEATHER)


def test_the_nearest_alternative_counts() -> None:
    cell = [[one("f", x=1), one("g")], [one("h")]]
    found = matched(cell, [call("f", {"x": 1})])
    assert (found.expected, found.found) == (2, 1)


def test_an_unreadable_call_is_made_and_neither_right_nor_valid() -> None:
    found = matched([one("weather", city="Paris")], [call("weather", "[1]")], WEATHER)
    assert (found.made, found.found, found.valid, found.arguments) == (1, 0, 0, 1)


def test_hostile_values() -> None:
    deep = "[" * 900 + "]" * 900
    for arguments in (f'{{"x": {deep}}}', '{"x": NaN}', '{"x": 1e999}', '{"x": 1, "x": 2}'):
        found = matched([one("f", x=1)], [call("f", arguments)])
        assert not found.right
        found = matched([one("weather", city="x")], [call("weather", arguments)], WEATHER)
        assert not found.right
        assert found.valid == 0


def test_many_calls_do_not_take_long() -> None:
    made = [call("f", {"x": i}) for i in range(300)]
    found = matched([one("f", x=i) for i in reversed(range(300))], made)
    assert found.right
