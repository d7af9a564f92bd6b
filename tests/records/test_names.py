"""Full names of scores: every part survives formatting and parsing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.gates import KnownScores, parse, problem
from evalkit.records import Group, ScoreName, base_of, score_name

HOSTILE = st.text(alphabet='ab[]=,"\\> \n.é', max_size=8)
BASES = st.sampled_from(["accuracy", "pass@2", "evaluate:./m[1].py", "my-own.metric"])


@given(BASES, st.none() | HOSTILE, st.none() | st.builds(Group, HOSTILE, HOSTILE))
def test_a_formatted_name_parses_to_itself(base: str, key: str | None, group: Group | None) -> None:
    name = ScoreName(base, key, group)
    assert ScoreName.parse(str(name)) == name
    assert base_of(str(name)) == base


@given(st.tuples(HOSTILE, HOSTILE), st.tuples(HOSTILE, HOSTILE))
def test_two_scores_never_share_a_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    names = [score_name("f1", one[0]), score_name("f1", None, Group(*one)),
             score_name("f1", other[0]), score_name("f1", None, Group(*other))]  # fmt: skip
    assert (names[0] == names[2]) == (one[0] == other[0])
    assert (names[1] == names[3]) == (one == other)
    assert not {names[0], names[2]} & {names[1], names[3]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (ScoreName("accuracy"), "accuracy"),
        (ScoreName("recall", "very negative"), "recall[very negative]"),
        (ScoreName("recall", "e, f"), "recall[e, f]"),
        (ScoreName("recall", "a > b"), "recall[a > b]"),
        (ScoreName("accuracy", None, Group("topic", "art")), "accuracy[topic=art]"),
        (ScoreName("accuracy", None, Group("where, when", "Rome, 1999")),
         "accuracy[where, when=Rome, 1999]"),
        (ScoreName("accuracy", None, Group("kind", "a=b")), "accuracy[kind=a=b]"),
        (ScoreName("accuracy", None, Group("kind", "")), "accuracy[kind=]"),
        (ScoreName("mine", "key", Group("topic", "art")), "mine[key][topic=art]"),
        (ScoreName("recall", "a=b"), 'recall["a=b"]'),
        (ScoreName("recall", "c[d]"), 'recall["c[d]"]'),
        (ScoreName("recall", '"x"'), r'recall["\"x\""]'),
        (ScoreName("accuracy", None, Group("a=b", "c")), 'accuracy["a=b"=c]'),
        (ScoreName("accuracy", None, Group("kind", "x]y")), 'accuracy[kind="x]y"]'),
        (ScoreName("accuracy", None, Group("kind", "two\nlines")), r'accuracy[kind="two\nlines"]'),
    ],
)  # fmt: skip
def test_how_names_are_written(name: ScoreName, text: str) -> None:
    assert str(name) == text
    assert ScoreName.parse(text) == name


LABELS = ["a=b", "c[d]", "x]y", "a] >= b", "p and q", "topic=art", '"q"', "plain", "a [ and b"]
COLUMNS = ["topic", "where, when", "k=v", "n[0]", "q]"]
KNOWN = KnownScores(
    ["accuracy", *(score_name("recall", label) for label in LABELS)], COLUMNS, ["mine"]
)


@pytest.mark.parametrize("label", LABELS)
def test_a_gate_names_a_label_with_quotes_or_without(label: str) -> None:
    name = score_name("recall", label)
    for written in (f"recall[{label}]", name):
        for rule in (f"{written} >= 0.5", f"accuracy >= 0.1 and {written} <= baseline + 0.02"):
            assert problem(parse(rule), KNOWN) is None
            assert KNOWN.named(parse(rule)).terms[-1].score == name


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", ["art", "Rome, 1999", "x]y", "p=q", "[z", '"w"', "b] >= 0.5", ""])
def test_a_gate_names_a_group_with_quotes_or_without(column: str, value: str) -> None:
    group = Group(column, value)
    for key in (None, "some key"):
        base = "accuracy" if key is None else "mine"
        name = score_name(base, key, group)
        head = base if key is None else f"{base}[{key}]"
        for written in (name, f"{head}[{column}={value}]"):
            if value == '"w"' and written != name:
                continue  # quotes that are meant are written out
            rule = f"{written} >= 0.5 at 95%"
            assert problem(parse(rule), KNOWN) is None, rule
            assert KNOWN.named(parse(rule)).terms[0].score == name


def test_an_ambiguous_name_is_the_score_of_that_spelling() -> None:
    known = KnownScores(["f1", 'f1["topic=art"]'], ["topic"])
    (of_group,) = known.named(parse("f1[topic=art] >= 0.5")).terms
    (of_label,) = known.named(parse('f1["topic=art"] >= 0.5')).terms
    assert ScoreName.parse(of_group.score).group == Group("topic", "art")
    assert ScoreName.parse(of_label.score).key == "topic=art"
    alone = KnownScores(['f1["topic=art"]'], ["topic"])  # a score of labels alone has no groups
    (of_label,) = alone.named(parse("f1[topic=art] >= 0.5")).terms
    assert ScoreName.parse(of_label.score).key == "topic=art"
