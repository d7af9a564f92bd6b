"""Templates are compiled once, know their variables, and cannot reach anything else."""

from __future__ import annotations

import pytest

from evalkit.errors import SpecError
from evalkit.messages import Message
from evalkit.spec.load import load_checked
from tests.spec.conftest import Write
from tests.spec.prompting import ROWS, first, loaded, reason


def test_values_are_never_templates() -> None:
    rows = [{"text": "{{ 7 * 7 }} {% for %} <b>&", "label": "good"}, ROWS[1]]
    found = first(loaded("{{ text }}", data={"rows": rows, "target": "label"}))
    assert found[0].content == "{{ 7 * 7 }} {% for %} <b>&"


def test_any_column_can_be_reached_through_row() -> None:
    rows = [{"The text": "x", "label": "good"}, {"The text": "y", "label": "bad"}]
    found = first(loaded("{{ row['The text'] }}", data={"rows": rows, "target": "label"}))
    assert found[0].content == "x"


def test_unknown_variables_are_found_before_anything_is_rendered(write: Write) -> None:
    path = write(
        "s.eval.yaml",
        """\
        task: qa
        data: {rows: [{question: a, answer: b}], target: answer}
        prompts:
          a: "{{ qestion }}"
          b:
            system: |
              One

              {{ answr }}
            user: "{% set x = question %}{{ x }} {{ loop }} {{ range(3) }}"
          c:
            messages:
              - {role: user, content: "{{ row.other }} {{ labels }}"}
        """,
    )
    with pytest.raises(SpecError) as caught:
        load_checked(path)
    assert [str(problem).split(" (")[0] for problem in caught.value.problems] == [
        "s.eval.yaml:4: prompts.a: unknown variable 'qestion'; did you mean 'question'?",
        "s.eval.yaml:9: prompts.b.system: unknown variable 'answr'; did you mean 'answer'?",
        "s.eval.yaml:10: prompts.b.user: unknown variable 'loop'",
        "s.eval.yaml:13: prompts.c.messages[0].content: unknown variable 'labels'",
    ]


def test_a_value_missing_in_one_sample_names_it(write: Write) -> None:
    path = write(
        "s.eval.yaml",
        """\
        task: qa
        data:
          target: a
          rows:
            - {id: one, q: x, a: b, hint: h}
            - {id: two, q: x, a: b}
            - {id: three, q: null, a: b, hint: h}
        prompt: |
          {{ q }}
          {{ hint }}
        """,
    )
    found = load_checked(path)
    variant = found.variants["default"]
    one, two, three = found.dataset.samples
    assert variant.render(one) == (Message("user", "x\nh\n"),)
    with pytest.raises(SpecError) as caught:
        variant.render(two)
    assert str(caught.value) == (
        "s.eval.yaml:10: prompt: sample 'two': 'hint' is undefined (names: id, q, a, row)"
    )
    with pytest.raises(
        SpecError, match=r"s\.eval\.yaml:9: prompt: sample 'three': a value is null"
    ):
        variant.render(three)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ text", "not a valid template: unexpected end of template"),
        ("{% if text %}", "not a valid template"),
        ("{{ text | shout }}", "No filter named 'shout'"),
        ("{% include '/etc/passwd' %}", "a template cannot include other files"),
        ("{% import 'x' as y %}", "a template cannot include other files"),
        ("{% extends 'x' %}", "a template cannot include other files"),
        ("{{ text | random }}", "No filter named 'random'"),
        ("{{ lipsum() }}", "unknown variable 'lipsum'"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "access to attribute '__class__'"),
        ("{{ '{0.__class__}'.format(text) }}", "access to attribute '__class__'"),
        ("{{ row.update({'a': 1}) }}", "access to attribute 'update'"),
        ("{{ 'x' * 10**9 }}", "the repeated text is too long"),
        ("{{ 10 ** 10 ** 10 }}", "the power is too large"),
        ("{{ range(10**9) | list }}", "Range too big"),
        ("{{ text + 1 }}", "TypeError"),
    ],
)
def test_invalid_templates_are_rejected(template: str, expected: str) -> None:
    assert expected in reason(template)
