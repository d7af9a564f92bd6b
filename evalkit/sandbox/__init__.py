"""Runs generated code together with the tests that decide whether it is correct.

Each program runs in its own process, under limits and isolated: no network, no files except a
Python installation (read only) and an empty folder, no processes except its own. bubblewrap
isolates it if it is installed and permitted; otherwise evalkit creates Linux namespaces. Nothing
runs without permission; see ``evalkit.sandbox.run``.
"""

from __future__ import annotations

from evalkit.sandbox.run import (
    MODES,
    Limits,
    Program,
    Verdict,
    described,
    isolation_problem,
    run_all,
    run_program,
)

__all__ = [
    "MODES",
    "Limits",
    "Program",
    "Verdict",
    "described",
    "isolation_problem",
    "run_all",
    "run_program",
]
