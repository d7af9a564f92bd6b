"""A fingerprint of a function's source, to notice that two functions of one name differ."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

_PLAIN = (str, bytes, bool, int, float, complex, type(None))


def fingerprint(function: Callable[..., Any]) -> str:
    """Twelve hexadecimal digits of a function's source, defaults and plain captured values.

    "" where its source cannot be read (a built-in function, or code made from text). Functions that
    it calls do not count.
    """
    try:
        parts = list(_parts(function))
    except (OSError, TypeError):
        return ""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _parts(function: Callable[..., Any]) -> Iterator[str]:
    if isinstance(function, partial):
        yield repr([arg for arg in function.args if _is_plain(arg)])
        yield repr(sorted((k, v) for k, v in function.keywords.items() if _is_plain(v)))
        yield from _parts(function.func)
        return
    plain = inspect.unwrap(getattr(function, "__func__", function))
    if not inspect.isfunction(plain) and not inspect.isclass(plain):
        yield repr(sorted((k, v) for k, v in vars(plain).items() if _is_plain(v)))
        plain = type(plain)
    yield inspect.cleandoc(inspect.getsource(plain))
    if inspect.isfunction(plain):
        defaults = [*(plain.__defaults__ or ()), *(plain.__kwdefaults__ or {}).values()]
        captured = inspect.getclosurevars(plain).nonlocals
        yield repr([value for value in defaults if _is_plain(value)])
        yield repr(sorted((k, v) for k, v in captured.items() if _is_plain(v)))


def _is_plain(value: object) -> bool:
    """Whether its repr is its value, without memory addresses or anything process-specific."""
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN)
