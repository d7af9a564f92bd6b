"""Pairs: swapping changes no verdict; strengths equal an independent implementation's."""

from __future__ import annotations

import choix
import numpy as np
import pytest
from scipy.stats import beta, binom

from evalkit.judging.pairwise import bradley_terry, strengths, verdict
from evalkit.stats.bayesian_bootstrap import tails


@pytest.mark.parametrize("first", [0.0, 1.0])
@pytest.mark.parametrize("swapped", [0.0, 1.0])
def test_swapping_the_sides_inverts_the_result(first: float, swapped: float) -> None:
    """The second text in the first order is the first in the second."""
    assert verdict(swapped, first) == 1.0 - verdict(first, swapped)


def test_position_bias_gives_ties() -> None:
    assert verdict(1.0, 1.0) == verdict(0.0, 0.0) == 0.5
    assert verdict(1.0, 0.0) == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_strengths_equal_choix(seed: int) -> None:
    rng = np.random.default_rng(seed)
    k = int(rng.integers(3, 7))
    wins = rng.integers(1, 20, size=(k, k))
    np.fill_diagonal(wins, 0)
    pairs = [(i, j) for i in range(k) for j in range(k) for _ in range(wins[i, j])]
    expected = choix.opt_pairwise(k, pairs, alpha=0.0, tol=1e-12)
    np.testing.assert_allclose(bradley_terry(wins), expected - expected.mean(), atol=1e-6)


def test_a_tie_is_half_a_win_for_each() -> None:
    """Two candidates: the odds are the ratio of wins, here (3 + ½) to (1 + ½)."""
    theta = bradley_terry([[0, 3.5], [1.5, 0]])
    assert theta[0] - theta[1] == pytest.approx(np.log(3.5 / 1.5), abs=1e-9)


def test_intervals_contain_the_strengths_and_shrink_with_samples() -> None:
    better, worse = [[0.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]
    few = strengths([better] * 7 + [worse] * 3)
    many = strengths([better] * 70 + [worse] * 30)
    assert few.low[0] < few.values[0] < few.high[0]
    assert many.high[0] - many.low[0] < (few.high[0] - few.low[0]) / 2
    assert many.values[0] - many.values[1] == pytest.approx(np.log(70.5 / 30.5), abs=1e-9)


def test_an_unbeaten_cell_has_a_finite_strength() -> None:
    found = strengths([[[0.0, 1.0], [0.0, 0.0]]] * 8)
    assert found.values[0] - found.values[1] == pytest.approx(np.log(8.5 / 0.5), abs=1e-9)
    assert np.isfinite(found.low).all()
    assert np.isfinite(found.high).all()


WON, LOST, TIED = [[0.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.5], [0.5, 0.0]]


@pytest.mark.parametrize("games", [1, 2, 5, 20, 100])
@pytest.mark.parametrize("each", [WON, LOST, TIED])
def test_strengths_are_uncertain_if_every_game_ends_the_same(
    games: int, each: list[list[float]]
) -> None:
    found = strengths([each] * games)
    assert (found.low < found.values).all()
    assert (found.values < found.high).all()
    assert np.isfinite([found.low, found.high]).all()
    # Of two candidates the one's gain is the other's loss.
    np.testing.assert_allclose(found.low, -found.high[::-1], rtol=0.1)
    # Half the log odds of the share of wins; none of n may hide 3.7/n of games that end otherwise.
    odds = 2 * (found.high - found.low)[0]
    assert odds > 2 * 3.7 / games


def test_five_wins_of_five_do_not_prove_the_stronger_and_twenty_do() -> None:
    """As by the sign test: p = 2 / 2**5 = .06, and 2 / 2**20."""
    assert strengths([WON] * 5).low[0] < 0 < strengths([WON] * 20).low[0]


@pytest.mark.parametrize(("won", "games"), [(7, 10), (18, 20), (20, 20), (60, 100)])
def test_two_cells_without_ties_have_jeffreys_interval(won: int, games: int) -> None:
    found = strengths([WON] * won + [LOST] * (games - won))
    share = beta(won + 0.5, games - won + 0.5).ppf(tails(games, 0.95))
    expected = np.log(share / (1 - share)) / 2
    assert found.low[0] == pytest.approx(expected[0], abs=0.12)
    assert found.high[0] == pytest.approx(expected[1], rel=0.12)


@pytest.mark.parametrize("games", [5, 10, 20])
@pytest.mark.parametrize("share", [0.5, 0.7, 0.9, 0.97])
def test_intervals_cover_with_few_games(games: int, share: float) -> None:
    """Exactly, over all numbers of wins: half the log odds of the share are held."""
    truth, held, low_above = np.log(share / (1 - share)) / 2, 0.0, 0.0
    for wins in range(games + 1):
        low, high = (x[0] for x in strengths([WON] * wins + [LOST] * (games - wins))[1:])
        chance = binom.pmf(wins, games, share)
        held += chance * (low <= truth <= high)
        low_above += chance * (low > truth)
    assert held >= 0.92
    assert low_above <= 0.035
