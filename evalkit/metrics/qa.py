"""Question answering by the rules of SQuAD's official evaluation.

Normalisation: lower case, ASCII punctuation removed, the words a, an, the removed, white
space collapsed. With several references a sample gets its best. An unparsed answer scores
0, even if the reference is empty (the question has no answer).

With ``tokenize`` other than ``default`` texts of any script are brought to the form that
:func:`plain` makes, and words are found as it says (see :mod:`evalkit.metrics.tokenizers`).

One thing differs from the script, which takes the point out of 1.5 and the sign off -5: numbers
stay whole (see :mod:`evalkit.written.numbers`). Where a whole reference is a number, the numbers of
the answer count by their value: $5.00 is 5 and 1.5 million is 1500000.

Source: P. Rajpurkar et al., Know What You Don't Know, ACL 2018 (evaluation script v2.0).
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

from evalkit.metrics import build, tokenizers
from evalkit.metrics.base import Columns, Result
from evalkit.metrics.tokenizers import DEFAULT
from evalkit.metrics.writing import composed, folded, pattern, spaced
from evalkit.written.numbers import LONGEST, Number, normal, numbers, only

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


_MARK = "\ue000"  # of no script: stands for a number while its text is normalised
_DASHES = str.maketrans("–—−", "---")


def normalise(text: str, *, by_value: bool = False) -> str:
    """SQuAD's normal form of an answer, with its numbers whole.

    by_value: numbers are words of their own, each in the one form of its value; what cannot be read
    as one number is like none.
    """
    text = composed(text)
    found = numbers(text, scaled=by_value) if len(text) <= LONGEST else []
    pieces, done = [], 0
    for number in found:
        glue = " " if by_value or number.start == done > 0 else ""
        pieces += [text[done : number.start].replace(_MARK, " "), glue + _MARK + glue]
        done = number.end
    marked = "".join([*pieces, text[done:].replace(_MARK, " ")])
    bare = marked.lower().translate(_PUNCTUATION)
    words = " ".join(_ARTICLES.sub(" ", bare).replace(_MARK * 2, f"{_MARK} {_MARK}").split())
    written = iter([_written(number, by_value) for number in found])
    return re.sub(_MARK, lambda _: next(written), words)


def _written(number: Number, by_value: bool) -> str:
    if number.value is None:
        return ("?" if by_value else "") + number.plain.translate(_DASHES)
    return normal(number.value) if by_value and not _coded(number) else number.plain


def _coded(number: Number) -> bool:
    """Whether it is an identifier, in which every digit counts: 007."""
    return bool(re.fullmatch(r"0\d+", number.plain))


def is_number(text: str) -> bool:
    """Whether a text is one number, which counts by its value, and nothing else."""
    number = only(text)
    return number is not None and not _coded(number)


def plain(text: str) -> str:
    """The normal form for texts in any script, which ``tokenize`` other than ``default`` is of.

    As SQuAD's, with case and width folded by Unicode's rules and the punctuation of all scripts
    removed, as MLQA's evaluation does (P. Lewis et al., ACL 2020). What belongs to a number stays:
    a sign before it and punctuation within it (``-3.5``), commas between thousands aside.
    """
    bare = folded(text)
    for what, kept in _not_of_words():
        bare = what.sub(kept, bare)
    return " ".join(_ARTICLES.sub(" ", bare).split())


@cache
def _not_of_words() -> tuple[tuple[Any, str], ...]:
    """Replacements, in order: thousands, signs of numbers, punctuation."""
    mark = rf"[\p{{P}}{re.escape(string.punctuation)}]"
    return (
        (pattern(r"(?<=\d),(?=\d{3}(?!\d))"), ""),
        (pattern(r"(?<![\w\p{P}])[-\u2212\u2013](?=\d)"), "\u2212"),
        (pattern(rf"(?<!\d){mark}|{mark}(?!\d)"), ""),
    )


def exact_match(
    columns: Columns, *, confidence: float = 0.95, seed: int = 0, tokenize: str = DEFAULT
) -> Result:
    """Share of answers equal to a reference in normal form. Range 0 … 1, Wilson's interval."""
    flags, note = _best(columns, _same, tokenize)
    return build.single("exact_match", build.proportion(flags, confidence=confidence, note=note))


def token_f1(
    columns: Columns, *, confidence: float = 0.95, seed: int = 0, tokenize: str = DEFAULT
) -> Result:
    """Mean F1 of the words shared with the best reference. Range 0 … 1, bootstrap interval.

    Where the answer or the reference is empty, 1 if both are, else 0.
    """
    values, note = _best(columns, _overlap, tokenize)
    score = build.mean("token_f1", values, confidence=confidence, note=note)
    return build.single("token_f1", score)


def answerable_exact(
    columns: Columns, *, confidence: float = 0.95, seed: int = 0, tokenize: str = DEFAULT
) -> Result:
    """Exact match over the questions that have an answer (SQuAD 2.0's HasAns_exact)."""
    flags, note = _best(_part(columns, True), _same, tokenize)
    score = build.proportion(flags, confidence=confidence, note=note)
    return build.single("answerable_exact", score)


