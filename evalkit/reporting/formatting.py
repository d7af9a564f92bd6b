"""Numbers for people. The same number looks the same in every rendering."""

from __future__ import annotations

import math

ABSENT = "–"
MINUS = "−"


def number(value: float | None) -> str:
    """A score: three decimals below ten, fewer above; a dash where it is undefined."""
    if value is None or not math.isfinite(value):
        return ABSENT
    return (MINUS if value < 0 else "") + _digits(abs(value))


def _digits(size: float) -> str:
    if size >= 1000:
        return f"{size:,.0f}"
    if size >= 100:
        return f"{size:.1f}"
    if size >= 10:
        return f"{size:.2f}"
    if 0 < size < 0.0005:
        return f"{size:.1e}"
    return f"{size:.3f}"


def interval(low: float | None, high: float | None) -> str:
    """``[0.530, 0.690]``, or nothing where there is no interval."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    return f"[{number(low)}, {number(high)}]"


def signed(value: float | None) -> str:
    """A margin with its sign, the minus a true minus; a dash where it is undefined."""
    if value is None or math.isnan(value):
        return ABSENT
    return ("+" if value >= 0 else MINUS) + number(abs(value))


def percent(share: float) -> str:
    """A confidence level: ``95 %``."""
    return f"{100 * share:g} %"


def plural(count: int, noun: str) -> str:
    """``1 gate``, ``2 gates``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def duration(seconds: float) -> str:
    """``0.42 s``, ``12 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
