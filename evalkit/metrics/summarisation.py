"""Summaries against references: ROUGE; and how they relate to their sources.

ROUGE values are rouge_score's F-measures; of several references a sample gets the one with
the highest F-measure, as rouge_score's ``score_multi``. The stemmer is off unless a suite sets
``use_stemmer``. ROUGE-Lsum takes each line as a sentence, as rouge_score does.

Source: C.-Y. Lin, ROUGE: A Package for Automatic Evaluation of Summaries, ACL 2004.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from math import nan

import numpy as np

from evalkit.metrics import build, rouge
from evalkit.metrics.base import Columns, Result


def _rouge(kind: str) -> Callable[..., Result]:
    def metric(
        columns: Columns, *, confidence: float = 0.95, seed: int = 0, use_stemmer: bool = False
    ) -> Result:
        answers = build.texts(columns.predictions)
        pairs = build.pairs(answers, columns.targets)
        values = build.best(
            columns.targets, rouge.f_measures(kind, *pairs, use_stemmer=use_stemmer)
        )
        return build.single(kind, build.mean(kind, values, confidence=confidence, seed=seed))

    metric.__name__ = metric.__qualname__ = kind
    metric.__doc__ = f"Mean F-measure of {kind}. Range 0 … 1, bootstrap interval."
    return metric


rouge1 = _rouge("rouge1")
rouge2 = _rouge("rouge2")
rougeL = _rouge("rougeL")  # noqa: N816 (the field's name)
rougeLsum = _rouge("rougeLsum")  # noqa: N816


def compression(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Mean of words of the summary over words of its source; bootstrap interval.

    Samples with an empty source are left out, with a note.
    """

    def value(answer: str, source: str) -> float:
        return len(answer.split()) / len(source.split()) if source.split() else nan

    note = "with an empty source"
    return _over_sources("compression", value, note, columns, confidence, seed)


def coverage(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Mean share of the summary's words in fragments shared with its source; 0 … 1, bootstrap.

    Words are runs of letters and digits, lower case. Empty summaries are left out, with a note.
    Source: M. Grusky et al., Newsroom, NAACL 2018, section 4.
    """

    def value(answer: str, source: str) -> float:
        words = _words(answer)
        return sum(fragments(words, _words(source))) / len(words) if words else nan

    return _over_sources("coverage", value, "with an empty summary", columns, confidence, seed)


def density(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Mean squared length of those fragments over the summary's words; bootstrap interval.

    High where a summary copies long passages. Source as :func:`coverage`.
    """

    def value(answer: str, source: str) -> float:
        words = _words(answer)
        lengths = fragments(words, _words(source))
        return sum(length * length for length in lengths) / len(words) if words else nan

    return _over_sources("density", value, "with an empty summary", columns, confidence, seed)


def fragments(summary: Sequence[str], source: Sequence[str]) -> list[int]:
    """Lengths of the word sequences a summary shares with its source, found greedily.

    At each word of the summary the longest sequence that occurs anywhere in the source is
    taken and skipped over (Grusky et al., figure 4).
    """
    places: dict[str, list[int]] = {}
    for i, word in enumerate(source):
        places.setdefault(word, []).append(i)
    lengths = []
    at = 0
    while at < len(summary):
        longest = max(
            (_shared(summary, at, source, i) for i in places.get(summary[at], ())), default=0
        )
        if longest:
            lengths.append(longest)
        at += max(longest, 1)
    return lengths


def _shared(a: Sequence[str], i: int, b: Sequence[str], j: int) -> int:
    length = 0
    while i + length < len(a) and j + length < len(b) and a[i + length] == b[j + length]:
        length += 1
    return length


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _over_sources(
    name: str,
    value: Callable[[str, str], float],
    left_out: str,
    columns: Columns,
    confidence: float,
    seed: int,
) -> Result:
    answers = build.texts(columns.predictions)
    values = np.array(
        [value(a, s) for a, s in zip(answers, columns.sources, strict=True)], dtype=np.float64
    )
    kept = values[~np.isnan(values)]
    lost = len(values) - len(kept)
    note = f"{lost} samples {left_out} left out" if lost else ""
    return build.single(name, build.mean(name, kept, confidence=confidence, seed=seed, note=note))
