"""Several answers to each question: averaged first, then treated as one.

Answers to the same question are not independent samples. Each question's answers are averaged,
and everything else is computed over questions; how much answers scatter is told apart.
"""

from __future__ import annotations

from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def per_question(values: ArrayLike) -> FloatArray:
    """Mean score of each question. values: shape (questions, repeats), NaN where lost.

    A question without any answer is NaN.
    """
    x = _table(values)
    known = ~np.isnan(x)
    count = known.sum(axis=1)
    means = np.full(len(x), nan)
    np.divide(np.where(known, x, 0.0).sum(axis=1), count, out=means, where=count > 0)
    return means


def flake_rate(values: ArrayLike) -> float:
    """Share of questions whose answers do not all score the same; NaN without questions.

    Questions with fewer than two answers are left out.
    """
    x = _table(values)
    x = x[(~np.isnan(x)).sum(axis=1) > 1]
    if not len(x):
        return nan
    return float(np.mean(np.nanmax(x, axis=1) != np.nanmin(x, axis=1)))


def scatter(values: ArrayLike) -> float:
    """Mean variance of the answers to one question (σ² of stats.power), over repeats - 1.

    values: shape (questions, repeats ≥ 2), nothing lost.
    """
    x = _table(values)
    if x.shape[1] < 2 or not len(x):
        return nan
    return float(np.mean(x.var(axis=1, ddof=1)))


def difference_variance(a: ArrayLike, b: ArrayLike) -> float:
    """Variance between questions of the two models' expected difference (ω² of stats.power).

    a, b: shapes (questions, repeats). The variance of the observed mean differences, less what
    the scatter of the answers adds to it; at least 0. With one repeat the scatter cannot be told
    apart and is part of the result.

    Source: E. Miller, Adding Error Bars to Evals (arXiv:2411.00640), section 5.
    """
    first, second = _table(a), _table(b)
    if len(first) != len(second) or len(first) < 2:
        raise ValueError("needs the same questions, at least two, from both models")
    total = float((second.mean(axis=1) - first.mean(axis=1)).var(ddof=1))
    added = sum(scatter(x) / x.shape[1] for x in (first, second) if x.shape[1] > 1)
    return float(max(0.0, total - added))


def pass_at_k(answers: int, correct: int, k: int) -> float:
    """The chance that at least one of k answers is right, from ``answers`` ≥ k of one question.

    1 - C(answers - correct, k) / C(answers, k), without bias. Source: M. Chen et al., Evaluating
    Large Language Models Trained on Code (arXiv:2107.03374), equation 1.
    """
    if not 0 <= correct <= answers or not 1 <= k <= answers:
        raise ValueError(f"pass@{k} of {correct} right among {answers} answers makes no sense")
    if answers - correct < k:
        return 1.0
    return 1.0 - float(np.prod(1.0 - k / np.arange(answers - correct + 1, answers + 1)))


def _table(values: ArrayLike) -> FloatArray:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2:
        raise ValueError(f"needs shape (questions, repeats), got {x.shape}")
    return x
