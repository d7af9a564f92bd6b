"""How often do intervals hold the truth, and on which side do they miss?

    python -m benchmarks.coverage [SUITES]

Simulates suites (default 1,000 for each line and size) of known truth and counts the 95 % intervals
that lie above it (a gate ``>=`` at the truth would pass falsely) and below it (one ``<=`` would).
The Monte Carlo error of a share s is √(s(1 - s)/SUITES): 0.007 for a coverage of 0.95. Of
proportions both shares are exact, by summing over all outcomes. Lines are marked where coverage is
below 0.92 or a one-sided error above 0.035 (0.05 below 20 samples), by more than two such errors.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, norm

from evalkit.metrics import Columns, run_metric
from evalkit.metrics.base import Score
from evalkit.metrics.label_counts import against_the_rest, statistic_of
from evalkit.stats import bounded
from evalkit.stats import confusion as posterior
from evalkit.stats.bounded import mean_interval
from evalkit.stats.confusion import counts_interval, grouped_interval
from evalkit.stats.intervals import Interval, proportion, wilson

Floats = NDArray[np.float64]
Rng = np.random.Generator
Draw = Callable[[Rng, int], Interval]
SMALL, USUAL = (2, 3, 5, 10, 19), (20, 50, 100, 200)
DRAWS = 1_000  # of plausible tables in one interval; evalkit draws 10,000


class Kind(NamedTuple):
    """What is simulated: its name, the truth, an interval of n samples, and the sizes n."""

    name: str
    truth: float
    draw: Draw
    sizes: tuple[int, ...]


class Missed(NamedTuple):
    """The shares of intervals that lie above the truth and below it."""

    above: float
    below: float


JOINTS: dict[str, tuple[list[float], list[list[float]]]] = {
    "95/5, recalls .995/.9": ([0.95, 0.05], [[0.995, 0.005, 0], [0.1, 0.9, 0]]),
    "95/5, recalls .9/.7": ([0.95, 0.05], [[0.9, 0.1, 0], [0.3, 0.7, 0]]),
    "80/20, recalls .9/.8": ([0.8, 0.2], [[0.9, 0.1, 0], [0.2, 0.8, 0]]),
    "three labels": (
        [0.5, 0.3, 0.2],
        [[0.8, 0.1, 0.08, 0.02], [0.2, 0.67, 0.1, 0.03], [0.2, 0.1, 0.65, 0.05]],
    ),
}
OF_COUNTS = ("balanced_accuracy", "macro_f1", "weighted_f1", "cohen_kappa", "mcc", "f1")


def joint(name: str) -> Floats:
    shares, rows = JOINTS[name]
    return np.array(shares)[:, np.newaxis] * np.array(rows)


def of_counts() -> Iterator[Kind]:
    """Scores of confusion counts; F1 is that of the rarest label."""
    for name in JOINTS:
        table = joint(name)
        labels = [str(i) for i in range(len(table))]
        for metric in OF_COUNTS:
            own, statistic = table, statistic_of(metric, "", labels, {})
            if metric == "f1":
                own = against_the_rest(table, len(table) - 1)
                statistic = statistic_of("f1", "0", ["0", "1"], {})
            assert statistic is not None
            truth = float(statistic(own[np.newaxis])[0])
            yield Kind(f"{metric}, {name}", truth, partial(drawn_counts, own, statistic), USUAL)


def drawn_counts(
    joint: Floats, statistic: Callable[[NDArray[Any]], Floats], rng: Rng, n: int
) -> Interval:
    counts = rng.multinomial(n, joint.ravel() / joint.sum()).reshape(joint.shape)
    return counts_interval(counts, statistic, seed=seeded(rng))


def seeded(rng: Rng) -> int:
    return int(rng.integers(2**31))


def scored(metric: str, columns: Columns, seed: int) -> Interval:
    score: Score = run_metric(metric, columns, seed=seed)[metric]
    return Interval(score.low, score.high, score.interval)


def areas() -> Iterator[Kind]:
    """Areas under a curve: normal scores of positives and negatives, a given share of positives."""
    for area, share in ((0.97, 0.05), (0.9, 0.1), (0.8, 0.5)):
        gap = sqrt(2) * norm.ppf(area)

        def draw(rng: Rng, n: int, gap: float = gap, share: float = share) -> Interval:
            positive = np.arange(n) < max(2, round(share * n))
            odds = rng.normal(size=n) + gap * positive
            p = 1 / (1 + np.exp(-odds))
            targets = [("b",) if one else ("a",) for one in positive]
            columns = Columns([None] * n, targets, ("a", "b"), np.column_stack([1 - p, p]))
            return scored("auroc", columns, seeded(rng))

        yield Kind(f"auroc {area}, {share:.0%} positive", area, draw, (50, 100, 200))


def levels(*shares: float) -> Callable[[Rng, int], Floats]:
    """Values of levels of equal distance from 0 to 1."""
    values = np.linspace(0, 1, len(shares))
    return lambda rng, n: rng.choice(values, p=shares, size=n)


def rarely_nothing(rng: Rng, n: int) -> Floats:
    return np.where(rng.random(n) < 0.05, 0.0, rng.uniform(0.78, 0.82, n))


MEANS: dict[str, tuple[float, Callable[[Rng, int], Floats]]] = {
    "grades 1-5, 90 % fives": (0.95, levels(0.01, 0.02, 0.03, 0.04, 0.9)),
    "five levels": (0.4, levels(0.4, 0.1, 0.2, 0.1, 0.2)),
    "beta(2, 5)": (2 / 7, lambda rng, n: rng.beta(2, 5, n)),
    "beta(20, 1)": (20 / 21, lambda rng, n: rng.beta(20, 1, n)),
    "all .78-.82, but 5 % of 0": (0.76, rarely_nothing),
}


def means() -> Iterator[Kind]:
    for name, (truth, values) in MEANS.items():
        yield Kind(
            f"mean, {name}",
            truth,
            lambda rng, n, values=values: mean_interval(values(rng, n)),  # type: ignore[misc]
            SMALL + USUAL,
        )


def log_losses() -> Iterator[Kind]:
    """Log loss of two labels: calibrated, and sure of itself with one answer of 20 wrong."""

    def loss(p: Floats, right: NDArray[np.bool_], seed: int) -> Interval:
        table = np.column_stack([p, 1 - p])
        targets = [("a",) if one else ("b",) for one in right]
        return scored("log_loss", Columns([None] * len(p), targets, ("a", "b"), table), seed)

    def calibrated(rng: Rng, n: int) -> Interval:
        p = rng.beta(0.5, 0.5, n).clip(1e-6, 1 - 1e-6)
        return loss(p, rng.random(n) < p, seeded(rng))

    def sure(rng: Rng, n: int) -> Interval:
        return loss(np.full(n, 0.98), rng.random(n) < 0.95, seeded(rng))

    p = np.random.default_rng(0).beta(0.5, 0.5, 4_000_000).clip(1e-6, 1 - 1e-6)
    entropy = float(-(p * np.log(p) + (1 - p) * np.log1p(-p)).mean())
    yield Kind("log loss, calibrated", entropy, calibrated, SMALL + USUAL)
    truth = float(-0.95 * np.log(0.98) - 0.05 * np.log(0.02))
    yield Kind("log loss, too sure", truth, sure, SMALL + USUAL)


def unbounded() -> Iterator[Kind]:
    """Scores without an upper bound: no interval counts as one that holds the truth."""

    def lengths(rng: Rng, n: int) -> Interval:
        texts = [" ".join("w" * k) for k in rng.geometric(0.05, n)]
        return scored("length", Columns(texts, [()] * n), 0)

    yield Kind("length, geometric", 20.0, lengths, SMALL[1:] + USUAL)


def beta_binomial(rng: Rng, p: float, rho: float, sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    strength = (1 - rho) / rho
    return rng.binomial(sizes, rng.beta(p * strength, (1 - p) * strength, size=len(sizes)))


SIZES = {
    "5 of 10": [10] * 5,
    "10 of 5": [5] * 10,
    "20 of 5": [5] * 20,
    "40 of 5": [5] * 40,
    "one holds half": [45] + [5] * 9,
    "halving": [64, 32, 16, 8, 4, 2, 2],
}


def clusters() -> Iterator[Kind]:
    """Right and wrong answers in clusters that resemble each other (rho 0.3)."""
    for p in (0.8, 0.95):
        for name, of in SIZES.items():
            sizes = np.array(of)

            def draw(rng: Rng, n: int, p: float = p, sizes: NDArray[np.int64] = sizes) -> Interval:
                hits = beta_binomial(rng, p, 0.3, sizes)
                values = np.concatenate(
                    [np.arange(size) < k for size, k in zip(sizes, hits, strict=True)]
                )
                units = np.repeat(np.arange(len(sizes)), sizes).tolist()
                return mean_interval(values, units=units)

            yield Kind(f"accuracy {p}, clusters {name}", p, draw, (int(sizes.sum()),))


def repeats() -> Iterator[Kind]:
    """Three answers to each question: recall and balanced accuracy, rho 0.7 within a question."""
    statistic = statistic_of("balanced_accuracy", "", ["a", "b"], {})
    assert statistic is not None

    def draw(rng: Rng, n: int) -> Interval:
        target = (rng.random(n) < 0.2).astype(int)  # 0: label a, 1: label b
        rates = np.where(target == 0, 0.95, 0.8)
        right = np.array([beta_binomial(rng, r, 0.7, np.array([3]))[0] for r in rates])
        hits = np.arange(3)[np.newaxis, :] < right[:, np.newaxis]
        predicted = np.where(hits, target[:, np.newaxis], 1 - target[:, np.newaxis])
        kinds = (target[:, np.newaxis] * 3 + predicted).ravel()
        units = np.repeat(np.arange(n), 3).tolist()
        return grouped_interval(kinds, (2, 3), statistic, units, seed=seeded(rng))

    yield Kind("balanced accuracy, 3 repeats", 0.875, draw, (20, 50, 100))


def entities() -> Iterator[Kind]:
    """Recall of entities, some texts with several that are found or missed together."""

    def draw(rng: Rng, n: int) -> Interval:
        there = rng.choice([0, 1, 2, 3], p=[0.6, 0.2, 0.1, 0.1], size=n)
        there[:2] = 1
        found = beta_binomial(rng, 0.9, 0.3, there)
        return bounded.ratio_interval(found, there)

    yield Kind("entity recall .9", 0.9, draw, USUAL)


def corpora() -> Iterator[Kind]:
    """BLEU: words of an answer are replaced with a chance that differs between texts."""
    rng = np.random.default_rng(1)

    def corpus(rng: Rng, n: int) -> Columns:
        answer, reference = [], []
        for _ in range(n):
            words = rng.integers(0, 400, size=int(rng.integers(8, 30)))
            wrong = rng.random(len(words)) < rng.beta(2, 5)
            reference.append((" ".join(f"w{w}" for w in words),))
            answer.append(
                " ".join(f"w{w if not x else 400}" for w, x in zip(words, wrong, strict=True))
            )
        return Columns(answer, reference)

    truth = run_metric("bleu", corpus(rng, 20_000))["bleu"].value
    yield Kind("BLEU", truth, lambda r, n: scored("bleu", corpus(r, n), seeded(r)), (5, 10, 20, 50))


def simulated(kind: Kind, n: int, suites: int) -> Missed:
    rng = np.random.default_rng(n)
    above = below = 0
    for _ in range(suites):
        low, high, _ = kind.draw(rng, n)
        above += low > kind.truth
        below += high < kind.truth
    return Missed(above / suites, below / suites)


def exact(interval: Callable[[float, int], Interval], p: float, n: int) -> Missed:
    """The chance that the interval of k hits of n lies above p, and below it."""
    hits = np.arange(n + 1)
    bounds = [interval(int(k), n) for k in hits]
    chance = binom.pmf(hits, n, p)
    above = np.array([low > p for low, _, _ in bounds])
    return Missed(
        float(chance[above].sum()), float(chance[[high < p for _, high, _ in bounds]].sum())
    )


def marks(missed: Missed, n: int, error: Callable[[float], float]) -> str:
    most = 0.035 if n >= 20 else 0.05
    held = 1 - missed.above - missed.below
    one_sided = any(share - 2 * error(share) > most for share in missed)
    return " *" if one_sided or (n >= 20 and held + 2 * error(held) < 0.92) else ""


def line(name: str, n: int, missed: Missed, error: Callable[[float], float]) -> None:
    held = 1 - missed.above - missed.below
    print(
        f"{name:<44}{n:>5}{held:>9.3f} ± {error(held):.3f}{missed.above:>9.3f}{missed.below:>9.3f}"
        + marks(missed, n, error),
        flush=True,
    )


FAMILIES = (of_counts, areas, means, log_losses, unbounded, clusters, repeats, entities, corpora)


def main(arguments: list[str]) -> int:
    suites = int(arguments[0]) if arguments else 1_000
    posterior.DRAWS = DRAWS
    bounded._MOST = DRAWS
    started = time.perf_counter()
    print(f"{'kind':<44}{'n':>5}{'coverage':>17}{'above':>9}{'below':>9}")
    for family in FAMILIES:
        for kind in family():
            for n in kind.sizes:
                missed = simulated(kind, n, suites)
                line(kind.name, n, missed, lambda s: sqrt(s * (1 - s) / suites))
    for name, interval in (("proportion", proportion), ("Wilson alone", wilson)):
        for p in (0.02, 0.2, 0.5, 0.8, 0.95, 0.99):
            for n in (2, 5, 10, 20, 100, 1000):
                line(f"{name}, exactly, at {p:g}", n, exact(interval, p, n), lambda s: 0.0)
    print(f"{suites:,} suites a line; {time.perf_counter() - started:,.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
