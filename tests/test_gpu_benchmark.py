"""``benchmarks/gpu.py``: a rehearsal with tiny models, and how its parts are kept apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.on_gpu import run
from benchmarks.on_gpu.comparing import Reference, compared
from benchmarks.on_gpu.run import Alarm, Bench, Kept, OverTime, Part, Restart, run_parts
from benchmarks.on_gpu.table import table
from evalkit.exchange import Response, Status

ROOT = Path(__file__).parent.parent


def test_a_rehearsal_passes_on_a_cpu(tmp_path: Path) -> None:
    for package in ("transformers", "peft", "bitsandbytes", "bert_score", "sentence_transformers"):
        pytest.importorskip(package)
    command = ["benchmarks/gpu.py", "--rehearse", "--out", str(tmp_path), "--seconds", "1200"]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    results = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    parts = results["parts"]
    failed = {
        f"{part}: {step}": figures
        for part, result in parts.items()
        for step, figures in result["figures"].items()
        if "failed" in figures or "stopped" in figures or figures.get("ok") is False
    }
    assert failed == {}
    assert done.returncode == 0, done.stdout + done.stderr
    assert {result["state"] for result in parts.values()} == {"ok"}
    assert parts["equality"]["figures"]["b texts"]["equal"] == 4
    assert parts["quantized"]["figures"]["adapter"]["changed"] > 0
    decoded = parts["speed"]["figures"]["1b: decode 4"]
    assert decoded["new_tokens"] == 32  # no answer ends early
    assert decoded["tokens_per_second"] > 0
    text = (tmp_path / "gpu.txt").read_text(encoding="utf-8")
    assert all(f"\n{part}: ok in" in text for part in parts)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    # a collection takes long in a process with many libraries
    monkeypatch.setattr(Bench, "free", lambda self: None)
    return Bench(None, "cpu", True, False, tmp_path, tmp_path / "gpu.json", Alarm())


def written(bench: Bench) -> dict[str, Any]:
    parts: dict[str, Any] = json.loads(bench.file.read_text(encoding="utf-8"))["parts"]
    return parts


def part(name: str, work: Callable[[Bench], None], share: float = 1.0) -> Part:
    return Part(name, "", share, work)


def test_a_part_that_fails_or_takes_too_long_stops_no_other(bench: Bench) -> None:
    def fails(bench: Bench) -> None:
        bench.step("before", lambda: {"value": 1})
        raise ValueError("broken")

    def swallows(bench: Bench) -> None:
        def work() -> None:
            try:
                time.sleep(60)
            except Exception:
                time.sleep(60)

        bench.step("before", lambda: {"value": 1})
        bench.step("endless", work)

    def wrong(bench: Bench) -> None:
        bench.step("differs", lambda: {"ok": False})
        bench.step("raises", lambda: 1 / 0)
        bench.step("after", lambda: {"kept": Kept(object()), "value": 3})

    started = time.monotonic()
    parts = [part("fails", fails), part("long", swallows), part("wrong", wrong, 8.0)]
    run_parts(bench, parts, 5.0, [])
    assert time.monotonic() - started < 5
    found = written(bench)
    assert {name: found[name]["state"] for name in found} == {
        "fails": "failed",
        "long": "stopped",
        "wrong": "failed",
    }
    assert found["fails"]["figures"]["before"]["value"] == 1
    assert found["fails"]["failed"] == "ValueError: broken"
    assert "raise ValueError" in "".join(found["fails"]["traceback"])
    assert found["long"]["figures"]["endless"]["stopped"]
    assert found["wrong"]["figures"]["raises"]["failed"].startswith("ZeroDivisionError")
    assert found["wrong"]["figures"]["after"]["value"] == 3
    assert "kept" not in found["wrong"]["figures"]["after"]
    assert "NOT OK" in table({"facts": {}, "parts": found})


def test_a_step_over_its_own_limit_ends_alone(bench: Bench) -> None:
    def work(bench: Bench) -> None:
        assert bench.step("long", lambda: time.sleep(60), seconds=0.2) is None
        assert bench.step("short", lambda: 5) == 5
        bench.within(0.2, lambda: bench.step("group", lambda: time.sleep(60)))
        bench.step("last", lambda: 6)

    run_parts(bench, [part("part", work)], 30.0, [])
    figures = written(bench)["part"]["figures"]
    assert figures["long"]["failed"] == "takes over 0 s"
    assert figures["short"]["value"] == 5
    assert figures["group"]["stopped"]
    assert figures["last"]["value"] == 6


def test_time_that_a_part_leaves_goes_to_those_after_it(bench: Bench) -> None:
    left: list[float] = []
    parts = [part(name, lambda bench: left.append(bench.left)) for name in "abcd"]
    run_parts(bench, parts, 40.0, [])
    assert left == pytest.approx([10.0, 40 / 3, 20.0, 40.0], abs=1.0)


def test_limits_are_nested() -> None:
    alarm = Alarm()
    with alarm.at_most(30.0):
        with pytest.raises(OverTime), alarm.at_most(0.1):
            time.sleep(60)
        assert 20 < alarm.left < 30
    assert alarm.left == float("inf")


def test_a_part_that_does_not_stop_is_left_behind(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an assertion on the device: a new process runs the parts that are left."""
    started: list[list[str]] = []
    monkeypatch.setattr(run.os, "execv", lambda _, command: started.append(command))
    bench.current, bench.results = "hangs", {"hangs": {"what": "", "figures": {}}}
    Restart(["gpu.py", "--out", "x"], ["b", "c"], time.monotonic() + 60).now(bench, "does not stop")
    (command,) = started
    assert command[1:4] == ["gpu.py", "--out", "x"]
    assert command[command.index("--only") + 1 :] == ["b", "c", "--add"]
    assert written(bench)["hangs"]["state"] == "failed"


