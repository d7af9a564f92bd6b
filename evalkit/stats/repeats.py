"""Several answers to each question: averaged first, then treated as one.

Answers to the same question are not independent samples. Each question's answers are averaged,
and everything else is computed over questions; the scatter of answers is reported separately.
"""

from __future__ import annotations

from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def flake_rate(values: ArrayLike) -> float:
    """Share of questions whose answers do not all score the same; NaN without questions.

    Questions with fewer than two answers are left out.
    """
    x = _table(values)
    x = x[(~np.isnan(x)).sum(axis=1) > 1]
    if not len(x):
        return nan
    return float(np.mean(np.nanmax(x, axis=1) != np.nanmin(x, axis=1)))


def pass_at_k(answers: int, correct: int, k: int) -> float:
    """The chance that at least one of k answers is right, from ``answers`` ≥ k of one question.

    1 - C(answers - correct, k) / C(answers, k), without bias. Source: M. Chen et al., Evaluating
    Large Language Models Trained on Code (arXiv:2107.03374), equation 1.
    """
    if not 0 <= correct <= answers or not 1 <= k <= answers:
        raise ValueError(f"pass@{k} of {correct} right among {answers} answers is undefined")
    if answers - correct < k:
        return 1.0
    return 1.0 - float(np.prod(1.0 - k / np.arange(answers - correct + 1, answers + 1)))


def _table(values: ArrayLike) -> FloatArray:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2:
        raise ValueError(f"needs shape (questions, repeats), got {x.shape}")
    return x
