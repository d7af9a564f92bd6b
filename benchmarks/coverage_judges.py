"""How often do certificates, corrected scores, strengths and calibration errors hold the truth?

    python -m benchmarks.coverage_judges [SUITES]

Simulates certificates and suites (default 200 for each line and size) of known truth and counts the
95 % intervals that hold it, and those that lie above it, by which a gate would pass falsely. The
Monte Carlo error of a share s is √(s(1 - s)/SUITES): 0.015 for 0.95 of 200. Of strengths between
two the shares are exact, by summing over all outcomes. Lines are marked where coverage is below
0.92 or more than 0.035 lie above, by more than two such errors.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, kendalltau, norm, spearmanr

from evalkit.judging.calibration import Graded, figures
from evalkit.judging.certificate import Figure
from evalkit.judging.pairwise import bradley_terry, strengths
from evalkit.metrics import Columns
from evalkit.metrics.probabilistic import calibration_interval
from evalkit.stats import confusion
from evalkit.stats.agreement import kappa_of_counts
from evalkit.stats.correction import prediction_powered_mean, rogan_gladen_interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rng = np.random.Generator
Ends = tuple[float, float]
LABELLED = (20, 40, 100)
STEPS = [str(step) for step in range(1, 6)]
DRAWS = 2_000  # of plausible tables in one interval; evalkit draws 10,000
MANY = 100_000  # cases that the truth is computed from


class Line(NamedTuple):
    """What was simulated: its name, of n, the truth, and the intervals, shape (suites, 2)."""

    name: str
    n: int
    truth: float
    ends: Floats


def repeated(draw: Callable[[Rng], Ends], suites: int) -> Floats:
    rng = np.random.default_rng(suites)
    return np.array([draw(rng) for _ in range(suites)])


# --- figures of certificates ------------------------------------------------------------------

Judged = Callable[[Rng, int], tuple[Ints, Ints]]
"""People's grades and the judge's, on a scale of five steps, of n cases."""


def blend(errors: float, shares: tuple[float, ...] = (0.2,) * 5) -> Judged:
    """The judge grades like people, but for a share of cases at random."""

    def draw(rng: Rng, n: int) -> tuple[Ints, Ints]:
        people, other = rng.choice(5, size=(2, n), p=shares) + 1
        return people, np.where(rng.random(n) < errors, other, people)

    return draw


def normal(correlation: float) -> Judged:
    """Grades cut from two normal variables, the steps equally frequent."""
    cuts = norm.ppf(np.arange(1, 5) / 5)

    def draw(rng: Rng, n: int) -> tuple[Ints, Ints]:
        x, z = rng.normal(size=(2, n))
        y = correlation * x + sqrt(1 - correlation**2) * z
        return np.searchsorted(cuts, x) + 1, np.searchsorted(cuts, y) + 1

    return draw


def constant(errors: float) -> Judged:
    """The judge says 3, but for a share of cases at random, whatever people say."""

    def draw(rng: Rng, n: int) -> tuple[Ints, Ints]:
        people, other = rng.integers(1, 6, size=(2, n))
        return people, np.where(rng.random(n) < errors, other, 3)

    return draw


JUDGES: dict[str, Judged] = {
    "2 % of grades at random": blend(0.02),
    "10 % of grades at random": blend(0.1),
    "30 % of grades at random": blend(0.3),
    "10 % at random, 3 of 4 are fives": blend(0.1, (0.05, 0.05, 0.05, 0.1, 0.75)),
    "normal, correlation .8": normal(0.8),
    "normal, correlation .97": normal(0.97),
    "one grade for nine of ten": constant(0.1),
}


def agreement(suites: int) -> Iterator[Line]:
    """Kappas and rank correlations; where one is undefined other cases are drawn."""
    for name, judge in JUDGES.items():
        people, answers = judge(np.random.default_rng(0), MANY)
        table = np.zeros((1, 5, 5))
        np.add.at(table[0], (people - 1, answers - 1), 1)
        truths = {
            "kappa": float(kappa_of_counts("", table)[0]),
            "weighted_kappa": float(kappa_of_counts("quadratic", table)[0]),
            "spearman": float(spearmanr(people, answers).statistic),
            "kendall": float(kendalltau(people, answers).statistic),
        }
        for n in LABELLED:
            rng = np.random.default_rng(n)
            made: list[dict[str, Figure]] = []
            while len(made) < suites:
                cases = graded(*judge(rng, n))
                found = figures(cases, STEPS, "pointwise")
                if all(np.isfinite(found[key].value) for key in truths):
                    made.append(found)
            for key, truth in truths.items():
                ends = np.array([(found[key].low, found[key].high) for found in made])
                yield Line(f"{key}, {name}", n, truth, ends)


def graded(people: Ints, judge: Ints) -> list[Graded]:
    return [
        Graded(float(h), float(j), {"grade": (str(h), str(j))})
        for h, j in zip(people, judge, strict=True)
    ]


def biases(suites: int) -> Iterator[Line]:
    """How much longer texts, the judge's own family and the first place are favoured."""
    for n in LABELLED:
        for own in (0.1, 0.5):
            for name, noise, errors in (("noise", 0.5, 0.0), ("few errors", 0.0, 0.05)):
                made = [
                    figures(favoured(rng, n, own, noise, errors), STEPS, "pointwise")
                    for rng in map(np.random.default_rng, range(suites))
                ]
                for key, truth in (("length_bias", 0.3), ("self_preference", 0.4)):
                    ends = np.array([(found[key].low, found[key].high) for found in made])
                    yield Line(f"{key}, {own:.0%} own, {name}", n, truth, ends)
        for share in (0.02, 0.1, 0.5):
            found = [
                figures(pairs(rng, n, share), ["b", "tie", "a"], "pairwise")["position_bias"]
                for rng in map(np.random.default_rng, range(suites))
            ]
            ends = np.array([(one.low, one.high) for one in found])
            yield Line(f"position_bias, {share:.0%} contradicted", n, share / 2, ends)


