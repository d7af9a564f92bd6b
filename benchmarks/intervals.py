"""How long the intervals of scores over 10,000 samples take: ``python -m benchmarks.intervals``."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from evalkit.metrics.label_counts import statistic_of
from evalkit.metrics.translation import bleu_of_sums
from evalkit.stats.bounded import mean_interval, resampled_interval
from evalkit.stats.confusion import counts_interval
from evalkit.stats.intervals import Interval

N = 10_000


def main() -> None:
    rng = np.random.default_rng(0)
    macro_f1 = statistic_of("macro_f1", "", [], {})
    assert macro_f1 is not None
    few = rng.multinomial(N, np.full(20, 1 / 20)).reshape(4, 5)
    many = rng.multinomial(N, rng.dirichlet(np.full(77 * 78, 0.1))).reshape(77, 78)
    length = rng.integers(10, 40, size=(N, 1)) - np.arange(4)
    rows = np.hstack([length[:, :1], length[:, :1], rng.binomial(length, 0.4), length])
    bleu = float(bleu_of_sums(rows.sum(axis=0)[np.newaxis].astype(float))[0])
    runs: dict[str, Callable[[], Interval]] = {
        "mean": lambda: mean_interval(rng.random(N)),
        "macro-F1, 4 labels": partial(counts_interval, few, macro_f1),
        "macro-F1, 77 labels": partial(counts_interval, many, macro_f1),
        "corpus BLEU": lambda: resampled_interval(
            lambda weights: bleu_of_sums(weights @ rows), bleu, N, low=0.0, high=100.0
        ),
    }
    for name, run in runs.items():
        start = time.perf_counter()
        low, high, _ = run()
        print(f"{name:<20} {time.perf_counter() - start:6.2f} s   [{low:.4f}, {high:.4f}]")


if __name__ == "__main__":
    main()
