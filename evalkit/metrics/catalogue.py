"""What metrics there are, without importing any of them.

Collecting suites validates metric names, so nothing here may import numpy or anything
heavier: an entry names its function and says what it needs, and ``metrics.run`` loads it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from evalkit.errors import UsageError, unknown
from evalkit.metrics import tokenizers
from evalkit.metrics.entries import ENTRIES
from evalkit.metrics.entry import INF
from evalkit.metrics.entry import Metric as Metric
from evalkit.metrics.scripts import is_path, script_of

METRICS: Mapping[str, Metric] = MappingProxyType({m.name: m for m in ENTRIES})
"""Every metric by its name."""

DEFAULTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "classification": tuple(
            m.name for m in ENTRIES if "classification" in m.tasks and not m.ready
        ),
        "multiple-choice": ("accuracy", "accuracy_norm"),
        "qa": ("exact_match", "token_f1", "contains"),
        "extractive-qa": ("exact_match", "token_f1", "no_answer_f1"),
        "summarisation": ("rouge1", "rouge2", "rougeL", "rougeLsum", "compression_ratio"),
        "translation": ("bleu", "chrf", "ter"),
        "generation": ("length",),
        "math": ("math_accuracy",),
        "code": ("pass@1",),
        "token-classification": ("entity_precision", "entity_recall", "entity_f1"),
        "fill-mask": ("top1", "top5"),
        "language-modelling": ("perplexity", "bits_per_byte"),
        "safety": ("unsafe_compliance", "over_refusal", "refusal_rate", "partial_refusal_rate"),
    }
)
"""The metrics of a suite that names none, by task."""


RETIRED: Mapping[str, str] = MappingProxyType(
    {
        "compression": (
            "metric 'compression' is now 'compression_ratio', and its inverse: words of the source"
            " over words of the summary. For `compression <= 0.5` write `compression_ratio >= 2`"
        )
    }
)
"""What became of names that metrics no longer have."""

_NONE: Mapping[str, Any] = MappingProxyType({})
_PASS_AT = re.compile(r"pass@([1-9]\d{0,5})")
HUGGING_FACE = "evaluate:"
"""How names begin that mean a metric of Hugging Face's ``evaluate``."""


@dataclass(slots=True)
class _Project:
    """What the project in hand adds: its own metrics, and the folder that paths start at."""

    metrics: Mapping[str, Metric] = field(default_factory=dict)
    root: Path = Path(".")


_PROJECT = _Project()


def adopt(metrics: Mapping[str, Metric], root: Path) -> None:
    """Know a project's own metrics, in place of those of any other project before it."""
    _PROJECT.metrics, _PROJECT.root = metrics, root


def find(name: str) -> Metric | None:
    """The metric of a name, one of evalkit's or of the project's own; None if there is none.

    Some names are made: ``pass@K`` for any K, ``evaluate:NAME`` for a metric of Hugging Face's.
    """
    made = _PASS_AT.fullmatch(name)
    if made:
        return replace(METRICS["pass@1"], name=name, fixed={"k": int(made[1])})
    if name.startswith(HUGGING_FACE) and name != HUGGING_FACE:
        return Metric(
            name,
            "evalkit.metrics.hugging_face:hugging_face",
            "a metric of Hugging Face's evaluate",
            better="",
            low=-INF,
            high=INF,
            open_keys=True,
            any_settings=True,
            fixed={"name": name.removeprefix(HUGGING_FACE), "root": _PROJECT.root},
            package="evaluate",
            extra="evaluate",
        )
    return METRICS.get(name) or _PROJECT.metrics.get(name)


def known_names() -> list[str]:
    """Every metric by name, the project's own ones last."""
    return [*METRICS, *_PROJECT.metrics]


def default_metrics(task: str, has: Collection[str]) -> tuple[str, ...]:
    """The defaults of a task that can be computed when only the columns in ``has`` exist.

    ``has``: of ``labels``, ``probabilities``, ``choices``, ``sources``.
    """
    return tuple(name for name in DEFAULTS.get(task, ()) if set(METRICS[name].needs) <= set(has))


def check(
    name: str,
    task: str,
    labels: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> str | None:
    """What is wrong with asking for a metric on a task, or None when nothing is.

    The message names the nearest metric, or says which tasks the metric is for.
    """
    metric = find(name)
    if metric is None and name in RETIRED:
        return RETIRED[name]
    if metric is None:
        every = [*METRICS.values(), *_PROJECT.metrics.values()]
        fitting = [m.name for m in every if not m.tasks or task in m.tasks]
        return unknown("metric", name, fitting if fitting else [m.name for m in every])
    if metric.tasks and task not in metric.tasks:
        return f"metric '{name}' is for {_either(metric.tasks)}, not for task '{task}'"
    if "labels" in metric.needs and not labels:
        return f"metric '{name}' needs `labels:` in the suite"
    given = settings or {}
    return wrong_setting(metric, given) or missing_package(metric, given) or _missing_script(name)


def _missing_script(name: str) -> str | None:
    path = name.removeprefix(HUGGING_FACE)
    if path == name or not is_path(path):
        return None
    try:
        script_of(path, _PROJECT.root)
    except UsageError as error:
        return str(error)
    return None


def wrong_setting(metric: Metric, settings: Mapping[str, Any]) -> str | None:
    """What is wrong with the names and values of a metric's settings, or None."""
    for key, value in settings.items():
        if key not in metric.settings and not metric.any_settings:
            return unknown(f"setting of metric '{metric.name}'", key, list(metric.settings))
        choices = metric.choices.get(key)
        if choices and value not in choices:
            return unknown(f"value of `{key}` for metric '{metric.name}':", str(value), choices)
    return None


def missing_package(metric: Metric, settings: Mapping[str, Any] = _NONE) -> str | None:
    """What to install before a metric can be computed so, or None. Imports nothing."""
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


def score_names(name: str, labels: Sequence[str] = ()) -> tuple[str, ...]:
    """The full names of the scores a metric yields: ``recall`` → ``recall[positive]``, …"""
    metric = find(name)
    if metric is None or not metric.keyed:
        return (name,)
    whole = (name,) if metric.overall else ()
    return (*whole, *(f"{name}[{label}]" for label in labels))


def of_score(score: str) -> Metric | None:
    """The metric a score's full name belongs to (``recall[positive]`` → recall), if any."""
    return find(score.partition("[")[0])


def _either(names: Sequence[str]) -> str:
    return " or ".join(", ".join(f"'{n}'" for n in names).rsplit(", ", 1))
