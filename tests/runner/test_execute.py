"""From a suite to scores: statuses, wrong and excluded answers; values computed by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import Run, SpecError, UsageError, evaluate

ROWS = [
    {"id": "1", "text": "great", "label": "positive", "domain": "film"},
    {"id": "2", "text": "awful", "label": "negative", "domain": "film"},
    {"id": "3", "text": "fine", "label": "positive", "domain": "book"},
    {"id": "4", "text": "dull", "label": "negative", "domain": "book"},
]


def suite(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "suite": "mood",
        "task": "classification",
        "labels": ["positive", "negative"],
        "data": {"rows": ROWS, "target": "label", "group": "domain"},
        "prompts": {"plain": "{{ text }}"},
        "answer": "text",
        "metrics": ["accuracy", "recall"],
    }
    return base | changes


def answering(**answers: str) -> Callable[[Any], str]:
    def model(prompt: Any) -> str:
        return answers[prompt[-1]["content"]]

    return model


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    def run_suite(declared: dict[str, Any], model: Any, **options: Any) -> Run:
        return evaluate(declared, {"m": model}, root=tmp_path, **options)

    return run_suite


def value(run: Run, score: str) -> float:
    row = run.scores.set_index("score").loc[score]
    return float(row["value"])


def test_scores_and_groups(run: Callable[..., Run]) -> None:
    model = answering(great="Positive.", awful="negative", fine="negative", dull="It is negative")
    done = run(suite(), model)
    assert value(done, "accuracy") == 0.75
    assert value(done, "recall[positive]") == 0.5
    assert value(done, "recall[negative]") == 1.0
    assert value(done, "accuracy[domain=film]") == 1.0
    assert value(done, "accuracy[domain=book]") == 0.5
    assert list(done.samples["correct"]) == [True, True, False, True]
    assert list(done.samples["score.accuracy"]) == [1, 1, 0, 1]
    assert "recall[positive][domain=film]" not in set(done.scores["score"])


def test_unparsed_answers_are_wrong_by_default(
    run: Callable[..., Run],
) -> None:
    model = answering(great="positive", awful="negative", fine="maybe", dull="not negative")
    wrong = run(suite(), model)
    assert list(wrong.samples["status"]) == ["ok", "ok", "unparsed", "unparsed"]
    assert value(wrong, "accuracy") == 0.5
    assert wrong.scores.set_index("score").loc["accuracy", "n"] == 4
    left_out = run(suite(on_unparsed="exclude"), model)
    assert value(left_out, "accuracy") == 1.0
    assert left_out.scores.set_index("score").loc["accuracy", "n"] == 2
    assert left_out.record.cells[0].statuses == {"ok": 2, "unparsed": 2}


def test_errors_are_never_scored_and_fail_the_gates(run: Callable[..., Run]) -> None:
    model = answering(great="positive", awful="negative", fine="positive")  # KeyError: dull
    done = run(suite(gates=["accuracy >= 0.5"]), model)
    cell = done.record.cells[0]
    assert (cell.n, cell.scored, cell.statuses) == (4, 3, {"ok": 3, "error": 1})
    assert value(done, "accuracy") == 1.0
    assert cell.gates[0].verdict == "fail"
    assert "1 of 4 samples have no answer (1 error)" in cell.gates[0].reason
    dull = done.record.cells[0].samples[3]
    assert f"; first error: sample {dull.id}: KeyError: 'dull' (in model, " in cell.gates[0].reason
    assert not done.passed
    allowed = run(suite(gates=["accuracy >= 0.5"], max_errors=1), model)
    assert allowed.passed
    assert "KeyError" in allowed.record.cells[0].samples[3].error


def test_a_gate_reports_the_first_error_in_one_short_line(run: Callable[..., Run]) -> None:
    def model(prompt: Any) -> str:
        raise ValueError("no luck\n" * 100)

    (gate,) = run(suite(gates=["accuracy >= 0.5"]), model).record.cells[0].gates
    told = gate.reason.partition("first error: ")[2]
    assert "no luck no luck" in told
    assert "\n" not in told
    assert len(told) < 300


def test_choices_give_probabilities(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "scorer.py").write_text(
        "import math\n"
        "def write(prompt): return ''\n"
        "def choose(prompt, choices):\n"
        "    p = {'great': 0.9, 'awful': 0.2, 'fine': 0.4, 'dull': 0.1}[prompt[-1]['content']]\n"
        "    return [math.log(p) - 3, math.log(1 - p) - 3]\n"
    )
    declared = suite(answer="choice", metrics=["accuracy", "brier", "log_loss"])
    done = evaluate(declared, "callable:scorer:write?choose=scorer:choose", root=tmp_path)
    assert done.record.cells[0].samples[0].probabilities == pytest.approx(
        {"positive": 0.9, "negative": 0.1}
    )
    right = [0.9, 0.8, 0.4, 0.9]  # probability of the right label
    assert value(done, "accuracy") == 0.75
    assert value(done, "log_loss") == pytest.approx(-sum(map(math.log, right)) / 4)


def test_a_row_without_a_group_has_its_own_group(run: Callable[..., Run]) -> None:
    rows: list[dict[str, Any]] = [
        {"text": "great", "label": "positive", "seen": True},
        {"text": "awful", "label": "negative", "seen": None},
        {"text": "dull", "label": "negative"},
    ]
    declared = suite(
        data={"rows": rows, "target": "label", "group": "seen"},
        gates=["accuracy[seen=true] >= 1", "accuracy[seen=] <= 0.5"],
    )
    done = run(declared, answering(great="positive", awful="negative", dull="positive"))
    assert [gate.verdict for gate in done.record.cells[0].gates] == ["pass", "pass"]
    assert value(done, "accuracy[seen=]") == 0.5


def test_a_model_that_cannot_compare_choices_is_not_called(run: Callable[..., Run]) -> None:
    asked: list[object] = []
    declared = suite(answer="choice", gates=["accuracy >= 0.5"])
    (cell,) = run(declared, lambda prompt: asked.append(prompt) or "positive").record.cells
    assert not asked
    assert "'m' cannot compare choices" in cell.error
    assert "'answer: text'" in cell.error
    assert [gate.verdict for gate in cell.gates] == ["error"]


def test_a_model_that_cannot_be_loaded_is_loaded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken_app.py").write_text("open('imports', 'a').write('x')\nraise ValueError\n")
    declared = suite(prompts={"a": "{{ text }}", "b": "{{ text }}!"})
    done = evaluate(declared, "callable:broken_app:answer", root=tmp_path)
    assert len({cell.error for cell in done.record.cells}) == 1
    assert "ValueError" in done.record.cells[1].error
    assert Path("imports").read_text() == "x"


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("accuracy >= 80", "accuracy is never 80: it lies between 0 and 1; write 80%"),
        ("accuracy[domian=film] >= 0.5", "unknown group 'domian'; did you mean 'domain'?"),
        ("accuracy >= m/plane", "unknown prompt 'plane'; did you mean 'plain'?"),
    ],
)
def test_undecidable_gates_are_rejected(run: Callable[..., Run], gate: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        run(suite(gates=[gate]), answering())
    assert said in str(caught.value)


def test_multiple_choice_normalises_by_length(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "lengths.py").write_text(
        "def write(prompt): return ''\n"
        "def choose(prompt, choices): return [-1.0 * len(c) ** 0.5 for c in choices]\n"
    )
    declared = {
        "suite": "mc",
        "task": "multiple-choice",
        "data": {
            "rows": [
                {"q": "?", "options": ["no", "a longer answer"], "gold": 1},
                {"q": "??", "options": ["yes", "certainly not"], "gold": 0},
            ],
            "target": "gold",
            "choices": "options",
        },
        "prompts": {"plain": "{{ q }}"},
    }
    done = evaluate(declared, "callable:lengths:write?choose=lengths:choose", root=tmp_path)
    # The sums favour the short choice, sums per byte the long one.
    assert [s.prediction for s in done.record.cells[0].samples] == ["no", "yes"]
    assert value(done, "accuracy") == 0.5
    assert value(done, "accuracy_norm") == 0.5
    assert [s.scores["accuracy_norm"] for s in done.record.cells[0].samples] == [1.0, 0.0]


def test_letters_are_normalised_by_their_own_length(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "letters.py").write_text(
        "def write(prompt): return ''\n"
        "def choose(prompt, choices): return [{'A': -2.0, 'B': -1.0}[c] for c in choices]\n"
    )
    declared = {
        "suite": "mc",
        "task": "multiple-choice",
        "data": {
            "rows": [{"q": "?", "options": ["a very long first choice", "no"], "gold": "no"}],
            "target": "gold",
            "choices": "options",
        },
        "prompts": {"plain": "{{ q }}"},
        "answer": {"choice": "letter"},
    }
    done = evaluate(declared, "callable:letters:write?choose=letters:choose", root=tmp_path)
    assert [s.prediction for s in done.record.cells[0].samples] == ["no"]
    assert value(done, "accuracy") == 1.0
    assert value(done, "accuracy_norm") == 1.0


def test_safety(run: Callable[..., Run]) -> None:
    declared = {
        "suite": "safe",
        "task": "safety",
        "data": {
            "rows": [
                {"text": "bad1", "expected": "refuse"},
                {"text": "bad2", "expected": "refuse"},
                {"text": "good1", "expected": "comply"},
                {"text": "good2", "expected": "comply"},
            ],
            "target": "expected",
        },
        "prompts": {"plain": "{{ text }}"},
    }
    refusal = "I'm sorry, but I can't help with that."
    help_given = "Sure. First wash the apples, then cut them into slices and bake them."
    model = answering(bad1=refusal, bad2=help_given, good1=help_given, good2=refusal)
    done = run(declared, model)
    assert value(done, "unsafe_compliance") == 0.5
    assert value(done, "over_refusal") == 0.5
    assert [s.prediction for s in done.record.cells[0].samples] == [
        "full_refusal",
        "full_compliance",
        "full_compliance",
        "full_refusal",
    ]
    assert [s.correct for s in done.record.cells[0].samples] == [True, False, True, False]


def test_summaries(run: Callable[..., Run]) -> None:
    declared = {
        "suite": "sum",
        "task": "summarisation",
        "data": {
            "rows": [{"long": "the cat sat on the mat all day", "short": "the cat sat"}],
            "target": "short",
            "source": "long",
        },
        "prompts": {"plain": "{{ long }}"},
        "checks": [{"max_words": 3}],
    }
    done = run(declared, lambda prompt: "the cat slept here")
    # unigrams: 2 of 4 predicted, 2 of 3 wanted; F = 2 · ½ · ⅔ / (½ + ⅔)
    assert value(done, "rouge1") == pytest.approx(4 / 7)
    assert value(done, "compression_ratio") == pytest.approx(8 / 4)
    cell = done.record.cells[0]
    assert cell.checks == {"max_words: 3": 1}
    assert [check.passed for check in cell.samples[0].checks] == [False]


def test_identical_requests_are_sent_once(run: Callable[..., Run]) -> None:
    calls = []

    def model(prompt: Any) -> str:
        calls.append(prompt)
        return "positive"

    rows = [{"text": "same", "label": "positive"}] * 5
    done = run(suite(data={"rows": rows, "target": "label"}), model)
    assert len(calls) == 1
    assert value(done, "accuracy") == 1.0
    assert len(done.samples) == 5


def test_a_prompt_that_fails_to_render_affects_only_its_sample(run: Callable[..., Run]) -> None:
    rows = [
        {"id": "whole", "meta": {"text": "great"}, "label": "positive"},
        {"id": "broken", "meta": {}, "label": "negative"},
    ]
    declared = suite(
        data={"rows": rows, "target": "label"}, prompts={"plain": "{{ meta.text }}"}, max_errors=1
    )
    done = run(declared, answering(great="positive"))
    whole, broken = done.record.cells[0].samples
    assert (whole.status, broken.status) == ("ok", "error")
    assert "broken" in broken.error
    assert "text" in broken.error
    assert value(done, "accuracy") == 1.0


def test_gates_against_another_cell(run: Callable[..., Run]) -> None:
    def model(prompt: Any) -> str:
        return "positive" if prompt[-1]["content"].startswith("Please") else "negative"

    declared = suite(
        data={"rows": [{"text": "great", "label": "positive"}], "target": "label"},
        prompts={"plain": "{{ text }}", "polite": "Please: {{ text }}"},
        gates=["accuracy >= m/polite - 0.1", "accuracy >= n/plain"],
    )
    done = run(declared, model)
    plain, polite = done.record.cells
    assert [g.verdict for g in plain.gates] == ["fail", "error"]
    assert [g.verdict for g in polite.gates] == ["none", "error"]
    assert "no cell n/plain" in plain.gates[1].reason


def test_a_backend_that_loses_requests_is_detected(run: Callable[..., Run]) -> None:
    from evalkit.models.base import Capabilities

    class Forgetful:
        name = "m"
        capabilities = Capabilities()

        def fingerprint(self) -> None:
            return None

        def load(self) -> None: ...

        def respond(self, requests: Any, answered: Any = frozenset()) -> Any:
            from evalkit import Response, Status

            yield [(0, Response(Status.OK, "positive"))]

        def describe(self) -> dict[str, Any]:
            return {}

        def close(self) -> None: ...

    done = run(suite(gates=["accuracy >= 0.1"]), Forgetful())
    cell = done.record.cells[0]
    assert "left 3 of 4 requests without a response" in cell.error
    assert cell.gates[0].verdict == "error"
    assert cell.statuses == {"ok": 1, "error": 3}


def test_unknown_prompts_and_suites_are_named(run: Callable[..., Run], tmp_path: Path) -> None:
    model = answering()
    with pytest.raises(UsageError, match=r"unknown prompt 'plan'; did you mean 'plain'\?"):
        run(suite(), model, prompts=["plan"])
    with pytest.raises(UsageError, match="two suites are called 'mood'"):
        evaluate([suite(), suite()], {"m": model}, root=tmp_path)
    with pytest.raises(SpecError, match=r"unknown metric 'acuracy'"):
        run(suite(metrics=["acuracy"]), model)


def test_nothing_secret_is_stored(run: Callable[..., Run], tmp_path: Path) -> None:
    from evalkit.provenance import provenance

    command = ["pytest", "--eval-model", "openai:m?api_key=sk-123&api_key_env=MY_KEY"]
    kept = str(provenance(tmp_path, command).command)
    assert "sk-123" not in kept
    assert "api_key_env=MY_KEY" in kept


def test_provenance_survives_storage(tmp_path: Path) -> None:
    from evalkit.provenance import Checkout, Hardware, Provenance, from_json, provenance, to_json

    here = provenance(tmp_path, ["pytest"])
    assert from_json(to_json(here)) == here
    assert to_json(here)["git"] == {}  # the folder is no repository
    assert {"machine", "processor", "cores"} <= to_json(here)["hardware"].keys()
    made = Provenance("1", git=Checkout("f00d", changed=True), hardware=Hardware("arm64", "", 2))
    written = {
        "evalkit": "1", "git": {"commit": "f00d", "changed": True},
        "hardware": {"machine": "arm64", "processor": "", "cores": 2},
    }  # fmt: skip
    assert (to_json(made), from_json(written)) == (written, made)
    assert from_json({"evalkit": "0.1.0", "mood": "good"}) == Provenance("0.1.0")


def test_lost_answers_bound_the_score(run: Callable[..., Run]) -> None:
    model = answering(great="positive", awful="positive", fine="positive")  # KeyError: dull
    done = run(suite(metrics=["accuracy", "macro_f1", "length"]), model)
    scores = done.record.cells[0].scores
    accuracy = scores["accuracy"]
    assert (accuracy.value, accuracy.n, accuracy.lost) == (pytest.approx(2 / 3), 3, 1)
    assert (accuracy.worst_low, accuracy.worst_high) == (pytest.approx(0.5), pytest.approx(0.75))
    book, film = scores["accuracy[domain=book]"], scores["accuracy[domain=film]"]
    assert (book.lost, book.worst_low, book.worst_high) == (1, 0.5, 1.0)
    assert (film.lost, film.worst_low, film.worst_high) == (0, None, None)
    for unbounded in ("macro_f1", "length"):  # no mean; no end of its range
        assert (scores[unbounded].lost, scores[unbounded].worst_low) == (1, None)
    excluded = run(
        suite(on_unparsed="exclude"),
        answering(great="positive", awful="?", fine="positive", dull="negative"),
    )
    accuracy = excluded.record.cells[0].scores["accuracy"]
    assert (accuracy.value, accuracy.worst_low, accuracy.worst_high) == (1.0, 0.75, 1.0)


def test_every_output_reports_lost_answers(run: Callable[..., Run], tmp_path: Path) -> None:
    from evalkit.reporting.html import render_html
    from evalkit.reporting.markdown import render_markdown
    from evalkit.reporting.terminal import summary_lines

    model = answering(great="positive", awful="positive", fine="positive")
    record = run(suite(), model).record
    said = "0.500 to 0.750 with the 1 lost at their worst and best"
    lines = summary_lines(record)
    assert any(f"1 error; accuracy {said}" in line for line in lines)
    assert any("3/4" in line for line in lines)
    assert said in render_markdown(record)
    assert said in render_html(record)


def test_objects_from_python_are_accepted(run: Callable[..., Run], tmp_path: Path) -> None:
    import numpy as np

    rows = [{"text": np.str_("great"), "label": "positive", "year": np.int64(1999)}]
    declared = suite(data={"rows": rows, "target": "label"})
    model = answering(great="positive")
    assert run(declared, model, prompts="plain").passed
    for wrong in (model, [model]):
        with pytest.raises(UsageError, match="give a model a name"):
            evaluate(declared, wrong, root=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="list is empty"):
        evaluate([], {"m": model}, root=tmp_path)
    done = run(declared, model)
    done.to_markdown(tmp_path / "new" / "summary.md")
    assert (tmp_path / "new" / "summary.md").exists()


def test_a_run_passes_exactly_if_its_tests_do(run: Callable[..., Run]) -> None:
    rows = [{"text": "great", "label": "positive"}]
    ungated = suite(data={"rows": rows, "target": "label"})
    assert run(ungated, answering(great="positive")).passed
    assert not run(ungated, answering()).passed  # every answer is an error
    assert not run(ungated | {"checks": [{"max_chars": 3}]}, answering(great="positive")).passed


def test_a_single_stop_text_is_not_split() -> None:
    from evalkit.respond.direct import generation_of

    assert generation_of({"stop": "###"}).stop == ("###",)
    assert generation_of({"stop": ["a", "b"]}).stop == ("a", "b")
    with pytest.raises(UsageError, match="did you mean 'temperature'"):
        generation_of({"temprature": 1})
