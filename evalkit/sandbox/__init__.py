"""Running code that a model wrote, with the tests that decide whether it is right.

Each program runs in a process of its own, under limits and isolated: no network, no files but a
Python installation (read only) and an empty folder, no processes but its own. bubblewrap isolates
it where it is installed and allowed to work, else Linux namespaces that evalkit makes. Nothing here
runs unless somebody allowed it; see ``evalkit.sandbox.run``.
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
