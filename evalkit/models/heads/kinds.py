"""Which head a checkpoint has, by its ``config.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit import tasks
from evalkit.errors import ModelError
from evalkit.models.options import Declaration
from evalkit.models.source import Source, locate


@dataclass(frozen=True, slots=True)
class Kind:
    """A head: how the names of its classes end, and the class that loads it."""

    ending: str
    loader: str


HEADS: Mapping[str, Kind] = {
    "sequence-classification": Kind(
        "ForSequenceClassification", "AutoModelForSequenceClassification"
    ),
    "token-classification": Kind("ForTokenClassification", "AutoModelForTokenClassification"),
    "extractive-qa": Kind("ForQuestionAnswering", "AutoModelForQuestionAnswering"),
    "fill-mask": Kind("ForMaskedLM", "AutoModelForMaskedLM"),
    "embeddings": Kind("Model", "AutoModel"),
}


def tasks_of(head: str) -> tuple[str, ...]:
    """The tasks that a head does."""
    return tuple(task.name for task in tasks.every() if task.head and head in task.head.kinds)


_WRITE = ("LMHeadModel", "MTModel", "EncoderDecoderModel")
"""How the names of other classes end that write text: GPT-2's, Marian's, pairs of two models."""


def head_named(architecture: str) -> str | None:
    """The head of a class of transformers; None for one that writes text."""
    if architecture.endswith(_WRITE):
        return None
    return next((n for n, kind in HEADS.items() if architecture.endswith(kind.ending)), None)


def head_of(declaration: Declaration) -> str | None:
    """The head that a declaration asks for, or that its checkpoint has; None: it writes text.

    Reads ``config.json`` and nothing else. A checkpoint that cannot be found has none: loading it
    tells what is wrong.
    """
    asked = declaration.options.get("head")
    if asked is not None:
        return str(asked) if asked in HEADS else None
    architectures = _config(declaration).get("architectures") or []
    return head_named(str(architectures[0])) if architectures else None


def _config(declaration: Declaration) -> Mapping[str, Any]:
    options = declaration.options
    model, revision = options.get("model"), options.get("revision")
    if not isinstance(model, str) or ":" in model or options.get("gguf_file"):
        return {}
    folder = Path(model).expanduser()
    folder = folder if folder.is_absolute() else Path(declaration.root) / folder
    try:
        if folder.exists():
            return Source(str(folder), None, None, {}).config
        revision = revision if isinstance(revision, str) else None
        return locate(model, Path(declaration.root), gguf=None, revision=revision).config
    except ModelError:
        return {}
