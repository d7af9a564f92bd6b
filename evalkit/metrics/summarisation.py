"""Summaries against references: ROUGE by rouge_score, and compression.

ROUGE values are rouge_score's F-measures; of several references a sample gets the one with
the highest F-measure, as rouge_score's ``score_multi``. The stemmer is off unless a suite sets
``use_stemmer``. ROUGE-Lsum takes each line as a sentence, as rouge_score does.

Source: C.-Y. Lin, ROUGE: A Package for Automatic Evaluation of Summaries, ACL 2004.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import nan
from typing import Any

import numpy as np

from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result


def _rouge(kind: str) -> Callable[..., Result]:
    def metric(
        columns: Columns, *, confidence: float = 0.95, seed: int = 0, use_stemmer: bool = False
    ) -> Result:
        scorer = _scorer(kind, use_stemmer)
        answers = build.texts(columns.predictions)
        values = [
            scorer.score_multi(list(references), answer)[kind].fmeasure if references else 0.0
            for answer, references in zip(answers, columns.targets, strict=True)
        ]
        return build.single(kind, build.mean(kind, values, confidence=confidence, seed=seed))

    metric.__name__ = metric.__qualname__ = kind
    metric.__doc__ = f"Mean F-measure of {kind}. Range 0 … 1, bootstrap interval."
    return metric


rouge1 = _rouge("rouge1")
rouge2 = _rouge("rouge2")
rougeL = _rouge("rougeL")  # noqa: N816 (the field's name)
rougeLsum = _rouge("rougeLsum")  # noqa: N816


@lru_cache(maxsize=8)
def _scorer(kind: str, use_stemmer: bool) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer([kind], use_stemmer=use_stemmer)


def compression(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Mean of words of the summary over words of its source; bootstrap interval.

    Samples with an empty source are left out, with a note.
    """
    answers = build.texts(columns.predictions)
    ratios = np.array(
        [
            len(answer.split()) / len(source.split()) if source.split() else nan
            for answer, source in zip(answers, columns.sources, strict=True)
        ],
        dtype=np.float64,
    )
    kept = ratios[~np.isnan(ratios)]
    lost = len(ratios) - len(kept)
    note = f"{lost} samples with an empty source left out" if lost else ""
    score = build.mean("compression", kept, confidence=confidence, seed=seed, note=note)
    return build.single("compression", score)
