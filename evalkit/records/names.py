"""The full name of a score: its parts, and how they are written.

``accuracy``, ``recall[spam]``, ``accuracy[topic=art]``, ``mine[key][topic=art]``: first the metric
or judged score, then the label (or criterion, or key) that it is for, then the group of samples. An
ambiguous part is written as a JSON string, so that every name can be parsed
again: ``recall["a=b"]``, ``accuracy["x=y"="[z]"]``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PLAIN = r'(?!")[^\[\]=]*'
_VALUE = r'(?!")[^\[\]]*'
KEY = rf"\[(?:{_QUOTED}|{_PLAIN})\]"
"""A label in brackets, as a regular expression."""
GROUP = rf"\[(?:{_QUOTED}|{_PLAIN})=(?:{_QUOTED}|{_VALUE})\]"
"""A group in brackets, likewise."""
_NAME = re.compile(
    rf"(?P<base>.+?)(?:\[(?P<key>{_QUOTED}|{_PLAIN})\])?"
    rf"(?:\[(?P<column>{_QUOTED}|{_PLAIN})=(?P<value>{_QUOTED}|{_VALUE})\])?",
    re.DOTALL,
)
_MISLEADING = re.compile(r'^"|[\[\]\x00-\x1f]')


class Group(NamedTuple):
    """The samples that have a value in a column, as text."""

    column: str
    value: str


@dataclass(frozen=True, slots=True)
class ScoreName:
    """The parts of a score's name.

    base: the metric or judged score. key: the label, criterion or key; None for the score of all.
    group: of samples; None for the whole cell.
    """

    base: str
    key: str | None = None
    group: Group | None = None

    def __str__(self) -> str:
        text = self.base
        if self.key is not None:
            text += f"[{_written(self.key, with_equals=False)}]"
        if self.group is not None:
            column = _written(self.group.column, with_equals=False)
            text += f"[{column}={_written(self.group.value, with_equals=True)}]"
        return text

    @property
    def whole(self) -> ScoreName:
        """The same score over the whole cell."""
        return replace(self, group=None)

    @classmethod
    def parse(cls, text: str) -> ScoreName:
        """The name that is written so; ``str`` undoes it.

        Brackets that do not pair are taken for part of the key.
        """
        found = _NAME.fullmatch(text)
        if found is None or not text.endswith("]"):
            return cls(text)
        base, key = found["base"], found["key"]
        key = None if key is None else _read(key)
        if base.endswith("]"):
            whole = text if found["column"] is None else text[: found.start("column") - 1]
            base, _, rest = whole.partition("[")
            key = rest.removesuffix("]")
        if found["column"] is None:
            return cls(base, key)
        return cls(base, key, Group(_read(found["column"]), _read(found["value"])))

    @classmethod
    def resolve(
        cls, text: str, columns: Collection[str], accepts: Callable[[ScoreName], bool]
    ) -> ScoreName | None:
        """The score for a name typed by a person, who may omit the quotes of labels and groups.

        columns: those that samples are grouped by. accepts: whether there is such a score. None
        where there is none.
        """
        return next(filter(accepts, _readings(text, columns)), None)


def score_name(base: str, key: str | None = None, group: Group | None = None) -> str:
    """The full name of a score, as it is written."""
    return str(ScoreName(base, key, group))


def base_of(score: str) -> str:
    """The metric or judged score that a full name belongs to."""
    return ScoreName.parse(score).base


def _readings(text: str, columns: Collection[str]) -> Iterator[ScoreName]:
    """Every way to read a text: as it is written, with a group at its end, all of it a label."""
    parsed = ScoreName.parse(text)
    if str(parsed) == text:
        yield parsed
    base, bracket, inside = text.partition("[")
    if not bracket or not inside.endswith("]"):
        return
    rest = text[len(base) : -1]
    for column in sorted(columns, key=len, reverse=True):
        for found in re.finditer(re.escape(f"[{column}="), rest):
            head, value = rest[: found.start()], rest[found.end() :]
            if not head:
                yield ScoreName(base, None, Group(column, value))
            elif head.endswith("]"):
                yield ScoreName(base, _read(head[1:-1]), Group(column, value))
    yield ScoreName(base, inside[:-1])


def _written(part: str, *, with_equals: bool) -> str:
    """A part as written in a name. with_equals: whether ``=`` in it is unambiguous."""
    if _MISLEADING.search(part) or ("=" in part and not with_equals):
        return json.dumps(part, ensure_ascii=False)
    return part


def _read(part: str) -> str:
    if not (part.startswith('"') and part.endswith('"') and len(part) > 1):
        return part
    try:
        return str(json.loads(part))
    except ValueError:
        return part
