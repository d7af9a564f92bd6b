"""Runs inside the sandbox: executes the answer and its tests, and reports the outcome.

Runs standalone under ``python -I`` and imports nothing of evalkit. Two blocks arrive on standard
input: what the process of the answer may know, then the tests and a token. The answer's process
starts in between, so nothing of the second block is ever in its memory. Only a passing outcome
carries the token, and this process, which the answer can neither read nor trace, writes it.
"""

from __future__ import annotations

import binascii
import builtins
import contextlib
import ctypes
import json
import marshal
import os
import sys
import time
import types
from typing import Any

_LONGEST = 1500  # characters of a message
_DUMPABLE = 4
_SIZE = 12  # digits of the size of a block


def main() -> None:
    """Run the program on standard input and report on the file descriptor in its ``result``."""
    first = json.loads(_block(0))
    _load(first["modules"])
    answer_in, ask_out = os.pipe()
    reply_in, answer_out = os.pipe()
    prctl = ctypes.CDLL(None).prctl
    prctl(_DUMPABLE, 0, 0, 0, 0)  # from here on, no other process of this user reads this one
    child = os.fork()
    if child == 0:
        prctl(_DUMPABLE, 1, 0, 0, 0)
        _answer(first, answer_in, answer_out)
    os.close(answer_in)
    os.close(answer_out)
    second = json.loads(_block(0))
    token = second.pop("token")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    run = _together if first["together"] else _apart
    outcome = run(first, second, ask_out, reply_in)
    if outcome.pop("broken", False):
        outcome["signal"] = _ended_by(child)
    outcome["message"] = outcome["message"][:_LONGEST]
    os.write(
        first["result"], f"{token if outcome['passed'] else ''}\n{json.dumps(outcome)}".encode()
    )
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(0)  # skips exit handlers


def _block(handle: int) -> bytes:
    """The next block; nothing after it is read."""
    left, parts = int(os.read(handle, _SIZE)), bytearray()
    while left:
        data = os.read(handle, left)
        if not data:
            raise EOFError("the program is incomplete")
        parts += data
        left -= len(data)
    return bytes(parts)


def _load(modules: dict[str, str]) -> None:
    """Make the other files of the sandbox importable, compiled by the process that started this."""
    for name, code in modules.items():
        module = types.ModuleType(name)
        # Builtins of their own: the answer cannot replace theirs.
        vars(module)["__builtins__"] = dict(vars(builtins))
        sys.modules[name] = module
        exec(marshal.loads(binascii.a2b_base64(code)), vars(module))  # noqa: S102 (our own)


def _answer(first: dict[str, Any], reading: int, writing: int) -> None:
    """The process of the answer: it keeps output and the two pipes, nothing else."""
    name = "evalkit.sandbox." + ("inside" if first["together"] else "answering")
    process = sys.modules[name]
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for handle in range(3, 256):
        if handle not in (reading, writing):
            with contextlib.suppress(OSError):
                os.close(handle)
    try:
        process.run(first, reading, writing)
    finally:
        os._exit(0)


def _apart(first: dict[str, Any], second: dict[str, Any], asking: int, replies: int) -> Any:
    """Execute the tests in this process."""
    from evalkit.sandbox.answering import described
    from evalkit.sandbox.remote import Link, LinkBroken
    from evalkit.sandbox.testing import Tests

    link = Link(replies, asking, first["used"], trusting=False)
    tests = Tests(second, link)
    stage = "answer"
    try:
        tests.start()
        stage = "tests"
        tests.run()
    except LinkBroken:
        return _broken(link.broken, stage)
    except BaseException as error:  # any exception, also SystemExit, is a failure
        message = described(error, {"tests": second["tests"]})
        return {"passed": False, "message": message, "stage": stage, "broken": bool(link.broken)}
    return _broken(link.broken, stage) if link.broken else {"passed": True, "message": ""}


def _broken(problem: str, stage: str) -> dict[str, Any]:
    """The outcome where the answer's process ended, or sent what it should not."""
    ended = problem.startswith(("EOFError", "BrokenPipeError"))
    return {"passed": False, "message": "" if ended else problem, "stage": stage, "broken": True}


def _together(first: dict[str, Any], second: dict[str, Any], asking: int, replies: int) -> Any:
    """Have the tests executed in the process of the answer, and hear of the outcome."""
    from evalkit.sandbox.remote import read_exactly

    failed = {"passed": False, "message": "", "stage": "tests", "broken": True}
    mark = second.pop("mark").encode()  # its process reads this when the tests have ended
    try:
        if read_exactly(replies, 5) == b"tests":
            data = json.dumps(second).encode()
            _write(asking, b"%12d" % len(data) + data + mark)
        told = read_exactly(replies, len(mark))
        outcome = json.loads(read_exactly(replies, int(read_exactly(replies, _SIZE))))
    except (OSError, EOFError, ValueError):
        return failed
    passed = outcome["passed"] is True and told == mark
    return {"passed": passed, "message": str(outcome["message"]), "stage": "tests"}


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _ended_by(child: int) -> int:
    """The signal that ended the answer's process; 0 if none did."""
    for _ in range(50):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        time.sleep(0.01)
    return 0


if __name__ == "__main__":
    main()