def test_a_part_that_breaks_the_device_is_followed_by_a_new_process(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def execv(_: str, command: list[str]) -> None:
        raise InterruptedError(" ".join(command))

    monkeypatch.setattr(run.os, "execv", execv)
    monkeypatch.setattr(run, "_usable", lambda bench: False)
    parts = [part("breaks", lambda bench: None), part("next", lambda bench: None)]
    with pytest.raises(InterruptedError, match="--only next --add"):
        run_parts(bench, parts, 60.0, ["gpu.py"])
    assert written(bench)["breaks"]["ended"] == "left the device unusable"


def test_a_difference_is_excused_only_by_a_near_tie() -> None:
    def response(text: str) -> Response:
        return Response(Status.OK, text)

    references = [
        Reference("one two three", [9.0, 0.0001, 9.0], [3, 7, 13], 10.0),
        Reference("one two three", [9.0, 0.5, 9.0], [3, 7, 13], 10.0),
        Reference("one two three", [9.0, 0.5, 9.0], [3, 7, 13], 10.0),
    ]
    found = [response("one six"), response("one two three"), response("one six")]
    result = compared(found, references, "float32")
    assert (result["n"], result["equal"], result["near_ties"]) == (3, 1, 1)
    assert not result["ok"]
    assert [d["token"] for d in result["differing"]] == [1, 1]
    assert compared(found[:2], references[:2], "float32")["ok"]
    assert (
        compared([Response(Status.ERROR, error="lost")], references[:1], "float32")["ok"] is False
    )


def test_log_likelihoods_must_agree() -> None:
    ours = Response(Status.OK, "a", logprobs=(-1.0, -2.0))
    close = Reference("a", [1.0], [0], 2.0, (-1.0001, -2.0))
    far = Reference("a", [1.0], [0], 2.0, (-1.1, -2.0))
    assert compared([ours], [close], "float32")["ok"]
    assert not compared([ours], [far], "float32")["ok"]
