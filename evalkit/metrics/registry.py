"""The metrics that a run may use: evalkit's own and, on top, those of a project.

A registry is immutable; code that looks metrics up takes one as an argument.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from evalkit import tasks
from evalkit.errors import UsageError, unknown
from evalkit.metrics.catalogue import METRICS, RETIRED, missing_package, wrong_setting
from evalkit.metrics.entry import INF, Metric
from evalkit.metrics.fingerprint import fingerprint
from evalkit.metrics.scripts import is_path, script_of
from evalkit.records.names import base_of, score_name

_AT_K = re.compile(r"(pass|recall|precision|hit_rate|mrr|map|ndcg)@([1-9]\d{0,5})")
_OF_ANY_K = {
    "pass": "pass@1",
    "recall": "recall@5",
    "precision": "precision@5",
    "hit_rate": "hit_rate@5",
    "mrr": "mrr",
    "map": "map",
    "ndcg": "ndcg@10",
}
"""The entry that stands for a metric at every K."""
HUGGING_FACE = "evaluate:"
"""The prefix of names that mean a metric of Hugging Face's ``evaluate``."""


@dataclass(frozen=True, slots=True, eq=False)
class Registry:
    """Metrics by name.

    own: the project's, which may not be called as one of evalkit's. root: the folder that the
    paths of ``evaluate:`` scripts are relative to.
    """

    own: Mapping[str, Metric] = field(default_factory=dict)
    root: Path = Path(".")

    def __post_init__(self) -> None:
        object.__setattr__(self, "own", MappingProxyType(dict(self.own)))

    def find(self, name: str) -> Metric | None:
        """The metric of this name; None if there is none.

        Two families have no entries: ``NAME@K`` for any K, ``evaluate:NAME`` for a metric of
        Hugging Face's.
        """
        if at := _AT_K.fullmatch(name):
            entry = _OF_ANY_K[at[1]]
            return replace(METRICS[entry], name=name, family=entry, fixed={"k": int(at[2])})
        if name.startswith(HUGGING_FACE) and name != HUGGING_FACE:
            return Metric(
                name,
                "evalkit.metrics.hugging_face:hugging_face",
                "a metric of Hugging Face's evaluate",
                any_task=True,
                better="",
                low=-INF,
                high=INF,
                open_keys=True,
                any_settings=True,
                fixed={"name": name.removeprefix(HUGGING_FACE), "root": self.root},
                package="evaluate",
                extra="evaluate",
            )
        return METRICS.get(name) or self.own.get(name)

    def of_score(self, score: str) -> Metric | None:
        """The metric that a score's full name belongs to (``recall[positive]``: recall), if any."""
        return self.find(base_of(score))

    def fingerprint(self, name: str) -> str:
        """Distinguishes project metrics of one name; "" for any other metric, and if the source of
        its function is unavailable."""
        metric = self.own.get(name)
        if metric is None or not callable(metric.function):
            return ""
        function = getattr(metric.function, "function", metric.function)  # OwnMetric holds one
        return fingerprint(function)

    @property
    def names(self) -> list[str]:
        """Every metric by name, the project's own last."""
        return [*METRICS, *self.own]

    def score_names(self, name: str, labels: Sequence[str] = ()) -> tuple[str, ...]:
        """The full names of the scores a metric yields: ``recall`` → ``recall[positive]``, …"""
        metric = self.find(name)
        if metric is None or not metric.keyed:
            return (name,)
        whole = (name,) if metric.overall else ()
        return (*whole, *(score_name(name, label) for label in labels))

    def problem(
        self,
        name: str,
        task: str,
        labels: Sequence[str] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> str | None:
        """Why a metric cannot be used on a task, or None.

        The message names the nearest metric, or says which tasks the metric is for.
        """
        metric = self.find(name)
        if metric is None and name in RETIRED:
            return RETIRED[name]
        if metric is None:
            every = [*METRICS.values(), *self.own.values()]
            fitting = [m.name for m in every if self._fits(m, task)]
            return unknown("metric", name, fitting if fitting else [m.name for m in every])
        if not self._fits(metric, task):
            fitting = [one.name for one in tasks.every() if metric.fits(one)]
            return f"metric '{name}' is for {_either(fitting)}, not for task '{task}'"
        if "labels" in metric.needs and not labels:
            return f"metric '{name}' needs `labels:` in the suite"
        given = settings or {}
        return (
            wrong_setting(metric, given)
            or missing_package(metric, given)
            or self._missing_script(name)
        )

    def _fits(self, metric: Metric, task: str) -> bool:
        """The project's own metrics fit every task."""
        return metric.name in self.own or metric.fits(tasks.find(task))

    def _missing_script(self, name: str) -> str | None:
        path = name.removeprefix(HUGGING_FACE)
        if path == name or not is_path(path):
            return None
        try:
            script_of(path, self.root)
        except UsageError as error:
            return str(error)
        return None


BUILT_IN = Registry()
"""evalkit's metrics alone, without a project."""


def _either(names: Sequence[str]) -> str:
    return " or ".join(", ".join(f"'{n}'" for n in names).rsplit(", ", 1))
