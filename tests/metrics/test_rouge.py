"""ROUGE through both packages that compute it, digit for digit against rouge_score."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import sacrebleu
from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer

from evalkit.metrics import compute, rouge
from tests.metrics.test_text import cases

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


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("use_stemmer", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_both_packages_equal_rouge_score(
    kind: str, use_stemmer: bool, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, references = pairs(1, 400)
    expected = reference_values(kind, use_stemmer)
    assert rouge._native((kind,), use_stemmer) is not None
    if not fast:
        monkeypatch.setattr(rouge, "_native", lambda *_: None)
    assert rouge.f_measures(kind, answers, references, use_stemmer) == expected


@pytest.mark.parametrize("use_stemmer", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_fast_package_is_first_compared_with_rouge_score(kind: str, use_stemmer: bool) -> None:
    scorer = RougeScorer([kind], use_stemmer=use_stemmer)
    found = [scorer.score(r, a)[kind].fmeasure for a, r in rouge.DIFFICULT]
    stemmed = [*found[: rouge.STEMMED], 0, *found[rouge.STEMMED + 1 :]]
    assert found[rouge.STEMMED] == float(use_stemmer)
    assert tuple(stemmed) == rouge.EXPECTED[kind]


class Words:
    """A tokenizer in rouge_score's sense. stem: of words of more than three ASCII letters."""

    def __init__(self, split: Callable[[str], list[str]], stem: bool = False) -> None:
        self._split = split
        self._stem = PorterStemmer().stem if stem else str

    def tokenize(self, text: str) -> list[str]:
        words = [w for w in self._split(text.lower()) if any(map(str.isalnum, w))]
        return [self._stem(w) if len(w) > 3 and w.isascii() else w for w in words]


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(("name", "stem"), [("zh", False), ("intl", False), ("13a", True)])
@pytest.mark.parametrize("kind", KINDS)
def test_tokenizers_equal_rouge_score_with_the_same_tokenizer(
    kind: str, name: str, stem: bool, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = [
        "今天",
        "天气很好",
        "running",
        "runs",
        "москва",
        "München",
        "हिन्दी",
        "2024",
        ",",
        "。",
        "\n",
    ]
    rng = random.Random(3)
    texts = [" ".join(rng.choices(pieces, k=rng.randint(0, 12))) for _ in range(120)]
    answers, references = texts[::2], texts[1::2]
    tokenizer = sacrebleu.BLEU(tokenize=name).tokenizer
    scorer = RougeScorer([kind], tokenizer=Words(lambda text: tokenizer(text).split(), stem))
    expected = [scorer.score(r, a)[kind].fmeasure for a, r in zip(answers, references, strict=True)]
    if not fast:
        monkeypatch.setattr(rouge, "_native", lambda *_: None)
    assert rouge.f_measures(kind, answers, references, stem, name) == expected


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


@pytest.mark.usefixtures("no_intervals")
@pytest.mark.parametrize("use_stemmer", [False, True])
@pytest.mark.parametrize("kind", ["rouge1", "rouge2", "rougeL", "rougeLsum"])
def test_rouge_equals_rouge_score_on_500_cases(kind: str, use_stemmer: bool) -> None:
    scorer = RougeScorer([kind], use_stemmer=use_stemmer)
    answers, references = map(list, zip(*cases(4, 500), strict=True))
    score = compute(kind, answers, references, settings={"use_stemmer": use_stemmer})
    for answer, wanted, value in zip(answers, references, score.per_sample, strict=True):
        best = max(scorer.score(reference, answer)[kind].fmeasure for reference in wanted)
        assert value == best, (answer, wanted)
    assert score.value == pytest.approx(np.mean(score.per_sample), abs=1e-15)
