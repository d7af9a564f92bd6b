"""Speed of answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.reporting.speed import speeds
from tests.reporting.test_figures import cell_of, sample

from .runs import empty_run


def test_speed_excludes_cached_answers() -> None:
    samples = [
        sample(i, seconds=s, prompt_tokens=100, completion_tokens=10)
        for i, s in enumerate((1.0, 2.0, 3.0))
    ]
    samples.append(sample(3, seconds=99.0, prompt_tokens=100, completion_tokens=10, cached=True))
    [speed] = speeds(empty_run(cells=[cell_of(samples)]))
    assert (speed.asked, speed.median) == (3, 2.0)
    assert speed.slowest == pytest.approx(2.9)  # 95 % of the way from the first to the third
    assert (speed.read, speed.written) == (50.0, 5.0)
    [cached] = speeds(empty_run(cells=[cell_of([replace(samples[3])])]))
    assert (cached.median, cached.slowest, cached.read, cached.written) == (None,) * 4
