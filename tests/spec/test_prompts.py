"""From a sample to the exact prompt."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from evalkit.errors import SpecError
from evalkit.messages import Message
from evalkit.spec.load import load_checked
from evalkit.spec.prompts import continuations, ideal_answer
from tests.spec.prompting import SHOT_ROWS, SUBJECTS, first, loaded, with_shots


def test_a_string_is_one_user_message() -> None:
    assert first(loaded("Say: {{ text }}\n")) == (Message("user", "Say: fine film\n"),)


def test_system_and_user() -> None:
    found = first(loaded({"system": "Labels: {{ labels | join('/') }}", "user": "{{ text }}"}))
    assert found == (Message("system", "Labels: good/bad"), Message("user", "fine film"))


def test_messages() -> None:
    turns = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "hi"},
        {"role": "user", "content": "{{ text | upper }}"},
    ]
    found = first(loaded({"messages": turns}))
    assert [(message.role, message.content) for message in found] == [
        ("system", "s"),
        ("user", "hello"),
        ("assistant", "hi"),
        ("user", "FINE FILM"),
    ]


def test_raw_text_is_a_string() -> None:
    assert first(loaded({"text": "Review: {{ text }}\nLabel:"})) == "Review: fine film\nLabel:"


def test_separator_and_answer_of_shots_can_be_set() -> None:
    shots = {
        "rows": [{"text": "x", "label": "good"}],
        "separator": "\n###\n",
        "assistant": '{"label": "{{ target }}", "of": "{{ text }}"}',
    }
    found = first(loaded({"text": "{{ text }}:", "shots": shots}))
    assert found == 'x: {"label": "good", "of": "x"}\n###\nfine film:'


@pytest.mark.parametrize(
    ("answer", "expected", "ideal"),
    [
        ("choice", ("red", "blue"), "blue"),
        ({"choice": "letter"}, ("A", "B"), "B"),
        ("text", (), "blue"),
    ],
)
def test_multiple_choice(answer: Any, expected: tuple[str, ...], ideal: str) -> None:
    found = load_checked(
        {
            "task": "multiple-choice",
            "data": {
                "rows": [{"q": "?", "c": ["red", "blue"], "t": 1}],
                "target": "t",
                "choices": "c",
            },
            "answer": answer,
            "prompts": {
                "p": "{% for c in choices %}{{ letters[loop.index0] }}) {{ c }} {% endfor %}"
            },
        }
    )
    [sample] = found.dataset.samples
    assert first(found)[0].content == "A) red B) blue "
    assert continuations(found.suite, sample) == expected
    assert ideal_answer(found.suite, sample) == ideal


def test_a_preamble_appears_once_before_the_shots() -> None:
    shots = {"rows": SUBJECTS, "count": 2, "match": "subject"}
    suite = {
        "task": "qa",
        "data": {"rows": [{"q": "new", "a": "y", "subject": "law"}], "target": "a"},
        "prompts": {
            "p": {"preamble": "About {{ subject }}.\n\n", "text": "Q: {{ q }}\nA:", "shots": shots},
            "bare": {"preamble": "About {{ subject }}: ", "text": "{{ q }}"},
        },
    }
    found = load_checked(suite)
    [sample] = found.dataset.samples
    assert found.variants["p"].render(sample) == (
        "About law.\n\nQ: law0\nA: x0\n\nQ: law1\nA: x1\n\nQ: new\nA:"
    )
    assert found.variants["bare"].render(sample) == "About law: new"
    shown = found.variants["p"].template_text
    assert [shown.index(f"[{part}]") for part in ("preamble", "shots", "text")] == sorted(
        shown.index(f"[{part}]") for part in ("preamble", "shots", "text")
    )
    with pytest.raises(SpecError, match="'preamble' is only valid with 'text', not with 'user'"):
        load_checked({**suite, "prompts": {"p": {"preamble": "x", "user": "{{ q }}"}}})


def test_what_the_report_shows() -> None:
    shots = {"rows": SHOT_ROWS, "count": 2, "balanced": True, "seed": 1}
    found = loaded({"system": "s", "shots": shots, "user": "{{ text }}"})
    assert found.variants["p"].template_text == (
        "[system]\ns\n\n[shots]\n2 from the suite, balanced by label, chosen by seed 1\n\n"
        "[user]\n{{ text }}"
    )
    assert found.variants["p"].variables == ("text",)
    assert loaded("{{ text }}").variants["p"].template_text == "{{ text }}"


def test_the_hash_of_a_prompt_changes_with_its_text() -> None:
    def prompt(text: str = "{{ text }}", **shots: Any) -> dict[str, Any]:
        return {"user": text, "shots": {"rows": SHOT_ROWS, "count": 2, **shots}}

    prompts = [
        prompt(),
        prompt("{{ text }}!"),
        prompt(seed=1),
        prompt(seed=2),
        prompt(assistant="x"),
    ]
    hashes = [loaded(p).variants["p"].hash for p in prompts]
    assert len(set(hashes)) == 5
    assert loaded(prompt()).variants["p"].hash == hashes[0]
    raw = [
        {"text": "{{ text }}", "shots": {"rows": SHOT_ROWS, "count": 2, "separator": separator}}
        for separator in ("\n", "\n\n")
    ]
    assert loaded(raw[0]).variants["p"].hash != loaded(raw[1]).variants["p"].hash


def test_names_of_columns_and_extras_do_not_collide() -> None:
    """A column named like an extra variable is the column."""
    rows = [{"labels": "mine", "label": "good"}, {"labels": "x", "label": "bad"}]
    found = first(loaded("{{ labels }}", data={"rows": rows, "target": "label"}))
    assert found[0].content == "mine"


def test_rendering_does_not_depend_on_earlier_samples() -> None:
    found, variant = with_shots({"from": "data", "count": 2, "seed": 1})
    samples = found.dataset.samples
    for order in itertools.islice(itertools.permutations(samples), 0, 720, 97):
        fresh = with_shots({"from": "data", "count": 2, "seed": 1})[1]
        rendered = {sample.id: fresh.render(sample) for sample in order}
        assert rendered == {sample.id: variant.render(sample) for sample in samples}
