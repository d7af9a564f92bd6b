"""A cell keeps its samples until it is decided if judges or gates need them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.records import CellRecord
from evalkit.runner import decide
from evalkit.store import Store

SUITE = {
    "suite": "s",
    "task": "qa",
    "data": {"rows": [{"q": f"{i}", "a": "b"} for i in range(4)], "target": "a"},
    "prompts": {"p": "{{ q }}"},
}
JUDGED = {"judges": [{"rubric": "helpfulness", "by": "judge", "method": "text"}]}
PAIRED = {"gates": ["exact_match >= m/p - 0.5 at 90%"]}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The cells whose samples were read from the store during the run."""
    read: list[object] = []
    original = Store.samples

    def samples(self: Store, run: str, cell: tuple[str, str, str]) -> Any:
        if self.run_status(run) == "running":
            read.append(cell)
        return original(self, run, cell)

    monkeypatch.setattr(Store, "samples", samples)
    return read


@pytest.mark.filterwarnings("ignore:.*cannot pass with")
@pytest.mark.parametrize("more", [{}, JUDGED, PAIRED, {**JUDGED, **PAIRED}])
def test_samples_are_not_read_back(more: Any, reads: list[object], tmp_path: Path) -> None:
    models = {"m": lambda prompt: "b", "n": lambda prompt: "c"}
    judge = {"judge": lambda prompt: "Rating: 3"}
    run = evaluate({**SUITE, **more}, models, loaded=judge, root=tmp_path)
    assert reads == []
    assert [len(cell.samples) for cell in run.store.run(run.id).cells] == [4, 4]
    if "judges" in more:
        assert {len(s.judgments) for c in run.record.cells for s in c.samples} == {1}


@pytest.mark.parametrize("more", [{}, {"gates": ["exact_match >= m/p - 0.5"]}])
def test_unneeded_samples_are_released(
    more: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores alone decide: a large run holds the samples of one cell at a time."""
    held: list[int] = []
    original = decide.Relations.part

    def part(self: decide.Relations, record: CellRecord) -> str:
        held.append(len(record.samples))
        return original(self, record)

    monkeypatch.setattr(decide.Relations, "part", part)
    gates = [*more.get("gates", ()), "exact_match >= 0"]
    models = {"m": lambda prompt: "b", "n": lambda prompt: "c"}
    evaluate({**SUITE, "gates": gates}, models, root=tmp_path)
    assert set(held) == {0}
