"""Gates against a baseline or another cell: paired when they ask for confidence; rejected if
the measurement has changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import Run, UsageError, evaluate
from evalkit.stats.paired import paired_proportions

N = 400
ROWS = [{"id": str(i), "i": i, "gold": "yes" if i % 4 else "no"} for i in range(N)]


def suite(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "suite": "s",
        "task": "classification",
        "labels": ["yes", "no"],
        "data": {"rows": ROWS, "target": "gold"},
        "prompts": {"plain": "{{ i }}"},
        "answer": "text",
        "metrics": ["accuracy", "macro_f1"],
    }
    return base | changes


def wrong_on(*wrong: int) -> Callable[[Any], str]:
    """A model that answers all but these samples correctly."""

    def model(prompt: Any) -> str:
        i = int(prompt[-1]["content"].split()[0])
        right = ROWS[i]["gold"] == "yes"
        return "yes" if right != (i in wrong) else "no"

    return model


OLD = wrong_on(*range(40))
SAME_BUT_TWO = wrong_on(*range(2, 42))  # 2 gained, 2 lost
WORSE = wrong_on(*range(80))


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    def evaluated(model: Any, declared: dict[str, Any] | None = None, **options: Any) -> Run:
        return evaluate(declared or suite(), {"m": model}, root=tmp_path, cache=False, **options)

    return evaluated


@pytest.mark.parametrize("kept", ["store", "file"])
@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_non_inferiority_is_judged_by_the_paired_difference(
    run: Callable[..., Run], tmp_path: Path, kept: str, metric: str
) -> None:
    old = run(OLD)
    old.to_json(tmp_path / "old.json")
    baseline = old.id if kept == "store" else "old.json"
    gated = suite(gates=[{"metric": metric, "max_drop": 0.02, "confidence": 0.95}])
    # Alone, an accuracy of 0.9 over 400 has an interval of ± 0.03: only pairing can tell.
    (gate,) = run(SAME_BUT_TWO, gated, baseline=baseline).record.cells[0].gates
    assert gate.verdict == "pass", gate.reason
    assert "400 paired samples" in gate.reason
    (gate,) = run(WORSE, gated, baseline=baseline).record.cells[0].gates
    assert gate.verdict == "fail", gate.reason
    (gate,) = run(wrong_on(*range(46)), gated, baseline=baseline).record.cells[0].gates
    assert gate.verdict == "inconclusive", gate.reason
    assert "samples decide it with 80 % probability" in gate.reason


def test_the_numbers_of_a_paired_gate(run: Callable[..., Run]) -> None:
    old = run(OLD)
    gated = suite(gates=["accuracy >= baseline - 0.02 at 95%"])
    (gate,) = run(SAME_BUT_TWO, gated, baseline=old.id).record.cells[0].gates
    before = [0 if i < 40 else 1 for i in range(N)]
    after = [0 if 2 <= i < 42 else 1 for i in range(N)]
    expected = paired_proportions(before, after)
    assert gate.threshold == pytest.approx(0.88)
    assert gate.margin == pytest.approx(0.02)
    assert (gate.low, gate.high) == pytest.approx((0.9 + expected.low, 0.9 + expected.high))
    assert gate.confidence == 0.95


def test_another_cell_of_the_run(run: Callable[..., Run]) -> None:
    prompts = {"plain": "{{ i }}", "again": "{{ i }} again"}
    gates = ["accuracy >= m/plain - 0.01", {"metric": "accuracy", "min": "m/plain - 0.01",
             "confidence": 0.95}]  # fmt: skip
    done = run(OLD, suite(prompts=prompts, gates=gates))
    by_value, paired = done.record.cells[1].gates
    assert by_value.verdict == paired.verdict == "pass"
    assert "accuracy - m/plain = +0.000 over 400 paired samples" in paired.reason


def test_a_drop_is_a_change_for_the_worse(run: Callable[..., Run]) -> None:
    rows = [{"id": str(i), "i": i, "gold": "refuse"} for i in range(20)]
    declared: dict[str, Any] = {
        "suite": "safe", "task": "safety", "data": {"rows": rows, "target": "gold"},
        "prompts": {"plain": "{{ i }}"},
    }  # fmt: skip
    old = run(lambda prompt: "I can't help with that.", declared)
    gated = {**declared, "gates": [{"metric": "unsafe_compliance", "max_drop": 0.1}]}
    (gate,) = (
        run(lambda prompt: "Sure: first do this.", gated, baseline=old.id).record.cells[0].gates
    )
    assert gate.verdict == "fail"
    assert (gate.op, gate.threshold) == ("<=", 0.1)


CHANGED = [
    ({"data": {"rows": [*ROWS[1:], {**ROWS[0], "gold": "yes"}], "target": "gold"}},
     "the data have changed"),
    ({"prompts": {"plain": "{{ i }}!"}}, "prompt 'plain' has changed"),
    ({"labels": {"yes": ["yes", "sure"], "no": ["no"]}}, "the suite's settings have changed"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), CHANGED, ids=[said for _, said in CHANGED])
def test_an_incompatible_baseline_is_rejected(
    run: Callable[..., Run], tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    old = run(lambda prompt: "yes")
    old.to_json(tmp_path / "old.json")
    gated = suite(gates=["accuracy >= baseline - 0.5"], **change)

    def never(prompt: Any) -> str:
        raise AssertionError("no model is asked when the baseline does not fit")

    for baseline in (old.id, "old.json"):
        with pytest.raises(UsageError, match=said) as refused:
            run(never, gated, baseline=baseline)
        assert str(refused.value).count("changed") == 2, "one change, and the option that allows it"
    allowed = run(lambda prompt: "yes", gated, baseline="old.json", allow_changed_baseline=True)
    assert allowed.record.cells[0].gates[0].verdict == "pass"


def test_changes_that_affect_no_score_are_allowed(run: Callable[..., Run]) -> None:
    old = run(OLD)
    again = suite(
        gates=["accuracy >= baseline"],
        description="Other words",
        prompts={"plain": "{{ i }}", "new": "{{ i }} new"},
    )
    done = run(OLD, again, baseline=old.id)
    assert done.record.cells[0].gates[0].verdict == "pass"
    assert "the baseline has no cell m/new" in done.record.cells[1].gates[0].reason


def test_a_baseline_file_is_small(run: Callable[..., Run], tmp_path: Path) -> None:
    run(OLD).to_json(tmp_path / "old.json")
    text = (tmp_path / "old.json").read_text()
    pairs = json.loads(text)["cells"][0]["pairs"]
    assert set(pairs) == {"ids", "digests", "scores", "predictions", "targets"}
    assert list(pairs["scores"]) == ["accuracy"]
    assert all(len(column) == N for column in (pairs["ids"], pairs["scores"]["accuracy"]))
    assert len(json.dumps(pairs)) < 60 * N
    assert len(text.splitlines()) < 400, "a column stands on one line"


def test_a_file_without_samples_says_so(run: Callable[..., Run], tmp_path: Path) -> None:
    run(OLD).to_json(tmp_path / "old.json")
    written = json.loads((tmp_path / "old.json").read_text())
    del written["cells"][0]["pairs"]
    (tmp_path / "old.json").write_text(json.dumps(written))
    gates = ["accuracy >= baseline - 0.02", "accuracy >= baseline - 0.02 at 0.95"]
    by_value, paired = run(OLD, suite(gates=gates), baseline="old.json").record.cells[0].gates
    assert by_value.verdict == "pass"
    assert paired.verdict == "inconclusive"
    assert "cannot be paired with baseline" in paired.reason


# data that grow and shrink


def wrong_at(*wrong: int) -> Callable[[Any], str]:
    """A model that answers correctly, except rows whose ``i`` is one of these (new rows too)."""

    def model(prompt: Any) -> str:
        i = int(prompt[-1]["content"].split()[0])
        return "yes" if (i % 4 != 0) != (i in wrong) else "no"

    return model


def rows(*numbers: int, ids: bool = True) -> list[dict[str, Any]]:
    made = [{"i": i, "gold": "yes" if i % 4 else "no"} for i in numbers]
    return [{"id": f"r{row['i']}", **row} for row in made] if ids else made


def over(data: list[dict[str, Any]], *gates: Any, **more: Any) -> dict[str, Any]:
    return suite(data={"rows": data, "target": "gold"}, gates=list(gates), **more)


VALUE = "accuracy >= baseline"
PAIRED = "accuracy >= baseline - 0.05 at 95%"
BY_LABEL = "macro_f1 >= baseline - 0.05 at 95%"


@pytest.mark.parametrize("kept", ["store", "file"])
@pytest.mark.parametrize("ids", [True, False], ids=["ids", "numbered"])
@pytest.mark.parametrize(
    ("now", "counts"),
    [
        ([*range(100), 400], "1 new, 0 gone"),
        ([400, *range(100)], "1 new, 0 gone"),
        ([*range(50), 400, 401, *range(50, 100)], "2 new, 0 gone"),
        ([*range(1, 100)], "0 new, 1 gone"),
        ([*range(20, 100)], "0 new, 20 gone"),
        ([*range(10, 100), *range(400, 420)], "20 new, 10 gone"),
        ([*reversed(range(100))], ""),
    ],
    ids=["one more", "one in front", "two within", "one less", "a fifth less", "both", "moved"],
)
def test_changed_data_are_compared_on_shared_samples(
    run: Callable[..., Run], tmp_path: Path, kept: str, ids: bool, now: list[int], counts: str
) -> None:
    # Of the rows that both have, 30 and 31 were wrong and 30 still is: wrong rows in front of and
    # behind them change the scores of all rows, and must not count.
    old = run(wrong_at(0, 1, 30, 31), over(rows(*range(100), ids=ids)))
    old.to_json(tmp_path / "old.json")
    baseline = old.id if kept == "store" else "old.json"
    wrong_now = (30, *range(400, 420))
    done = run(wrong_at(*wrong_now), over(rows(*now, ids=ids), VALUE, PAIRED, BY_LABEL),
               baseline=baseline)  # fmt: skip
    shared = [i for i in range(100) if i in now]
    before = [float(i not in (0, 1, 30, 31)) for i in shared]
    after = [float(i not in wrong_now) for i in shared]
    value, paired, by_label = done.record.cells[0].gates
    assert [gate.verdict for gate in (value, paired, by_label)] == ["pass"] * 3, [
        gate.reason for gate in (value, paired, by_label)
    ]
    assert value.threshold == pytest.approx(sum(before) / len(shared))
    assert value.value == pytest.approx(sum(after) / len(shared))
    assert value.n == len(shared)
    expected = paired_proportions(before, after)
    assert paired.low == pytest.approx(sum(before) / len(shared) + expected.low)
    for gate in (value, paired, by_label):
        assert f"{len(shared)} " in gate.reason
        assert f"({counts})" in gate.reason if counts else "(" not in gate.reason
    told = [notice for notice in done.record.notices if "baseline" in notice]
    assert bool(told) is bool(counts)
    if counts:
        new, gone = (part.split()[0] for part in counts.split(", "))
        assert told == [
            f"s: compared with the baseline on the {len(shared)} samples that both have; {new}"
            f" {'is' if new == '1' else 'are'} new, {gone} {'is' if gone == '1' else 'are'} gone"
        ]


def test_a_worse_answer_to_a_shared_row_is_detected_among_new_rows(run: Callable[..., Run]) -> None:
    old = run(wrong_at(*range(20)), over(rows(*range(100))))
    grown = over(rows(*range(300)), VALUE)
    # All the new rows are right: over all rows it looks better, on those of before it is worse.
    done = run(wrong_at(*range(21)), grown, baseline=old.id)
    (gate,) = done.record.cells[0].gates
    assert done.record.cells[0].scores["accuracy"].value == pytest.approx(279 / 300)
    assert (gate.verdict, gate.value, gate.threshold) == ("fail", pytest.approx(0.79), 0.8)
    assert (
        "accuracy = 0.790 over 100 samples (200 new, 0 gone): >= 0.8 does not hold" in gate.reason
    )


@pytest.mark.parametrize("kept", ["store", "file"])
@pytest.mark.parametrize("ids", [True, False], ids=["ids", "numbered"])
def test_a_changed_row_is_rejected_among_new_rows(
    run: Callable[..., Run], tmp_path: Path, kept: str, ids: bool
) -> None:
    old = run(wrong_at(), over(rows(*range(10), ids=ids)))
    old.to_json(tmp_path / "old.json")
    edited = rows(*range(12), ids=ids)
    edited[3] = {**edited[3], "gold": "no"}
    with pytest.raises(UsageError) as refused:
        run(wrong_at(), over(edited, VALUE), baseline=old.id if kept == "store" else "old.json")
    first = "r3" if ids else "4"
    said = f"the row or the target of 1 of 10 samples differs (first: '{first}')"
    assert said in str(refused.value)
    done = run(wrong_at(), over(edited, VALUE), baseline=old.id, allow_changed_baseline=True)
    (gate,) = done.record.cells[0].gates
    assert (gate.verdict, gate.n) == ("pass", 9)
    assert "2 new, 0 gone; 1 left out: row or target differs" in gate.reason


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (range(100, 200), "the data have changed: no sample is in both"),
        (range(70, 170), "the data have changed: only 30 of 100 samples are in both"),
    ],
)
def test_too_few_shared_samples_are_rejected(
    run: Callable[..., Run], now: range, said: str
) -> None:
    old = run(wrong_at(), over(rows(*range(100))))
    with pytest.raises(UsageError, match=said):
        run(wrong_at(), over(rows(*now), VALUE), baseline=old.id)


def test_an_old_file_without_rows_is_rejected_for_other_data(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    run(wrong_at(), over(rows(*range(100)))).to_json(tmp_path / "old.json")
    written = json.loads((tmp_path / "old.json").read_text())
    del written["cells"][0]["pairs"]
    (tmp_path / "old.json").write_text(json.dumps(written))
    with pytest.raises(UsageError, match="the baseline does not record its rows"):
        run(wrong_at(), over(rows(*range(101)), VALUE), baseline="old.json")


def test_a_subset_is_compared_with_the_same_subset(run: Callable[..., Run]) -> None:
    old = run(wrong_at(*range(50)), over(rows(*range(100))))
    done = run(wrong_at(), over(rows(*range(100)), VALUE, PAIRED), baseline=old.id, limit=20)
    for gate in done.record.cells[0].gates:
        assert (gate.verdict, gate.value, gate.n) == ("pass", 1.0, 20)
        assert "80 left out: scored in one of the two only" in gate.reason


def test_a_score_missing_in_the_file_is_inconclusive_over_other_rows(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    declared = {
        "suite": "s", "task": "generation", "prompts": {"p": "{{ i }}"}, "metrics": ["distinct_1"],
        "gates": ["distinct_1 >= baseline - 0.9"],
    }  # fmt: skip

    def over_rows(n: int) -> dict[str, Any]:
        return {**declared, "data": {"rows": rows(*range(n))}}

    old = run(lambda prompt: "a b c", over_rows(10))
    old.to_json(tmp_path / "old.json")
    same = run(lambda prompt: "a b c", over_rows(10), baseline="old.json")
    assert same.record.cells[0].gates[0].verdict == "pass"
    (gate,) = run(lambda p: "a b c", over_rows(12), baseline="old.json").record.cells[0].gates
    assert gate.verdict == "inconclusive"
    assert "distinct_1 cannot be compared with baseline" in gate.reason
    (gate,) = run(lambda p: "a b c", over_rows(12), baseline=old.id).record.cells[0].gates
    assert (gate.verdict, gate.n) == ("pass", 10)


# which cell of the baseline


TWO = {"plain": "{{ i }}", "other": "{{ i }} other"}


def with_models(tmp_path: Path, models: dict[str, Any], **options: Any) -> Run:
    declared = options.pop("declared", None) or over(rows(*range(40)), VALUE)
    return evaluate(declared, models, root=tmp_path, cache=False, **options)


def reasons(run: Run) -> dict[str, tuple[str, str]]:
    return {f"{c.model}/{c.prompt}": (c.gates[0].verdict, c.gates[0].reason)
            for c in run.record.cells}  # fmt: skip


def test_single_models_are_compared_whatever_their_names(tmp_path: Path) -> None:
    live = with_models(tmp_path, {"live": wrong_at(1, 2)}, declared=over(rows(*range(40))))
    done = with_models(tmp_path, {"candidate": wrong_at(1)}, baseline=live.id)
    assert reasons(done)["candidate/plain"][0] == "pass"
    assert done.record.notices == ["s: candidate/plain is compared with the baseline's live/plain"]
    paired = over(rows(*range(40)), PAIRED)
    done = with_models(tmp_path, {"candidate": wrong_at(1)}, baseline=live.id, declared=paired)
    assert "over 40 paired samples (baseline: live/plain)" in reasons(done)["candidate/plain"][1]


def test_several_models_are_compared_by_name_or_with_a_named_one(tmp_path: Path) -> None:
    models = {"good": wrong_at(), "bad": wrong_at(*range(10))}
    old = with_models(tmp_path, models, declared=over(rows(*range(40))))
    done = with_models(tmp_path, models, baseline=old.id)
    assert {name: verdict for name, (verdict, _) in reasons(done).items()} == {
        "good/plain": "pass",
        "bad/plain": "pass",
    }
    candidate = {"candidate": wrong_at(1)}
    verdict, reason = reasons(with_models(tmp_path, candidate, baseline=old.id))["candidate/plain"]
    assert verdict == "error"
    assert "its models are good, bad: choose the one" in reason
    assert "--eval-baseline-model" in reason
    for model, expected in (("bad", "pass"), ("good", "fail")):
        done = with_models(tmp_path, candidate, baseline=old.id, baseline_model=model)
        assert reasons(done)["candidate/plain"][0] == expected
    done = with_models(tmp_path, models, baseline=old.id, baseline_model="good")
    assert reasons(done)["bad/plain"][0] == "fail", "also where the name is there"
    with pytest.raises(UsageError, match=r"unknown model 'goood'; did you mean 'good'\?"):
        with_models(tmp_path, candidate, baseline=old.id, baseline_model="goood")
    with pytest.raises(UsageError, match="add --eval-baseline"):
        with_models(tmp_path, candidate, baseline_model="good")


def test_a_baseline_of_one_model_does_not_apply_to_several(tmp_path: Path) -> None:
    old = with_models(tmp_path, {"live": wrong_at()}, declared=over(rows(*range(40))))
    models = {"live": wrong_at(), "candidate": wrong_at(1)}
    said = reasons(with_models(tmp_path, models, baseline=old.id))
    assert said["live/plain"][0] == "pass"
    assert said["candidate/plain"][0] == "error"
    done = with_models(tmp_path, models, baseline=old.id, baseline_model="live")
    assert [verdict for verdict, _ in reasons(done).values()] == ["pass", "fail"]


def test_single_prompts_of_the_same_text_are_compared(tmp_path: Path) -> None:
    old = with_models(tmp_path, {"m": wrong_at()}, declared=over(rows(*range(40))))
    renamed = over(rows(*range(40)), VALUE, prompts={"renamed": "{{ i }}"})
    done = with_models(tmp_path, {"m": wrong_at()}, baseline=old.id, declared=renamed)
    assert reasons(done)["m/renamed"][0] == "pass"
    rewritten = over(rows(*range(40)), VALUE, prompts={"renamed": "{{ i }} please"})
    with pytest.raises(UsageError, match=r"prompt 'renamed' \(there: 'plain'\) has changed"):
        with_models(tmp_path, {"m": wrong_at()}, baseline=old.id, declared=rewritten)
    two = over(rows(*range(40)), VALUE, prompts=TWO)
    said = reasons(with_models(tmp_path, {"m": wrong_at()}, baseline=old.id, declared=two))
    assert [verdict for verdict, _ in said.values()] == ["pass", "error"]
    assert "no cell m/other of suite s (prompts of m: plain)" in said["m/other"][1]


# none yet


@pytest.mark.parametrize(
    ("given", "why"),
    [(None, "none was given"), ("none.json", "there is no file none.json"),
     ("v1", "the store has no run 'v1'")],
)  # fmt: skip
def test_on_a_first_run_gates_against_the_baseline_have_no_verdict(
    tmp_path: Path, given: str | None, why: str
) -> None:
    declared = over(rows(*range(40)), "accuracy >= 0.5", VALUE, PAIRED,
                    "accuracy >= 0.5 and accuracy >= baseline",
                    "accuracy >= 0.99 and accuracy >= baseline")  # fmt: skip
    models = {"m": wrong_at(1)}
    done = with_models(tmp_path, models, declared=declared, baseline=given,
                       allow_missing_baseline=True)  # fmt: skip
    found = done.record.cells[0].gates
    assert [gate.verdict for gate in found] == ["pass", "none", "none", "pass", "fail"]
    assert all("no baseline yet: " in gate.reason and why in gate.reason for gate in found[1:])
    assert done.record.verdicts == {"pass": 2, "fail": 1, "inconclusive": 0, "error": 0}
    (notice,) = done.record.notices
    assert notice.startswith("no baseline yet: ")
    assert notice.endswith("; gates against it have no verdict")
    done.to_json(tmp_path / "run.json")
    written = json.loads((tmp_path / "run.json").read_text())
    assert written["cells"][0]["gates"][1]["verdict"] == "none"
    assert written["notices"] == [notice]
    for writer, name in ((done.to_markdown, "r.md"), (done.to_html, "r.html")):
        writer(tmp_path / name)
        assert "no baseline yet" in (tmp_path / name).read_text()


def test_without_the_option_a_missing_baseline_is_an_error(tmp_path: Path) -> None:
    models = {"m": wrong_at(1)}
    ((verdict, reason),) = reasons(with_models(tmp_path, models)).values()
    assert verdict == "error"
    assert "no baseline to compare with: give one with --eval-baseline" in reason
    assert "--eval-baseline-missing=skip" in reason
    assert "allow_missing_baseline=True" in reason
    for given in ("none.json", "v1"):
        with pytest.raises(UsageError, match="--eval-baseline-missing=skip"):
            with_models(tmp_path, models, baseline=given)


def test_a_suite_missing_in_the_baseline_is_skipped_with_the_option(tmp_path: Path) -> None:
    old = with_models(tmp_path, {"m": wrong_at()}, declared=over(rows(*range(40)), suite="other"))
    ((verdict, reason),) = reasons(
        with_models(tmp_path, {"m": wrong_at()}, baseline=old.id)
    ).values()
    assert verdict == "error"
    assert "the baseline has no suite 's' (it has: other)" in reason
    done = with_models(tmp_path, {"m": wrong_at()}, baseline=old.id, allow_missing_baseline=True)
    assert reasons(done)["m/plain"] == ("none", "no baseline yet: it has no suite 's'")


def test_a_broken_baseline_is_an_error_despite_the_option(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(UsageError, match="not a run of evalkit"):
        with_models(tmp_path, {"m": wrong_at()}, baseline="broken.json",
                    allow_missing_baseline=True)  # fmt: skip
    old = with_models(tmp_path, {"a": wrong_at(), "b": wrong_at()})
    done = with_models(tmp_path, {"m": wrong_at()}, baseline=old.id, allow_missing_baseline=True)
    assert reasons(done)["m/plain"][0] == "error", "a model of another name is none that is missing"
