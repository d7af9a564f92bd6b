"""Extracts code from a response."""

from __future__ import annotations

import ast
import re

from evalkit.answers.extracted import Extracted

_FENCE = re.compile(
    r"^[ \t]*(?P<mark>`{3,}(?!`)|~{3,}(?!~))(?=[^\n]*\n)"
    r"[ \t]*(?P<language>[\w+#.-]*)[^\n]*\n(?P<code>.*?)"
    r"(?:^[ \t]*(?P=mark)[`~]*[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_PYTHON = ("python", "python3", "py", "")


def code_in(text: str, entry_point: str = "", prefix: str = "") -> Extracted:
    """The Python code of a response.

    Of several fenced blocks, the first that defines ``entry_point``, else the first in Python.
    Without fenced blocks, the whole text, if it is Python by itself or continues ``prefix`` (such
    as the beginning of a function at the end of the prompt).
    """
    blocks = [m for m in _FENCE.finditer(text) if m["language"].lower() in _PYTHON]
    if blocks:
        defines = re.compile(rf"^(?:async\s+def|def|class)\s+{re.escape(entry_point)}\b", re.M)
        chosen = next((b for b in blocks if entry_point and defines.search(b["code"])), blocks[0])
        place = blocks.index(chosen) + 1
        which = "the code block" if len(blocks) == 1 else f"code block {place} of {len(blocks)}"
        return Extracted(chosen["code"], which)
    if _FENCE.search(text):
        return Extracted(None, "no code block is in Python")
    if text.strip() and (is_python(text) or (prefix and is_python(prefix + text))):
        return Extracted(text, "the whole response, which is Python")
    return Extracted(None, "the response has no code block and is not Python")


def assembled(code: str, prefix: str = "") -> str:
    """The prefix and the answer, joined directly if only both together are Python.

    A complete answer follows the prefix on a new line, so that the prefix's imports count, unless
    the prefix alone is not valid Python.
    """
    if not prefix:
        return code
    if not is_python(code):
        return prefix + code
    return f"{prefix}\n{code}" if is_python(prefix) else code


def is_python(text: str) -> bool:
    """True if a text parses as Python. Runs nothing."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
