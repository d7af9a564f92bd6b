"""The Triton kernels compute what torch computes; here in Triton's interpreter, on a CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="Triton exists on Linux only")

ROOT = Path(__file__).resolve().parents[2]


def test_kernels_agree_with_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.interpreted_kernels"],
        env={**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    differences = json.loads(done.stdout)
    assert len(differences) == 6
    assert {name: d for name, d in differences.items() if not d < 5e-6} == {}
