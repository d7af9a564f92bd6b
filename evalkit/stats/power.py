"""How many samples a comparison or a gate needs, and what a given number can show.

The model of a paired comparison follows E. Miller, Adding Error Bars to Evals (arXiv:2411.00640),
section 5: the difference of two models on a question has variance ω² between questions, and
each model's answer scatters around its mean on the question with variance σ², which asking K
times reduces to σ²/K.
"""

from __future__ import annotations

from math import ceil, sqrt
from statistics import NormalDist

from evalkit.stats.intervals import wilson


def samples_for_difference(
    difference: float,
    omega2: float,
    *,
    sigma2_a: float = 0.0,
    sigma2_b: float = 0.0,
    repeats_a: int = 1,
    repeats_b: int = 1,
    alpha: float = 0.05,
    power: float = 0.8,
) -> int:
    """Samples needed to detect a mean paired difference, two-sided at level ``alpha``.

    omega2: variance over questions of the difference of the two models' expected scores.
    sigma2: mean variance of a model's score on one question; repeats: answers per question.
    Miller (2024), equation 9.
    """
    variance = omega2 + sigma2_a / repeats_a + sigma2_b / repeats_b
    exact = (_quantiles(alpha, power) / difference) ** 2 * variance
    return ceil(exact - 1e-9)


def detectable_difference(
    n: int,
    omega2: float,
    *,
    sigma2_a: float = 0.0,
    sigma2_b: float = 0.0,
    repeats_a: int = 1,
    repeats_b: int = 1,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float:
    """The smallest mean paired difference that n samples show with the given power.

    Miller (2024), equation 10; arguments as :func:`samples_for_difference`.
    """
    variance = omega2 + sigma2_a / repeats_a + sigma2_b / repeats_b
    return _quantiles(alpha, power) * sqrt(variance / n)


def samples_to_settle(
    value: float, threshold: float, *, confidence: float = 0.95, most: int = 10_000_000
) -> int | None:
    """Samples at which a proportion that stays at ``value`` clears ``threshold``.

    The smallest n whose Wilson interval lies wholly on the side of the threshold that the
    value is on; None when the value is the threshold, or ``most`` would not do.
    """
    if value == threshold:
        return None

    def settled(n: int) -> bool:
        low, high, _ = wilson(value * n, n, confidence)
        return low >= threshold if value > threshold else high <= threshold

    if not settled(most):
        return None
    lowest, highest = 0, most
    while highest - lowest > 1:  # more samples at the same value never unsettle it
        middle = (lowest + highest) // 2
        lowest, highest = (lowest, middle) if settled(middle) else (middle, highest)
    return highest


def samples_to_settle_mean(value: float, threshold: float, half_width: float, n: int) -> int | None:
    """Samples at which an interval that shrinks as 1/√n clears a threshold.

    half_width: from the value to the end of today's interval that faces the threshold, over n
    samples. None when the value is the threshold.
    """
    gap = abs(value - threshold)
    if gap == 0:
        return None
    return max(1, ceil(n * (half_width / gap) ** 2 - 1e-9))


def _quantiles(alpha: float, power: float) -> float:
    normal = NormalDist()
    return normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)
