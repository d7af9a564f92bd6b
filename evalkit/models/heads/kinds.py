"""The kinds of task heads, and the head of a checkpoint from its ``config.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit import tasks
from evalkit.errors import ModelError
from evalkit.models.options import Declaration
from evalkit.models.source import ModelSource, locate_model


@dataclass(frozen=True, slots=True)
class HeadKind:
    """A kind of head: the suffix of its class names, and the class that loads it."""

    ending: str
    loader: str


HEADS: Mapping[str, HeadKind] = {
    "sequence-classification": HeadKind(
        "ForSequenceClassification", "AutoModelForSequenceClassification"
    ),
    "token-classification": HeadKind("ForTokenClassification", "AutoModelForTokenClassification"),
    "extractive-qa": HeadKind("ForQuestionAnswering", "AutoModelForQuestionAnswering"),
    "fill-mask": HeadKind("ForMaskedLM", "AutoModelForMaskedLM"),
    "embeddings": HeadKind("Model", "AutoModel"),
}


def tasks_of(head: str) -> tuple[str, ...]:
    """The tasks of a head."""
    return tuple(task.name for task in tasks.every() if task.head and head in task.head.kinds)


_GENERATIVE = ("LMHeadModel", "MTModel", "EncoderDecoderModel")
"""Suffixes of generative classes: GPT-2, Marian, pairs of an encoder and a decoder."""


def head_named(architecture: str) -> str | None:
    """The head of a transformers class; None for a generative model."""
    if architecture.endswith(_GENERATIVE):
        return None
    return next((n for n, kind in HEADS.items() if architecture.endswith(kind.ending)), None)


def head_of(declaration: Declaration) -> str | None:
    """The declared head, or that of the checkpoint; None for a generative model.

    It reads only ``config.json``. A missing checkpoint has no head: loading it reports the error.
    """
    declared = declaration.options.get("head")
    if declared is not None:
        return str(declared) if declared in HEADS else None
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
            return ModelSource(str(folder), None, None, {}).config
        revision = revision if isinstance(revision, str) else None
        return locate_model(model, Path(declaration.root), gguf=None, revision=revision).config
    except ModelError:
        return {}
