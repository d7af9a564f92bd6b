from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from evalkit.exchange import Status
from evalkit.messages import plain
from evalkit.records import (
    Answer,
    CheckRecord,
    Choices,
    CodeRun,
    Likelihood,
    RunRecord,
)
from evalkit.records.judgments import Judgment, Reply
from evalkit.reporting.document import document, finite, write_json

from .runs import HOSTILE, empty_run, large_run

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "results.schema.json").read_text(encoding="utf-8")
)


def no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is not JSON")


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("samples", [False, True])
def test_documents_match_the_schema(run: RunRecord, tmp_path: Path, samples: bool) -> None:
    path = write_json(run, tmp_path / "new" / "run.json", samples=samples)
    written = json.loads(path.read_text(encoding="utf-8"), parse_constant=no_constant)
    Draft202012Validator(SCHEMA).validate(written)
    assert ("samples" in written["cells"][0]) is samples


def test_the_schema_rejects_missing_and_extra_keys(run: RunRecord) -> None:
    validator = Draft202012Validator(SCHEMA)
    written = document(run)
    del written["cells"][0]["scores"]["accuracy"]["low"]
    written["cells"][0]["gates"][0]["verdict"] = "maybe"
    written["more"] = 1
    assert len(list(validator.iter_errors(written))) == 3


def test_numbers_and_keys_match_the_run(run: RunRecord) -> None:
    written = document(run)
    cell, record = written["cells"][1], run.cells[1]
    assert (cell["suite"], cell["model"], cell["prompt"]) == (
        "film-sentiment",
        "smollm2",
        "few-shot",
    )
    accuracy = record.scores["accuracy"]
    assert cell["scores"]["accuracy"]["value"] == accuracy.value
    assert cell["scores"]["accuracy"]["high"] == accuracy.high
    assert [gate["rule"] for gate in cell["gates"]] == [gate.rule for gate in record.gates]
    assert written["verdicts"] == {"pass": 5, "fail": 7, "inconclusive": 2, "error": 2}
    assert set(written["suites"]) == {"film-sentiment", "short-qa", "translation"}


def test_undefined_scores_and_infinite_ranges_are_null(run: RunRecord) -> None:
    ter = document(run)["cells"][6]["scores"]["ter"]
    assert ter["value"] is None
    assert ter["range_high"] is None


def test_hostile_text_survives_unchanged(run: RunRecord, tmp_path: Path) -> None:
    path = write_json(run, tmp_path / "run.json", samples=True)
    outputs = {sample["output"] for sample in json.loads(path.read_bytes())["cells"][4]["samples"]}
    assert set(HOSTILE.values()) <= outputs


def test_a_sample_is_written_completely(run: RunRecord) -> None:
    sample = run.cells[4].samples[0]
    answer = sample.answer
    assert document(run, samples=True)["cells"][4]["samples"][0] == {
        "id": sample.id, "index": sample.index, "fields": sample.fields,
        "targets": sample.targets, "prompt": plain(sample.prompt), "sent": answer.sent,
        "output": answer.output, "prediction": answer.prediction, "how": answer.explanation,
        "status": answer.status, "error": answer.error, "correct": answer.correct,
        "scores": sample.scores, "probabilities": answer.probabilities,
        "checks": [asdict(check) for check in answer.checks], "cached": answer.cached,
        "seconds": answer.seconds, "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens, "finish": answer.finish,
        "repeats": [], "details": answer.details,
    }  # fmt: skip


def test_every_answer_is_written_with_its_scores() -> None:
    run = large_run(6, 1)
    sample = run.cells[0].samples[0]
    passes = Answer("x = 1", "x = 1", "the code", correct=True, scores={"share": 1.0},
                    tests=CodeRun(True, "", "fine", 0.5), seconds=1.0, thinking="hm",
                    checks=(CheckRecord("max_words: 9", True, "3 words"),))  # fmt: skip
    fails = replace(passes, correct=False, scores={"share": 0.0}, thinking=None, tie=True,
                    tests=CodeRun(False, "no", "", 0.25), candidates=("a", "b"),
                    likelihood=Likelihood(-2.0, 3, 9), unfinished=True,
                    choices=Choices(("X", "Y"), ("x", "y"), (-1.0, -2.0)),
                    checks=(CheckRecord("max_words: 9", False, "10 words"),),
                    judgments=(Judgment("good", "j", Reply(Status.OK, "1", 1.0)),))  # fmt: skip
    sample.answers = [passes, fails]
    written = document(run, samples=True)
    Draft202012Validator(SCHEMA).validate(written)
    told = written["cells"][0]["samples"][0]
    assert told["details"] == {
        "thinking": "hm", "tests": {"passed": True, "reason": "", "output": "fine", "seconds": 0.5},
        "judgments": [
            {"score": "good", "rubric": "", "judge": "j", "method": "", "status": "ok",
             "answer": "1", "value": 1.0, "prompt": "", "reply": "", "cached": False},
        ],
    }  # fmt: skip
    assert told["seconds"] == 2.0
    assert told["checks"] == [
        {"rule": "max_words: 9", "passed": False, "reason": "answer 2: 10 words"}
    ]
    first, second = told["repeats"]
    assert first == {
        "output": "x = 1", "prediction": "x = 1", "how": "the code", "status": "ok", "error": "",
        "correct": True, "scores": {"share": 1.0}, "thinking": "hm",
        "tests": {"passed": True, "reason": "", "output": "fine", "seconds": 0.5},
    }  # fmt: skip
    assert second["tests"] == {"passed": False, "reason": "no", "output": "", "seconds": 0.25}
    assert (second["options"], second["choices"]) == (["X", "Y"], ["x", "y"])
    assert (second["logprobs"], second["candidates"]) == ([-1.0, -2.0], ["a", "b"])
    assert (second["logprob"], second["tokens"], second["bytes"]) == (-2.0, 3, 9)
    assert (second["tie"], second["still_thinking"]) == (True, True)


def test_a_run_without_cells_gives_a_document() -> None:
    Draft202012Validator(SCHEMA).validate(document(empty_run()))


def test_finite_gives_valid_json() -> None:
    value = {
        1: (math.inf, -math.inf, math.nan),
        "a": np.float64(0.5),
        "b": {np.int64(3)},
        "c": Path("x"),
    }
    assert finite(value) == {"1": [None, None, None], "a": 0.5, "b": [3], "c": "x"}
    assert finite(np.float64("nan")) is None
