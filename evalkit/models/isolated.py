"""Applications in processes of their own (``isolate: true``).

Whatever ends such a process (``os._exit``, a C extension, the system's memory limit) ends one
call: its samples are errors with the exit status, and the next call starts another process. A call
that exceeds its limit is stopped by killing the process and what it started.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Any, ClassVar

from evalkit.errors import ModelError
from evalkit.exchange import Request, Response, Status
from evalkit.messages import shown
from evalkit.models.call_pool import late
from evalkit.models.wire import from_wire, line_of, to_wire

START = 600.0
"""Seconds for importing the application, which may load a model."""


class ProcessEndedError(Exception):
    """The process of an application ended before it answered."""


class IsolatedCalls:
    """Makes calls in processes that are kept, one for each call at a time.

    asked: which functions to import, as JSON values (see ``evalkit.models.isolated_worker``).
    """

    stops: ClassVar[bool] = True

    def __init__(self, asked: Mapping[str, Any]) -> None:
        self._asked = asked
        self._idle: list[_Process] = []
        self._every: set[_Process] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start a process. Raises ModelError if the application cannot be imported."""
        self._give_back(self._take())

    def __call__(self, requests: Sequence[Request], seconds: float | None) -> list[Response]:
        """The responses to the requests of one call; errors if its process ends before."""
        try:
            process = self._take()
        except ModelError as error:
            return _lost(requests, str(error))
        try:
            answers = process.ask([to_wire(one) for one in requests], seconds)
        except ProcessEndedError as error:
            self._drop(process)
            return _lost(requests, str(error))
        except BaseException:
            self._drop(process)
            raise
        self._give_back(process)
        return [from_wire(Response, one) for one in answers]

    def stop(self) -> None:
        """End every process."""
        for process in list(self._every):
            self._drop(process)
        self._idle.clear()

    def _take(self) -> _Process:
        with self._lock:
            while self._idle:
                if (process := self._idle.pop()).alive:
                    return process
                self._every.discard(process)
        process = _Process()
        self._every.add(process)
        try:
            reply = process.ask(dict(self._asked), START)
        except ProcessEndedError as error:
            self._drop(process)
            raise ModelError(f"'{self._asked['model']}' cannot be imported: {error}") from None
        if "failed" in reply:
            self._drop(process)
            raise ModelError(reply["failed"])
        return process

    def _give_back(self, process: _Process) -> None:
        with self._lock:
            self._idle.append(process)

    def _drop(self, process: _Process) -> None:
        self._every.discard(process)
        process.kill()


def _lost(requests: Sequence[Request], why: str) -> list[Response]:
    return [Response(Status.ERROR, sent=shown(one.prompt), error=why) for one in requests]


class _Process:
    """One process, and what it wrote."""

    def __init__(self) -> None:
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "evalkit.models.isolated_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # Ctrl-C is for evalkit; killed with what it started
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def ask(self, question: Any, seconds: float | None) -> Any:
        """The reply to a line. Raises ProcessEndedError if there is none within ``seconds``."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line_of(question))
            self._process.stdin.flush()
        except OSError:  # it has ended
            pass
        try:
            line = self._lines.get(timeout=seconds)
        except Empty:
            self.kill()
            raise ProcessEndedError(f"{late(seconds or 0)}; its process was killed") from None
        if line is None:  # it ended; what it wrote before may arrive after that
            self._reader.join(1.0)
            with contextlib.suppress(Empty):
                line = self._lines.get_nowait()
        if line is None:
            self.kill()
            raise ProcessEndedError(_ended(self._process.wait()))
        try:
            return json.loads(line)
        except ValueError:
            self.kill()
            raise ProcessEndedError("it wrote into evalkit's own connection") from None

    def kill(self) -> None:
        """End the process and what it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError, ValueError):
                if pipe is not None and pipe is not self._process.stdout:
                    pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):  # closed, or no text
            for line in self._process.stdout:
                self._lines.put(line)
        self._lines.put(None)

    def _watch(self) -> None:
        """Children of a process that has ended may hold its output open."""
        self._process.wait()
        self._lines.put(None)


def _ended(status: int) -> str:
    if status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
        return f"the application's process was ended by {name} during this call"
    return f"the application ended its process during this call (exit status {status})"
