"""The process of the tests: executes them on what the answer's process lends.

Runs standalone inside the sandbox. The tests have their own interpreter, whose modules, builtins
and frames the answer cannot reach.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import io
import sys
import types
from typing import Any

from evalkit.sandbox.remote import Link, Remote
from evalkit.sandbox.wire import Message

_ALIASES = {"np": "numpy", "pd": "pandas", "plt": "matplotlib.pyplot", "dt": "datetime"}
_TEXTS = {"__name__", "__qualname__", "__doc__", "__module__"}
_ABSENT = object()
_STREAMS = ("stdin", "stdout", "stderr")
_MODULE = "answer"  # tests are executed as if they followed the answer in its module


class Tests:
    """Tests with the names that they need.

    program: ``tests``, the code; ``names``, what they may want of the answer; ``given``, code that
    the suite gives both; ``lent``, names of the tests that the answer uses; ``patches``, modules
    whose attributes the tests may set.
    """

    def __init__(self, program: dict[str, Any], link: Link) -> None:
        self.program, self.link = program, link
        self.module = types.ModuleType(_MODULE)
        self.space = vars(self.module)
        self.space["__builtins__"] = builtins
        self.sent: dict[str, Any] = {}
        self.filled: dict[str, Any] = {}
        self.kept: list[tuple[Any, str, dict[str, Any]]] = []
        self.patched: dict[tuple[str, str], Any] = {}
        objects = link.objects
        objects.permit, objects.before, objects.after = self.permit, self.patches, self.refreshed

    def start(self) -> None:
        """Prepare the modules, let the answer execute, and take over what it defines."""
        self.compiled = compile(self.program["tests"], "tests", "exec")
        for name in self.program["imports"]:
            try:
                importlib.import_module(name)
            except BaseException:  # the tests will raise it themselves
                continue
        for name in self.program["patches"]:
            module = sys.modules.get(name)
            if module is not None:
                self.kept.append((module, name, dict(vars(module))))
        self.streams = {name: getattr(sys, name) for name in _STREAMS}
        found = self.link.ask("start", self.program["names"])
        sys.modules[_MODULE] = self.module
        for name, value in found:
            if name in self.program["names"]:
                self._take(str(name), value)
        with contextlib.suppress(Exception):  # the answer, which has it too, fails with it
            exec(compile(self.program["given"], "tests", "exec"), self.space)  # noqa: S102

    def run(self) -> None:
        exec(self.compiled, self.space)  # noqa: S102

    def _take(self, name: str, value: Any) -> None:
        if isinstance(value, tuple) and len(value) == 2 and value[0] == "module":
            wanted = str(value[1])
            if wanted not in (name, _ALIASES.get(name)) or wanted.split(".")[0] == _MODULE:
                return
            try:
                value = importlib.import_module(wanted)
            except ImportError:
                return
        self.space[name] = self.filled[name] = value

    def refreshed(self, values: list[Any]) -> None:
        """Take over global variables that the answer has changed."""
        for name, coded in values:
            value = Message(self.link.objects).decode(coded)
            if name in self.filled and self.space.get(name) is self.filled[name]:
                self.space[name] = self.filled[name] = value

    # --- what the tests set for the answer -------------------------------------------------------

    def patches(self) -> list[Any]:
        """Attributes of modules that the tests have set since the last request."""
        found: list[Any] = []
        for name in _STREAMS:
            self._compare(found, "sys", name, getattr(sys, name), self.streams[name])
        for module, name, before in self.kept:
            now = vars(module)
            for key in {**before, **now} if len(now) != len(before) else before:
                value, usual = now.get(key, _ABSENT), before.get(key, _ABSENT)
                if value is not usual or (name, key) in self.patched:
                    self._compare(found, name, key, value, usual)
        for name in self.program["lent"]:
            if name in self.space and self.space[name] is not self.filled.get(name):
                self._compare(found, _MODULE, name, self.space[name], _ABSENT)
        return found

    def _compare(self, found: list[Any], module: str, name: str, now: Any, before: Any) -> None:
        key = (module, name)
        if now is self.patched.get(key, before) or name.startswith("__"):
            return
        self.patched[key] = now
        if now is _ABSENT:
            found.append([module, name, None])
        elif now is before:
            found.append([module, name, ["original"]])
        else:
            coded = Message(self.link.objects, careful=True).encode(now)
            found.append([module, name, ["value", coded]])

    # --- what the answer may do with what the tests lend ----------------------------------------

    def permit(self, kind: str, target: Any, name: str) -> None:
        """Raise an exception if the answer may not do this to an object of the tests."""
        if isinstance(target, Remote) or not isinstance(name, str):
            raise TypeError("not an object of the tests")
        own = target if isinstance(target, type) else type(target)
        of_tests = own.__module__ == _MODULE and not _is_case(own)
        if kind == "call":
            if isinstance(target, type) and not of_tests:
                raise TypeError("the answer cannot create this object")
        elif kind == "operator":
            if isinstance(target, (type, types.ModuleType)):
                raise TypeError("the answer cannot use this object")
        elif kind == "get":
            self._permit_reading(target, name, of_tests)
        elif not of_tests or isinstance(target, type) or name.startswith("__"):
            raise AttributeError(name)
        elif callable(getattr(own, name, None)):
            raise AttributeError(f"{name} is a method")

    def _permit_reading(self, target: Any, name: str, of_tests: bool) -> None:
        if name in _TEXTS and callable(target) and isinstance(getattr(target, name), str):
            return
        mock = sys.modules.get("unittest.mock")
        others = isinstance(target, io.IOBase) or (
            mock and isinstance(target, mock.NonCallableMock)
        )
        if name.startswith("__") or not (of_tests or (others and not name.startswith("_"))):
            raise AttributeError(f"{type(target).__name__!r} object has no attribute {name!r}")


def _is_case(kind: type) -> bool:
    unittest = sys.modules.get("unittest")
    return unittest is not None and issubclass(kind, unittest.TestCase)
