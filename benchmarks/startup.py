"""What the plugin costs a pytest session without suites.

    python benchmarks/startup.py [ROUNDS]

Collects one trivial test with and without the plugin, in turns, and prints the medians, and the
heavy modules imported on the way (there should be none).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HEAVY = ("torch", "transformers", "pandas", "numpy", "scipy", "sklearn", "pydantic", "yaml")


def collect(folder: Path, *more: str) -> float:
    """Seconds that one session takes."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *more],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
    )
    return time.perf_counter() - started


def imported(folder: Path) -> list[str]:
    """The heavy modules that a session with the plugin imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pytest", "--collect-only", "-q",
         "-p", "no:hypothesispytest", "-p", "no:cov", "-p", "no:xdist"],
        cwd=folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    return sorted(names & set(HEAVY))


def main(rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_trivial.py").write_text("def test_one():\n    pass\n")
        collect(folder)
        collect(folder, "-p", "no:evalkit")
        with_plugin, without = [], []
        for _ in range(rounds):
            with_plugin.append(collect(folder))
            without.append(collect(folder, "-p", "no:evalkit"))
        pairs = [a - b for a, b in zip(with_plugin, without, strict=True)]
        print(
            f"with the plugin     {statistics.median(with_plugin) * 1000:7.1f} ms"
            f" (median of {rounds})"
        )
        print(f"without it          {statistics.median(without) * 1000:7.1f} ms")
        print(f"difference          {statistics.median(pairs) * 1000:7.1f} ms (median of pairs)")
        print(f"heavy modules       {', '.join(imported(folder)) or 'none'}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