def favoured(rng: Rng, n: int, own: float, noise: float, errors: float) -> list[Graded]:
    """Grades with .3 for 100 words, .4 for the own family, noise, and errors of two steps."""
    words = rng.lognormal(4.5, 0.6, n)
    people = rng.integers(1, 6, n).astype(float)
    own_family = rng.random(n) < own
    own_family[:4] = (True, False, True, False)
    judge = people + 0.3 * words / 100 + 0.4 * own_family + rng.normal(0, noise, n)
    judge = np.where(rng.random(n) < errors, judge + rng.choice([-2, 2], size=n), judge)
    return [
        Graded(float(h), float(j), {"grade": ("1", "1")}, float(w), float(o))
        for h, j, w, o in zip(people, judge, words, own_family, strict=True)
    ]


def pairs(rng: Rng, n: int, contradicted: float) -> list[Graded]:
    """Pairs in some of which the judge chooses the first place both times."""
    first, won = rng.random(n) < contradicted, rng.integers(0, 2, n)
    wins = np.where(first[:, np.newaxis], [1.0, 0.0], won[:, np.newaxis])
    return [
        Graded(0.5, float(w.mean()), {"grade": ("tie", "tie")}, wins=(w[0], w[1])) for w in wins
    ]


# --- corrected scores -------------------------------------------------------------------------


