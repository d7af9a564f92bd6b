"""The scalars of YAML, and a loader for these alone.

Differs from YAML 1.1 in two ways. ``yes``, ``no``, ``on``, ``off``, dates, times such as ``12:30``
and numbers with leading zeros stay text, because labels and ids look like that; ``1e-3`` is a
number.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.composer import Composer

MAX_DEPTH = 100
MAX_DIGITS = 3000
TAG = "tag:yaml.org,2002:"
_NUMBERS = (
    (TAG + "int", re.compile(r"[-+]?(0|[1-9][0-9]*)$|0x[0-9a-fA-F]+$|0o[0-7]+$"), "-+0123456789"),
    (
        TAG + "float",
        re.compile(
            r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$"
            r"|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$"
        ),
        "-+0123456789.",
    ),
)
_WORDS = (
    (TAG + "bool", re.compile(r"(true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    (TAG + "null", re.compile(r"(~|null|Null|NULL|)$"), "~nN"),
    (TAG + "merge", re.compile(r"<<$"), "<"),
)


class TooDeepError(Exception):
    """The nesting is too deep; ``args[0]`` is the line."""


class _Composer(Composer):
    """Composes in Python to bound the depth; libyaml's composer overflows the stack."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TooDeepError(self.peek_event().start_mark.line + 1)  # type: ignore[attr-defined]
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def core_schema(base: Any) -> Any:
    """A loader class based on ``base`` that resolves only the scalars above."""

    def start(self: Any, text: str) -> None:
        base.__init__(self, text)
        Composer.__init__(self)

    loader = type("Loader", (_Composer, base), {"__init__": start, "yaml_implicit_resolvers": {}})
    for tag, pattern, first in _NUMBERS + _WORDS:
        starts = [*first, ""] if tag.endswith("null") else list(first)
        loader.add_implicit_resolver(tag, pattern, starts)  # type: ignore[attr-defined]
    return loader


LOADER = core_schema(getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def scalar(text: str) -> Any:
    """One YAML scalar: ``"4"`` → 4, ``"true"`` → True, ``"nf4"`` → "nf4"."""
    for tag, pattern, _ in (*_WORDS[:2], *_NUMBERS):
        if pattern.match(text):
            return plain(tag.removeprefix(TAG), text)
    return text


def plain(kind: str, text: str) -> Any:
    """The Python value of a scalar of a YAML kind. Raises ValueError or KeyError if invalid."""
    if kind == "str":
        return text
    if kind == "null":
        return None
    if kind == "bool":
        return {"true": True, "false": False}[text.lower()]
    if kind == "int":
        digits = text.lower()
        if len(digits) > MAX_DIGITS:
            raise ValueError(f"a number of over {MAX_DIGITS:,} digits; write it in quotes")
        return int(digits, 16 if "0x" in digits else 8 if "0o" in digits else 10)
    if kind == "float":
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    raise KeyError(kind)
