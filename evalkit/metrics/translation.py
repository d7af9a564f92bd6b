"""Corpus BLEU, chrF and TER, computed by sacrebleu, and METEOR by nltk.

A score of sacrebleu's is a function of counts summed over samples (n-gram matches, lengths, edits),
which are taken from sacrebleu once; intervals weight those counts at random. There is no per-sample
value whose mean is the score. The note of a score is sacrebleu's signature. A missing answer
is an empty translation.

Sources: M. Post, A Call for Clarity in Reporting BLEU Scores, WMT 2018; M. Popović, chrF,
WMT 2015; M. Snover et al., A Study of Translation Edit Rate, AMTA 2006.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.errors import UsageError
from evalkit.metrics import build, tokenizers
from evalkit.metrics.base import Columns, Result

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]


def bleu(
    columns: Columns,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    tokenize: str = "13a",
    lowercase: bool = False,
) -> Result:
    """Corpus BLEU, 0 … 100: up to 4-grams, exponential smoothing, brevity penalty."""
    metric = _metric("bleu", tokenize=tokenize, lowercase=lowercase)
    return _corpus("bleu", metric, columns, confidence, seed, _unseen(tokenize, columns))


def chrf(
    columns: Columns, *, confidence: float = 0.95, seed: int = 0, word_order: int = 0
) -> Result:
    """Corpus chrF2, 0 … 100: character n-grams up to 6; ``word_order: 2`` makes it chrF++."""
    metric = _metric("chrf", word_order=word_order)
    return _corpus("chrf", metric, columns, confidence, seed, "")


def ter(
    columns: Columns,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    tokenize: str = tokenizers.DEFAULT,
) -> Result:
    """Corpus translation edit rate in percent, 0 is best; can exceed 100.

    Words are runs of non-space, or the tokens of ``tokenize``; case does not count.
    """
    metric = _metric("ter", tokenize=tokenize)
    return _corpus("ter", metric, columns, confidence, seed, _unseen(tokenize, columns))


def meteor(
    columns: Columns,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    tokenize: str = tokenizers.DEFAULT,
) -> Result:
    """Mean METEOR of the best reference, 0 … 1; bootstrap interval (nltk's meteor_score).

    Words by nltk's ``wordpunct_tokenize`` unless ``tokenize`` says otherwise; matches of equal
    words, stems and WordNet synonyms. Raises UsageError, naming the step, when WordNet's data is
    not installed.

    Source: S. Banerjee and A. Lavie, METEOR, ACL 2005 workshop on evaluation measures.
    """
    from nltk.tokenize import wordpunct_tokenize
    from nltk.translate.meteor_score import meteor_score

    if not len(columns):
        return build.single("meteor", build.undefined(0, confidence, build.NOTHING))
    wordnet = load_wordnet()
    split = wordpunct_tokenize if tokenize == tokenizers.DEFAULT else tokenizers.tokens(tokenize)
    values = [
        meteor_score([split(r) for r in references], split(answer), wordnet=wordnet)
        if references
        else 0.0
        for answer, references in zip(
            build.texts(columns.predictions), columns.targets, strict=True
        )
    ]
    note = _unseen(tokenize, columns)
    score = build.mean("meteor", values, confidence=confidence, note=note)
    return build.single("meteor", score)


def meteor_ready(settings: Mapping[str, Any]) -> None:
    """Raises UsageError when METEOR cannot be computed here."""
    load_wordnet()


def load_wordnet() -> Any:
    """nltk's WordNet reader. Raises UsageError when its data is missing; downloads nothing."""
    from nltk.corpus import wordnet

    try:
        wordnet.ensure_loaded()
    except LookupError:
        raise UsageError(
            "METEOR needs the data of WordNet, which is not installed: run"
            " `python -m nltk.downloader wordnet` once, or leave `meteor` out"
        ) from None
    return wordnet


def _unseen(tokenize: str, columns: Columns) -> str:
    return tokenizers.unseen(tokenize, build.samples(columns))


def _metric(
    name: str, tokenize: str = tokenizers.DEFAULT, lowercase: bool = False, word_order: int = 0
) -> Any:
    """sacrebleu's metric of a name, with those of these settings that it has."""
    from sacrebleu.metrics import BLEU, CHRF, TER

    if name == "chrf":
        return CHRF(word_order=word_order)
    if name == "ter":
        return TER() if tokenize == tokenizers.DEFAULT else _tokenized(TER(), tokenize)
    tokenize = "13a" if tokenize == tokenizers.DEFAULT else tokenize
    if tokenize == tokenizers.CHARACTERS:
        return _tokenized(BLEU(tokenize="none", lowercase=lowercase, force=True), tokenize)
    tokenizers.require(tokenize)
    return BLEU(tokenize=tokenize, lowercase=lowercase, force=True)


def _tokenized(metric: Any, tokenize: str) -> Any:
    """The metric with the tokens of a tokenizer as the words of its own."""
    split, own = tokenizers.tokens(tokenize), metric.tokenizer
    metric.tokenizer = lambda text: own(" ".join(split(text)))
    metric.tokenizer_signature = tokenize
    return metric


def _corpus(
    name: str, metric: Any, columns: Columns, confidence: float, seed: int, unseen: str
) -> Result:
    n = len(columns)
    if n == 0:
        return build.single(name, build.undefined(0, confidence, build.NOTHING))
    answers, streams = _streams(columns)
    counts = metric._extract_corpus_statistics(answers, streams)
    value = float(metric._aggregate_and_compute(counts).score)  # as its corpus_score does
    rows = np.array(counts, dtype=np.float64)
    note = build.joined(str(metric.get_signature()), unseen)
    if name == "ter":
        score = build.of_ratio(_ter_ratio(rows), n, confidence=confidence, note=note)
    else:
        score = build.resampled(
            name, lambda weights: CORPUS[name](weights @ rows), n, confidence=confidence,
            seed=seed, note=note,
        )  # fmt: skip
    return build.single(name, replace(score, value=value))


def ratio_of(columns: Columns, settings: Mapping[str, Any]) -> build.Ratio:
    """TER as a ratio of sums over samples: edits, in percent, to words of the references."""
    return _ter_ratio(sums_of("ter", columns, **settings)[0])


def _ter_ratio(rows: Floats) -> build.Ratio:
    return build.Ratio(100 * rows[:, 0], rows[:, 1], 0.0, inf)


def sums_of(name: str, columns: Columns, **settings: Any) -> tuple[Floats, Statistic]:
    """What each sample adds to the sums of a corpus score, shape (n, k), and the score of sums.

    name: of ``CORPUS``; settings: as of the metric.
    """
    rows = _metric(name, **settings)._extract_corpus_statistics(*_streams(columns))
    return np.array(rows, dtype=np.float64), CORPUS[name]


def _streams(columns: Columns) -> tuple[list[str], list[list[str | None]]]:
    """Answers, and one stream per reference, as sacrebleu expects them.

    A sample with fewer references leaves the later streams None.
    """
    most = max(max(len(t) for t in columns.targets), 1)
    streams = [
        [t[i] if i < len(t) else ("" if i == 0 else None) for t in columns.targets]
        for i in range(most)
    ]
    return build.texts(columns.predictions), streams


def bleu_of_sums(sums: Floats) -> Floats:
    """Corpus BLEU of sums (r, 10): two lengths, matches and totals of 1- to 4-grams.

    As sacrebleu: exponential smoothing of the orders without a match.
    """
    answer_length, reference_length = sums[:, 0], sums[:, 1]
    matches, totals = sums[:, 2:6], sums[:, 6:10]
    empty = (matches == 0) & (totals > 0)
    halvings = 2.0 ** np.cumsum(empty, axis=1)
    precision = np.divide(
        np.where(empty, 1 / halvings, matches), totals, out=np.zeros_like(totals), where=totals > 0
    )
    with np.errstate(divide="ignore"):
        geometric = np.exp(np.log(precision).mean(axis=1))
        shortfall = np.where(
            answer_length > 0, 1 - reference_length / np.maximum(answer_length, 1e-12), -np.inf
        )
    brevity = np.where(answer_length < reference_length, np.exp(np.minimum(shortfall, 0.0)), 1.0)
    scores: Floats = 100 * brevity * geometric * (matches[:, 0] > 0)
    return scores


def chrf_of_sums(sums: Floats) -> Floats:
    """Corpus chrF (beta 2) of sums (r, 3k): per n-gram order said, wanted, matched.

    As sacrebleu: mean precision and recall over the orders that both sides have.
    """
    answer_grams, reference_grams, matched = sums[:, 0::3], sums[:, 1::3], sums[:, 2::3]
    usable = (answer_grams > 0) & (reference_grams > 0)
    orders = np.maximum(usable.sum(axis=1), 1)
    zero = np.zeros_like(answer_grams)
    precision = np.divide(matched, answer_grams, out=zero.copy(), where=usable).sum(axis=1) / orders
    recall = np.divide(matched, reference_grams, out=zero.copy(), where=usable).sum(axis=1) / orders
    below = 4 * precision + recall
    scores: Floats = np.divide(
        5 * precision * recall, below, out=np.zeros_like(below), where=below > 0
    )
    return 100 * scores


def ter_of_sums(sums: Floats) -> Floats:
    """Corpus TER of sums (r, 2): edits, and words of the references."""
    edits, words = sums[:, 0], sums[:, 1]
    rate = np.divide(edits, words, out=(edits > 0).astype(np.float64), where=words > 0)
    scores: Floats = 100 * rate
    return scores


CORPUS: Mapping[str, Statistic] = {"bleu": bleu_of_sums, "chrf": chrf_of_sums, "ter": ter_of_sums}
"""Scores of sacrebleu's, as functions of sums over samples."""
