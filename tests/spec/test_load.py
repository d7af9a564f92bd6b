"""All problems of a suite are reported at once, with their location."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import tasks
from evalkit.errors import SpecError, unknown
from evalkit.gates import Gate, GateSyntaxError, parse
from evalkit.judging.load import Judged
from evalkit.spec.load import Vocabulary, load_checked, load_suite, suite_name
from evalkit.spec.suite import Suite
from tests.spec.conftest import Write

METRICS = ("accuracy", "macro_f1", "recall")


def check_metric(
    name: str, task: str, labels: Sequence[str], chosen: Mapping[str, Any]
) -> str | None:
    return None if name in METRICS else unknown("metric", name, METRICS)


def check_gate(gate: Gate, suite: Suite, judged: Sequence[Judged]) -> str | None:
    """A rule on a score that the suite's metrics (or by default: all of them) yield."""
    names = [metric.name for metric in suite.metrics] or list(METRICS)
    scores = [n for n in names if n != "recall"]
    scores += [f"recall[{label}]" for label in suite.labels if "recall" in names]
    score = gate.terms[0].score
    return None if score in scores else unknown("score", score, scores)


def read_gate(rule: object, judged: Sequence[Judged]) -> Gate | str:
    try:
        return parse(rule)
    except GateSyntaxError as error:
        return str(error)


VOCABULARY = Vocabulary(check_metric, read_gate=read_gate, check_gate=check_gate)


def lines(path: Path, vocabulary: Vocabulary = VOCABULARY) -> list[str]:
    """Every problem of a suite as printed, without the lists of known names."""
    with pytest.raises(SpecError) as caught:
        load_checked(path, vocabulary)
    return [str(problem).split(" (known")[0] for problem in caught.value.problems]


REVIEWS = "id,text,label,topic\na,good film,positive,art\nb,bad film,negative,art\n"


def test_a_valid_suite(write: Write, project: Path) -> None:
    write("suites/data/reviews.csv", REVIEWS)
    path = write(
        "suites/film.eval.yaml",
        """\
        description: Reviews
        licence: CC0-1.0
        task: classification
        tags: [film, fast]
        data:
          file: data/reviews.csv
          target: label
          group: topic
          limit: 1
        labels: [positive, negative]
        prompts:
          plain: "{{ text }}"
          system: {system: Be brief., user: "{{ text }}"}
        generation: {max_new_tokens: 8, stop: "\\n"}
        metrics: [accuracy, macro_f1: {}]
        gates:
          - accuracy >= 0.6
          - metric: macro_f1
            min: 0.5
        checks:
          - max_words: 3
        on_unparsed: exclude
        max_errors: 2
        limit: 5
        """,
    )
    found = load_checked(path, VOCABULARY)
    suite = found.suite
    assert (suite.suite, suite.name, suite.path) == ("film", "film", path)
    assert suite.root == project.resolve()
    assert suite.labels == {"positive": ("positive",), "negative": ("negative",)}
    assert suite.answer.method == "choice"
    assert suite.gates == ("accuracy >= 0.6", {"metric": "macro_f1", "min": 0.5})
    assert [suite.line("gates", i) for i in range(2)] == [17, 18]
    assert [check.rule for check in suite.checks] == ["max_words: 3"]
    assert suite.data.group == ("topic",)
    assert (len(found.dataset), found.dataset.total) == (2, 2)
    assert len(found.selected()) == 1, "the smaller of the suite's limits"
    assert len(found.selected(10)) == 1
    assert list(found.variants) == ["plain", "system"]


def test_an_empty_limit_is_none(write: Write) -> None:
    """An empty `limit:` is no limit, an empty `metrics:` is a mistake."""
    base = {"task": "qa", "data": {"rows": [{"q": "x", "a": "y"}], "target": "a"}, "prompt": "x"}
    assert load_suite({**base, "limit": None}).limit is None
    with pytest.raises(SpecError, match="metrics: is empty; give it a value or remove the key"):
        load_suite({**base, "metrics": None})


def test_missing_keys_are_named_with_their_purpose(write: Write) -> None:
    path = write("a.eval.yaml", "suite: a\n")
    assert lines(path) == [
        "a.eval.yaml:1: the key 'data' is missing: Where the samples come from.",
        "a.eval.yaml:1: the key 'prompts' is missing: Prompt variants by name.",
        f"a.eval.yaml:1: the key 'task' is missing; one of {', '.join(tasks.names())}",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: a suite is a mapping of keys (suite, task, data, prompts, …); it is empty"),
        ("- 1\n", "1: a suite is a mapping of keys (suite, task, data, prompts, …); found a list"),
        ("a: [\n", "2: not valid YAML"),
        ("1: a\ntask: qa\ndata: x.csv\nprompt: x\n", "1: [1]: unknown key '1'"),
        ("~: a\ntask: qa\ndata: x.csv\nprompt: x\n", "1: unknown key 'None'"),
    ],
)
def test_files_that_are_not_suites_are_errors(write: Write, text: str, expected: str) -> None:
    assert lines(write("a.eval.yaml", text))[0].startswith(f"a.eval.yaml:{expected}")


