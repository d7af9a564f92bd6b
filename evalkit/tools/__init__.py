"""Tools, the functions that a model may call: declared, called, and compared with what is expected.

Pure functions of values; no model is involved. The arguments of calls are what models write: they
are compared and validated, never executed.
"""

from __future__ import annotations

from evalkit.tools.declared import Tool, Toolbox, tools_of
from evalkit.tools.expected import Argument, ExpectedCall, expected_in, expected_of, written
from evalkit.tools.matching import Matched, Pair, Rules, match
from evalkit.tools.rules import CallRules

__all__ = [
    "Argument", "CallRules", "ExpectedCall", "Matched", "Pair", "Rules", "Tool", "Toolbox",
    "expected_in", "expected_of", "match", "tools_of", "written",
]  # fmt: skip
