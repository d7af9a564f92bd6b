"""Runs inside the sandbox: executes the answer, then its tests, and reports the outcome.

Runs standalone under ``python -I`` and imports nothing of evalkit. The program arrives on standard
input; the outcome is written to a separate pipe. Only a passing outcome carries the token that
came with the program, so neither output nor exit status can imitate it.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import json
import os
import sys
import threading
import types
from typing import Any

_LONGEST = 1500  # characters of a message


def main() -> None:
    """Run the program on standard input and report on the file descriptor in its ``result``."""
    program = json.loads(sys.stdin.buffer.read())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # the program cannot read the input again
    # Local references: the program cannot replace these by assigning to modules.
    write, leave, dumps, encode = os.write, os._exit, json.dumps, str.encode
    execute, compiled, restore = exec, compile, _snapshot(program["tests"])
    settrace, setprofile = sys.settrace, sys.setprofile
    pipe, token = program["result"], program.pop("token")
    module = types.ModuleType("answer")  # not __main__: code under that guard does not run
    sys.modules["answer"] = module
    stage, passed, message = "answer", False, ""
    try:
        execute(compiled(program["code"], "answer", "exec"), module.__dict__)
        settrace(None)
        setprofile(None)
        restore()
        stage = "tests"
        execute(compiled(program["tests"], "tests", "exec"), module.__dict__)
        passed = True
    except BaseException as error:  # any exception, also SystemExit, is a failure
        message = _described(error, stage, program)
    report = dumps({"passed": passed, "message": message[:_LONGEST], "stage": stage})
    write(pipe, encode((token if passed else "") + "\n" + report))
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        leave(0)  # skips exit handlers and remaining threads


def _snapshot(tests: str) -> Any:
    """A function that restores what tests rely on: the builtins and the modules they import."""
    owners: list[Any] = [builtins]
    for name in _imported(tests):
        try:
            module = importlib.import_module(name)
        except BaseException:  # the tests will raise it themselves
            continue
        classes = [v for v in vars(module).values() if isinstance(v, type)]
        owners += [module, *(c for c in classes if c.__module__.split(".")[0] == name)]
    kept = [(owner, dict(vars(owner))) for owner in owners]
    modules = {name: sys.modules[name] for name in _imported(tests) if name in sys.modules}

    def restore() -> None:
        sys.modules.update(modules)
        for owner, values in kept:
            for name, value in values.items():
                if vars(owner).get(name) is not value:
                    setattr(owner, name, value)

    return restore


def _imported(tests: str) -> list[str]:
    try:
        tree = ast.parse(tests)
    except (SyntaxError, ValueError):
        return []
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module.split(".")[0])
    return sorted({*names} - {"answer"})


def _described(error: BaseException, stage: str, program: dict[str, Any]) -> str:
    """An exception in one line: its message and the innermost line of the answer or tests."""
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        summary = f"{type(error).__name__}: {text}".rstrip(": ")
    except BaseException:
        summary = type(error).__name__
    if isinstance(error, SystemExit):
        summary = "the code ended the program (sys.exit)"
    place, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file in ("answer", "tests"):
            place = _line(program["code" if file == "answer" else "tests"], file, trace.tb_lineno)
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename in ("answer", "tests"):
        place = _line(program["code" if stage == "answer" else "tests"], stage, error.lineno or 0)
    return f"{summary} ({place})" if place else summary


def _line(text: str, name: str, number: int) -> str:
    lines = text.splitlines()
    shown = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    return f"{name}, line {number}: {shown[:200]}"


if __name__ == "__main__":
    threading.excepthook = lambda args: None  # tracebacks of threads are not needed
    main()