BASE: dict[str, Any] = {
    "task": "qa",
    "data": {"rows": [{"q": "x", "a": "y", "c": ["y", "z"]}], "target": "a"},
    "prompts": {"p": "{{ q }}"},
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"task": "classification"}, "labels: the task classification needs 'labels:'"),
        ({"labels": ["y", "n"]}, "labels: the task qa has no labels"),
        ({"task": "multiple-choice"}, "data.choices: the task multiple-choice needs 'choices:'"),
        (
            {"data": {**BASE["data"], "choices": "c"}},
            "data.choices: 'choices' is only for the task multiple-choice",
        ),
        (
            {"answer": "choice"},
            "answer: 'choice' needs labels or choices, and the task qa has neither",
        ),
        (
            {"task": "classification", "labels": ["y", "n"], "answer": {"choice": "letter"}},
            "answer: letters are for multiple choice",
        ),
        ({"data": {"rows": BASE["data"]["rows"]}}, "data.target: the task qa needs 'target:'"),
        (
            {"task": "summarisation", "data": {"rows": BASE["data"]["rows"]}},
            "data.target: the task summarisation needs 'target:'",
        ),
        ({"data": {"target": "a"}}, "data: no data source: add 'file:', 'rows:' or 'hf:'"),
        ({"data": {"rows": [], "file": "x"}}, "data: file, rows exclude each other; keep one"),
        ({"data": {"rows": [], "target": "a"}}, "data.rows: is empty"),
        ({"data": {"rows": [3], "target": "a"}}, "data.rows[0]: expected a mapping, found the num"),
        ({"data": 5}, "data: expected a mapping, found the number 5"),
        ({"prompts": "{{ q }}"}, "prompts: expected prompts by name; write a single prompt under"),
        ({"prompts": {}}, "prompts: expected prompts by name"),
        ({"prompts": {"p": None}}, "prompts.p: is empty; write the text of the message"),
        ({"prompts": {"p": " "}}, "prompts.p.user: must not be empty"),
        ({"prompts": {"p": {}}}, "prompts.p: no prompt: add 'user:', 'messages:' or 'text:'"),
        ({"prompts": {"p": {"user": "a", "text": "b"}}}, "user, text exclude each other; keep one"),
        (
            {"prompts": {"p": {"system": "a", "text": "b"}}},
            "'system' is only valid with 'user', not with",
        ),
        ({"prompts": {"p": {"messages": []}}}, "the last message of 'messages' must be the user's"),
        (
            {"prompts": {"p": {"messages": [{"role": "usr", "content": "a"}]}}},
            "prompts.p.messages[0].role: unknown value 'usr'; did you mean 'user'?",
        ),
        (
            {"prompts": {"p": {"messages": [{"role": "user"}]}}},
            "the key 'content' is missing: Template of the message.",
        ),
        ({"prompt": "x"}, "prompt: write either 'prompt' or 'prompts', not both"),
        (
            {"temperature": 1},
            "unknown key 'temperature' here; did you mean 'temperature' under 'ge",
        ),
        (
            {"data": {**BASE["data"], "metrics": []}},
            "unknown key 'metrics' here; 'metrics' belongs at the top of the file, not under "
            "'data'",
        ),
        ({"gates": [3]}, "gates[0]: expected a rule such as 'accuracy >= 0.8', found the number 3"),
        ({"metrics": ["accuracy", "accuracy"]}, "metrics[1]: 'accuracy' is listed twice"),
        (
            {"task": "classification", "labels": ["y", "y"]},
            "labels: duplicate labels: y; keep one",
        ),
        ({"task": "classification", "labels": ["y"]}, "labels: at least two labels are needed"),
        (
            {"task": "classification", "labels": {"y": ["yes", "Ja"], "n": ["no", "ja"]}},
            "labels: 'ja' is a written form of both 'y' and 'n'",
        ),
        (
            {"task": "classification", "labels": ["A-B", "A B"]},
            "labels: 'A-B' (A-B) and 'A B' (A B) are the same in an answer",
        ),
        (
            {"task": "classification", "labels": {"mail": "e_mail", "other": ["x", "E–mail"]}},
            "labels: 'e_mail' (mail) and 'E–mail' (other) are the same in an answer",
        ),
        (
            {"task": "classification", "labels": ["1", "１"]},
            "labels: '1' (1) and '１' (１) are the same in an answer",
        ),
        (
            {"task": "classification", "labels": {"y": [], "n": "no"}},
            "labels: label 'y' needs at least one written form",
        ),
        ({"tags": ["not"]}, "'not' is not a valid tag"),
    ],
)
def test_invalid_suites_are_rejected(change: dict[str, Any], expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_checked({**BASE, **change}, VOCABULARY)
    assert expected in str(caught.value)
    assert len(caught.value.problems) == 1, str(caught.value)


def test_labels_keep_their_spelling(write: Write) -> None:
    path = write(
        "a.eval.yaml",
        """\
        task: classification
        data: {rows: [{x: a, y: "1.50"}, {x: b, y: "True"}, {x: c, y: "no"}], target: y}
        labels: [1.50, True, no]
        prompt: "{{ x }}"
        """,
    )
    assert load_checked(path).suite.label_names == ("1.50", "True", "no")


def test_one_element_needs_no_list() -> None:
    found = load_suite({**BASE, "tags": "fast", "metrics": "accuracy", "gates": "accuracy > 0"})
    assert found.tags == ("fast",)
    assert [metric.name for metric in found.metrics] == ["accuracy"]
    assert found.gates == ("accuracy > 0",)
    assert load_suite({**BASE, "checks": {"max_words": 3}}).checks[0].rule == "max_words: 3"


def test_one_unnamed_prompt(write: Write) -> None:
    path = write(
        "a.eval.yaml",
        "task: qa\ndata: {rows: [{q: x, a: y}], target: a}\nprompt: |\n  Hello\n  {{ p }}\n",
    )
    assert lines(path) == ["a.eval.yaml:5: prompt: unknown variable 'p'"]
    path.write_text(path.read_text().replace("{{ p }}", "{{ q }}"))
    assert list(load_checked(path).variants) == ["default"]


def test_yaml_problems_are_reported_with_the_others(write: Write) -> None:
    path = write(
        "a.eval.yaml",
        """\
        task: qa
        data: {rows: [{q: x, a: y}], target: a, target: q}
        prompt: "{{ z }}"
        """,
    )
    assert lines(path) == [
        "a.eval.yaml:2: data: 'target' is written twice, here and in line 2; keep one",
        "a.eval.yaml:3: prompt: unknown variable 'z'",
    ]


def test_names_come_from_files() -> None:
    found = [suite_name(Path(name)) for name in ("a.eval.yaml", "b.c.eval.yml", "d.yaml", "e")]
    assert found == ["a", "b.c", "d", "e"]


def test_a_suite_outside_the_root_has_its_own_project(write: Write, tmp_path: Path) -> None:
    write("d.csv", "q,a\n1,1\n")
    path = write("s.eval.yaml", 'task: qa\ndata: {file: d.csv, target: a}\nprompt: "{{ q }}"\n')
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert len(load_checked(path, root=elsewhere).dataset) == 1


def test_no_heavy_import() -> None:
    """Collecting suites must stay cheap."""
    import subprocess
    import sys

    program = (
        "import sys, evalkit.spec.load, evalkit.spec.project, evalkit.spec.schema;"
        "print([m for m in ('torch', 'transformers', 'pandas', 'numpy', 'scipy', 'sklearn',"
        "'pyarrow', 'datasets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


VALUES = [
    "",
    " ",
    "accuracy",
    "choice",
    "text",
    "{{ q }}",
    "{% if %}",
    "a",
    "x.csv",
    "user",
    "data",
]
KEYS = ["rows", "file", "from", "count", "target", "user", "system", "messages", "text", "role"]
KEYS += ["content", "shots", "regex", "json", "max_words", "a", "q", "choices", "labels", "seed"]

junk = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-1, 2) | st.sampled_from(VALUES),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)


