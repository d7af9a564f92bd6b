"""How long 10,000 resamples take over 10,000 samples: ``python benchmarks/bootstrap.py``."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from evalkit.metrics.classification import _macro
from evalkit.metrics.translation import bleu_of_sums
from evalkit.stats.bootstrap import bootstrap_counts, bootstrap_mean, bootstrap_sums
from evalkit.stats.intervals import Interval

N = 10_000


def main() -> None:
    rng = np.random.default_rng(0)
    labels = rng.multinomial(N, np.full(20, 1 / 20)).reshape(4, 5)
    many = rng.multinomial(N, rng.dirichlet(np.full(77 * 78, 0.1))).reshape(77, 78)
    length = rng.integers(10, 40, size=(N, 1)) - np.arange(4)
    rows = np.hstack([length[:, :1], length[:, :1], rng.binomial(length, 0.4), length])
    runs: dict[str, Callable[[], Interval]] = {
        "macro-F1, 4 labels": lambda: bootstrap_counts(labels, lambda c: _macro("f1", 0.0, c)),
        "macro-F1, 77 labels": lambda: bootstrap_counts(many, lambda c: _macro("f1", 0.0, c)),
        "corpus BLEU": lambda: bootstrap_sums(rows, bleu_of_sums),
        "mean": lambda: bootstrap_mean(rng.random(N)),
    }
    for name, run in runs.items():
        start = time.perf_counter()
        low, high, _ = run()
        print(f"{name:<20} {time.perf_counter() - start:6.2f} s   [{low:.4f}, {high:.4f}]")


if __name__ == "__main__":
    main()
