"""The process in which an isolated application runs (see :mod:`evalkit.models.isolated`).

Input and output are one JSON object per line: first which functions to import, then the requests
of one call after the other. The application's own standard input is empty, and what it prints
goes to standard error, so that neither mixes with these lines.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TextIO

from evalkit.errors import ModelError
from evalkit.exchange import Request
from evalkit.models.callable import Caller, Calling
from evalkit.models.wire import from_wire, line_of, to_wire
from evalkit.modules import import_function


def serve() -> None:
    """Answer the lines of standard input until it ends."""
    questions, answers = _private_streams()
    lines: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_read, args=(questions, lines), daemon=True).start()
    try:
        calling = _imported(json.loads(lines.get()))
    except ModelError as error:
        answers.write(line_of({"failed": str(error)}))
        answers.flush()
        return
    answers.write(line_of({"ready": True}))
    while True:
        answers.flush()
        requests = [from_wire(Request, one) for one in json.loads(lines.get())]
        answers.write(line_of([to_wire(one) for one in calling(requests, None)]))


def _private_streams() -> tuple[TextIO, TextIO]:
    questions = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return questions, answers


def _read(questions: TextIO, lines: SimpleQueue[str]) -> None:
    """Queue the lines; at their end, the process that asks is gone, whatever runs here."""
    for line in questions:
        lines.put(line)
    os._exit(0)


def _imported(asked: dict[str, Any]) -> Calling:
    root, parameters = Path(asked["root"]), asked["parameters"]
    choose = asked["choose"]
    return Calling(
        Caller(import_function(asked["model"], root), parameters),
        Caller(import_function(choose, root), parameters) if choose else None,
        lists=asked["lists"],
    )


if __name__ == "__main__":
    serve()
