"""Parts of a measurement under one time limit: each has a share, and one failure stops no other."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.on_gpu.table import table

GRACE = 8.0
"""Seconds that a part may take to stop; then the process starts again without it."""


class Kept:
    """A value that a step hands on and that is not written down."""

    def __init__(self, value: Any) -> None:
        self.value = value


class OverTime(BaseException):
    """A time limit passed. No ``except Exception`` in between catches it."""


class Alarm:
    """Nested time limits, in the main thread."""

    def __init__(self) -> None:
        self._ends: list[float] = []
        signal.signal(signal.SIGALRM, self._ring)

    @contextmanager
    def at_most(self, seconds: float) -> Iterator[None]:
        """Raise OverTime inside the ``with`` block after so many seconds."""
        self._ends.append(time.monotonic() + seconds)
        self._set()
        try:
            yield
        finally:
            self._ends.pop()
            self._set()

    @property
    def left(self) -> float:
        """Seconds until the first limit."""
        return min(self._ends, default=float("inf")) - time.monotonic()

    def _set(self) -> None:
        seconds = max(0.001, self.left) if self._ends else 0.0
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def _ring(self, *_: object) -> None:
        if self._ends:
            signal.setitimer(signal.ITIMER_REAL, 1.0)  # once more, should something swallow it
            raise OverTime


@dataclass
class Part:
    """Something to check or to measure.

    share: its part of the time, as a weight. It gets more if parts before it take less.
    """

    name: str
    what: str
    share: float
    work: Callable[[Bench], None]


@dataclass
class Bench:
    """What every part uses.

    device: ``cuda`` or ``cpu``. eager: without what the engine captures ahead, to compare.
    results: what is written, by part.
    """

    tokenizer: Any
    device: str
    rehearse: bool
    eager: bool
    scratch: Path
    file: Path
    alarm: Alarm
    facts: dict[str, Any] = field(default_factory=dict)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    current: str = ""

    @property
    def cuda(self) -> bool:
        """True on a GPU."""
        return self.device == "cuda"

    @property
    def left(self) -> float:
        """Seconds left for the current part or step."""
        return self.alarm.left

    @property
    def half(self) -> str:
        """bfloat16; a CPU may compute it many times slower than float32."""
        return "float32" if self.rehearse else "bfloat16"

    def few(self, usual: int, rehearsed: int) -> int:
        """A size, or a smaller one in a rehearsal."""
        return rehearsed if self.rehearse else usual

    def step(self, name: str, work: Callable[[], Any], seconds: float = 1e6) -> Any:
        """Do one thing of a part and record what it returns; None if it failed or took too long.

        A dict with ``ok`` set to False is a check that failed.
        """
        started = time.perf_counter()
        found: Any = None
        try:
            with self.alarm.at_most(seconds):
                found = work()
                self.synchronize()
        except OverTime:
            if self.left <= 0.1:  # the part's time is over, not only that of the step
                self._record(name, {"stopped": "no time left"}, started)
                raise
            self._record(name, {"failed": f"takes over {seconds:.0f} s"}, started)
        except Exception as error:
            self._record(name, _failure(error), started)
        else:
            figures = found if isinstance(found, dict) else {"value": found}
            self._record(name, figures, started)
            return found
        self.free()
        return None

    def _record(self, name: str, figures: dict[str, Any], started: float) -> None:
        kept = {k: v for k, v in figures.items() if not isinstance(v, Kept)}
        kept["took"] = round(time.perf_counter() - started, 3)
        self.results[self.current]["figures"][name] = kept
        self.flush()

    def flush(self) -> None:
        """Write all results down."""
        part = self.file.with_suffix(".part")
        body = {"facts": self.facts, "parts": self.results}
        part.write_text(json.dumps(body, indent=1, default=str), encoding="utf-8")
        os.replace(part, self.file)

    def within(self, seconds: float, work: Callable[[], None]) -> None:
        """Do several steps in so many seconds, and leave out what remains."""
        try:
            with self.alarm.at_most(seconds):
                work()
        except OverTime:
            if self.left <= 0.1:
                raise

    def synchronize(self) -> None:
        """Wait for the device."""
        if self.cuda:
            import torch

            torch.cuda.synchronize()

    def free(self) -> None:
        """Return unused memory to the device."""
        gc.collect()
        if self.cuda:
            import torch

            torch.cuda.empty_cache()

    def seconds(self, work: Callable[[], Any]) -> float:
        """How long it takes, the device included."""
        self.synchronize()
        started = time.perf_counter()
        work()
        self.synchronize()
        return time.perf_counter() - started


def run_parts(bench: Bench, parts: list[Part], seconds: float, again: list[str]) -> None:
    """Run the parts in order, in so many seconds.

    A GPU that fails an assertion, or a call that cannot be interrupted, ends a process; the parts
    after it then run in a new one. again: its command line, without ``--seconds`` and ``--only``.
    """
    end = time.monotonic() + seconds
    for place, part in enumerate(parts):
        rest = [p.name for p in parts[place + 1 :]]
        left = end - time.monotonic()
        cap = left * part.share / sum(p.share for p in parts[place:])
        bench.current = part.name
        bench.results[part.name] = {"what": part.what, "state": "running", "figures": {}}
        bench.flush()
        restart = Restart(again, rest, end)
        timer = threading.Timer(cap + GRACE, restart.now, [bench, "does not stop"])
        timer.daemon = True
        timer.start()
        _run(bench, part, cap)
        timer.cancel()
        _say(bench, part)
        if not _usable(bench):
            restart.now(bench, "left the device unusable")


def _run(bench: Bench, part: Part, cap: float) -> None:
    result = bench.results[part.name]
    started = time.perf_counter()
    try:
        with bench.alarm.at_most(cap):
            part.work(bench)
    except OverTime:
        result["stopped"] = f"after its {cap:.0f} s"
    except Exception as error:
        result |= _failure(error)
    figures = [f for f in result["figures"].values() if isinstance(f, dict)]
    failed = "failed" in result or any("failed" in f or f.get("ok") is False for f in figures)
    result["state"] = "failed" if failed else "stopped" if "stopped" in result else "ok"
    result["seconds"] = round(time.perf_counter() - started, 2)
    try:
        bench.free()
    except Exception as error:  # the device may be unusable
        result |= _failure(error)
    bench.flush()


@dataclass
class Restart:
    """A new process for the parts that are left."""

    command: list[str]
    rest: list[str]
    end: float

    def now(self, bench: Bench, why: str) -> None:
        """Replace this process; its results stay in the file."""
        result = bench.results[bench.current]
        result |= {"state": "failed", "ended": why}
        bench.flush()
        left = self.end - time.monotonic()
        if not self.rest or left < 15:
            body = json.loads(bench.file.read_text(encoding="utf-8"))
            print(f"{bench.current} {why}: nothing follows\n{table(body)}", flush=True)
            os._exit(1)
        print(f"{bench.current} {why}: a new process runs the rest", flush=True)
        more = ["--seconds", f"{left:.0f}", "--only", *self.rest, "--add"]
        os.execv(sys.executable, [sys.executable, *self.command, *more])


def _usable(bench: Bench) -> bool:
    if not bench.cuda:
        return True
    import torch

    try:
        return float(torch.ones(8, device="cuda").sum()) == 8.0
    except Exception:
        return False


def _failure(error: BaseException) -> dict[str, Any]:
    lines = traceback.format_exception(error)
    text = "".join(lines).strip().splitlines()[-12:]
    # frames keep tensors alive
    traceback.clear_frames(error.__traceback__)
    return {"failed": f"{type(error).__name__}: {error}"[:600], "traceback": text}


def _say(bench: Bench, part: Part) -> None:
    result = bench.results[part.name]
    print(f"{part.name:14s} {result['state']:8s} {result['seconds']:6.1f} s", flush=True)
    for name, figures in result["figures"].items():
        if "failed" in figures:
            print(f"    {name}: {figures['failed'][:160]}", flush=True)
