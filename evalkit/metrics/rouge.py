"""ROUGE F-measures of pairs of texts, by rouge_score.

Whole columns go through ``rouge-score-rs``, which computes the same in Rust, where there is a wheel
for the machine: rouge_score takes a third of a second for one ROUGE-L of two texts of 600 words. It
is first checked on difficult texts and not used if any digit differs from rouge_score; then, and
if it is not installed, rouge_score computes.

Source: C.-Y. Lin, ROUGE: A Package for Automatic Evaluation of Summaries, ACL 2004.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from evalkit.metrics import tokenizers

DIFFICULT = (
    ("", ""),
    ("", "a"),
    ("...", "a b"),
    ("İstanbul \u212a ẞ ﬁne ² Ⅷ é e\u0301", "istanbul k ss fine 2 viii e e"),
    ("a\x00b_c\u2028d\x85e", "a b c\nd e"),
    ("relational running dies 1990s generalizations", "relate runs die 1990 general"),
    ("the cat\nthe cat sat\n\non the mat", "sat the mat\r\nthe cat on\nthe cat"),
    ("b a c a d a b", "a b a d c a a b"),
)
EXPECTED: Mapping[str, tuple[float, ...]] = {
    "rouge1": (0, 0, 0, 0.3076923076923077, 1, 0, 1, 0.9333333333333333),
    "rouge2": (0, 0, 0, 0, 1, 0, 0.5714285714285714, 0.6153846153846153),
    "rougeL": (0, 0, 0, 0.3076923076923077, 1, 0, 0.625, 0.7999999999999999),
    "rougeLsum": (0, 0, 0, 0.3076923076923077, 1, 0, 0.875, 0.7999999999999999),
}
"""The F-measures of these pairs by rouge_score 0.1.2, whose import takes seconds."""
STEMMED = 5
"""The pair whose words are equal once they are stemmed: then its F-measures are 1."""


def f_measures(
    kind: str,
    answers: Sequence[str],
    references: Sequence[str],
    use_stemmer: bool = False,
    tokenize: str = tokenizers.DEFAULT,
) -> list[float]:
    """F-measures of many pairs.

    kind: rouge1, rouge2, rougeL or rougeLsum. use_stemmer: Porter's, for words of more than three
    ASCII letters or digits. tokenize: how words are found (:mod:`evalkit.metrics.tokenizers`);
    by default they are the runs of ASCII letters and digits.
    """
    if tokenize != tokenizers.DEFAULT:
        spelt = _spelling(tokenize, use_stemmer)
        answers, references = list(map(spelt, answers)), list(map(spelt, references))
        use_stemmer = False
    # a suite mostly asks for several kinds, and then the words are found once
    together = ("rougeLsum",) if kind == "rougeLsum" else ("rouge1", "rouge2", "rougeL")
    if _native(together, use_stemmer) is not None:
        return _natively(together, tuple(answers), tuple(references), use_stemmer)[kind]
    pairs = zip(answers, references, strict=True)
    return [_f_measure(kind, use_stemmer, answer, reference) for answer, reference in pairs]


@lru_cache(maxsize=65536)
def _f_measure(kind: str, use_stemmer: bool, answer: str, reference: str) -> float:
    score = _scorer(kind, use_stemmer).score(reference, answer)
    return float(score[kind].fmeasure)


@cache
def _scorer(kind: str, use_stemmer: bool) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer([kind], use_stemmer=use_stemmer)


@lru_cache(maxsize=4)
def _natively(
    kinds: tuple[str, ...],
    answers: tuple[str, ...],
    references: tuple[str, ...],
    use_stemmer: bool,
) -> dict[str, list[float]]:
    found = _native(kinds, use_stemmer).score_batch(references, answers)
    return {kind: [score[kind].fmeasure for score in found] for kind in kinds}


@cache
def _native(kinds: tuple[str, ...], use_stemmer: bool) -> Any:
    """The scorer of ``rouge-score-rs``; None without it, or if it differs in a single digit."""
    try:
        from rouge_score_rs import RougeScorer
    except ImportError:
        return None
    scorer = RougeScorer(list(kinds), use_stemmer=use_stemmer)
    answers, references = zip(*DIFFICULT, strict=True)
    found = scorer.score_batch(references, answers)
    for kind in kinds:
        expected = list(EXPECTED[kind])
        if use_stemmer:
            expected[STEMMED] = 1
        if [score[kind].fmeasure for score in found] != expected:
            return None
    return scorer


@cache
def _spelling(tokenize: str, use_stemmer: bool) -> Callable[[str], str]:
    """The function that spells each word of a text in ASCII, different words differently.

    So both scorers find exactly the words of any tokenizer. Lines, which are the sentences of
    ROUGE-Lsum, stay lines.
    """
    split = tokenizers.words(tokenize)
    stem = _stemmer() if use_stemmer else str

    @lru_cache(maxsize=65536)
    def ascii_of(word: str) -> str:
        stemmed = stem(word) if word.isascii() and len(word) > 3 else word
        return stemmed.encode("utf-8", "surrogatepass").hex()

    @lru_cache(maxsize=8192)
    def spell(text: str) -> str:
        return "\n".join(" ".join(map(ascii_of, split(line))) for line in text.split("\n"))

    return spell


def _stemmer() -> Callable[[str], str]:
    from nltk.stem.porter import PorterStemmer

    stem: Callable[[str], str] = PorterStemmer().stem
    return stem
