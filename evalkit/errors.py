"""The errors that evalkit raises. Messages address the author of the suite."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches


class EvalkitError(Exception):
    """Base of every error that evalkit raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem at one place in a file.

    ``line`` counts from 1; 0 means the file as a whole. ``where`` is the path inside the
    file (``metrics[1]``). ``message`` says what is wrong, what was expected, what to do.
    """

    file: str
    line: int
    where: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return (
            f"{place}: {self.where}: {self.message}" if self.where else f"{place}: {self.message}"
        )


class SpecError(EvalkitError):
    """A suite, model or judge declaration is wrong. Carries every problem found, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(
            sorted(set(problems), key=lambda p: (p.file, p.line, _natural(p.where), p.message))
        )
        super().__init__("\n".join(str(p) for p in self.problems))


def _natural(text: str) -> list[str]:
    """A key that sorts ``rows[2]`` before ``rows[10]``."""
    return [part.zfill(20) if i % 2 else part for i, part in enumerate(re.split(r"(\d+)", text))]


class UsageError(EvalkitError):
    """A command line or a call is invalid, or names something that does not exist."""


class UnknownRunError(UsageError):
    """A run or file does not exist."""


class ModelError(EvalkitError):
    """A model cannot be reached or loaded, or does not respond."""


class StoreError(EvalkitError):
    """The run store cannot be read or written."""


def stated(error: BaseException) -> str:
    """An exception as ``Type: message``."""
    return f"{type(error).__name__}: {error}".rstrip(": ")


def first_line(error: BaseException) -> str:
    """An exception as ``Type: message``, without the lines after its first."""
    return stated(error).partition("\n")[0]


@contextmanager
def project_errors(what: str = "code of the project") -> Iterator[None]:
    """Raise EvalkitError for what is no Exception, such as ``pytest.skip()`` or ``sys.exit()`` in
    a task, a metric or a hook: it would skip tests that were never decided. Ctrl-C passes."""
    try:
        yield
    except (Exception, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        raise EvalkitError(f"{what} raised {stated(error)}") from error


_LONGEST_NAME = 200
_MOST_NAMES = 1000
_LISTED = 100
"""Names that a message lists at most."""


def nearest(name: str, known: Sequence[str]) -> str | None:
    """The known name closest to a misspelt one, or None if none is near.

    Texts longer than a name are not compared, nor names beyond the first thousand: that takes
    the product of the lengths.
    """
    if len(name) > _LONGEST_NAME:
        return None
    known = [one for one in known[:_MOST_NAMES] if len(one) <= _LONGEST_NAME]
    matches = get_close_matches(name, known, n=1, cutoff=0.6)
    if not matches:
        lowered = {k.lower(): k for k in known}
        matches = [
            lowered[m] for m in get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
        ]
    return matches[0] if matches else None


def unknown(kind: str, name: str, known: Sequence[str]) -> str:
    """A message for an unknown name, with the nearest known name and the list of all."""
    guess = nearest(name, known)
    hint = f"; did you mean '{guess}'?" if guess else ""
    listed = ", ".join(map(_cut, known[:_LISTED])) if known else "none"
    if len(known) > _LISTED:
        listed += f" and {len(known) - _LISTED:,} more"
    return f"unknown {kind} '{_cut(name)}'{hint} (known: {listed})"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"


def shortened(value: object) -> str:
    """A value for a message, as Python writes it, cut to one line."""
    try:
        return _cut(repr(value))
    except (ValueError, RecursionError):  # a number with more digits than Python writes
        return f"a very large {type(value).__name__}"


def repeated(names: Iterable[str]) -> str | None:
    """The first duplicate name in alphabetical order, or None."""
    return min((name for name, times in Counter(names).items() if times > 1), default=None)
