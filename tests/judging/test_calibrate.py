"""From labelled answers to a certificate, a gate that requires it, and a corrected score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from evalkit import SpecError, UsageError, evaluate
from evalkit.cli import main
from evalkit.judging.calibration_labels import read_labels
from evalkit.judging.load import known_rubrics, load_rubric
from evalkit.reporting.terminal import summary_lines
from tests.judging.calibrating import DEMAND, RUBRIC, calibrate, graded, labels, only, run, verdict


def test_a_stored_certificate_satisfies_a_gate(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels(project, graded())
    assert calibrate("good", "fair") == 0
    said = capsys.readouterr().out
    assert "24 of 24 cases, 1 rater" in said
    assert "Cohen's kappa" in said
    certificate = only(project)
    assert certificate.figures["kappa"].value == 1
    assert certificate.figures["repetition"].value == 1
    assert certificate.confusion.counts == {"grade": [[8, 0, 0], [0, 8, 0], [0, 0, 8]]}
    assert certificate.judge.name == "fair"
    assert verdict(run(project, "fair", DEMAND))[0] == "pass"
    assert main(["judge", "certificates"]) == 0
    assert "fair" in capsys.readouterr().out


def test_a_judge_that_disagrees_with_people_fails_the_gate(project: Path) -> None:
    labels(project, graded())
    calibrate("good", "harsh")
    ending, reason = verdict(run(project, "harsh", {**DEMAND, "min": 1}))
    assert ending == "fail"
    assert "judge harsh does not agree with people closely enough: kappa is" in reason
    assert "its lower bound must be 0.5" in reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("none", "none exists"),
        ("judge", "the existing ones are for other judges (fair)"),
        ("rubric", "the rubric has changed since the one of 20"),
        ("wording", "the existing one is for other settings or another version"),
    ],
)
def test_without_a_fitting_certificate_the_gate_is_an_error(
    project: Path, change: str, said: str
) -> None:
    labels(project, graded())
    judge = "harsh" if change == "judge" else "fair"
    if change != "none":
        calibrate("good", "fair")
    if change == "rubric":
        path = project / "judges" / "good.judge.yaml"
        path.write_text(RUBRIC.replace("fair", "middling"))
    if change == "wording":
        [path] = (project / "judges").glob("*.certificate.yaml")
        path.write_text(path.read_text().replace("wording: ", "wording: 0"))
    ending, reason = verdict(run(project, judge, DEMAND))
    assert ending == "error"
    assert said in reason
    assert f"evalkit judge calibrate good --judge {judge} --method text --labels FILE" in reason


def test_a_rubric_that_is_only_in_the_suite_must_become_a_file(project: Path) -> None:
    rubric = {
        "name": "good",
        "description": "?",
        "scale": {1: "a", 3: "b"},
        "prompt": "{{ output }}",
    }
    _, reason = verdict(run(project, "fair", {**DEMAND, "min": 1}, {"rubric": rubric}))
    assert "write the rubric with its criteria to judges/good.judge.yaml" in reason


def test_a_certificate_is_for_one_method(project: Path) -> None:
    """With another method it is another judge, whatever it replies."""
    labels(project, graded())
    calibrate("good", "fair")
    suite_entry = {"rubric": "good", "method": "structured"}
    done = run(project, "fair", DEMAND, suite_entry)
    [table] = [a for a in done.record.cells[0].analyses if a.kind == "judged"]
    assert table.judges[0].certificate is None
    assert verdict(done)[0] == "error"


def test_the_mean_is_corrected_by_the_judges_error_on_labels(project: Path) -> None:
    """Harsh takes 1 from grades of 2 and 3: two thirds of the labelled cases."""
    labels(project, graded())
    calibrate("good", "harsh")
    done = run(project, "harsh", DEMAND)
    [table] = [a for a in done.record.cells[0].analyses if a.kind == "judged"]
    assert done.record.cells[0].scores["good"].value == 1.0
    corrected = table.corrected["good"]
    assert corrected.value == pytest.approx(1 + 2 / 3)
    assert 1 < corrected.low < corrected.value < corrected.high < 3
    assert table.judges[0].certificate.cases == 24
    lines = "\n".join(summary_lines(done.record))
    assert "corrected good 1.667 [1." in lines
    assert "by the judge's errors on 24 labelled cases" in lines
    done.to_html(project / "report.html")
    page = (project / "report.html").read_text(encoding="utf-8")
    assert "corrected <code>good</code> <b>1.667</b>" in page
    assert "24 cases of <bdi>human.csv</bdi>, 1 rater)" in page
    assert "calibrated against human ratings" not in page


def test_labels_of_the_suites_own_answers_tune_the_correction(project: Path) -> None:
    """Harsh grades 60 answers, people 24 of them: λ is PPI++'s, by its formula."""
    people = np.random.default_rng(0).integers(1, 4, size=60)
    outputs = [f"worth {grade} of answer {i}" for i, grade in enumerate(people)]
    rows = [{"id": str(i), "question": f"q{i}", "a": "x"} for i in range(60)]
    suite = {
        "suite": "s", "task": "qa", "data": {"rows": rows, "target": "a"},
        "prompts": {"p": "{{ question }}"}, "metrics": ["exact_match"], "judges": ["good"],
    }  # fmt: skip

    def corrected(labelled: Sequence[int]) -> float:
        labels(
            project,
            [{"question": f"q{i}", "output": outputs[i], "rating": people[i]} for i in labelled]
            if max(labelled) < 60
            else graded(),
        )
        calibrate("good", "harsh")
        done = evaluate(
            suite,
            {"m": lambda p: outputs[int(p[-1]["content"][1:])]},
            judges=["harsh"],
            root=project,
        )
        [table] = [a for a in done.record.cells[0].analyses if a.kind == "judged"]
        return float(table.corrected["good"].value)

    judge = np.maximum(people - 1, 1)
    f, rest, y = judge[:24], judge[24:], people[:24]
    tuned = np.cov(y, f)[0, 1] / ((1 + 24 / 36) * np.var(judge, ddof=1))
    assert 0 < tuned < 1
    expected = tuned * rest.mean() + (y - tuned * f).mean()
    assert corrected(range(24)) == pytest.approx(expected)
    # Answers to other questions are others: all of the judge's error on them is taken off.
    assert corrected(range(60, 84)) == pytest.approx(judge.mean() + 2 / 3)


