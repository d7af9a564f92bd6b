"""The process of the answer: executes it, then does what the tests ask of it.

Runs standalone inside the sandbox. Nothing here is trusted, because the answer shares this process;
only values leave it (``wire.py``).
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import os
import sys
import threading
import types
from typing import Any

from evalkit.sandbox.remote import Link
from evalkit.sandbox.wire import Message, dumps


def run(program: dict[str, Any], reading: int, writing: int) -> None:
    """Execute the answer and serve its names to the tests, until they end."""
    threading.excepthook = lambda args: None
    link = Link(reading, writing, program["used"], trusting=True)
    _without_threads(link)
    module = types.ModuleType("answer")  # not __main__: code under that guard does not run
    vars(module)["__builtins__"] = builtins
    sys.modules["answer"] = module
    answer = _Answer(module, link, program["code"])
    link.objects.requests = {"start": answer.start}
    link.objects.prepare = answer.patch
    link.objects.changed_globals = answer.changed_globals
    link.objects.place_of = answer.place_of  # type: ignore[method-assign]
    try:
        link.serve()
    except EOFError:
        os._exit(0)


def _without_threads(link: Link) -> None:
    """Requests of several threads of the answer go one after the other."""
    lock, ask = threading.RLock(), link.ask

    def alone(*what: Any, **more: Any) -> Any:
        with lock:
            return ask(*what, **more)

    link.ask = alone  # type: ignore[method-assign]


class _Answer:
    def __init__(self, module: types.ModuleType, link: Link, code: str) -> None:
        self.module, self.link, self.code = module, link, code
        self.watched: dict[str, Any] = {}
        self.originals: dict[tuple[str, str], Any] = {}
        self.flush = sys.stdout.flush

    def start(self, names: list[str]) -> list[Any]:
        """Execute the answer. Returns those of the names that it defines, with their values."""
        try:
            exec(compile(self.code, "answer", "exec"), vars(self.module))  # noqa: S102
        finally:
            sys.settrace(None)
        known = [name for name in names if name in vars(self.module)]
        values = [_shown(vars(self.module)[name]) for name in known]
        for name, value in zip(known, values, strict=True):
            if not (callable(value) or isinstance(value, tuple)):
                self.watched[name] = self._coded(value)
        return [[name, value] for name, value in zip(known, values, strict=True)]

    def changed_globals(self) -> list[Any]:
        """The global variables that tests read, if the answer has changed them."""
        with contextlib.suppress(Exception):
            self.flush()
        found = []
        for name, before in self.watched.items():
            coded = self._coded(vars(self.module).get(name))
            if dumps(coded) != dumps(before):
                self.watched[name] = coded
                found.append([name, coded])
        return found

    def _coded(self, value: Any) -> Any:
        objects = self.link.objects
        told, objects.told = objects.told, set()  # it may not be sent: it stands for itself
        try:
            return Message(objects, careful=True).encode(value)
        finally:
            objects.told = told

    def patch(self, patches: list[Any] | None) -> None:
        """Set attributes of modules as the tests have set theirs."""
        for module, name, coded in patches or ():
            owner = self.module if module == "answer" else importlib.import_module(module)
            if coded is None:
                if hasattr(owner, name):
                    delattr(owner, name)
            else:
                kept = self.originals.setdefault((module, name), getattr(owner, name, None))
                value = kept if coded[0] == "original" else None
                if coded[0] == "value":
                    value = Message(self.link.objects).decode(coded[1])
                setattr(owner, name, value)

    def place_of(self, error: BaseException) -> str:
        known = vars(error).get("evalkit_place")
        return str(known) if known else place_of(error, {"answer": self.code})


def _shown(value: Any) -> Any:
    """A module goes as its name: the tests use their own."""
    return ("module", value.__name__) if isinstance(value, types.ModuleType) else value


def line(text: str, name: str, number: int) -> str:
    """A line of the answer or the tests, for a message."""
    lines = text.splitlines()
    shown = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    return f"{name}, line {number}: {shown[:200]}"


def place_of(error: BaseException, texts: dict[str, str]) -> str:
    """The innermost line of these files in which an exception was raised."""
    file, number, trace = "", 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in texts:
            file, number = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename in texts:
        file, number = error.filename, error.lineno or 0
    return line(texts[file], file, number) if file else ""


def described(error: BaseException, texts: dict[str, str]) -> str:
    """An exception in one line: its message and the innermost line of the answer or tests."""
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        said = f"{type(error).__name__}: {text}".rstrip(": ")
    except BaseException:
        said = type(error).__name__
    if isinstance(error, SystemExit):
        said = "the code ended the program (sys.exit)"
    place = str(vars(error).get("evalkit_place", "")) or place_of(error, texts)
    return f"{said} ({place})" if place else said
