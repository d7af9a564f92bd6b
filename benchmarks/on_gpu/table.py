"""The results as text."""

from __future__ import annotations

from typing import Any

SHOWN = {
    "bytes_per_second": (1e-12, "TB/s"),
    "flops_per_second": (1e-12, "TFLOP/s"),
    "tokens_per_second": (1, "tokens/s"),
    "steady_tokens_per_second": (1, "tokens/s, steady"),
    "ms_per_step": (1, "ms a step"),
    "limit_ms_per_step": (1, "ms at the bandwidth"),
    "fraction_of_bandwidth": (100, "% of the bandwidth"),
    "roofline_ms_per_step": (1, "ms at bandwidth and arithmetic"),
    "fraction_of_roofline": (100, "% of both"),
    "fraction_of_peak": (100, "% of the peak"),
    "fraction_of_peak_without_tokenizing": (100, "% without tokenising"),
    "device_busy_fraction": (100, "% busy"),
    "device_ms_per_step": (1, "ms of kernels a step"),
    "kernels_per_step": (1, "kernels a step"),
    "ms_between_steps_unprofiled": (1, "ms between steps"),
    "host_ms_per_step": (1, "ms of the host a step"),
    "samples_per_second": (1, "samples/s"),
    "seconds": (1, "s"),
    "times_evalkit": (1, "times evalkit's"),
}
"""Figures that the table shows, with a factor and a unit."""


def table(body: dict[str, Any]) -> str:
    """A few lines for each part."""
    facts = body["facts"]
    lines = [
        f"{facts.get('device')}, torch {facts.get('torch')}, "
        f"transformers {facts.get('transformers')}, {facts.get('seconds')} s"
    ]
    for name, part in body["parts"].items():
        ended = part.get("stopped") or part.get("ended") or part.get("failed", "")
        lines.append(f"{name}: {part['state']} in {part.get('seconds', '?')} s {ended}"[:150])
        lines += [f"  {step:40s} {_line(figures)}" for step, figures in part["figures"].items()]
    return "\n".join(lines) + "\n"


def _line(figures: dict[str, Any]) -> str:
    if "failed" in figures:
        return f"FAILED: {figures['failed'][:140]}"
    for name in ("stopped", "left_out"):
        if name in figures:
            return str(figures[name])
    found = ["NOT OK"] if figures.get("ok") is False else []
    if "equal" in figures:
        found.append(f"{figures['equal']}/{figures['n']} equal")
        if figures.get("near_ties"):
            found.append(f"{figures['near_ties']} near-ties")
        if worst := figures.get("max_logprob_difference"):
            found.append(f"log-likelihoods within {worst:.2g}")
    for name, (factor, unit) in SHOWN.items():
        value = figures.get(name)
        if isinstance(value, int | float):
            found.append(f"{value * factor:.4g} {unit}")
    return ", ".join(found) or "ok"
