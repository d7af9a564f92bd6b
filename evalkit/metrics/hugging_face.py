"""Metrics of Hugging Face's ``evaluate``, by name or by the path of a script."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import isfinite, nan
from numbers import Real
from pathlib import Path
from typing import Any

from evalkit.errors import UsageError, stated
from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result, Score
from evalkit.metrics.scripts import is_path, script_of
from evalkit.records.names import score_name

_NOTE = "no interval: computed from all samples at once"


def hugging_face(
    columns: Columns,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    name: str,
    root: Path,
    **settings: Any,
) -> Result:
    """The scores of an ``evaluate`` metric: ``evaluate:NAME``, ``evaluate:NAME[key]`` for several.

    name: as on the hub (fetched once, then cached), or the path of a script below ``root``.
    Settings go to its ``compute``. A list with a value for each sample gives a mean with a
    bootstrap interval; a single number has no interval. If the metric raises, its score is
    undefined, with the error in a note.
    """
    full = f"evaluate:{name}"
    try:
        module = _load(name, root)
        inputs = _inputs(module, columns)
        returned = module.compute(**inputs, **settings)
        return _scores(full, returned, len(columns), confidence, seed)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a script may raise anything, or exit
        note = f"failed: {stated(error)}"
        return build.single(full, build.failed(len(columns), confidence, note))


@lru_cache(maxsize=32)
def _load(name: str, root: Path) -> Any:
    import evaluate

    if not is_path(name):
        return evaluate.load(name, keep_in_memory=True, experiment_id=str(os.getpid()))
    script = script_of(name, root)
    return evaluate.load(str(script), keep_in_memory=True, experiment_id=str(os.getpid()))


def _inputs(module: Any, columns: Columns) -> dict[str, Any]:
    """The columns that a metric needs, in the types it declares."""
    features = module.features[0] if isinstance(module.features, list) else module.features
    if isinstance(module.features, list) and any(len(t) > 1 for t in columns.targets):
        several = [f for f in module.features if _is_list(f.get("references"))]
        features = several[0] if several else features
    inputs: dict[str, Any] = {}
    for name, feature in features.items():
        as_type = _typed(feature, columns.labels)
        if name == "predictions":
            inputs[name] = [as_type("" if p is None else p) for p in columns.predictions]
        elif name == "references" and _is_list(feature):
            inputs[name] = [list(map(as_type, targets)) for targets in columns.targets]
        elif name == "references":
            inputs[name] = [as_type(targets[0]) for targets in columns.targets]
        elif name == "sources" and columns.sources:
            inputs[name] = list(columns.sources)
        elif all(name in row for row in columns.fields) and columns.fields:
            inputs[name] = [row[name] for row in columns.fields]
        else:
            raise UsageError(f"it needs a column '{name}', which the data lack")
    return inputs


def _is_list(feature: Any) -> bool:
    return hasattr(feature, "feature") or isinstance(feature, list)


def _typed(feature: Any, labels: Sequence[str]) -> Callable[[str], Any]:
    """Converts an answer to the type of a feature: text, a number, or a label's number."""
    inner = getattr(feature, "feature", feature)
    inner = inner[0] if isinstance(inner, list) else inner
    dtype = str(getattr(inner, "dtype", "string"))
    if dtype.startswith(("int", "uint")):
        places = {label: i for i, label in enumerate(labels)}
        return lambda text: places.get(text, -1) if places else int(text)
    if dtype.startswith("float"):
        return float
    return str


def _scores(full: str, returned: Any, n: int, confidence: float, seed: int) -> Result:
    values = {str(k): v for k, v in dict(returned or {}).items() if _usable(v, n)}
    if not values:
        raise UsageError(f"it returned no number ({returned!r:.200})")
    named = {full: next(iter(values.values()))}
    if len(values) > 1:
        named = {score_name(full, key): value for key, value in values.items()}
    return {name: _score(full, value, n, confidence, seed) for name, value in named.items()}


def _usable(value: Any, n: int) -> bool:
    if isinstance(value, Real):
        return True
    listed = hasattr(value, "__len__") and not isinstance(value, str | bytes | dict)
    return listed and len(value) == n > 0 and all(isinstance(v, Real) for v in value)


def _score(full: str, value: Any, n: int, confidence: float, seed: int) -> Score:
    if not isinstance(value, Real):
        return build.mean(full, list(value), confidence=confidence)
    number = float(value)
    if not isfinite(number):
        return build.undefined(n, confidence, f"undefined: {full} is {number}")
    return Score(number, nan, nan, n, confidence, note=_NOTE)
