"""Parity of two models."""

from __future__ import annotations

import pytest

from evalkit.comparing.parity import parity
from evalkit.provenance import Provenance
from evalkit.records import CellRecord, Choices, RunRecord, SampleRecord
from tests.samples import sample_record


def sample(identity: str, chosen: str, logprobs: list[float], **more: object) -> SampleRecord:
    return sample_record(
        identity, 0, {}, ["x"], "p", "sent", chosen, chosen, "", "ok", correct=chosen == "x",
        choices=Choices(("x", "y"), ("x", "y"), tuple(logprobs)), **more,
    )  # fmt: skip


def test_ties_explain_choices_that_differ() -> None:
    def cell(model: str, samples: list[SampleRecord]) -> CellRecord:
        return CellRecord("s", model, "p", "classification", 3, 3, {}, {}, [], [], samples)

    run = RunRecord("r", "", None, "finished", Provenance())
    run.cells = [
        cell("m", [sample("1", "x", [-1.0, -2.0]), sample("2", "x", [-1.0, -1.01], tie=True),
                   sample("3", "x", [-1.0, -3.0])]),
        cell("n", [sample("1", "x", [-1.1, -2.0]), sample("2", "y", [-1.01, -1.0]),
                   sample("3", "y", [-1.5, -1.25])]),
    ]  # fmt: skip
    (found,) = parity(run, "m", "n")
    assert found.n == 3
    assert [d.id for d in found.differences] == ["2", "3"]
    assert found.ties == 1
    assert found.flips == 2
    assert found.largest == pytest.approx(1.75)
    assert found.differences[0].why.startswith("a tie")
    assert found.differences[1].why.startswith("another choice leads")
