"""Certificates: saving, what they apply to, what they show."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit import EvalkitError
from evalkit.exchange import Generation
from evalkit.judging.certificate import (
    Asking,
    Certificate,
    Confusion,
    Figure,
    Grader,
    LabelSet,
    certificates_in,
    file_name,
    identity_of,
    read_certificate,
    shortfalls,
    write_certificate,
)
from evalkit.judging.certificates import Standing, objection


def certificate(**changes: Any) -> Certificate:
    values: dict[str, Any] = {
        "rubric": "good",
        "rubric_hash": "f00",
        "judge": Grader("openai:big/one?x=1", "openai", "big/one"),
        "identity": "abc",
        "asked": Asking("choice", reasoning=False),
        "labels": LabelSet("human.csv", "def", cases=3, raters=1),
        "statuses": {"ok": 3},
        "figures": {
            "kappa": Figure(0.7, 0.5, 0.85, 40),
            "length_bias": Figure(-0.1, -0.4, 0.2, 40),
            "spearman": Figure(0.8, 0.6, 0.9, 40),
            "kendall": Figure(
                math.nan, math.nan, math.nan, 40, "the judge gave every case the same grade"
            ),
        },
        "confusion": Confusion(("1", "2"), {"grade": [[1, 0], [1, 1]]}),
        "labelled": ((1.0, 1.25), (2.0, 1.5), (2.0, 2.0)),
        "made": "2026-01-31",
    }
    return Certificate(**(values | changes))


def test_a_certificate_survives_saving(tmp_path: Path) -> None:
    one = certificate()
    path = write_certificate(one, tmp_path / "judges")
    assert path.name == file_name(one)
    assert path.name.startswith("good.openai-big-one-x-1.choice-")
    read = read_certificate(path)
    assert math.isnan(read.figures["kendall"].low)
    assert read.figures["kendall"].why == "the judge gave every case the same grade"
    whole = {k: v for k, v in one.figures.items() if k != "kendall"}
    assert {k: v for k, v in read.figures.items() if k != "kendall"} == whole
    assert (read.labelled, read.confusion, read.asked) == (one.labelled, one.confusion, one.asked)
    assert (read.judge, read.labels) == (one.judge, one.labels)
    later = certificate(judge=replace(one.judge, name="other"), made="2026-02-01")
    write_certificate(later, path.parent)
    found = certificates_in([path.parent, path.parent])
    assert [c.judge.name for c in found] == ["other", one.judge.name]


@pytest.mark.parametrize("text", ["", "[]", "rubric: good\n", "figures: 3\n", "a: {"])
def test_a_broken_certificate_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.certificate.yaml"
    path.write_text(text)
    with pytest.raises(EvalkitError, match=r"x\.certificate\.yaml"):
        read_certificate(path)


def test_a_certificate_is_for_one_rubric_judge_and_method() -> None:
    one = certificate()
    asked = Asking("choice", reasoning=False)
    assert one.fits("f00", "abc", asked)
    assert not one.fits("f01", "abc", asked)
    assert not one.fits("f00", "abd", asked)
    assert not one.fits("f00", "abc", replace(asked, reasoning=True))


def test_a_judge_is_the_same_on_another_machine_but_not_with_other_weights() -> None:
    here = {"weights": {"hash": "1"}, "device": "cpu", "versions": {"torch": "2.9"}}
    there = {"weights": {"hash": "1"}, "device": "cuda", "versions": {"torch": "2.10"}}
    assert identity_of(here) == identity_of(there)
    assert identity_of(here) != identity_of({**here, "weights": {"hash": "2"}})
    assert identity_of(None) == ""


def test_the_bound_of_the_interval_counts() -> None:
    one = certificate()
    assert shortfalls(one, {"kappa": 0.5, "max_length_bias": 0.4}) == []
    assert shortfalls(one, {"kappa": 0.6}) == [
        "kappa is 0.70 [0.50, 0.85], its lower bound must be 0.6"
    ]
    assert shortfalls(one, {"max_length_bias": 0.3}) == [
        "length_bias is -0.10 [-0.40, 0.20], the limit is 0.3"
    ]
    assert shortfalls(one, {"kendall": 0.1, "max_position_bias": 1}) == [
        "kendall was not measured (the judge gave every case the same grade)",
        "position_bias was not measured",
    ]


def test_a_certificate_over_three_cases_satisfies_no_requirement() -> None:
    """Not even where its intervals would: the ranks of three cases agree by chance alone."""
    few = Standing("strict", certificate(figures={"spearman": Figure(1.0, 1.0, 1.0, 3)}))
    verdict, reason = objection({"spearman": 0.95}, [few]) or ("", "")
    assert verdict == "error"
    assert "covers too little: 3 labelled cases, fewer than 20" in reason
    enough = certificate(
        figures={"spearman": Figure(1.0, 0.96, 1.0, 200)}, labelled=((1.0, 1.0),) * 200
    )
    assert objection({"spearman": 0.95}, [Standing("strict", enough)]) is None


def test_a_certificate_of_an_earlier_version_never_applies(tmp_path: Path) -> None:
    """Its intervals were narrower than the labels allow."""
    asked = Asking("choice", reasoning=False)
    path = write_certificate(certificate(), tmp_path)
    assert read_certificate(path).fits("f00", "abc", asked)
    path.write_text(path.read_text().replace("version: 2\n", ""))
    assert read_certificate(path).version == 1
    assert not read_certificate(path).fits("f00", "abc", asked)


def test_the_method_of_a_generating_judge_is_stored(tmp_path: Path) -> None:
    asked = Asking("text", True, "w", Generation(temperature=0.5, stop=("x",)), rules="r")
    raters = LabelSet("human.csv", "def", 3, 2, alpha=0.75, alpha_low=None, alpha_high=0.875)
    path = write_certificate(certificate(asked=asked, labels=raters), tmp_path)
    read = read_certificate(path)
    assert (read.asked, read.labels) == (asked, raters)
    assert read.fits("f00", "abc", asked)
    assert not read.fits("f00", "abc", replace(asked, generation=Generation()))
    path.write_text(path.read_text().replace("  method: text\n", "  method: text\n  mood: good\n"))
    with pytest.raises(EvalkitError, match=r"not a valid certificate \(.*mood"):
        read_certificate(path)
