"""One evaluation from end to end on the real SmolLM2-135M: shipped suites, a few samples each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalkit import Message, Run, content, evaluate

pytestmark = pytest.mark.model
SUITES = content.folder("suites")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def run(smollm2: Any, store: Path) -> Run:
    names = ("sentiment", "facts")
    suites = [SUITES / f"{name}.eval.yaml" for name in names]
    return evaluate(
        suites, {"smollm2": smollm2}, prompts=["zero-shot", "few-shot"], limit=6, store=store
    )


def test_every_sample_has_an_answer_and_the_exact_text_sent(run: Run) -> None:
    samples = [sample for cell in run.record.cells for sample in cell.samples]
    assert len(samples) == 18
    assert {sample.status for sample in samples} <= {"ok", "truncated"}
    for sample in samples:
        assert sample.sent.startswith("<|im_start|>system\n")
        assert sample.sent.endswith("<|im_start|>assistant\n")
        assert sample.sent.count("<|im_start|>assistant") == 1 + sum(
            turn.role == "assistant" for turn in sample.prompt if isinstance(turn, Message)
        )
        assert str(sample.fields.get("text", sample.fields.get("question"))) in sample.sent


def test_choices_have_probabilities(run: Run) -> None:
    chosen = [s for cell in run.record.cells if cell.suite == "sentiment" for s in cell.samples]
    assert chosen
    for sample in chosen:
        assert sum(sample.probabilities.values()) == pytest.approx(1.0)
        assert sample.prediction == max(sample.probabilities, key=sample.probabilities.__getitem__)


def test_the_model_knows_something(run: Run) -> None:
    """Of six plain facts asked with four worked examples, it states at least one."""
    cell = next(c for c in run.record.cells if c.suite == "facts")
    value = cell.scores["contains"].value
    assert value is not None
    assert value > 0


def test_a_repeated_run_does_not_import_torch(run: Run, store: Path, tmp_path: Path) -> None:
    code = (
        "import sys, pytest\n"
        "status = pytest.main(sys.argv[1:])\n"
        # scikit-learn, which computes the scores, imports pandas; evalkit itself does not.
        "heavy = {'torch', 'transformers'} & set(sys.modules)\n"
        "print('STATUS', int(status), sorted(heavy))"
    )
    report = tmp_path / "report.html"
    done = subprocess.run(
        [sys.executable, "-c", code, str(SUITES / "sentiment.eval.yaml"), "-q",
         "--eval-model=smollm2", "--eval-limit=6", "--eval-prompt=zero-shot",
         f"--eval-store={store}", f"--eval-report={report}", "-p", "no:cacheprovider"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "6 requests, 6 of them from the cache" in done.stdout
    assert "loading" not in done.stdout
    assert done.stdout.splitlines()[-1] in ("STATUS 0 []", "STATUS 1 []")
    assert report.stat().st_size > 20_000
