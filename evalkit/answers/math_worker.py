"""The process that parses and compares mathematics for :mod:`evalkit.answers.mathematics`.

math-verify passes the output of a model to a computer algebra system, which may compute for hours
(``9**9**9**9``), and no signal stops a long operation on integers. So it runs in a separate
process, which is killed at a time limit. Input and output are one JSON object per line.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from evalkit.answers import formulas
from evalkit.written.numbers import numbers

_MEMORY = 4 << 30  # bytes
_DELIMITED = re.compile(r"\$|\\\(|\\\[|\\boxed|\\begin")
_STATED = re.compile(r"answer\b[^.\n]{0,40}$|####\s*$", re.IGNORECASE)


def read(text: str) -> dict[str, Any]:
    """The final answer of a text, in a form that parses to the same value on its own."""
    try:
        inside = formulas.boxed(text)
    except ValueError as error:
        return {"answer": None, "why": str(error)}
    if inside is not None:
        whole = any(formulas.as_number(inside)) or formulas.formula(inside)
        return {"answer": inside if whole else f"${inside}$", "how": "boxed"}
    alone = text.strip().strip("*").strip()
    if any(formulas.as_number(alone)) or formulas.formula(alone):
        return {"answer": alone, "how": "last"}
    prepared = formulas.prepared(text)
    found = _parse(prepared)
    if not found or not isinstance(found[-1], str) or not found[-1].strip():
        return {"answer": None}
    if not _clear(prepared, found[-1]):
        return {"answer": None, "why": f"{found[-1]} is part of an ambiguous number"}
    written = found[-1].strip().strip("*").strip()
    how = "stated" if _is_stated(prepared, written) else "last"
    for form in (written, f"${written}$", f"{written}%"):
        again = _readings(form)
        if again and again[0][0] == found[0]:
            return {"answer": form, "how": how}
    return {"answer": f"${written}$", "how": how}


def _is_stated(text: str, answer: str) -> bool:
    before = text[: text.rfind(answer)]
    return bool(_STATED.search(before.rstrip(" *$:=\\([")))


def equal(answer: str, references: Sequence[str]) -> dict[str, Any]:
    """Whether an answer is mathematically equal to one of the references.

    Both are parsed by the same rules; if a text has two readings (``1,22``), they are equal if one
    of them is.
    """
    from math_verify import verify

    readings = _readings(answer)
    for reference in references:
        for gold in _readings(reference):
            if any(verify(gold, one, raise_on_error=False) for one in readings):
                return {"equal": True}
        if _plain(answer) == _plain(reference):
            return {"equal": True}
    return {"equal": False}


def _readings(text: str) -> list[list[Any]]:
    """The possible readings of a final answer, parsed: all of it, or the part it marks."""
    if "####" in text:  # GSM8K separates the solution from the answer by this mark
        text = text.rpartition("####")[2].strip()
    number, listed = formulas.as_number(text)
    if number:
        read = [_parse(number), _parse(listed) if listed else []]
    elif _DELIMITED.search(text):
        inside = formulas.boxed(text) if "\\boxed" in text else None
        read = [_parse(formulas.prepared(text))] if inside is None else _readings(inside)
    else:
        formula = formulas.formula(text)
        read = [_parse(formula or formulas.prepared(text))]
        if not formula and read[0] and not _clear(formulas.prepared(text), str(read[0][-1])):
            read = []
    return [one for one in read if one]


def _clear(text: str, written: str) -> bool:
    """Whether a plain number that was found is a complete number of the text."""
    if re.fullmatch(r"\d+(?:/\d+){2,}", written):  # a date
        return False
    if not re.fullmatch(r"-?\d+(?:\.\d+)?", written):
        return True
    value = abs(Fraction(written))
    return any(one.value is not None and abs(one.value) == value for one in numbers(text))


def _plain(text: str) -> str:
    """The bare form of a word as answer: ``\\boxed{\\text{east}}`` and ``East`` agree."""
    bare = re.sub(r"\\(?:text|mathrm|mathbf|boxed|textbf)\b|[{}$\\]", "", text)
    return " ".join(bare.casefold().split()).strip(" .")


def _parse(text: str) -> list[Any]:
    from math_verify import parse

    found = list(parse(text, raise_on_error=False))
    # Any two intervals with reversed ends would be equal.
    empty = bool(found) and type(found[0]).__name__ == "EmptySet"
    return [] if empty and re.search(r"\d", text) else found


def serve() -> None:
    """Answer questions from standard input until it ends."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    logging.disable(logging.CRITICAL)
    # Keep output of libraries out of the replies.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        question = json.loads(line)
        try:
            if "text" in question:
                reply = read(question["text"])
            else:
                reply = equal(question["answer"], question["references"])
        except Exception as error:  # a failure on one text must not end the process
            reply = {"error": f"{type(error).__name__}: {error}"[:300]}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