def no_answer_exact(
    columns: Columns, *, confidence: float = 0.95, seed: int = 0, tokenize: str = DEFAULT
) -> Result:
    """Exact match over the questions without an answer (SQuAD 2.0's NoAns_exact)."""
    flags, note = _best(_part(columns, False), _same, tokenize)
    score = build.proportion(flags, confidence=confidence, note=note)
    return build.single("no_answer_exact", score)


def answerable_f1(
    columns: Columns, *, confidence: float = 0.95, seed: int = 0, tokenize: str = DEFAULT
) -> Result:
    """Token F1 over the questions that have an answer (SQuAD 2.0's HasAns_f1)."""
    values, note = _best(_part(columns, True), _overlap, tokenize)
    score = build.mean("answerable_f1", values, confidence=confidence, note=note)
    return build.single("answerable_f1", score)


def no_answer_f1(
    columns: Columns, *, confidence: float = 0.95, seed: int = 0, tokenize: str = DEFAULT
) -> Result:
    """Token F1 over the questions without an answer (SQuAD 2.0's NoAns_f1).

    Such a question's references are empty; it scores 1 where the prediction is empty too.
    """
    values, note = _best(_part(columns, False), _overlap, tokenize)
    score = build.mean("no_answer_f1", values, confidence=confidence, note=note)
    return build.single("no_answer_f1", score)


def _part(columns: Columns, answerable: bool) -> Columns:
    """The questions that have an answer, or those that have none, by their references."""
    index = [i for i, t in enumerate(columns.targets) if any(map(normalise, t)) == answerable]
    return columns.subset(index)


def contains(
    columns: Columns, *, confidence: float = 0.95, seed: int = 0, tokenize: str = DEFAULT
) -> Result:
    """Share of answers that contain a reference, in normal form, as whole words.

    "18 legs" does not contain "8"; "$5.00" contains "5" and not "500". An empty reference is
    contained in an empty answer only.
    """
    flags, note = _best(columns, _within, tokenize)
    return build.single("contains", build.proportion(flags, confidence=confidence, note=note))


Compare = Callable[[str, str], float]


def _best(columns: Columns, compare: Compare, tokenize: str) -> tuple[list[float], str]:
    """The value of each answer with its best reference, and a note."""
    # Texts repeat, within a sample and across samples: each is normalised once.
    form = cache(_for_parts(tokenize) if compare is _within else normal_form(tokenize))
    by_value = cache(partial(normalise, by_value=True))
    form_of = cache(lambda reference: by_value if is_number(reference) else form)

    def compared(prediction: str, reference: str) -> float:
        normal_of = form_of(reference)
        return compare(normal_of(prediction), normal_of(reference))

    values = [
        0.0 if prediction is None else _of_best(prediction, references, form, compared)
        for prediction, references in zip(columns.predictions, columns.targets, strict=True)
    ]
    if compare is not _same:
        return values, tokenizers.unseen(tokenize, build.samples(columns))
    return values, _kept_apart(columns, values) if tokenize == DEFAULT else ""


def _of_best(
    prediction: str, references: Sequence[str], form: Callable[[str], str], compared: Compare
) -> float:
    # As in the script: an empty reference counts only where there is no other.
    wanted = [reference for reference in references if form(reference)] or [""]
    return max(compared(prediction, reference) for reference in wanted)


def normal_form(tokenize: str) -> Callable[[str], str]:
    """The function from a text to its words, in normal form, with single spaces between."""
    if tokenize == DEFAULT:
        return normalise
    split = tokenizers.tokens(tokenize)
    return lambda text: " ".join(split(plain(text)))


def _for_parts(tokenize: str) -> Callable[[str], str]:
    """The same for searching parts: by characters only if there are no words."""
    if tokenize in (tokenizers.CHARACTERS, "char"):
        return lambda text: " ".join(spaced(plain(text)).split())  # 2018 does not contain 18
    return normal_form(tokenize)


def _kept_apart(columns: Columns, values: Sequence[float]) -> str:
    """A note on answers that differ from a reference only in what SQuAD's rules do not remove."""
    form = normal_form(tokenizers.CHARACTERS)
    count = sum(
        value == 0
        and prediction is not None
        and not (prediction.isascii() and all(map(str.isascii, references)))
        and any(form(prediction) == form(reference) for reference in references)
        for prediction, references, value in zip(
            columns.predictions, columns.targets, values, strict=True
        )
    )
    if not count:
        return ""
    return (
        f"{count} answers differ from a reference only in punctuation, spaces, width or case that"
        f" SQuAD's rules keep; `tokenize: {tokenizers.CHARACTERS}` ignores them"
    )


def _same(answer: str, reference: str) -> float:
    return float(answer == reference)


def _overlap(answer: str, reference: str) -> float:
    answer_words, reference_words = answer.split(), reference.split()
    if not answer_words or not reference_words:
        return float(answer_words == reference_words)
    shared = sum((Counter(answer_words) & Counter(reference_words)).values())
    if shared == 0:
        return 0.0
    precision, recall = shared / len(answer_words), shared / len(reference_words)
    return (2 * precision * recall) / (precision + recall)


def _within(answer: str, reference: str) -> float:
    if not reference:
        return float(not answer)
    return float(f" {reference} " in f" {answer} ")
