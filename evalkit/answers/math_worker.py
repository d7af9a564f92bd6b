"""The process that reads and compares mathematics for :mod:`evalkit.answers.mathematics`.

math-verify hands what a model wrote to a computer algebra system, which may then compute for
hours (``9**9**9**9``), and no signal stops a long operation on integers. So it has a process of
its own, which is ended when it takes too long. One JSON object per line, in and out.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

_MEMORY = 4 << 30  # bytes
_DELIMITED = re.compile(r"\$|\\\(|\\\[|\\boxed|\\begin")
_STATED = re.compile(r"answer\b[^.\n]{0,40}$|####\s*$", re.IGNORECASE)


def read(text: str) -> dict[str, Any]:
    """The final answer of a text, in a form that reads as the same when it stands alone."""
    found = _parse(text)
    if not found:
        return {"answer": None}
    written = found[-1]
    if not isinstance(written, str) or not written.strip():
        return {"answer": None}
    alone = written.strip().strip("*").strip()
    for form in (alone, f"${alone}$", f"{alone}%"):
        again = _parse(form)
        if again and again[0] == found[0]:
            return {"answer": form, "how": _how(text, alone)}
    return {"answer": f"${alone}$", "how": _how(text, alone)}


def _how(text: str, answer: str) -> str:
    before = text[: text.rfind(answer)]
    if re.search(r"\\boxed\s*\{\s*\$?$", before) or "\\boxed" in before[-40:]:
        return "boxed"
    if _STATED.search(before.rstrip(" *$:=\\([")):
        return "stated"
    return "last"


def equal(answer: str, references: Sequence[str]) -> dict[str, Any]:
    """Whether an answer is mathematically equal to one of the references."""
    from math_verify import verify

    said = _parse(answer)
    if not said and not _DELIMITED.search(answer):
        said = _parse(f"${answer}$")
    for reference in references:
        gold = _reference(reference)
        if gold and said and verify(gold, said, raise_on_error=False):
            return {"equal": True}
        if _plain(answer) == _plain(reference):
            return {"equal": True}
    return {"equal": False}


def _reference(text: str) -> list[Any]:
    """A reference as parsed: all of it is the answer, unless it marks its answer itself."""
    if "####" in text:  # GSM8K writes its solution before this mark and the answer behind it
        text = text.rpartition("####")[2].strip()
    if _DELIMITED.search(text):
        return _parse(text)
    return _parse(f"${text}$") or _parse(text)


def _plain(text: str) -> str:
    """What is left of an answer that is a word: ``\\boxed{\\text{east}}`` and ``East`` agree."""
    bare = re.sub(r"\\(?:text|mathrm|mathbf|boxed|textbf)\b|[{}$\\]", "", text)
    return " ".join(bare.casefold().split()).strip(" .")


def _parse(text: str) -> list[Any]:
    from math_verify import parse

    return list(parse(text, raise_on_error=False))


def serve() -> None:
    """Answer questions from standard input until it ends."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    logging.disable(logging.CRITICAL)
    # Libraries may print; what they print is no answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        question = json.loads(line)
        try:
            if "text" in question:
                reply = read(question["text"])
            else:
                reply = equal(question["answer"], question["references"])
        except Exception as error:  # a parser that fails on a text must not end the others
            reply = {"error": f"{type(error).__name__}: {error}"[:300]}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
