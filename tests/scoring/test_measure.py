"""The parts of a cell that have scores, and what was lost in each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalkit import evaluate
from evalkit.records import Group, SampleRecord
from evalkit.scoring.measure import Subset, parts_of

from ..samples import sample_record


def sample(number: int, **fields: Any) -> SampleRecord:
    return sample_record(str(number), number, fields, [], "", "", "", None, "", "ok")


def test_parts_are_all_samples_and_each_group() -> None:
    rows = [
        sample(0, topic="b", size=1),
        sample(1, topic="a", size=2),
        sample(2, topic="b", size=None),
        sample(3, topic="a", size=1),
    ]
    assert parts_of(rows, [True, False, True, True], ["topic", "size"]) == [
        Subset(None, [0, 1, 2], 1),
        Subset(Group("topic", "a"), [2], 1),
        Subset(Group("topic", "b"), [0, 1], 0),
        Subset(Group("size", ""), [1], 0),
        Subset(Group("size", "1"), [0, 2], 0),
        Subset(Group("size", "2"), [], 1),
    ]


def test_a_completely_lost_group_is_reported(tmp_path: Path) -> None:
    def answer(prompt: Any) -> str:
        if "art" in str(prompt):
            raise RuntimeError("lost")
        return "yes"

    rows = [{"q": f"{topic} {i}", "a": "yes", "topic": topic}
            for i in range(3) for topic in ("art", "law")]  # fmt: skip
    suite = {
        "suite": "s",
        "task": "qa",
        "data": {"rows": rows, "target": "a", "group": "topic"},
        "prompt": "{{ q }}",
        "metrics": ["exact_match"],
    }
    scores = evaluate(suite, {"m": answer}, root=tmp_path).record.cells[0].scores
    art, law = scores["exact_match[topic=art]"], scores["exact_match[topic=law]"]
    assert (art.value, art.n, art.lost, art.no_value) == (None, 0, 3, "undefined")
    assert (law.value, law.n, law.lost) == (1.0, 3, 0)
