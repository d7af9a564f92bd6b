"""A problem of a suite hides no other problem."""

from __future__ import annotations

from tests.spec.conftest import Write
from tests.spec.test_load import REVIEWS, lines


def test_four_mistakes_are_reported_at_once(write: Write) -> None:
    """A misspelt metric, an unknown key, a missing column, an unknown variable."""
    write("reviews.csv", REVIEWS)
    path = write(
        "film.eval.yaml",
        """\
        task: classification
        data:
          file: reviews.csv
          target: lable
        labels: [positive, negative]
        on_unparse: exclude
        prompts:
          plain: "{{ text }}"
          long:
            user: |
              Review:
              {{ txt }}
        metrics:
          - accuracy
          - acuracy
        gates:
          - accuracy >= 0.6
        """,
    )
    assert lines(path) == [
        "film.eval.yaml:4: data.target: unknown column 'lable'; did you mean 'label'?",
        "film.eval.yaml:6: on_unparse: unknown key 'on_unparse'; did you mean 'on_unparsed'?",
        "film.eval.yaml:12: prompts.long.user: unknown variable 'txt'; did you mean 'text'?",
        "film.eval.yaml:15: metrics[1]: unknown metric 'acuracy'; did you mean 'accuracy'?",
    ]


def test_values_under_a_misspelt_key_are_checked(write: Write) -> None:
    write("reviews.csv", REVIEWS)
    path = write(
        "film.eval.yaml",
        """\
        task: classification
        dta:
          fil: reviews.csv
          taget: lable
        lables: [positive, negative]
        promts:
          plain: "{{ txt }}"
        metric: [acuracy]
        gate:
          - recall[negativ] >= 0.6
        """,
    )
    assert lines(path) == [
        "film.eval.yaml:2: dta: unknown key 'dta'; did you mean 'data'?",
        "film.eval.yaml:3: dta.fil: unknown key 'fil'; did you mean 'file'?",
        "film.eval.yaml:4: dta.taget: unknown column 'lable'; did you mean 'label'?",
        "film.eval.yaml:4: dta.taget: unknown key 'taget'; did you mean 'target'?",
        "film.eval.yaml:5: lables: unknown key 'lables'; did you mean 'labels'?",
        "film.eval.yaml:6: promts: unknown key 'promts'; did you mean 'prompts'?",
        "film.eval.yaml:7: promts.plain: unknown variable 'txt'; did you mean 'text'?",
        "film.eval.yaml:8: metric: unknown key 'metric'; did you mean 'metrics'?",
        "film.eval.yaml:8: metric[0]: unknown metric 'acuracy'; did you mean 'accuracy'?",
        "film.eval.yaml:9: gate: unknown key 'gate'; did you mean 'gates'?",
        "film.eval.yaml:10: gate[0]: unknown score 'recall[negativ]'; did you mean "
        "'recall[negative]'?",
    ]


def test_wrong_values_neither_hide_nor_repeat_others(write: Write) -> None:
    write("reviews.csv", REVIEWS)
    path = write(
        "film.eval.yaml",
        """\
        suite: 2026
        task: clasification
        tags: [fast, skip, "two words"]
        data:
          file: reviews.csv
          target: label
          limit: 0
          split: test
        labels: positive
        prompts:
          plain: "{{ txt }}"
          other: {usr: hello}
          "a/b": hello
        answer: {number: middle}
        generation: {temperature: hot, top_k: -1}
        metrics: [3, acuracy]
        checks: [{max_words: many}, {max_word: 3}]
        on_unparsed: ignore
        max_errors: 1.5
        gates: []
        limit:
        """,
    )
    assert lines(path) == [
        "film.eval.yaml:1: suite: expected a text, found the number 2026; put it in quotes",
        "film.eval.yaml:2: task: unknown task 'clasification'; did you mean 'classification'?",
        "film.eval.yaml:3: tags[1]: 'skip' is a marker of pytest itself; choose another tag",
        "film.eval.yaml:3: tags[2]: 'two words' is not a valid tag: use a letter, then letters, "
        "digits, . _ -",
        "film.eval.yaml:7: data.limit: must be at least 1, found 0",
        "film.eval.yaml:8: data.split: 'split' is only valid with 'hf:'",
        "film.eval.yaml:9: labels: expected a list of labels, found the text 'positive'",
        "film.eval.yaml:11: prompts.plain: unknown variable 'txt'; did you mean 'text'?",
        "film.eval.yaml:12: prompts.other.usr: unknown key 'usr'; did you mean 'user'?",
        "film.eval.yaml:13: prompts.a/b: 'a/b' is not a valid name: use letters, digits, spaces "
        "and . _ + - (tests are named after it)",
        "film.eval.yaml:14: answer: 'number' must be first or last, found the text 'middle'",
        "film.eval.yaml:15: generation.temperature: expected a number, found the text 'hot'",
        "film.eval.yaml:15: generation.top_k: must be at least 1, found -1",
        "film.eval.yaml:16: metrics[0]: expected the name of a metric or 'name: {settings}', "
        "found the number 3",
        "film.eval.yaml:17: checks[0]: 'max_words' must be a whole number, 0 or more, found the "
        "text 'many'",
        "film.eval.yaml:17: checks[1]: unknown check 'max_word'; did you mean 'max_words'?",
        "film.eval.yaml:18: on_unparsed: unknown value 'ignore'",
        "film.eval.yaml:19: max_errors: expected a whole number, found the number 1.5",
    ]


def test_gates_are_not_blamed_for_misspelt_labels(write: Write) -> None:
    path = write(
        "a.eval.yaml",
        """\
        task: classification
        data: {rows: [{x: a, y: p}], target: y}
        labels: 5
        prompt: "{{ x }}"
        gates: ["recall[p] > 0.5"]
        """,
    )
    assert lines(path) == ["a.eval.yaml:3: labels: expected a list of labels, found the number 5"]
