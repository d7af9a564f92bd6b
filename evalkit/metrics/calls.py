"""Calls of tools: right calls, precision and recall of calls, arguments, validity, abstention.

Calls are paired with those expected by the best assignment (see :mod:`evalkit.tools.matching`), and
scored against the accepted answer that they come nearest to. Shares of calls and arguments are over
all of them, not over samples; their intervals are over samples.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.errors import UsageError
from evalkit.messages import ToolCall, call_of
from evalkit.metrics import build
from evalkit.metrics.base import Columns, FloatArray, Result
from evalkit.records.analyses import OTHER_LABELS, ConfusionMatrix
from evalkit.tools import CallRules, Matched
from evalkit.tools.matching import NO_CALL

_Part = Callable[[Matched], tuple[int, int]]


def calls_right(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Share of answers whose calls are those expected; Wilson's interval.

    Right tools with right arguments, as many calls as expected (more, with ``extra: yes``), in the
    expected order with ``order: strict``; where nothing is to be called, no call.
    """
    flags = [found.right for found in matched_of(columns)]
    return build.single("calls_right", build.proportion(flags, confidence=confidence))


def call_precision(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Of all calls made, the share that are right. Range 0 … 1; interval over samples.

    A call is right if an expected call is paired with it and tool and arguments agree.
    """
    return _share("call_precision", columns, confidence, "no call was made")


def call_recall(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Of all expected calls, the share that are made. Range 0 … 1; interval over samples."""
    return _share("call_recall", columns, confidence, "no call is expected")


def argument_accuracy(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Of the arguments in calls of the expected tools, the share that are right.

    Counted are expected arguments, whether given or missing, and those given beyond them; optional
    ones only where they are given. Range 0 … 1; interval over samples.
    """
    return _share("argument_accuracy", columns, confidence, "no call of an expected tool")


def valid_calls(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Of all calls made, the share of known tools with arguments that their schemas allow.

    Right or wrong calls count alike. Range 0 … 1; interval over samples. Undefined where the suite
    declares no tools.
    """
    return _share("valid_calls", columns, confidence, "no call was made, or no tools are declared")


def abstains(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Share of answers without a call, over the samples for which nothing is to be called.

    Wilson's interval; n counts these samples.
    """
    nothing = [found for found in matched_of(columns) if not found.expected]
    flags = [found.right for found in nothing]
    empty = "undefined: every sample expects a call"
    return build.single("abstains", build.proportion(flags, confidence=confidence, empty=empty))


def matched_of(columns: Columns) -> Sequence[Matched]:
    """The matched calls of each sample.

    Without them, predictions and targets are read as JSON lists of calls, by the default rules.
    """
    if columns.matched or not len(columns):
        return columns.matched
    rules = CallRules()
    return [
        rules.matched(targets, _read(prediction), {})
        for prediction, targets in zip(columns.predictions, columns.targets, strict=True)
    ]


_UNREADABLE = ToolCall("", "", "[]")


def _read(prediction: str | None) -> list[ToolCall]:
    """The calls in a prediction; a single unreadable one if it is no list of calls."""
    try:
        return [call_of(one) for one in json.loads(prediction or "")]
    except (ValueError, TypeError, RecursionError, UsageError):
        return [_UNREADABLE]


_MOST_TOOLS = 30
"""Rows of a confusion matrix; the tools that occur least share one."""


def confusion(columns: Columns, settings: Mapping[str, Any] | None = None) -> ConfusionMatrix:
    """How often each tool is called (columns) where each is expected (rows), over all calls.

    ``(no call)`` is the row of calls beyond those expected and the column of calls not made; a
    sample without either counts in both. ``(other)`` are the tools that occur least, where there
    are many.
    """
    entries = [entry for found in matched_of(columns) for entry in found.entries]
    names = Counter(name for entry in entries for name in entry if name != NO_CALL)
    kept = sorted(name for name, _ in names.most_common(_MOST_TOOLS))
    labels = [*kept, NO_CALL, *([OTHER_LABELS] if len(names) > len(kept) else [])]
    place = {label: i for i, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    for pair in entries:
        row, column = (place.get(name, len(labels) - 1) for name in pair)
        counts[row, column] += 1
    return ConfusionMatrix(tuple(labels), tuple(map(tuple, counts.tolist())))


_PARTS: dict[str, _Part] = {
    "call_precision": lambda one: (one.found, one.made),
    "call_recall": lambda one: (one.found, one.expected),
    "argument_accuracy": lambda one: (one.agreeing, one.arguments),
    "valid_calls": lambda one: (0, 0) if one.valid is None else (one.valid, one.calls),
}
"""Of each score, what a sample adds: right ones, and all of them."""


def sums_of(name: str, columns: Columns) -> FloatArray:
    """What each sample adds to the two sums of a score, shape (n, 2)."""
    rows = [_PARTS[name](one) for one in matched_of(columns)]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 2)


def _ratio(sums: NDArray[np.float64]) -> FloatArray:
    shares = np.full(len(sums), np.nan)
    np.divide(sums[:, 0], sums[:, 1], out=shares, where=sums[:, 1] > 0)
    return shares


OF_CALLS: dict[str, Callable[[FloatArray], FloatArray]] = dict.fromkeys(_PARTS, _ratio)
"""Scores as functions of sums over samples."""


def _share(name: str, columns: Columns, confidence: float, without: str) -> Result:
    parts, wholes = sums_of(name, columns).T
    of = "arguments" if name == "argument_accuracy" else "calls"
    note = f"{wholes.sum():.0f} {of}" if wholes.any() else f"undefined: {without}"
    score = build.of_ratio(
        build.Ratio(parts, wholes), len(columns), confidence=confidence, note=note
    )
    return build.single(name, score)
