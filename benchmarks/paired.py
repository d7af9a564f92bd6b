"""Do paired comparisons keep their level? ``python benchmarks/paired.py [PAIRS OF CELLS]``.

Takes 20 minutes of one core with 1,000 pairs, the default.

Three tables, each with the standard error of its simulation where it is one:

* 0/1 values, computed exactly over all tables of n pairs: how often McNemar's exact test and its
  mid-p-value find a difference where there is none, at the share of differing pairs where they do
  so most, and how often the lower end of the 95 % interval lies above the truth, at margins.
* All other scores: how often p ≤ 0.05 where there is no difference, in suites with ties and with
  rare labels. The level is 0.05.
* Differences that a gate allows: how often the lower end of the 95 % interval lies above the truth,
  as it may in 2.5 %, and how often the interval holds it.

For the second table four times as many pairs are drawn, so that its standard errors are below
0.004. There are fewer permutations than evalkit's 10,000 (400 and 1,000); the level is the same.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from itertools import product
from math import inf, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import multinomial

from evalkit.metrics import exchange
from evalkit.metrics.base import Columns
from evalkit.metrics.weighted import of_sums
from evalkit.stats import permutation
from evalkit.stats.exchange import compare_sides, units_of
from evalkit.stats.paired import compare, mcnemar, mcnemar_mid_p, paired_proportions

Floats = NDArray[np.float64]
Rng = np.random.Generator
SIZES = (5, 10, 20, 50, 200)
LEVEL = 0.05
SHARES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)
MARGINS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)


class Found(NamedTuple):
    """What a comparison says of one pair of cells."""

    p: float
    low: float
    high: float


Design = Callable[[Rng, int], Found]
"""One pair of cells of n samples, compared."""


def of_values(
    rng: Rng, a: Floats, b: Floats, width: float = 1.0, clusters: Sequence[int] | None = None
) -> Found:
    found = compare(a, b, width=width, clusters=clusters, seed=seeded(rng))
    return Found(found.p, found.low, found.high)


def of_sides(
    rng: Rng, score: str, a: Columns | Floats, b: Columns | Floats, width: float = 1.0
) -> Found:
    units = units_of(len(a))
    if isinstance(a, Columns) and isinstance(b, Columns):
        sides = exchange.of_columns(score, a, b, units, {})
    else:
        statistic = of_sums(score, {})
        assert statistic is not None
        sides = exchange.of_sums(score, np.asarray(a), np.asarray(b), statistic, units)
    assert sides is not None
    found = compare_sides(sides, units, width=width, seed=seeded(rng))
    return Found(found.p, found.low, found.high)


def seeded(rng: Rng) -> int:
    """Permutations of their own for every pair: few of them are off by a little, all alike."""
    return int(rng.integers(2**31))


# values of samples


def uniform(rng: Rng, n: int) -> Found:
    return of_values(rng, rng.random(n), rng.random(n))


def tied(share: float) -> Design:
    def design(rng: Rng, n: int) -> Found:
        a = rng.random(n)
        return of_values(rng, a, np.where(rng.random(n) < share, a, rng.random(n)))

    return design


def grades(rng: Rng, n: int) -> Found:
    """A judge's grades from 1 to 5, nine of ten of them 5."""
    a, b = rng.choice([1, 2, 3, 4, 5], p=[0.01, 0.01, 0.02, 0.06, 0.9], size=(2, n))
    return of_values(rng, a.astype(np.float64), b.astype(np.float64), 4.0)


def losses(rng: Rng, n: int) -> Found:
    """Log losses: skewed, without an upper end."""
    return of_values(rng, rng.exponential(0.5, n), rng.exponential(0.5, n), inf)


def token_f1(rng: Rng, n: int) -> tuple[Floats, Floats]:
    """Half of the answers right, a fifth wrong, the others in part; b repeats four of five."""

    def draw() -> Floats:
        kind = rng.random(n)
        return np.where(kind < 0.5, 1.0, np.where(kind < 0.7, 0.0, rng.random(n)))

    a = draw()
    return a, np.where(rng.random(n) < 0.8, a, draw())


