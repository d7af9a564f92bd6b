"""Intervals of differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from evalkit.stats.differences import ends_at, tango
from evalkit.stats.paired import compare
from tests.stats.test_paired import counts


@pytest.mark.parametrize(
    ("wins", "losses", "n", "low", "high"),
    [
        # Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014) 2850-2875: airways and
        # complete response; the last is the closed form at no difference, z²/(n + z²)
        (1, 7, 21, -0.5172, -0.0260),
        (6, 16, 161, -0.1240, -0.0054),
        (0, 0, 54, -0.0664, 0.0664),
    ],
)
def test_tangos_interval_published(wins: int, losses: int, n: int, low: float, high: float) -> None:
    z = stats.norm.ppf(0.975)
    assert tango(wins / n, losses / n, n, z) == pytest.approx(low, abs=1e-4)
    assert -tango(losses / n, wins / n, n, z) == pytest.approx(high, abs=1e-4)


def test_tangos_bound_is_where_the_score_test_is_at_its_quantile() -> None:
    """The most likely shares under the bound's difference, found by a general optimiser."""
    wins, losses, n = 4, 9, 40
    low = tango(wins / n, losses / n, n, 1.96)

    def unlikely(down: float) -> float:
        ties = 1 - 2 * down - low
        return -(
            wins * math.log(down + low)
            + losses * math.log(down)
            + (n - wins - losses) * math.log(ties)
        )

    fitted = optimize.minimize_scalar(
        unlikely, bounds=(-low + 1e-9, (1 - low) / 2 - 1e-9), method="bounded",
        options={"xatol": 1e-12},
    )  # fmt: skip
    variance = (2 * fitted.x + low - low**2) / n
    assert ((wins - losses) / n - low) / math.sqrt(variance) == pytest.approx(1.96, abs=1e-4)


def test_the_interval_at_the_same_n_is_the_interval() -> None:
    found = compare(*counts(15, 5, 200))
    assert found.seen is not None
    assert ends_at(found.seen, 200) == pytest.approx((found.low, found.high))
    nothing = compare(*counts(0, 0, 5))
    assert nothing.seen is not None
    assert ends_at(nothing.seen, 183).low > -0.02 > ends_at(nothing.seen, 182).low


def test_the_interval_at_another_n_is_about_that_of_copies() -> None:
    rng = np.random.default_rng(7)
    a = rng.random(60)
    b = np.clip(a + rng.normal(0.03, 0.1, 60), 0, 1)
    few = compare(a, b, width=1)
    many = compare(np.tile(a, 5), np.tile(b, 5), width=1)
    assert few.seen is not None
    assert ends_at(few.seen, 60) == pytest.approx((few.low, few.high), abs=0.003)
    assert ends_at(few.seen, 300) == pytest.approx((many.low, many.high), abs=0.002)
