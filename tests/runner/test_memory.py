"""A model's peak memory, in the run and its outputs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from evalkit.runner.memory import Peaks

SIZE = 300_000_000
APP = f"""
def large(prompt):
    return str(len(bytearray({SIZE})))

def small(prompt):
    return "2"
"""
RUN = """
import evalkit
suite = {"suite": "sums", "task": "qa", "prompts": {"plain": "{{ q }}"}, "metrics": ["exact_match"],
         "data": {"target": "a", "rows": [{"q": "1 + 1", "a": "2"}]}}
models = ["callable:app:large", "callable:app:small"]
run = evalkit.evaluate(suite, models=models)
run.to_json("run.json")
run.to_html("run.html")
evalkit.evaluate(suite, models=models).to_json("cached.json")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the system does not tell")
def test_the_process_peak_belongs_to_the_model_that_raised_it(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    taken = bytearray(2 * SIZE)  # by whoever starts the run
    subprocess.run([sys.executable, "-c", RUN], cwd=tmp_path, check=True)
    del taken
    models = json.loads((tmp_path / "run.json").read_text())["models"]
    peak = models["callable:app:large"]["peak_memory"]["process"]
    assert SIZE < peak < SIZE + 1_000_000_000
    assert models["callable:app:small"]["peak_memory"] == {}  # it took less than was taken before
    assert f"peak {peak / 1e9:.2f} GB in its process" in (tmp_path / "run.html").read_text()
    cached = json.loads((tmp_path / "cached.json").read_text())["models"]
    assert all(model["peak_memory"] == {} for model in cached.values())  # none was loaded


def test_gpu_peaks_are_reset_and_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    allocated = {0: 900, 1: 900}
    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        device_count=lambda: 2,
        reset_peak_memory_stats=lambda device: allocated.update({device: 0}),
        max_memory_allocated=allocated.__getitem__,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    peaks = Peaks()
    allocated.update({0: 5_000, 1: 3_000})
    assert peaks.found()["cuda"] == 8_000
