"""BLEU, chrF, TER and METEOR equal their reference implementations."""

from __future__ import annotations

import random

import numpy as np
import pytest
import sacrebleu
from nltk.corpus.reader.wordnet import WordNetCorpusReader
from nltk.tokenize import wordpunct_tokenize
from nltk.translate.meteor_score import meteor_score

from evalkit.errors import UsageError
from evalkit.metrics import compute
from evalkit.metrics.translation import bleu_of_sums, chrf_of_sums, load_wordnet, ter_of_sums
from tests.metrics.conftest import NoSynonyms
from tests.metrics.test_text import cases


@pytest.mark.usefixtures("no_intervals")
@pytest.mark.parametrize("name", ["bleu", "chrf", "ter"])
def test_corpus_scores_equal_sacrebleu_on_500_cases(name: str) -> None:
    rng = random.Random(5)
    corpus = {
        "bleu": sacrebleu.corpus_bleu,
        "chrf": sacrebleu.corpus_chrf,
        "ter": sacrebleu.corpus_ter,
    }
    pool = cases(6, 3000)
    for _ in range(500):
        some = rng.sample(pool, rng.randint(1, 4))
        answers = [a for a, _ in some]
        references = [r for _, r in some]
        most = max(map(len, references))
        streams = [[r[i] if i < len(r) else None for r in references] for i in range(most)]
        expected = corpus[name](answers, streams).score
        assert compute(name, answers, references).value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["bleu", "chrf", "ter"])
def test_scores_of_summed_counts_equal_sacrebleus(name: str) -> None:
    rng = random.Random(7)
    statistic = {"bleu": bleu_of_sums, "chrf": chrf_of_sums, "ter": ter_of_sums}[name]
    metric = {"bleu": sacrebleu.BLEU(), "chrf": sacrebleu.CHRF(), "ter": sacrebleu.TER()}[name]
    pool = cases(8, 600)
    for _ in range(300):
        some = rng.sample(pool, rng.randint(1, 6))
        answers = [a for a, _ in some]
        streams = [[r[0] for _, r in some]]
        rows = np.array(metric._extract_corpus_statistics(answers, streams), dtype=float)
        expected = metric.corpus_score(answers, streams).score
        got = statistic(rows.sum(axis=0)[np.newaxis])[0]
        assert got == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_chrf_is_not_transposed() -> None:
    """One answer with two references is not two answers: the best reference counts."""
    score = compute("chrf", ["the cat"], [["a dog", "the cat"]])
    assert score.value == pytest.approx(100)


def test_an_unmatched_corpus_has_a_nonzero_interval() -> None:
    score = compute("bleu", ["x"] * 5, ["the cat sat on it"] * 5)
    assert score.value == 0.0
    assert score.high > 0.0


def test_meteor_equals_nltks() -> None:
    for answer, references in cases(10, 100):
        words = [wordpunct_tokenize(r) for r in references]
        expected = meteor_score(words, wordpunct_tokenize(answer), wordnet=NoSynonyms())
        assert compute("meteor", [answer], [references]).value == pytest.approx(expected)


def test_meteor_names_the_step_when_wordnet_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nltk.data.path", [])
    from nltk.corpus.util import LazyCorpusLoader

    missing = LazyCorpusLoader("wordnet", WordNetCorpusReader, None)
    monkeypatch.setattr("nltk.corpus.wordnet", missing)
    with pytest.raises(UsageError, match=r"nltk\.downloader wordnet"):
        load_wordnet()
