"""Fences around untrusted text in a prompt, which it cannot close or imitate."""

from __future__ import annotations

import hashlib
import re

_TURNS = re.compile(
    r"<(?=[|｜/]?[\w▁ ]{1,40}[|｜]>"
    r"|/?(?:s|bos|eos|pad|unk|think|start_of_turn|end_of_turn)>|<SYS>>|</SYS>>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS)\])",
    re.IGNORECASE,
)
_SHORTEST = 4
"""Characters of a code: few, since every judgment pays for its tokens; it need not be secret,
only absent from the text, which is checked."""
_JOINER = "\N{WORD JOINER}"
"""Invisible; inserted after the first character of a chat template's control token."""


_NAME = 80
"""The most characters of a name."""


def as_name(text: str) -> str:
    """A short name that a model wrote, as part of a line: it cannot begin a line or a turn."""
    plain = _TURNS.sub(lambda found: found[0] + _JOINER, " ".join(text.split()))
    return plain if len(plain) <= _NAME else plain[: _NAME - 1] + "…"


def fenced(text: str) -> str:
    """A text between two lines with a code that it cannot hold: the code is made from the text.

    What chat templates use to begin and end turns (``<|im_end|>``, ``[INST]``, ``</s>``) is made
    into plain text, so that no turn of the conversation can be forged.

    >>> print(fenced("fine"))
    <<< d14a
    fine
    d14a >>>
    """
    plain = _TURNS.sub(lambda found: found[0] + _JOINER, text)
    digest = hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()
    lengths = range(_SHORTEST, len(digest))
    code = next((digest[:n] for n in lengths if digest[:n] not in plain), digest)
    return f"<<< {code}\n{plain}\n{code} >>>"