def test_the_report_marks_judges_without_a_certificate(project: Path) -> None:
    run(project, "fair", "good >= 1").to_html(project / "report.html")
    page = (project / "report.html").read_text(encoding="utf-8")
    assert "was not calibrated against human ratings" in page


def test_a_judge_that_does_not_follow_people_corrects_nothing(project: Path) -> None:
    labels(project, [{**row, "rating": 1 + i % 2} for i, row in enumerate(graded())])
    calibrate("good", "fair")
    done = run(project, "fair", "good >= 1")
    [table] = [a for a in done.record.cells[0].analyses if a.kind == "judged"]
    assert table.judges[0].certificate.cases == 24
    assert table.corrected == {}
    assert table.uncorrected["good"].startswith("spearman is not significantly above 0: [-")
    done.to_html(project / "report.html")
    page = (project / "report.html").read_text(encoding="utf-8")
    assert "is not corrected for the judge's errors: spearman is not significantly above 0" in page


def test_three_labelled_cases_are_written_and_prove_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The judge agrees on all three, which does not satisfy a gate that requires a rho of .95."""
    labels(project, graded(3))
    assert calibrate("good", "fair") == 0
    said = capsys.readouterr().out
    assert (
        "gates do not accept it, and scores are not corrected by it: 3 labelled cases, fewer"
        " than 20" in said
    )
    assert "Spearman's rho                         +1.00  [-1.00, +1.00]  n 3" in said
    ending, reason = verdict(run(project, "fair", {**DEMAND, "certified": {"spearman": 0.95}}))
    assert ending == "error"
    assert "covers too little: 3 labelled cases, fewer than 20; label more answers" in reason


def test_a_rate_is_corrected_by_sensitivity_and_specificity(project: Path) -> None:
    """It sees 9 of 10 polite answers, and takes 3 of 10 others for polite."""
    rows = [
        {"output": f"{i} {'said yes' if said else 'no'}", "rating": "yes" if human else "no"}
        for i, (human, said) in enumerate(
            [(1, 1)] * 9 + [(1, 0)] + [(0, 0)] * 7 + [(0, 1)] * 3
        )
    ]  # fmt: skip
    labels(project, rows)
    assert calibrate("polite", "thankful") == 0
    figures = only(project).figures
    assert (figures["sensitivity"].value, figures["specificity"].value) == (0.9, 0.7)
    asked = iter(["said yes", "said yes", "said yes", "no", "no", "no"])
    gate = {"metric": "polite", "min": 0.1, "certified": {"sensitivity": 0.5}}
    done = run(project, "thankful", gate, "polite", answer=lambda prompt: next(asked))
    [table] = [a for a in done.record.cells[0].analyses if a.kind == "judged"]
    assert table.corrected["polite"].value == pytest.approx((0.5 - 0.3) / 0.6)
    assert verdict(done)[0] == "pass"


def test_a_judge_that_always_prefers_the_first(project: Path) -> None:
    rows = [{"a": f"one {i}", "b": f"two {i}", "rating": "a" if i % 2 else "b"} for i in range(10)]
    labels(project, rows)
    assert calibrate("better", "first") == 0
    figures = only(project).figures
    assert figures["position_bias"].value == 0.5
    assert figures["swap_consistency"].value == 0
    assert figures["kappa"].value == 0  # a tie every time


def test_a_judge_that_prefers_the_first_in_70_percent(project: Path) -> None:
    rows = [{"a": f"one {i}", "b": f"two {i}", "rating": "tie"} for i in range(300)]
    labels(project, rows)
    calibrate("better", "mostly_first", "--repeats", "1")
    bias = only(project).figures["position_bias"]
    assert bias.low < 0.2 < bias.high
    assert bias.low > 0


def test_a_judge_that_adds_half_a_point_for_a_hundred_words(project: Path) -> None:
    rows = [
        {"output": f"{i} worth {1 + i % 5} " + "word " * (17 * i % 400), "rating": 1 + i % 5}
        for i in range(300)
    ]
    labels(project, rows)
    calibrate("long", "wordy", "--repeats", "1")
    slope = only(project).figures["length_bias"]
    assert slope.low < 0.5 < slope.high
    assert slope.high - slope.low < 0.15


def test_cached_responses_are_reused(project: Path) -> None:
    """An interrupted calibration continues."""
    labels(project, graded(5))
    calibrate("good", "fair")
    calls = project / "calls"
    assert len(calls.read_text()) == 10  # twice each
    labels(project, graded(8))
    calibrate("good", "fair")
    assert len(calls.read_text()) == 16
    calibrate("good", "fair")
    assert len(calls.read_text()) == 16


def test_self_preference_is_computed_from_families(project: Path) -> None:
    rows = [{**row, "family": "Fair" if i % 2 else "other"} for i, row in enumerate(graded(12))]
    labels(project, rows)
    calibrate("good", "fair", "--family", "fair")
    assert only(project).figures["self_preference"].value == 0


def test_a_judge_with_unparsed_replies_has_no_certificate(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels(project, graded())
    assert calibrate("good", "mute") == 2
    assert "graded 0 of 24 cases" in capsys.readouterr().err


def test_only_judged_scores_can_require_a_certificate(project: Path) -> None:
    with pytest.raises(SpecError, match="'certified' applies to scores of judges"):
        run(project, "fair", {"metric": "exact_match", "min": 0, "certified": {"kappa": 0.5}})
    with pytest.raises(UsageError, match="unknown model 'nobody'"):
        run(project, "nobody", DEMAND)


def test_a_judge_of_claims_is_calibrated_claim_by_claim(project: Path) -> None:
    said = ["supported", "Not found", "contradicted", "not_found"]
    rows = [
        {
            "claim": f"It is {'red' if i % 4 == 0 else 'blue'}",
            "contexts": f'[{{"id": "p", "text": "The boat {i} is red"}}]',
            "rating": said[i % 4],
        }
        for i in range(40)
    ]
    labels(project, rows)
    assert calibrate("grounded", "careful", "--output", "judges") == 0
    certificate = only(project)
    assert certificate.confusion.labels == ("Contradicted", "Not found", "Supported")
    assert certificate.confusion.counts == {"grade": [[0, 10, 0], [0, 20, 0], [0, 0, 10]]}
    assert certificate.figures["kappa"].value == pytest.approx(5 / 9)
    suite = {
        "suite": "s",
        "task": "generation",
        "data": {"rows": [{"q": "?", "text": "The boat is red"}], "source": "text"},
        "prompts": {"p": "{{ q }}"},
        "metrics": ["length"],
        "judges": {"grounded": {"by": "careful"}},
        "gates": [{"metric": "grounded", "min": 0.5, "certified": {"kappa": 0.2}}],
    }
    done = evaluate(suite, {"m": lambda prompt: "It is red"}, root=project)
    assert verdict(done)[0] == "pass", verdict(done)
    rows[0]["rating"] = "true"
    labels(project, rows)
    with pytest.raises(SpecError, match="expected supported, contradicted or not found"):
        read_labels(project / "human.csv", load_rubric(known_rubrics(project)["grounded"]))