def rates(suites: int) -> Iterator[Line]:
    """Rogan and Gladen's rate: m labelled cases, half of them positive, and n = 20, 100, 1,000."""
    for right, rate in (((1.0, 1.0), 0.3), ((0.97, 0.97), 0.1), ((0.9, 0.7), 0.5), ((1, 0.9), 0.9)):
        for labels in (20, 50, 200):
            for n in (20, 100, 1000):
                name = (
                    f"rate {rate}, sensitivity {right[0]:g}, specificity {right[1]:g}, m {labels}"
                )
                draw = _rate(right, rate, labels // 2, n)
                yield Line(name, n, rate, repeated(draw, suites))


def _rate(right: Ends, rate: float, half: int, n: int) -> Callable[[Rng], Ends]:
    def draw(rng: Rng) -> Ends:
        met = rng.binomial(n, rate)
        called = rng.binomial(met, right[0]) + rng.binomial(n - met, 1 - right[1])
        negatives = (int(rng.binomial(half, right[1])), half)
        positives = (int(rng.binomial(half, right[0])), half)
        low, high, _ = rogan_gladen_interval((int(called), n), negatives, positives)
        return low, high

    return draw


def means(suites: int) -> Iterator[Line]:
    """Prediction-powered means of 200 samples, of m labelled; λ = 1 and tuned."""
    even, fives = (0.2,) * 5, (0.03, 0.03, 0.04, 0.1, 0.8)
    for name, shares, errors, wrong in (
        ("no error", even, 0.0, 0),
        ("5 % one step up", even, 0.05, 1),
        ("7 % fives for any grade", even, 0.07, 5),
        ("7 % fives, 4 of 5 are fives", fives, 0.07, 5),
        ("10 % at random", even, 0.1, None),
    ):
        truth = float(np.dot(range(1, 6), shares))
        for labels in (20, 50, 100):
            for how, weight in (("λ = 1", 1.0), ("λ tuned", None)):
                draw = _mean(shares, errors, wrong, labels, weight)
                yield Line(f"mean, {name}, {how}", labels, truth, repeated(draw, suites))


def _mean(
    shares: tuple[float, ...], errors: float, wrong: int | None, labels: int, weight: float | None
) -> Callable[[Rng], Ends]:
    def draw(rng: Rng) -> Ends:
        people = rng.choice(5, size=labels + 200, p=shares) + 1
        other = {None: rng.integers(1, 6, len(people)), 5: np.full(len(people), 5)}.get(
            wrong, np.minimum(people + (wrong or 0), 5)
        )
        judge = np.where(rng.random(len(people)) < errors, other, people)
        _, (low, high, _) = prediction_powered_mean(
            people[:labels], judge[:labels], judge[labels:], low=1, high=5, weight=weight
        )
        return low, high

    return draw


# --- strengths and calibration errors ---------------------------------------------------------


def games(share: float, n: int) -> tuple[float, float]:
    """Exactly: how often the strengths of two are held, and lie above, over all numbers of wins."""
    won, lost = [[0.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]
    truth, held, above = np.log(share / (1 - share)) / 2, 0.0, 0.0
    for wins in range(n + 1):
        found = strengths([won] * wins + [lost] * (n - wins))
        chance = float(binom.pmf(wins, n, share))
        held += chance * (found.low[0] <= truth <= found.high[0])
        above += chance * (found.low[0] > truth)
    return held, above


def tournaments(suites: int) -> Iterator[Line]:
    """Four that meet on every sample, a third of the pairs ties; the strongest one's strength."""
    truth = np.array([1.2, 0.4, -0.4, -1.2])
    chance = 1 / (1 + np.exp(truth - truth[:, np.newaxis]))
    for n in (3, 5, 10, 20, 50):

        def draw(rng: Rng, n: int = n) -> Ends:
            table = np.zeros((n, 4, 4))
            for i, j in zip(*np.triu_indices(4, 1), strict=True):
                value = np.where(rng.random(n) < 1 / 3, 0.5, rng.random(n) < chance[i, j])
                table[:, i, j], table[:, j, i] = value, 1 - value
            found = strengths(list(table))
            return float(found.low[0]), float(found.high[0])

        # What the expected wins amount to: a tie is half a win for each.
        expected = bradley_terry((1 / 6 + chance * 2 / 3) * (1 - np.eye(4)))
        yield Line("strength of the best of four, ties", n, expected[0], repeated(draw, suites))


SURE: dict[str, Callable[[Rng, int], Floats]] = {
    "sure of .5 to 1": lambda rng, n: rng.uniform(0.5, 1, n),
    "sure of .95": lambda rng, n: np.full(n, 0.95),
    "sure of 1": lambda rng, n: np.ones(n),
}


def calibration(suites: int) -> Iterator[Line]:
    """Calibration errors of models that are too sure of themselves by as much, or calibrated."""
    for name, sure in SURE.items():
        for over in (0.0, 0.05, 0.2):
            for n in (20, 50, 200, 1000):

                def draw(
                    rng: Rng,
                    n: int = n,
                    over: float = over,
                    sure: Callable[[Rng, int], Floats] = sure,
                ) -> Ends:
                    p = sure(rng, n)
                    targets = [("a",) if hit else ("b",) for hit in rng.random(n) < p - over]
                    rows = np.column_stack([p, 1 - p])
                    columns = Columns(["a"] * n, targets, ("a", "b"), probabilities=rows)
                    low, high, _ = calibration_interval(columns, 10)
                    return low, high

                yield Line(f"calibration error {over:g}, {name}", n, over, repeated(draw, suites))


FAMILIES = (agreement, biases, rates, means, tournaments, calibration)


def shares(line: Line) -> tuple[float, float]:
    """The shares of intervals that hold the truth and that lie above it."""
    low, high = line.ends[:, 0] - 1e-9, line.ends[:, 1] + 1e-9
    held, above = (low <= line.truth) & (line.truth <= high), low > line.truth
    return float(held.mean()), float(above.mean())


def show(name: str, n: int, held: float, above: float, suites: int) -> None:
    error = sqrt(held * (1 - held) / suites) if suites else 0.0
    beyond = sqrt(above * (1 - above) / suites) if suites else 0.0
    mark = "  !" if held < 0.92 - 2 * error or above > 0.035 + 2 * beyond else ""
    print(
        f"{name:<62}{n:>5}{held:>8.3f} ± {error:.3f}{above:>8.3f} ± {beyond:.3f}{mark}", flush=True
    )


def main(arguments: list[str]) -> int:
    suites = int(arguments[0]) if arguments else 200
    confusion.DRAWS = DRAWS
    started = time.perf_counter()
    print(f"{'figure':<62}{'n':>5}{'held':>8}{'':>8}{'above':>8}")
    for family in FAMILIES:
        for line in family(suites):
            show(line.name, line.n, *shares(line), suites)
    for share in (0.5, 0.7, 0.9, 0.97):
        for n in (3, 5, 10, 20, 50):
            show(f"strength of one of two, exactly, wins {share:.0%}", n, *games(share, n), 0)
    print(f"{suites:,} suites a line; {time.perf_counter() - started:,.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
