"""evalkit's own time: samples answered by a function that does nothing.

    python benchmarks/overhead.py [SAMPLES ...]

Each size is one fresh process: pytest on a qa suite with exact match, a callable model, HTML and
JSON written. Prints the wall time, the time per sample and the peak memory, then the same run
again, answered from the cache.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SUITE = """\
suite: overhead
task: qa
data: {file: data.jsonl, target: answer}
prompts: {plain: "How much is {{ a }} plus {{ b }}? Answer with the number alone."}
metrics: [exact_match]
gates: [exact_match >= 0.5]
"""
APP = "def answer(prompt):\n    return '42'\n"


def project(folder: Path, samples: int) -> None:
    """Write a suite, its data and an application that says 42."""
    with (folder / "data.jsonl").open("w") as stream:
        for i in range(samples):
            answer = 42 if i % 4 else 41
            stream.write(json.dumps({"id": f"s{i}", "a": i, "b": 7, "answer": str(answer)}) + "\n")
    (folder / "sums.eval.yaml").write_text(SUITE)
    (folder / "app.py").write_text(APP)
    (folder / "evalkit.yaml").write_text(
        "models:\n  app: {backend: callable, model: 'app:answer'}\n"
    )


def session(folder: Path, *more: str) -> tuple[float, float]:
    """Seconds and peak memory in MB of one pytest session."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *more], cwd=folder, capture_output=True, text=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
    )  # fmt: skip
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return seconds, max(before, after) / 1024


def main(sizes: list[int]) -> None:
    """Measure and print; sizes in rising order, since peak memory is that of all so far."""
    print(f"{'samples':>9} {'wall':>8} {'per sample':>11} {'cached':>8} {'peak memory':>12}")
    for samples in sorted(sizes):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            project(folder, samples)
            outputs = ("sums.eval.yaml", "--eval-report=r.html", "--eval-json=r.json")
            fresh, _ = session(folder, *outputs)
            cached, memory = session(folder, *outputs)
        print(f"{samples:>9,} {fresh:>6.2f} s {fresh / samples * 1000:>8.3f} ms"
              f" {cached:>6.2f} s {memory:>9,.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [2_000])
