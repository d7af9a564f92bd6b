"""Code by its tests: how often does at least one of k answers pass?

The tests are run before (``evalkit.sandbox``); a metric only sees which answers passed.
"""

from __future__ import annotations

import numpy as np

from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result
from evalkit.stats.repeats import pass_at_k


def pass_at(columns: Columns, *, confidence: float = 0.95, seed: int = 0, k: int = 1) -> Result:
    """The chance that at least one of k answers to a question passes its tests; range 0 … 1.

    Estimated for each question from its n ≥ k answers without bias (M. Chen et al., Evaluating
    Large Language Models Trained on Code, arXiv:2107.03374, equation 1), then averaged over
    questions. Wilson's interval for one answer each, else bootstrap over questions. Undefined
    where a question has fewer than k answers.
    """
    name = f"pass@{k}"
    fewest = min(map(len, columns.passed), default=k)
    if fewest < k:
        note = f"undefined: needs {k} answers to each question, and there are {fewest}"
        return build.single(name, build.undefined(len(columns), confidence, note))
    values = np.array([pass_at_k(len(p), sum(p), k) for p in columns.passed], dtype=np.float64)
    if np.isin(values, (0.0, 1.0)).all():
        return build.single(name, build.proportion(values, confidence=confidence))
    score = build.mean("pass@1", values, confidence=confidence)
    return build.single(name, score)
