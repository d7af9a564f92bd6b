"""Tests that need the answer's own objects: executed after it in the same process.

Runs standalone inside the sandbox. The tests have a namespace of their own, in which builtins are
builtins, and modules are put back as they were before the answer. What the answer's functions do
while the tests call them is noticed afterwards where they replaced functions. An answer that
searches the interpreter itself can still cheat here.
"""

from __future__ import annotations

import builtins
import importlib
import json
import os
import sys
import threading
import types
from typing import Any

from evalkit.sandbox.answering import described
from evalkit.sandbox.remote import read_exactly

_BUILTINS = dict(vars(builtins))


class Names(dict[str, Any]):
    """The namespace of the tests: their own names, builtins, then those of the answer."""

    def __init__(self, answer: dict[str, Any], program: dict[str, Any]) -> None:
        super().__init__(__name__="answer", __builtins__=_BUILTINS)
        self.answer, self.own, self.lent = answer, {*program["own"]}, {*program["lent"]}

    def __missing__(self, name: str) -> Any:
        if name in _BUILTINS and name not in self.own:
            raise KeyError(name)
        return self.answer[name]

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        if name in self.lent:
            self.answer[name] = value


def run(program: dict[str, Any], reading: int, writing: int) -> None:
    """Execute the answer, then the tests, and write the outcome."""
    # Local references: the answer cannot replace these by assigning to modules.
    write, execute, compiled, dumps, read = os.write, exec, compile, json.dumps, read_exactly
    loads, describe, flush, encode = json.loads, described, sys.stdout.flush, str.encode
    settrace, setprofile, names, size = sys.settrace, sys.setprofile, Names, len
    threading.excepthook = lambda args: None
    kept = _Kept(program["imports"])
    restore, changed = kept.restore, kept.changed
    module = types.ModuleType("answer")  # not __main__: code under that guard does not run
    vars(module)["__builtins__"] = builtins
    sys.modules["answer"] = module
    texts, passed, message = {"answer": program["code"]}, False, ""
    try:
        execute(compiled(program["code"], "answer", "exec"), module.__dict__)
        settrace(None)
        setprofile(None)
        restore()
        write(writing, b"tests")
        second = loads(read(reading, int(read(reading, 12))))
        texts["tests"] = second["tests"]
        space = names(module.__dict__, second)
        execute(compiled(second["given"], "tests", "exec"), space)
        execute(compiled(second["tests"], "tests", "exec"), space)
        message = "" if second["patches"] else changed()
        passed = not message
    except BaseException as error:  # any exception, also SystemExit, is a failure
        message = describe(error, texts)
    report = encode(dumps({"passed": passed, "message": message}))
    mark = read(reading, 32) if passed else b"-" * 32
    try:
        flush()
    finally:
        write(writing, mark + b"%12d" % size(report) + report)


class _Kept:
    """What tests rely on: the builtins and the modules they import, as they were."""

    def __init__(self, imports: list[str]) -> None:
        for name in imports:
            try:
                importlib.import_module(name)
            except BaseException:  # the tests will raise it themselves
                continue
        tops = {name.split(".")[0] for name in imports}
        own = [n for n in sorted(sys.modules) if n.split(".")[0] in tops]
        self.modules = {name: sys.modules[name] for name in own}
        owners: list[Any] = [builtins, *self.modules.values()]
        classes = [v for owner in owners for v in vars(owner).values() if isinstance(v, type)]
        owners += [c for c in {id(c): c for c in classes}.values() if _top(c) in tops]
        self.values = [(owner, dict(vars(owner))) for owner in owners]

    def restore(self) -> None:
        sys.modules.update(self.modules)
        for owner, values in self.values:
            for name, value in values.items():
                if vars(owner).get(name) is not value:
                    setattr(owner, name, value)

    def changed(self) -> str:
        """What the answer's functions replaced while the tests ran; "" if nothing."""
        for owner, values in self.values:
            now = vars(owner)
            for name, value in values.items():
                if callable(value) and now.get(name) is not value:
                    return f"the answer replaced {getattr(owner, '__name__', owner)}.{name}"
        return ""


def _top(kind: type) -> str:
    return str(getattr(kind, "__module__", "")).split(".")[0]
