"""Short programs, run under limits that tests can wait for."""

from __future__ import annotations

from evalkit.sandbox import Limits, Program, Verdict, run_program

FALSE = "assert answer() == 42"
QUICK = Limits(seconds=1)


def verdict(code: str, tests: str = "", mode: str = "sandbox", limits: Limits = QUICK) -> Verdict:
    return run_program(Program(code, tests), limits, mode)
