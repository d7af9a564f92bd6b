"""Whether generated code may run."""

from __future__ import annotations

from collections.abc import Iterable

from evalkit.errors import UsageError
from evalkit.sandbox import MODES, described
from evalkit.sandbox.run import require
from evalkit.spec.suite import Suite


def refusal(suite: Suite, mode: str) -> str:
    """Why a suite's generated code may not run; "" if it may, or if answers are not code.

    mode: what was allowed: "" (nothing), ``sandbox`` or ``unsafe``.
    """
    if suite.kind.run is None:
        return ""
    if not mode:
        return (
            "this suite executes generated code: allow it with --eval-allow-code"
            " (from Python: allow_code=True)"
        )
    try:
        require(mode)
    except UsageError as error:
        return str(error)
    return ""


def isolation_of(suites: Iterable[Suite], mode: str) -> str:
    """For a run's provenance: how generated code is isolated; "" if none may run."""
    runs = any(suite.kind.run is not None and not refusal(suite, mode) for suite in suites)
    return described(mode) if runs else ""


def code_mode(allow: bool | str) -> str:
    """``allow_code=`` of the Python API as a mode: "", ``sandbox`` or ``unsafe``."""
    mode = ("sandbox" if allow else "") if isinstance(allow, bool) else allow
    if mode and mode not in MODES:
        raise UsageError(f"allow_code must be True, False or 'unsafe', not {allow!r}")
    return mode
