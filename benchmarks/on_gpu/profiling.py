"""Where a decoding step spends its time: kernels, operators, and Python."""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.on_gpu.comparing import answers
from benchmarks.on_gpu.run import Bench
from evalkit.engine.activity import Activity
from evalkit.exchange import Request

FIRST, STEPS = 24, 10
"""The steps that are profiled: after all prompts are read."""


@dataclass(slots=True)
class Watched(Activity):
    """Counts the steps of decoding, and profiles some of them."""

    profiler: Any = None
    times: list[float] = field(default_factory=list)
    wall: float = 0.0
    profiled: int = 0

    def decoding(self, running: Sequence[Any]) -> None:
        """Called after every step."""
        Activity.decoding(self, running)
        self.times.append(time.perf_counter())
        if self.profiler is None:
            return
        if len(self.times) == FIRST:
            self.profiler.start()
            self.wall = -time.perf_counter()
        elif len(self.times) == FIRST + STEPS:
            self.stop()

    def stop(self) -> None:
        """End the profile, if one is running."""
        if self.wall < 0:
            self.wall += time.perf_counter()
            self.profiled = min(STEPS, len(self.times) - FIRST)
            self.profiler.stop()


def profile_decoding(bench: Bench, lm: Any, requests: list[Request]) -> dict[str, Any]:
    """Ten steps of decoding: time of the kernels and of the host, and how busy the GPU is."""
    from torch.profiler import ProfilerActivity, profile

    if bench.rehearse:
        requests = requests[:4]
    answers(lm, requests)
    untouched = Watched()
    answers(replace(lm, activity=untouched), requests)
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if bench.cuda else [])]
    watched = Watched(profiler=profile(activities=kinds))
    answers(replace(lm, activity=watched), requests)
    bench.synchronize()
    watched.stop()
    gaps = [b - a for a, b in zip(untouched.times, untouched.times[1:], strict=False)]
    steady = sorted(gaps[FIRST : FIRST + STEPS] or gaps)
    found = {
        "steps": watched.profiled,
        "wall_ms_per_step": 1e3 * watched.wall / max(1, watched.profiled),
        "ms_between_steps_unprofiled": 1e3 * steady[len(steady) // 2] if steady else None,
    }
    return {**found, **_tables(watched)} if watched.profiled else found


def _tables(watched: Watched) -> dict[str, Any]:
    from torch.autograd import DeviceType

    averages = watched.profiler.key_averages()
    kernels = [e for e in averages if e.device_type == DeviceType.CUDA]
    hosts = [e for e in averages if e.device_type == DeviceType.CPU]
    kernels.sort(key=lambda e: -e.self_device_time_total)
    hosts.sort(key=lambda e: -e.self_cpu_time_total)
    steps, busy = watched.profiled, sum(e.self_device_time_total for e in kernels)
    return {
        "device_ms_per_step": busy / 1e3 / steps,
        "kernels_per_step": sum(e.count for e in kernels) / steps,
        "device_busy_fraction": busy / 1e6 / watched.wall,
        "host_ms_per_step": sum(e.self_cpu_time_total for e in hosts) / 1e3 / steps,
        "kernels": [
            {
                "name": e.key[:140],
                "per_step": e.count / steps,
                "ms_per_step": round(e.self_device_time_total / 1e3 / steps, 4),
            }
            for e in kernels[:15]
        ],
        "operators": [
            {
                "name": e.key[:100],
                "per_step": e.count / steps,
                "host_ms_per_step": round(e.self_cpu_time_total / 1e3 / steps, 4),
            }
            for e in hosts[:15]
        ],
    }


def profile_python(lm: Any, requests: list[Request]) -> dict[str, Any]:
    """The functions of a whole run that take longest themselves, under Python's profiler."""
    watched = cProfile.Profile()
    started = time.perf_counter()
    watched.runcall(answers, lm, requests)
    seconds = time.perf_counter() - started
    table: dict[Any, Any] = pstats.Stats(watched).stats  # type: ignore[attr-defined]
    top = sorted(table.items(), key=lambda item: -item[1][2])[:20]
    return {
        "samples": len(requests),
        "wall_seconds": seconds,
        "functions": [
            {
                "name": f"{'/'.join(file.split('/')[-3:])}:{line} {name}",
                "calls": calls,
                "own_seconds": round(own, 4),
                "seconds": round(total, 4),
            }
            for (file, line, name), (_, calls, own, total, _) in top
        ],
    }