suites_of_junk = st.dictionaries(
    st.sampled_from([*Suite.model_fields, "prompt", "gate", "metric", "x"]), junk, max_size=8
)


@settings(deadline=None)
@given(suites_of_junk, st.sampled_from(tasks.names()))
def test_any_yaml_gives_a_suite_or_problems(keys: dict[str, Any], task: str) -> None:
    """No input raises another exception, and every problem has a message."""
    for suite in (keys, {**BASE, **keys}, {**BASE, "task": task, **keys}):
        try:
            found = load_checked(suite, VOCABULARY)
            for variant in found.variants.values():
                for sample in found.dataset:
                    variant.render(sample)
        except SpecError as error:
            messages = [problem.message for problem in error.problems]
        else:
            continue
        assert messages
        assert all(messages)


def test_an_invalid_name_from_the_file_is_explained(write: Write) -> None:
    body = "task: generation\ndata: {rows: [{q: a}]}\nprompt: '{{ q }}'\n"
    assert lines(write("a(1).eval.yaml", body)) == [
        "a(1).eval.yaml:1: 'a(1)' is not a valid name: use letters, digits, spaces and . _ + -"
        " (tests are named after it); it comes from the file's name: rename the file, or write"
        " 'suite: NAME' in it"
    ]
    assert load_checked(write("b(1).eval.yaml", "suite: b\n" + body)).suite.suite == "b"
