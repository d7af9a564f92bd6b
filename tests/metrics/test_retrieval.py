"""Retrieval metrics against trec_eval, and what counts as a citation."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import pytrec_eval

from evalkit import compute, evaluate
from evalkit.errors import SpecError, UsageError
from evalkit.metrics.retrieval import citations, ranked
from evalkit.passages import Passage, passages_of

MEASURES = {
    "recall@5": "recall_5",
    "precision@5": "P_5",
    "hit_rate@5": "success_5",
    "mrr": "recip_rank",
    "map": "map",
    "map@5": "map_cut_5",
    "ndcg@10": "ndcg_cut_10",
    "context_recall": "set_recall",
    "context_precision": "set_P",
}


def a_run(rng: random.Random) -> tuple[list[dict[str, int]], list[list[Passage]]]:
    """Questions with grades from 0 to 3, and rankings with many ties, some of them empty."""
    collection = [f"doc{n}" for n in range(30)]
    grades, rankings = [], []
    for _ in range(rng.randint(1, 6)):
        judged = {name: rng.randint(0, 3) for name in rng.sample(collection, rng.randint(1, 12))}
        judged[rng.choice(list(judged))] = rng.randint(1, 3)
        found = rng.sample(collection, rng.choice([0, 1, 5, 20]))
        grades.append(judged)
        rankings.append([Passage(name, "", float(rng.randint(0, 6))) for name in found])
    return grades, rankings


def score(metric: str, grades: list[dict[str, int]], rankings: list[list[Passage]]) -> Any:
    empty = [""] * len(grades)
    return compute(metric, empty, empty, contexts=rankings, relevant=grades)


def test_every_measure_equals_trec_evals_on_500_runs() -> None:
    rng = random.Random(15)
    for _ in range(500):
        grades, rankings = a_run(rng)
        qrels = {str(i): judged for i, judged in enumerate(grades)}
        run = {
            str(i): {passage.id: passage.score for passage in found}
            for i, found in enumerate(rankings)
        }
        asked = {"recall.5", "P.5", "success.5", "recip_rank", "map", "map_cut.5", "ndcg_cut.10",
                 "set_recall", "set_P"}  # fmt: skip
        expected = pytrec_eval.RelevanceEvaluator(qrels, asked).evaluate(run)
        for ours, theirs in MEASURES.items():
            # a question without any retrieved passage counts 0 (trec_eval -c)
            want = [expected.get(str(i), {}).get(theirs, 0.0) for i in range(len(grades))]
            made = score(ours, grades, rankings)
            np.testing.assert_allclose(made.per_sample, want, rtol=0, atol=1e-12, err_msg=ours)
            assert made.n == len(grades)


def test_equal_scores_are_ordered_by_id_descending() -> None:
    assert ranked(passages_of([{"id": "a", "score": 1}, {"id": "b", "score": 1}])) == ["b", "a"]


def test_without_scores_the_order_decides_and_a_passage_counts_once() -> None:
    assert ranked(passages_of([{"id": "a"}, {"id": "b", "score": 9}, {"id": "a"}])) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("It is so [1].", ["doc-3"]),
        ("It is so [doc-3][7].", ["doc-3", "7"]),
        ("It is so [1, doc-9; 1].", ["doc-3", "doc-9"]),
        ("A footnote [^2].", ["doc-9"]),
        ("It does not exist [3] [doc-77].", ["3", "doc-77"]),
        ("He said [sic] that [as above] it [see the notes] is.", []),
        ("Nothing [] [ ] and [\n1]", []),
        ("An array [0]", ["0"]),
    ],
)
def test_citations_are_ids_or_places(text: str, cited: list[str]) -> None:
    passages = passages_of([{"id": "doc-3", "text": "a"}, {"id": "doc-9", "text": "b"}])
    assert citations(text, passages) == cited


def test_an_id_comes_before_a_place() -> None:
    passages = passages_of([{"id": 2, "text": "a"}, {"id": 1, "text": "b"}])
    assert citations("so [2]", passages) == ["2"]


def test_citation_scores_count_what_is_relevant() -> None:
    passages = [passages_of([{"id": "a"}, {"id": "b"}, {"id": "c"}])] * 3
    grades = [{"a": 1, "b": 1}] * 3
    texts = ["one [a] [c]", "none", "both [1, 2]"]
    shared = {"contexts": passages, "relevant": grades}
    precision = compute("citation_precision", texts, ["", "", ""], **shared)
    recall = compute("citation_recall", texts, ["", "", ""], **shared)
    assert list(precision.per_sample) == [0.5, 0.0, 1.0]
    assert list(recall.per_sample) == [0.5, 0.0, 1.0]


def test_a_metric_that_lacks_the_relevant_passages_says_so() -> None:
    with pytest.raises(UsageError, match="needs relevant"):
        compute("mrr", ["a"], ["a"])


ROWS = [
    {"id": "1", "q": "one", "a": "x", "docs": [{"id": "d1", "text": "x"}], "gold": ["d1"]},
    {"id": "2", "q": "two", "a": "y", "docs": [{"id": "d1", "text": "x"}], "gold": {"d2": 2}},
]


def suite(**data: Any) -> dict[str, Any]:
    return {
        "suite": "rag",
        "task": "qa",
        "data": {"rows": ROWS, "target": "a", **data},
        "prompt": "{{ q }}",
        "metrics": ["recall@1", "ndcg@3", "exact_match"],
    }


def test_passages_come_from_the_data(tmp_path: Any) -> None:
    run = evaluate(
        suite(contexts="docs", relevant="gold"), {"m": lambda prompt: "x"}, root=tmp_path
    )
    scores = run.record.cells[0].scores
    assert (scores["recall@1"].value, scores["ndcg@3"].value) == (0.5, 0.5)
    assert scores["recall@1"].low < 0.5 < scores["recall@1"].high


@pytest.mark.parametrize("contexts", [{}, {"contexts": "response"}])
def test_passages_come_from_the_response(tmp_path: Any, contexts: dict[str, str]) -> None:
    def app(prompt: Any) -> dict[str, Any]:
        return {"text": "y", "contexts": [{"id": "d2", "text": "y"}]}

    run = evaluate(suite(relevant="gold", **contexts), {"m": app}, root=tmp_path)
    assert run.record.cells[0].scores["recall@1"].value == 0.5


def test_a_retriever_need_not_write_a_text(tmp_path: Any) -> None:
    declared = {**suite(relevant="gold"), "task": "retrieval"}
    del declared["metrics"], declared["data"]["target"]
    run = evaluate(declared, {"m": lambda prompt: {"contexts": [{"id": "d2"}]}}, root=tmp_path)
    cell = run.record.cells[0]
    assert cell.scores["recall@5"].value == 0.5
    assert cell.samples[0].prediction == "d2"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"relevant": "gone"}, "unknown column 'gone'"),
        ({"relevant": "response"}, "unknown column 'response'"),
        ({}, "metric 'recall@1' needs `relevant:` in `data:`"),
        ({"relevant": "q", "contexts": "gold"}, "column 'gold': expected passages"),
        ({"rows": [{**ROWS[0], "gold": []}], "relevant": "gold"}, "no relevant passage"),
        ({"rows": [{**ROWS[0], "gold": {"a": "x"}}], "relevant": "gold"}, "grade of passage 'a'"),
        ({"rows": [{**ROWS[0], "gold": [None]}], "relevant": "gold"}, "expected the id"),
    ],
)
def test_data_that_cannot_be_scored_is_refused(
    tmp_path: Any, data: dict[str, Any], said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        evaluate(suite(**data), {"m": lambda prompt: "x"}, root=tmp_path)
