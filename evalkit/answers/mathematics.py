"""Extracts final answers to mathematical questions and compares them as mathematics.

Uses math-verify (extra ``math``) on text prepared by ``formulas``. The answer is the content of the
last ``\\boxed{}``, else a text that is one number or formula, else a stated answer ("the answer is
7"), else the last expression. Two answers are equal if computer algebra finds them equal (1/2, 0.5
and \\frac{2}{4}).
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from evalkit.answers.extracted import Extracted
from evalkit.errors import UsageError

SECONDS = 20.0
"""Time limit per answer; math-verify itself gives up on most after 5 seconds."""
_START = 120.0  # importing the computer algebra, on a busy machine
_HOW = {
    "boxed": "the boxed answer",
    "stated": "the stated answer",
    "last": "the last expression (nothing is boxed or stated)",
}


def installed() -> bool:
    """True if math-verify is installed; does not import it."""
    return find_spec("math_verify") is not None


def final_answer(text: str) -> Extracted:
    """The final answer of a solution, or why there is none."""
    reply = _WORKER.ask({"text": text})
    if reply is None:
        return Extracted(None, f"parsing the answer took more than {SECONDS:.0f} s")
    if "error" in reply:
        return Extracted(None, f"the answer cannot be parsed: {reply['error']}")
    if reply["answer"] is None:
        return Extracted(None, reply.get("why") or "the answer contains no number or formula")
    return Extracted(reply["answer"], _HOW[reply["how"]])


@lru_cache(maxsize=1 << 16)
def equal(answer: str, references: tuple[str, ...]) -> bool:
    """Whether an answer equals one of the references. False if the time limit is exceeded."""
    reply = _WORKER.ask({"answer": answer, "references": list(references)})
    return bool(reply and reply.get("equal"))


class _Worker:
    """The worker process: started on first use, killed at the time limit."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._warm = False

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any] | None:
        """The reply to a question; None at the time limit. Raises UsageError."""
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            timer = threading.Timer(SECONDS if self._warm else _START, process.kill)
            timer.start()
            try:
                process.stdin.write(json.dumps(question) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = ""
            finally:
                timer.cancel()
            if not line:
                self.stop()
                return None
            self._warm = True
            reply: dict[str, Any] = json.loads(line)
            return reply

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            if not installed():
                raise UsageError(
                    'mathematics needs math-verify: pip install "pytest-evalkit[math]"'
                )
            self._process = subprocess.Popen(
                [sys.executable, "-m", "evalkit.answers.math_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                errors="surrogatepass",
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
            self._warm = False
        return self._process

    def stop(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):  # unsent input
                        pipe.close()
            process.wait()


_WORKER = _Worker()
atexit.register(_WORKER.stop)
__all__ = ["SECONDS", "equal", "final_answer", "installed"]
