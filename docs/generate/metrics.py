"""The page of metrics."""

from __future__ import annotations

import math

from docs.generate.markdown import code, page, table, yaml_value


def metrics() -> str:
    """Every metric of the catalogue."""
    from evalkit import tasks
    from evalkit.metrics.catalogue import METRICS

    every = tasks.every()

    rows = [
        [
            code(f"{metric.name}[label]" if metric.keyed and not metric.overall else metric.name),
            metric.summary,
            f"{_number(metric.low)} … {_number(metric.high)}",
            metric.better or "–",
            "any" if metric.any_task else ", ".join(t.name for t in every if metric.fits(t)),
            ", ".join(metric.needs),
            ", ".join(code(f"{k}: {yaml_value(v)}") for k, v in metric.settings.items()),
            code(metric.extra),
        ]
        for metric in METRICS.values()
    ]
    head = ["metric", "definition", "range", "better", "tasks", "needs", "settings", "extra"]
    defaults = [[code(task.name), ", ".join(map(code, task.default_metrics))] for task in every]
    return page(
        "Metrics",
        "The metrics that you can name under `metrics:`. [Metrics](../metrics.md) has definitions, "
        "references and intervals. Two names are patterns: `pass@K` for any K, `evaluate:NAME` for "
        "a metric of Hugging Face's evaluate. *needs*: required columns; `answer: choice` provides "
        "`probabilities`. *extra*: what to install, `pytest-evalkit[extra]`.",
        table(head, rows),
        "## Defaults",
        "The metrics of a suite that names none, if their columns exist:",
        table(["task", "metrics"], defaults),
    )


def _number(value: float) -> str:
    return {math.inf: "∞", -math.inf: "−∞"}.get(value, f"{value:g}".replace("-", "−"))
