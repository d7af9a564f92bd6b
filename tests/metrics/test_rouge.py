"""ROUGE by both of its implementations, digit for digit against rouge_score."""

from __future__ import annotations

import random

import pytest
from rouge_score.rouge_scorer import RougeScorer

from evalkit.metrics import rouge

KINDS = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
PIECES = [
    *["the", "cat", "Cats", "running", "relational", "generalisations", "dies", "flies", "a"],
    *["İ", "ı", "\u212a", "ẞ", "ﬁ", "²", "Ⅷ", "é", "e\u0301", "日本語", "١٢"],
    *["\U0001f600", "\ud800"],
    *["\n", "\r\n", "\n\n", "\t", "\x00", "\x85", "\u2028", "\xa0", "_", "don't", "3.14", "x1y2"],
]


def pairs(seed: int, count: int) -> tuple[list[str], list[str]]:
    rng = random.Random(seed)
    answers, references = ["", "", "a", "\n"], ["", "a", "", "\n\n"]
    for _ in range(count):
        pieces = rng.choices(PIECES, k=rng.randint(0, 25))
        answers.append(rng.choice(["", " "]).join(pieces))
        rng.shuffle(pieces)
        references.append(" ".join(pieces[: rng.randint(0, 25)] + rng.choices(PIECES, k=3)))
    return answers, references


def reference_values(kind: str, use_stemmer: bool) -> list[float]:
    scorer = RougeScorer([kind], use_stemmer=use_stemmer)
    return [scorer.score(r, a)[kind].fmeasure for a, r in zip(*pairs(1, 400), strict=True)]


@pytest.mark.parametrize("use_stemmer", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_both_implementations_equal_rouge_score(kind: str, use_stemmer: bool) -> None:
    answers, references = pairs(1, 400)
    expected = reference_values(kind, use_stemmer)
    assert rouge._native((kind,), use_stemmer) is not None
    assert rouge.f_measures(kind, answers, references, use_stemmer) == expected
    assert rouge._own(kind, answers, references, use_stemmer) == expected


def test_an_implementation_that_differs_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    import rouge_score_rs

    def rounded(self: object, targets: list[str], predictions: list[str]) -> object:
        scores = [whole.score(t, p) for t, p in zip(targets, predictions, strict=True)]
        for score in scores:
            score["rouge2"] = score["rouge2"]._replace(fmeasure=round(score["rouge2"][2], 4))
        return scores

    whole = RougeScorer(KINDS)
    monkeypatch.setattr(rouge_score_rs.RougeScorer, "score_batch", rounded)
    rouge._native.cache_clear()
    assert rouge._native(("rouge1", "rouge2"), False) is None
    assert rouge.f_measures("rouge1", ["a b c"], ["a b d"]) == [2 / 3]
    rouge._native.cache_clear()
