"""Metrics of a project's own: a plain function in, scores out.

The function names the columns it wants by its parameters: ``columns`` for all of them, or any of
``predictions``, ``targets``, ``fields``, ``sources``, ``labels`` … It returns one number, a value
for each sample, a :class:`Score`, or a dict of any of these.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import inf, isfinite, nan
from numbers import Real
from typing import Any

import numpy as np

from evalkit.errors import UsageError, stated
from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result, Score
from evalkit.records.names import score_name

COLUMNS = tuple(field.name for field in fields(Columns))
GIVEN = ("columns", *COLUMNS, "confidence", "seed")
"""Names of parameters that are filled in; any other needs a default and is a setting."""

Limits = tuple[float, float]


def settings_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The settings of a function with their defaults. Raises UsageError for unknown parameters."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        raise UsageError("its parameters cannot be read; wrap it in a Python function") from None
    settings = {}
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or name in GIVEN:
            continue
        if parameter.default is parameter.empty:
            raise UsageError(
                f"its parameter '{name}' is not one of {', '.join(GIVEN)} and has no default value"
            )
        settings[name] = parameter.default
    if not {"columns", *COLUMNS} & set(parameters):
        raise UsageError(
            "it takes no column: name a parameter 'predictions', 'targets' or 'columns'"
        )
    return settings


@dataclass(frozen=True, slots=True)
class OwnMetric:
    """A function of the project's as a metric of this name. limits: the range of its values."""

    name: str
    function: Callable[..., Any]
    limits: Limits = (-inf, inf)

    def __call__(
        self, columns: Columns, /, *, confidence: float, seed: int, **settings: Any
    ) -> Result:
        """The scores that the function computes from the columns.

        If it raises, its score is undefined, with the error in a note; other scores are unaffected.
        """
        given = {"columns": columns, "confidence": confidence, "seed": seed}
        given |= {column: getattr(columns, column) for column in COLUMNS}
        wanted = inspect.signature(self.function).parameters
        arguments = {key: value for key, value in given.items() if key in wanted}
        try:
            returned = self.function(**arguments, **settings)
            return scores(self.name, returned, len(columns), confidence, seed, self.limits)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a metric may raise anything, or exit
            note = f"failed: {stated(error)}"
            return build.single(self.name, build.failed(len(columns), confidence, note))


def scores(
    name: str, returned: Any, n: int, confidence: float, seed: int, limits: Limits
) -> Result:
    """A function's result as scores. Raises UsageError for other types."""
    if isinstance(returned, Mapping):
        named = {score_name(name, str(key)): value for key, value in returned.items()}
    else:
        named = {name: returned}
    return {key: score(key, value, n, confidence, seed, limits) for key, value in named.items()}


def score(name: str, value: Any, n: int, confidence: float, seed: int, limits: Limits) -> Score:
    """One of the values: a Score, a number, or a sequence of n numbers."""
    if isinstance(value, Score):
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, Real | np.bool_):
        number = float(value)
        if not isfinite(number):
            return build.undefined(n, confidence, f"undefined: the function returned {number}")
        note = "no interval: computed from all samples at once"
        return Score(number, nan, nan, n, confidence, note=note)
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes):
        return _of_samples(name, value, n, confidence, seed, limits)
    raise UsageError(
        f"it returned {type(value).__name__}; expected a number, a value for each sample, a Score,"
        " or a dict of these"
    )


def _of_samples(
    name: str, value: Any, n: int, confidence: float, seed: int, limits: Limits
) -> Score:
    try:
        x = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError("it returned a list with values that are not numbers") from None
    if x.shape != (n,):
        raise UsageError(
            f"it returned values of shape {x.shape}, expected one for each of {n} samples"
        )
    if not np.isfinite(x).all():
        raise UsageError(
            f"its value of sample {int(np.argmin(np.isfinite(x)))} (from 0) is not finite"
        )
    if np.isin(x, (0.0, 1.0)).all():
        return build.proportion(x, confidence=confidence)
    return build.mean(name, x, confidence=confidence, limits=limits)
