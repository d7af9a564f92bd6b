"""Multiple choice by log-likelihood. Plain accuracy is classification's."""

from __future__ import annotations

from evalkit.errors import UsageError
from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result


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
    if unit not in ("bytes", "characters"):
        raise UsageError(f"accuracy_norm: unit is 'bytes' or 'characters', not {unit!r}")
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
        flags.append(choices[scores.index(max(scores))] in accepted)
    return build.single("accuracy_norm", build.proportion(flags, confidence=confidence))
