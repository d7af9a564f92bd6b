"""Question answering by the rules of SQuAD's official evaluation, except that numbers stay numbers.

Normalisation: lower case, ASCII punctuation removed, the words a, an, the removed, white
space collapsed. With several references a sample gets its best. An answer that could not be
taken scores 0, even where the reference is empty (the question has no answer).

The script takes the point out of 1.5, the sign off -5 and the dash out of 3-5. Here the
punctuation of a number (see :mod:`evalkit.written.numbers`) stays, but for that between thousands;
and where a whole reference is a number, the numbers of the answer count by their value: $5.00 is 5,
1.5 million is 1500000 and not 1.5.

Source: P. Rajpurkar et al., Know What You Don't Know, ACL 2018 (evaluation script v2.0).
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable

from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result
from evalkit.written.numbers import Number, normal, numbers, only

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


_MARK = "\ue000"  # of no script: stands for a number while its text is normalised
_DASHES = str.maketrans("–—−", "---")


def normalise(text: str, *, by_value: bool = False) -> str:
    """SQuAD's normal form of an answer, with its numbers whole.

    by_value: numbers are words of their own, each in the one form of its value; what cannot be read
    as one number is like none.
    """
    found = numbers(text, scaled=by_value)
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
    """Whether it is rather a code, of which every digit counts: 007."""
    return bool(re.fullmatch(r"0\d+", number.plain))


def is_number(text: str) -> bool:
    """Whether a text is one number, which counts by its value, and nothing else."""
    number = only(text)
    return number is not None and not _coded(number)


def exact_match(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Share of answers equal to a reference in normal form. Range 0 … 1, Wilson's interval."""
    flags = _best(columns, _same)
    return build.single("exact_match", build.proportion(flags, confidence=confidence))


def token_f1(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Mean F1 of the words shared with the best reference. Range 0 … 1, bootstrap interval.

    Where the answer or the reference is empty, 1 if both are, else 0.
    """
    values = _best(columns, _overlap)
    return build.single(
        "token_f1", build.mean("token_f1", values, confidence=confidence, seed=seed)
    )


def answerable_exact(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Exact match over the questions that have an answer (SQuAD 2.0's HasAns_exact)."""
    flags = _best(_part(columns, True), _same)
    return build.single("answerable_exact", build.proportion(flags, confidence=confidence))


def no_answer_exact(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Exact match over the questions without an answer (SQuAD 2.0's NoAns_exact)."""
    flags = _best(_part(columns, False), _same)
    return build.single("no_answer_exact", build.proportion(flags, confidence=confidence))


def answerable_f1(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Token F1 over the questions that have an answer (SQuAD 2.0's HasAns_f1)."""
    values = _best(_part(columns, True), _overlap)
    score = build.mean("answerable_f1", values, confidence=confidence, seed=seed)
    return build.single("answerable_f1", score)


def no_answer_f1(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Token F1 over the questions without an answer (SQuAD 2.0's NoAns_f1).

    Such a question's references are empty; it scores 1 where the prediction is empty too.
    """
    values = _best(_part(columns, False), _overlap)
    score = build.mean("no_answer_f1", values, confidence=confidence, seed=seed)
    return build.single("no_answer_f1", score)


def _part(columns: Columns, answerable: bool) -> Columns:
    """The questions that have an answer, or those that have none, by their references."""
    index = [i for i, t in enumerate(columns.targets) if any(map(normalise, t)) == answerable]
    return columns.subset(index)


def contains(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Share of answers that contain a reference, in normal form, as whole words.

    "18 legs" does not contain "8"; "$5.00" contains "5" and not "500". An empty reference is
    contained in an empty answer only.
    """
    flags = _best(columns, _within)
    return build.single("contains", build.proportion(flags, confidence=confidence))


def _best(columns: Columns, compare: Callable[[str, str], float]) -> list[float]:
    values = []
    for prediction, references in zip(columns.predictions, columns.targets, strict=True):
        if prediction is None:
            values.append(0.0)
            continue
        # As in the script: an empty reference counts only where there is no other.
        wanted = [reference for reference in references if normalise(reference)] or [""]
        values.append(max(_compared(prediction, reference, compare) for reference in wanted))
    return values


def _compared(answer: str, reference: str, compare: Callable[[str, str], float]) -> float:
    by_value = is_number(reference)
    return compare(normalise(answer, by_value=by_value), normalise(reference, by_value=by_value))


def _same(answer: str, reference: str) -> float:
    return float(answer == reference)


def _overlap(answer: str, reference: str) -> float:
    said, wanted = answer.split(), reference.split()
    if not said or not wanted:
        return float(said == wanted)
    shared = sum((Counter(said) & Counter(wanted)).values())
    if shared == 0:
        return 0.0
    precision, recall = shared / len(said), shared / len(wanted)
    return (2 * precision * recall) / (precision + recall)


def _within(answer: str, reference: str) -> float:
    if not reference:
        return float(not answer)
    return float(f" {reference} " in f" {answer} ")
