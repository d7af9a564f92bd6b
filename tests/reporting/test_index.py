"""What filters find in the index."""

from __future__ import annotations

from evalkit.records import RunRecord
from evalkit.records.analyses import ConfusionMatrix
from evalkit.reporting.pack import pack
from tests.reporting.test_pack import cells_of, unpacked

from .runs import classification_cell, failed_cell


def test_the_index_contains_what_filters_need(run: RunRecord) -> None:
    cells = cells_of(run, "short-qa")
    index = unpacked(pack(run.suites["short-qa"], cells).index)
    first, missing = index["cells"]
    samples = cells[0].samples
    assert first["status"].count("u") == sum(s.status == "unparsed" for s in samples)
    assert [first["status"][i] for i in (7, 11, 12)] == ["t", "f", "e"]
    assert first["correct"].count("0") == sum(s.correct is False for s in samples)
    assert first["correct"][11:13] == "--"
    assert first["checks"].count("0") == 1
    assert set(missing["status"]) == {"-"}
    assert index["fields"][index["lead"]] == "question"


def test_cells_differ_if_their_labels_differ(run: RunRecord) -> None:
    cells = cells_of(run, "film-sentiment")
    index = unpacked(pack(run.suites["film-sentiment"], cells).index)
    rows = zip(*(cell.samples for cell in cells), strict=True)
    assert index["differ"] == "".join("01"[len({s.prediction for s in row}) > 1] for row in rows)


def test_confusion_counts_match_the_index(run: RunRecord) -> None:
    cells = cells_of(run, "film-sentiment")
    index = unpacked(pack(run.suites["film-sentiment"], cells).index)
    for k, cell in enumerate(cells):
        counts = [[0] * 3 for _ in range(3)]
        for gold, predicted in zip(index["gold"], index["cells"][k]["predicted"], strict=True):
            counts[gold][predicted] += 1
        assert isinstance(matrix := cell.analyses[0], ConfusionMatrix)
        assert tuple(map(tuple, counts)) == matrix.counts


def test_a_sample_missing_in_one_cell_has_a_row(run: RunRecord) -> None:
    whole = classification_cell("s", "a", "plain", 5, 0.5, 1)
    part = classification_cell("s", "b", "plain", 5, 0.5, 2)
    del part.samples[1:3]
    index = unpacked(pack(None, [part, whole]).index)
    assert index["ids"] == [sample.id for sample in whole.samples]
    assert index["cells"][0]["status"] == "o--oo"


def test_cells_without_samples_give_an_empty_index() -> None:
    packed = pack(None, [failed_cell("s", "m", "p", 9)])
    assert unpacked(packed.index)["n"] == 0
    assert packed.chunks == ()
