"""Keeps code of the user from ending the process as a success.

``os._exit(0)`` in an application would end pytest with status 0 before any gate is decided. While
the guard is held, ``os._exit`` with a status that the parent reads as 0, and ``os.exec*``, which
replaces the process, raise :class:`ExitRefusedError` in their caller. Other statuses, and the
children of ``os.fork``, end as usual.

The guard sees calls from Python only. A C extension that calls ``exit``, or code that kept
``os._exit`` from before, is stopped by a process of its own (``isolate: true``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_EXEC = ("execv", "execve")
"""What every other ``os.exec*`` calls."""


class ExitRefusedError(BaseException):
    """Code under evaluation tried to end or replace the process; ``except Exception`` passes it."""


class _Guard:
    """The guard of this process. holders: who needs it now. final: the status that an exit with 0
    gets instead, once nobody does."""

    def __init__(self) -> None:
        self.holders = 0
        self.final = 0
        self._process = 0
        self._real: dict[str, Callable[..., Any]] = {}

    def hold(self) -> None:
        self.holders += 1
        self.final = 0
        self._process = os.getpid()
        if not self._real:
            self._real = {name: getattr(os, name) for name in ("_exit", *_EXEC)}
            os._exit = self._exit
            for name in _EXEC:
                setattr(os, name, self._refusing(name))

    def release(self, final: int = 0) -> None:
        self.holders -= 1
        self.final = final
        if self.holders == 0 and not final:
            for name, function in self._real.items():
                setattr(os, name, function)
            self._real = {}

    def _exit(self, status: int) -> Any:
        succeeds = status == 0 if os.name == "nt" else int(status) & 0xFF == 0
        if succeeds and os.getpid() == self._process:
            if self.holders:
                raise ExitRefusedError(
                    f"os._exit({status}) would end the evaluation as a success; return an answer"
                    " or raise an exception"
                )
            status = self.final
        return self._leave("_exit", status)

    def _refusing(self, name: str) -> Callable[..., Any]:
        def replaced(*arguments: Any) -> Any:
            if self.holders and os.getpid() == self._process:
                raise ExitRefusedError(
                    f"os.{name}({arguments[0]!r}) would replace the process of the evaluation;"
                    " use subprocess.run"
                )
            return self._leave(name, *arguments)

        return replaced

    def _leave(self, name: str, *arguments: Any) -> Any:
        function = self._real.get(name) or getattr(os, name)
        return function(*arguments)


_GUARD = _Guard()


def hold_exits() -> None:
    """Refuse exits that read as success until ``release_exits``; calls may nest."""
    _GUARD.hold()


def release_exits(final: int = 0) -> None:
    """Undo one ``hold_exits``. final: the process's own status, which ``os._exit(0)`` in a late
    callback (``atexit``) does not turn into 0."""
    _GUARD.release(final)


@contextmanager
def exits_refused() -> Iterator[None]:
    """Hold the guard inside the block."""
    hold_exits()
    try:
        yield
    finally:
        release_exits()
