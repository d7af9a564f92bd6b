"""Properties of the answers alone, no reference needed. A missing answer has length 0."""

from __future__ import annotations

from collections.abc import Callable
from math import nan

from evalkit.metrics import build, tokenizers
from evalkit.metrics.base import Columns, Result, Score
from evalkit.metrics.tokenizers import Tokenizer


def length(
    columns: Columns,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    tokenize: str = tokenizers.DEFAULT,
) -> Result:
    """Mean number of words of an answer; bootstrap interval.

    By default words are runs of non-space. tokenize: see :mod:`evalkit.metrics.tokenizers`.
    """
    split, note = _words(tokenize, columns)
    values = [len(split(text)) for text in build.texts(columns.predictions)]
    score = build.mean("length", values, confidence=confidence, note=note)
    return build.single("length", score)


def _words(tokenize: str, columns: Columns) -> tuple[Tokenizer, str]:
    """The function that splits words, and a note if it misses some."""
    split = str.split if tokenize == tokenizers.DEFAULT else tokenizers.words(tokenize)
    answers = ((text,) for text in build.texts(columns.predictions))
    return split, tokenizers.unseen(tokenize, answers)


def characters(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Mean number of characters of an answer, Unicode code points in NFC; bootstrap interval."""
    values = [len(t) for t in build.texts(columns.predictions)]
    score = build.mean("characters", values, confidence=confidence)
    return build.single("characters", score)


def _distinct(n: int) -> Callable[..., Result]:
    name = f"distinct_{n}"

    def metric(
        columns: Columns,
        *,
        confidence: float = 0.95,
        seed: int = 0,
        tokenize: str = tokenizers.DEFAULT,
    ) -> Result:
        split, unseen = _words(tokenize, columns)
        seen: set[tuple[str, ...]] = set()
        total = 0
        for answer in build.texts(columns.predictions):
            words = split(answer.lower())
            grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
            seen.update(grams)
            total += len(grams)
        if total == 0:
            note = build.joined("undefined: no answer is long enough", unseen)
            return build.single(name, build.undefined(len(columns), confidence, note))
        note = build.joined(
            "no interval: falls as answers are added, so compare equal numbers of answers", unseen
        )
        score = Score(len(seen) / total, nan, nan, len(columns), confidence, note=note)
        return build.single(name, score)

    metric.__name__ = metric.__qualname__ = name
    metric.__doc__ = (
        f"Distinct word {n}-grams over all word {n}-grams of all answers, lower case. Range 0 … 1."
        " Source: J. Li et al., A Diversity-Promoting Objective Function, NAACL 2016."
    )
    return metric


distinct_1 = _distinct(1)
distinct_2 = _distinct(2)
