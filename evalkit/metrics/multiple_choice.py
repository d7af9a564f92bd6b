"""Multiple choice by log-likelihood. Plain accuracy is classification's."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result
from evalkit.metrics.writing import composed


def accuracy_norm(
    columns: Columns, *, confidence: float = 0.95, seed: int = 0, unit: str = "bytes"
) -> Result:
    """Share of samples whose most likely choice, per unit of its length, is the target.

    The length is that of what was compared: with letters, all are one long.
    unit: ``bytes`` (UTF-8; does not depend on the model's tokens) or ``characters``. The
    first of equal choices counts, and an empty choice is as if one unit long. A sample
    without log-likelihoods is wrong. Range 0 … 1, Wilson's interval. As acc_norm of the
    lm-evaluation-harness, which divides by characters: for ASCII the same.
    """
    flags = []
    compared = columns.continuations or columns.choices
    for choices, texts, logprobs, accepted in zip(
        columns.choices, compared, columns.choice_logprobs, columns.targets, strict=True
    ):
        if not logprobs:
            flags.append(False)
            continue
        lengths = [len(t.encode()) if unit == "bytes" else len(t) for t in texts]
        scores = [p / max(length, 1) for p, length in zip(logprobs, lengths, strict=True)]
        flags.append(composed(choices[scores.index(max(scores))]) in accepted)
    return build.single("accuracy_norm", build.proportion(flags, confidence=confidence))


def target_probability(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Mean probability of the right choices, all of a sample's choices together having 1.

    From their log-likelihoods, not divided by length. Several right choices count together. A
    sample without log-likelihoods has 0. Range 0 … 1, bootstrap interval. With the true and the
    false answers as choices, MC2 of S. Lin et al., TruthfulQA, ACL 2022.
    """
    values = [
        _right_share(choices, logprobs, accepted)
        for choices, logprobs, accepted in zip(
            columns.choices, columns.choice_logprobs, columns.targets, strict=True
        )
    ]
    score = build.mean("target_probability", values, confidence=confidence)
    return build.single("target_probability", score)


def _right_share(
    choices: Sequence[str], logprobs: Sequence[float], accepted: Sequence[str]
) -> float:
    if not logprobs:
        return 0.0
    top = max(logprobs)
    weights = [exp(value - top) for value in logprobs]
    right = sum(w for c, w in zip(choices, weights, strict=True) if composed(c) in accepted)
    return right / sum(weights)
