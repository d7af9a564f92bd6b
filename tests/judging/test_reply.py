"""Replies are parsed exactly, or not at all."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from evalkit.exchange import Generation, Response, Status
from evalkit.judging.prompts import Question
from evalkit.judging.reply import answer_schema, read, request
from evalkit.messages import Message
from evalkit.models.registry import Declared, resolve

SCALE = {str(i): float(i) for i in range(1, 6)}
QUESTION = Question("before", "case", SCALE, "Rating", "How good?")
LISTING = Question("b", "c", SCALE, "Rating", "How?", {"omissions": "what is missing"})


def wrote(text: str, status: Status = Status.OK) -> Response:
    return Response(status, text)


def test_choice_gives_the_expected_value_and_the_mass() -> None:
    probabilities = [0.02, 0.08, 0.1, 0.5, 0.1]
    response = Response(Status.OK, "4", logprobs=tuple(math.log(p) for p in probabilities))
    reply = read(QUESTION, "choice", response)
    assert reply.answer == "4"
    assert reply.mass == pytest.approx(0.8)
    expected = sum(p / 0.8 * i for i, p in enumerate(probabilities, 1))
    assert reply.value == pytest.approx(expected)
    assert sum(reply.probabilities.values()) == pytest.approx(1.0)


def test_choice_without_probability_gives_no_grade() -> None:
    reply = read(QUESTION, "choice", Response(Status.OK, logprobs=(-math.inf,) * 5))
    assert (reply.status, reply.value) == (Status.UNPARSED, None)


@pytest.mark.parametrize("text", ["Rating: 4", "It is good.\nRating: 4\n", "Rating:4  "])
def test_text_parses_the_last_line(text: str) -> None:
    reply = read(QUESTION, "text", wrote(text))
    assert (reply.status, reply.value, reply.answer) == (Status.OK, 4.0, "4")


@pytest.mark.parametrize(
    "text",
    ["", "4", "Rating: 4.", "Rating: 6", "Rating: 4 or 5", "Rating: 4\nor so", "rating 4",
     "The Rating: 4", "Rating: four", "Rating: ４"],
)  # fmt: skip
def test_text_parses_nothing_else(text: str) -> None:
    reply = read(QUESTION, "text", wrote(text))
    assert (reply.status, reply.value) == (Status.UNPARSED, None)
    assert "last line" in reply.error


@pytest.mark.parametrize(
    "text", ['{"rating": "4"}', '```json\n{"rating": 4}\n```', ' {"rating":4}']
)
def test_structured_parses_one_object(text: str) -> None:
    assert read(QUESTION, "structured", wrote(text)).value == 4.0


@pytest.mark.parametrize(
    "text",
    ["", "4", '{"rating": 6}', '{"rating": true}', '{"rating": "4"} and more', '[{"rating": 4}]',
     '{"rating": "1", "rating": "5"}', '{"Rating": "4"}', '{"rating": ["4"]}', "[" * 100_000],
)  # fmt: skip
def test_structured_parses_nothing_else(text: str) -> None:
    reply = read(QUESTION, "structured", wrote(text))
    assert (reply.status, reply.value) == (Status.UNPARSED, None)


def test_a_cut_off_reply_says_so() -> None:
    reply = read(QUESTION, "text", wrote("I think that", Status.TRUNCATED))
    assert "cut off" in reply.error


@pytest.mark.parametrize("status", [Status.ERROR, Status.OVERFLOW])
def test_a_missing_reply_gives_no_grade(status: Status) -> None:
    reply = read(QUESTION, "choice", Response(status, error="why"))
    assert (reply.status, reply.value, reply.error) == (status, None, "why")


def test_lists_accompany_the_grade() -> None:
    text = read(LISTING, "text", wrote("Omissions: the date; the place\nRating: 2"))
    assert text.lists == {"omissions": ("the date", "the place")}
    none = read(LISTING, "text", wrote("Omissions: none\nRating: 5"))
    assert none.lists == {"omissions": ()}
    structured = read(LISTING, "structured", wrote('{"omissions": ["the date"], "rating": "2"}'))
    assert structured.lists == {"omissions": ("the date",)}


def test_the_schema_restricts_a_server_to_the_scale() -> None:
    import jsonschema

    schema = answer_schema(LISTING, reasoning=True)
    good = {"reasoning": "so", "omissions": [], "rating": "3"}
    jsonschema.validate(good, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**good, "rating": "6"}, schema)
    sent = request(LISTING, "structured", Generation(), reasoning=True)
    assert json.loads(sent.json_schema) == schema


def test_the_schema_is_sent_to_the_server() -> None:
    options = {"model": "m", "base_url": "http://127.0.0.1:1/v1"}
    sent = request(QUESTION, "structured", Generation(), reasoning=False)
    model: Any = resolve(Declared("j", "openai", options))
    told = model.body(sent)["response_format"]["json_schema"]["schema"]
    assert told == answer_schema(QUESTION, reasoning=False)
    refusing: Any = resolve(Declared("j", "openai", {**options, "omit": ["response_format"]}))
    assert "response_format" not in refusing.body(sent)


def test_reasons_come_before_a_choice() -> None:
    sent = request(QUESTION, "choice", Generation(), reasoning=True, rationale="It is fine.")
    assert [turn.role for turn in sent.prompt if isinstance(turn, Message)] == [
        "user", "assistant", "user",
    ]  # fmt: skip
    assert sent.choices == tuple(SCALE)
