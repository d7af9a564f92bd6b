"""Two cells compared by all their scores."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy import stats

from evalkit.comparing.baseline_file import read_run
from evalkit.comparing.cells import compare_cells
from evalkit.comparing.operand import side_of
from evalkit.comparing.scores import compare_score
from evalkit.errors import UsageError
from evalkit.provenance import Provenance
from evalkit.records import RunRecord, ScoreRecord
from evalkit.reporting.document import write_json
from tests.comparing.test_scores import sample, side, suite


def test_a_family_is_corrected_by_holm_and_unknown_scores_are_named() -> None:
    declared = suite("qa", metrics=["exact_match"])
    record = {"exact_match": ScoreRecord("exact_match", 0.5, None, None, 20)}
    sides = [
        side(declared, [sample(i, "x", "x", scores={"exact_match": float(i < right)})
                        for i in range(20)], prompt=f"p{right}", scores=record)
        for right in (4, 12, 20)
    ]  # fmt: skip
    pairs = [(sides[0], sides[1]), (sides[0], sides[2])]
    found = [one.scores[0] for one in compare_cells(pairs)]
    p = sorted(stats.binomtest(k, k).pvalue for k in (8, 16))
    assert found[1].adjusted == pytest.approx(2 * p[0])
    assert found[0].adjusted == pytest.approx(max(p[1], 2 * p[0]))
    with pytest.raises(UsageError, match="did you mean 'exact_match'"):
        compare_cells(pairs, ["exact_mach"])


def test_two_files_say_that_they_do_not_keep_groups(tmp_path: Path) -> None:
    declared = suite("qa", groups=["topic"])
    samples = [sample(i, "x", "x", scores={"exact_match": 1.0}) for i in range(4)]
    a = side(declared, samples)
    run = RunRecord("r", "", None, "finished", Provenance(), {"s": declared}, {}, [a.cell])
    read = read_run(write_json(run, tmp_path / "run.json"))
    files = side_of(read, read.cells[0])
    found = compare_score(files, files, "exact_match[topic=art]")
    assert found.note == "files do not keep which samples are in a group"
