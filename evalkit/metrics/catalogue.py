"""evalkit's own metrics, without importing any of them.

Collecting suites validates metric names, so nothing here may import numpy or anything
heavier: an entry names its function and says what it needs, and ``metrics.run`` loads it.
With the metrics of a project on top they make a :class:`evalkit.metrics.registry.Registry`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

from evalkit.errors import unknown
from evalkit.metrics import tokenizers
from evalkit.metrics.entries import ENTRIES
from evalkit.metrics.entry import Metric as Metric
from evalkit.tasks import Task

METRICS: Mapping[str, Metric] = MappingProxyType({m.name: m for m in ENTRIES})
"""Every metric by its name."""

RETIRED: Mapping[str, str] = MappingProxyType(
    {
        "compression": (
            "metric 'compression' is now 'compression_ratio', and its inverse: words of the source"
            " over words of the summary. For `compression <= 0.5` write `compression_ratio >= 2`"
        )
    }
)
"""Former names of metrics, with their replacements."""

_NONE: Mapping[str, Any] = MappingProxyType({})


def default_metrics(task: Task, has: Collection[str]) -> tuple[str, ...]:
    """The defaults of a task that can be computed when only the columns in ``has`` exist.

    ``has``: of ``labels``, ``probabilities``, ``choices``, ``sources``.
    """
    return tuple(name for name in task.default_metrics if set(METRICS[name].needs) <= set(has))


def wrong_setting(metric: Metric, settings: Mapping[str, Any]) -> str | None:
    """The problem with a metric's settings, or None."""
    for key, value in settings.items():
        if key not in metric.settings and not metric.any_settings:
            return unknown(f"setting of metric '{metric.name}'", key, list(metric.settings))
        choices = metric.choices.get(key)
        if choices and value not in choices:
            return unknown(f"value of `{key}` for metric '{metric.name}':", str(value), choices)
    return None


def missing_package(metric: Metric, settings: Mapping[str, Any] = _NONE) -> str | None:
    """What to install for a metric with these settings, or None. Imports nothing."""
    if (lacking := tokenizers.missing(tokenizer(metric, settings))) is not None:
        return f"metric '{metric.name}': {lacking}"
    if not metric.package or find_spec(metric.package) is not None:
        return None
    return (
        f"metric '{metric.name}' needs a package that is not installed:"
        f' pip install "pytest-evalkit[{metric.extra}]"'
    )


def tokenizer(metric: Metric, settings: Mapping[str, Any]) -> str:
    """The tokenizer that a metric finds words with under these settings."""
    if "tokenize" not in metric.choices:
        return tokenizers.DEFAULT
    return str(settings.get("tokenize", metric.settings["tokenize"]))