def clusters(count: int, half: bool) -> Design:
    """Right and wrong in clusters whose samples resemble each other; one may hold half of all."""

    def design(rng: Rng, n: int) -> Found:
        of = np.arange(n) % count
        if half:
            of = np.where(np.arange(n) < n // 2, 0, of)
        shared = rng.beta(4, 1, size=(2, count))
        a, b = (rng.random(n) < side[of] for side in shared)
        return of_values(rng, a.astype(np.float64), b.astype(np.float64), 1.0, of.tolist())

    return design


# scores of counts and of sums


def labelled(score: str, rare: float, same: float = 0.5) -> Design:
    """Two labels; both cells right on .95 of the common one and .7 of the rare one.

    same: the share of samples on which b repeats a's answer.
    """

    def design(rng: Rng, n: int) -> Found:
        truth = rng.random(n) < rare
        truth[0] = True
        truth[1] = False
        right = rng.random((2, n)) < np.where(truth, 0.7, 0.95)
        right[1] = np.where(rng.random(n) < same, right[0], right[1])
        predicted = [np.where(of, truth, ~truth) for of in right]
        a, b = (Columns(["ab"[int(x)] for x in of], [("ab"[int(t)],) for t in truth], ("a", "b"))
                for of in predicted)  # fmt: skip
        return of_sides(rng, score, a, b, 2.0 if score in ("mcc", "cohen_kappa") else 1.0)

    return design


def ranked(positives: int) -> Design:
    def design(rng: Rng, n: int) -> Found:
        truth = np.arange(n) < max(min(positives, n // 2), 1)
        shared = rng.normal(size=n) + 2 * truth

        def side() -> Columns:
            p = 1 / (1 + np.exp(-(shared + rng.normal(size=n))))
            labels = [("yes",) if t else ("no",) for t in truth]
            return Columns(["yes"] * n, labels, ("no", "yes"), np.column_stack([1 - p, p]))

        return of_sides(rng, "auroc", side(), side())

    return design


def corpus(score: str) -> Design:
    """Translations of sentences some of which are hard for both."""

    def design(rng: Rng, n: int) -> Found:
        length = rng.integers(5, 40, size=(n, 1)) - np.arange(4)
        ease = rng.beta(4, 3, size=(n, 1))

        def side() -> Floats:
            said = np.clip(length + rng.integers(-2, 3, size=(n, 1)), 1, None)
            if score == "ter":
                edits = rng.binomial(length[:, :1], 1 - ease)
                return np.hstack([edits, length[:, :1]]).astype(np.float64)
            if score == "chrf":
                most = 4 * np.minimum(said, length)[:, :1]
                orders = [
                    np.hstack(
                        [
                            5 * said[:, :1] - k,
                            5 * length[:, :1] - k,
                            rng.binomial(most, ease ** (1 + k)),
                        ]
                    )
                    for k in range(6)
                ]
                return np.hstack(orders).astype(np.float64)
            matches = rng.binomial(np.minimum(said, length), ease ** np.arange(1, 5))
            return np.hstack([said[:, :1], length[:, :1], matches, said]).astype(np.float64)

        return of_sides(rng, score, side(), side(), 100.0)

    return design


def entities(rng: Rng, n: int) -> Found:
    """Entities, some to a sample and mostly none."""
    there = rng.poisson(0.4, size=n)
    there[0] = 1

    def side() -> Floats:
        found = rng.binomial(there, 0.8)
        return np.column_stack([found, found + rng.poisson(0.1, size=n), there]).astype(np.float64)

    return of_sides(rng, "entity_f1", side(), side())


NULLS: dict[str, Design] = {
    "mean of uniform values": uniform,
    "mean, 60 % ties": tied(0.6),
    "mean, 90 % ties": tied(0.9),
    "judge's grades, 90 % fives": grades,
    "log loss": losses,
    "token F1": lambda rng, n: of_values(rng, *token_f1(rng, n)),
    "accuracy, 5 clusters or more": lambda rng, n: clusters(max(n // 5, 5), False)(rng, n),
    "accuracy, one cluster of half": lambda rng, n: clusters(max(n // 5, 5), True)(rng, n),
    **{
        f"{score}, {rare:.0%} rare": labelled(score, rare)
        for score, rare in (
            ("macro_f1", 0.05),
            ("macro_f1", 0.3),
            ("mcc", 0.3),
            ("f1[b]", 0.05),
            ("precision[b]", 0.05),
        )
    },
    "macro_f1, 10 % rare, 90 % ties": labelled("macro_f1", 0.1, 0.9),
    "auroc, 10 positives": ranked(10),
    "entity_f1": entities,
    "bleu": corpus("bleu"),
    "chrf": corpus("chrf"),
    "ter": corpus("ter"),
}


def dropping(share: float, drop: float, noise: float, ties: float = 0.0) -> tuple[float, Design]:
    """b scores ``drop`` less on a share of the samples, and else as a but for noise or ties."""

    def design(rng: Rng, n: int) -> Found:
        moved = rng.normal(0, noise, n) if noise else np.zeros(n)
        moved[rng.random(n) < ties] = 0.0
        moved[rng.random(n) < share] = -drop
        return of_values(rng, np.zeros(n), moved)

    return -share * drop, design


def lost_clusters(size: int) -> tuple[float, Design]:
    """b loses all samples of a tenth of the clusters."""

    def design(rng: Rng, n: int) -> Found:
        of = np.arange(n) // size
        lost = rng.random(int(of[-1]) + 1) < 0.1
        return of_values(rng, np.ones(n), 1.0 - lost[of], 1.0, of.tolist())

    return -0.1, design


def worse_labels(rare: float) -> tuple[float, Design]:
    """Macro F1 of a cell that is right on .9 of either label, and one that is on .9 and .7."""

    def f1(common: float, seldom: float) -> float:
        table = np.array([[(1 - rare) * common, (1 - rare) * (1 - common)],
                          [rare * (1 - seldom), rare * seldom]])  # fmt: skip
        return float(np.mean(2 * table.diagonal() / (table.sum(axis=0) + table.sum(axis=1))))

    def design(rng: Rng, n: int) -> Found:
        truth = rng.random(n) < rare
        first = rng.random(n) < 0.9
        second = first & (rng.random(n) < np.where(truth, 7 / 9, 1.0))
        a, b = (Columns(["ab"[int(x)] for x in np.where(of, truth, ~truth)],
                        [("ab"[int(t)],) for t in truth], ("a", "b"))
                for of in (first, second))  # fmt: skip
        return of_sides(rng, "macro_f1", a, b)

    return f1(0.9, 0.7) - f1(0.9, 0.9), design


SHIFTS: dict[str, tuple[float, Design]] = {
    "drop of 1 in 5 %": dropping(0.05, 1.0, 0.0),
    "drop of 1 in 20 %": dropping(0.2, 1.0, 0.0),
    "drop of .5 in 10 %": dropping(0.1, 0.5, 0.0),
    "drop of .25 in 20 %, small noise, ties": dropping(0.2, 0.25, 0.02, 0.6),
    "drop of 1 in 5 %, small noise, ties": dropping(0.05, 1.0, 0.02, 0.5),
    "drop of 1 in 5 %, noise of .1": dropping(0.05, 1.0, 0.1),
    "drop of .1 everywhere, noise of .1": (
        -0.1,
        lambda rng, n: of_values(rng, np.zeros(n), rng.normal(-0.1, 0.1, n)),
    ),
    "no drop, 60 % ties": dropping(0.0, 1.0, 0.2, 0.6),
    "no drop, 95 % ties": dropping(0.0, 1.0, 0.2, 0.95),
    "a tenth of clusters of 5 lost": lost_clusters(5),
    "macro_f1, 5 % rare": worse_labels(0.05),
    "macro_f1, 20 % rare": worse_labels(0.2),
    "macro_f1, 50 % rare": worse_labels(0.5),
}


def simulated(design: Design, n: int, pairs: int) -> list[Found]:
    """The comparisons of some pairs of cells; those that say nothing (of one cluster) left out."""
    rng = np.random.default_rng(n)
    found = (design(rng, n) for _ in range(pairs))
    return [one for one in found if np.isfinite(one.p)]


def shown(hits: Sequence[bool]) -> str:
    """A share and its standard error; a dash where there is none."""
    if not len(hits):
        return "-"
    share = float(np.mean(hits))
    return f"{share:7.3f} ±{sqrt(share * (1 - share) / len(hits)):.3f}"


def exactly(n: int) -> tuple[float, float, float]:
    """Over all tables of n pairs of 0/1: the largest errors there are.

    Of the exact test and its mid-p-value at 0.05, and of the lower end at a margin (0.2 at most).
    """
    tables = np.array([t for t in product(range(n + 1), repeat=2) if sum(t) <= n])
    wins, lost = tables.T
    exact = np.array([mcnemar(int(w), int(x)) for w, x in tables]) <= LEVEL
    middle = np.array([mcnemar_mid_p(int(w), int(x)) for w, x in tables]) <= LEVEL
    low = np.array(
        [
            paired_proportions([0] * w + [1] * (n - w), [1] * (n - x) + [0] * x).low
            for w, x in tables
        ]
    )
    full = np.column_stack([wins, lost, n - wins - lost])
    errors = [0.0, 0.0, 0.0]
    for share in SHARES:
        chance = multinomial.pmf(full, n, [share / 2, share / 2, 1 - share])
        errors[0] = max(errors[0], float(chance[exact].sum()))
        errors[1] = max(errors[1], float(chance[middle].sum()))
    for margin, share in product(MARGINS, SHARES):
        if share >= margin:
            up, down = (share - margin) / 2, (share + margin) / 2
            chance = multinomial.pmf(full, n, [up, down, 1 - share])
            errors[2] = max(errors[2], float(chance[low > 1e-9 - margin].sum()))
    return errors[0], errors[1], errors[2]


def main(arguments: list[str]) -> int:
    pairs = int(arguments[0]) if arguments else 1_000
    start = time.perf_counter()
    heads = "".join(f"{f'n={n}':>15}" for n in SIZES)

    print(f"{'0/1 values, over all tables':<40}{heads}")
    errors = [exactly(n) for n in SIZES]
    for row, name in enumerate(
        ("McNemar, exact: p ≤ 0.05", "mid-p ≤ 0.05", "low end above, margins")
    ):
        print(f"{name:<40}" + "".join(f"{error[row]:>15.4f}" for error in errors))

    permutation.DRAWS = 399
    print(f"\n{'no difference: p ≤ 0.05':<40}{heads}")
    for name, design in NULLS.items():
        found = [simulated(design, n, 4 * pairs) for n in SIZES]
        rejected = ([one.p <= LEVEL for one in of_n] for of_n in found)
        print(f"{name:<40}" + "".join(f"{shown(hits):>15}" for hits in rejected), flush=True)

    permutation.DRAWS = 999
    held = {}
    print(f"\n{'a difference: low end above the truth':<40}{heads}")
    for name, (truth, design) in SHIFTS.items():
        found = [simulated(design, n, pairs) for n in SIZES]
        above = ([one.low > truth + 1e-9 for one in of_n] for of_n in found)
        held[name] = [
            [one.low - 1e-9 <= truth <= one.high + 1e-9 for one in of_n] for of_n in found
        ]
        print(f"{name:<40}" + "".join(f"{shown(hits):>15}" for hits in above), flush=True)
    print(f"\n{'a difference: interval holds the truth':<40}{heads}")
    for name, of_sizes in held.items():
        print(f"{name:<40}" + "".join(f"{shown(hits):>15}" for hits in of_sizes))
    print(f"\n{4 * pairs:,} and {pairs:,} pairs of cells each; {time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
