"""Summaries against references: ROUGE; and how they relate to their sources.

ROUGE values are rouge_score's F-measures; of several references a sample gets the one with
the highest F-measure, as rouge_score's ``score_multi``. The stemmer is off unless a suite sets
``use_stemmer``. ROUGE-Lsum takes each line as a sentence, as rouge_score does.

In all of them ``tokenize`` says how words are found, see :mod:`evalkit.metrics.tokenizers`.

Sources: C.-Y. Lin, ROUGE: A Package for Automatic Evaluation of Summaries, ACL 2004; M. Grusky et
al., Newsroom, NAACL 2018, section 4 (coverage, density, compression ratio).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import nan

import numpy as np

from evalkit.metrics import build, rouge, tokenizers
from evalkit.metrics.base import Columns, Result
from evalkit.metrics.tokenizers import Tokenizer
from evalkit.metrics.writing import pattern

Words = Sequence[str]


def _rouge(kind: str) -> Callable[..., Result]:
    def metric(
        columns: Columns,
        *,
        confidence: float = 0.95,
        seed: int = 0,
        use_stemmer: bool = False,
        tokenize: str = tokenizers.DEFAULT,
    ) -> Result:
        pairs = build.pairs(build.texts(columns.predictions), columns.targets)
        found = rouge.f_measures(kind, *pairs, use_stemmer=use_stemmer, tokenize=tokenize)
        note = tokenizers.unseen(tokenize, build.samples(columns), tokenizers.ASCII)
        values = build.best(columns.targets, found)
        score = build.mean(kind, values, confidence=confidence, note=note)
        return build.single(kind, score)

    metric.__name__ = metric.__qualname__ = kind
    metric.__doc__ = f"Mean F-measure of {kind}. Range 0 … 1, bootstrap interval."
    return metric


rouge1 = _rouge("rouge1")
rouge2 = _rouge("rouge2")
rougeL = _rouge("rougeL")  # noqa: N816 (the field's name)
rougeLsum = _rouge("rougeLsum")  # noqa: N816


def _of_sources(
    name: str, value: Callable[[Words, Words], float], default: Tokenizer, left_out: str, doc: str
) -> Callable[..., Result]:
    """The metric that is a mean of values of the words of each summary and of its source.

    value: NaN where there is none; left_out: of which samples. default: how words are found.
    """

    def metric(
        columns: Columns,
        *,
        confidence: float = 0.95,
        seed: int = 0,
        tokenize: str = tokenizers.DEFAULT,
    ) -> Result:
        split = default if tokenize == tokenizers.DEFAULT else tokenizers.words(tokenize)
        texts = list(zip(build.texts(columns.predictions), columns.sources, strict=True))
        values = np.array([value(split(answer), split(source)) for answer, source in texts])
        kept = values[~np.isnan(values)]
        lost = len(values) - len(kept)
        note = build.joined(
            f"{lost} samples with {left_out} left out" if lost else "",
            tokenizers.unseen(tokenize, texts),
        )
        score = build.mean(name, kept, confidence=confidence, note=note)
        return build.single(name, score)

    metric.__name__ = metric.__qualname__ = name
    metric.__doc__ = doc
    return metric


def _compression(summary: Words, source: Words) -> float:
    return len(source) / len(summary) if summary and source else nan


def _coverage(summary: Words, source: Words) -> float:
    return sum(fragments(summary, source)) / len(summary) if summary else nan


def _density(summary: Words, source: Words) -> float:
    squares = (length * length for length in fragments(summary, source))
    return sum(squares) / len(summary) if summary else nan


def _letters_and_digits(text: str) -> list[str]:
    found: list[str] = pattern(r"[\p{L}\p{M}\p{N}]+").findall(text.lower())
    return found


compression_ratio = _of_sources(
    "compression_ratio",
    _compression,
    str.split,
    "an empty summary or source",
    """Mean of words of the source over words of its summary (Grusky et al.'s compression).

    Words are runs of non-space. 2 means half as long as the source. A sample whose summary or
    source is empty is left out, with a note. Range 0 … ∞, bootstrap interval.
    """,
)
coverage = _of_sources(
    "coverage",
    _coverage,
    _letters_and_digits,
    "an empty summary",
    """Mean share of a summary's words in fragments shared with its source (Grusky et al.).

    Words are runs of letters and digits, lower case. A sample with an empty summary is left out,
    with a note. Range 0 … 1, bootstrap interval.
    """,
)
density = _of_sources(
    "density",
    _density,
    _letters_and_digits,
    "an empty summary",
    """Mean squared length of those fragments over the summary's words (Grusky et al.).

    High where a summary copies long passages. Words and samples as of ``coverage``. Range 0 … ∞,
    bootstrap interval.
    """,
)


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
