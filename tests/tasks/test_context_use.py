"""Whether answers use their passages: three samples of a row, and scores over questions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from evalkit import Run, SpecError, evaluate
from evalkit.stats.intervals import proportion

ROWS = [
    {
        "id": f"q{i}",
        "question": f"What colour is boat {i}?",
        "passages": [
            {"id": "a", "text": f"Boat {i} is red. It floats."},
            {"id": "b", "text": "Ferries float."},
        ],
        "answer": "red",
        "other": "blue",
    }
    for i in range(8)
]
PROMPT = "{% for p in passages %}{{ p.text }} {% endfor %}\n{{ question }}"


def suite(**changes: Any) -> dict[str, Any]:
    data = {"rows": ROWS, "target": "answer", "contexts": "passages", "swap": "other"}
    base: dict[str, Any] = {"suite": "s", "task": "context-use", "data": data, "prompt": PROMPT}
    return base | changes


def reader(prompt: Any) -> str:
    found = re.search(r"is (\w+)\.", str(prompt[-1]["content"]))
    return f"It is {found[1]}." if found else "The passages do not say."


def knower(prompt: Any) -> str:
    return "red"


def guesser(prompt: Any) -> str:
    """Reads, except that boats 0 to 2 are red from memory and it invents a colour elsewhere."""
    text = str(prompt[-1]["content"])
    if int(re.findall(r"boat (\d)", text)[-1]) < 3:
        return "red"
    return reader(prompt) if " is " in text.split("\n")[0] else "green"


def run(tmp_path: Path, declared: dict[str, Any], **models: Any) -> Run:
    return evaluate(declared, models=models, root=tmp_path)


def scores(done: Run) -> dict[str, float | None]:
    return {name: score.value for name, score in done.record.cells[0].scores.items()}


def test_a_row_becomes_three_samples(tmp_path: Path) -> None:
    samples = run(tmp_path, suite(), m=reader).record.cells[0].samples
    given, removed, changed = samples[:3]
    assert [one.id for one in samples[:4]] == ["q0", "q0/removed", "q0/changed", "q1"]
    assert [p["id"] for p in removed.fields["passages"]] == ["b"]
    assert changed.fields["passages"][0]["text"] == "Boat 0 is blue. It floats."
    assert (given.targets, changed.targets) == (["red"], ["blue"])
    assert [one.correct for one in (given, removed, changed)] == [True, True, True]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (reader, (1, 0, 0, 1, 1)),
        (knower, (0, 1, 1, 0, 0)),
        (guesser, (5 / 8, 3 / 8, 3 / 8, 0, 5 / 8)),
        (lambda prompt: "", (0, 0, 0, 0, 0)),
        (lambda prompt: "red or blue", (0, 0, 1, 0, 0)),
    ],
)
def test_scores_tell_reading_from_memory(tmp_path: Path, model: Any, expected: Any) -> None:
    found = scores(run(tmp_path, suite(), m=model))
    names = ("follows_passage", "keeps_answer", "answers_from_memory", "admits_unknown")
    assert tuple(found[name] for name in (*names, "passage_effect")) == pytest.approx(expected)


def test_n_counts_questions_and_intervals_are_of_pairs(tmp_path: Path) -> None:
    cell = run(tmp_path, suite(), m=guesser).record.cells[0]
    follows, effect = cell.scores["follows_passage"], cell.scores["passage_effect"]
    assert (follows.n, effect.n) == (8, 8)
    assert (follows.low, follows.high) == pytest.approx(proportion(5, 8, 0.95)[:2])
    assert effect.low is not None
    assert effect.low < 0 < 5 / 8 < effect.high, "the exact test of 5 to 0 has p = 0.06"
    assert "right with the passage: 1.000" in effect.note


def test_a_question_with_a_lost_answer_is_left_out(tmp_path: Path) -> None:
    def moody(prompt: Any) -> str:
        if "Boat 4 is blue" in str(prompt):
            raise RuntimeError("no mood")
        return reader(prompt)

    cell = run(tmp_path, suite(max_errors=1), m=moody).record.cells[0]
    assert cell.scores["follows_passage"].n == 7
    assert "1 question" in cell.scores["follows_passage"].note


def test_a_limit_keeps_questions_whole(tmp_path: Path) -> None:
    cell = run(tmp_path, suite(limit=7), m=reader).record.cells[0]
    assert len(cell.samples) == 6
    assert cell.scores["follows_passage"].n == 2


def test_a_text_a_mapping_and_relevant_ids(tmp_path: Path) -> None:
    rows = [
        {"q": "When?", "p": "It opens at nine. Nine is early.", "a": "at nine",
         "s": {"nine": "ten"}},
        {"q": "Who?", "p": "Ann May runs it.", "a": ["Ann May", "Ann"], "s": "Bob"},
    ]  # fmt: skip
    data = {"rows": rows, "target": "a", "contexts": "p", "swap": "s"}
    done = run(tmp_path, suite(data=data, prompt="{{ p }} {{ q }}"), m=knower)
    samples = done.record.cells[0].samples
    assert samples[2].fields["p"] == "It opens at ten. ten is early."
    assert (samples[1].fields["p"], samples[2].targets) == ("", ["at ten"])
    assert (samples[5].fields["p"], samples[5].targets) == ("Bob runs it.", ["Bob"])
    rows = [{**ROWS[0], "gold": ["b"]}]
    data = {**suite()["data"], "rows": rows, "relevant": "gold"}
    done = run(tmp_path, suite(data=data), m=knower)
    assert [p["id"] for p in done.record.cells[0].samples[1].fields["passages"]] == ["a"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"other": {"green": "blue"}}, "no passage says 'green', which is to be changed"),
        ({"other": ""}, "the other fact is missing"),
        ({"other": "Red"}, "the other fact does not change the answer"),
        ({"answer": "pink"}, "no passage says the answer"),
        ({"condition": "x"}, "the task context-use adds a column 'condition'"),
    ],
)
def test_rows_that_cannot_be_changed_are_errors(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    data = {**suite()["data"], "rows": [{**ROWS[0], **changes}]}
    with pytest.raises(SpecError) as error:
        run(tmp_path, suite(data=data), m=knower)
    assert message in str(error.value)


@pytest.mark.parametrize("key", ["contexts", "swap", "target"])
def test_a_column_that_the_suite_does_not_name_is_a_problem(tmp_path: Path, key: str) -> None:
    data = {name: value for name, value in suite()["data"].items() if name != key}
    with pytest.raises(SpecError, match=f"data.{key}"):
        run(tmp_path, suite(data=data), m=knower)


def test_what_the_application_retrieves_cannot_be_changed(tmp_path: Path) -> None:
    data = {**suite()["data"], "contexts": "response"}
    with pytest.raises(SpecError, match="must come from a column of the data"):
        run(tmp_path, suite(data=data), m=knower)
    with pytest.raises(SpecError, match="pairs single answers"):
        run(tmp_path, suite(repeats=2), m=knower)
