"""The Model of a checkpoint with a task head."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.exchange import Request, Response, Status
from evalkit.models import hardware
from evalkit.models.base import Batch, Capabilities
from evalkit.models.fingerprints import fingerprint, grouped
from evalkit.models.heads import labels
from evalkit.models.heads.kinds import HEADS, tasks_of
from evalkit.models.heads.options import HeadOptions
from evalkit.models.options import Declaration, check
from evalkit.models.source import ModelSource, locate_model
from evalkit.models.time_limits import TimeLimits

if TYPE_CHECKING:
    from evalkit.models.heads.runner import HeadAdapter, LoadedCheckpoint

VERSION = 1
"""Increased when heads may answer the same request differently."""


class HeadModel:
    """A transformers checkpoint with a task head, run in this process."""

    def __init__(self, declaration: Declaration, head: str) -> None:
        self.name = declaration.name
        self.declaration = declaration
        self.head = head
        self.options = check(declaration, HeadOptions)
        self.capabilities = capabilities(head)
        self._limits = TimeLimits(self.name, self.options)
        self._root = Path(declaration.root)
        self._source: ModelSource | None = None
        self._runner: HeadRunner | None = None
        self._load_seconds = 0.0

    def fingerprint(self) -> Mapping[str, Any]:
        """Weights by content or commit, head and its options, precision, device and versions."""
        return fingerprint(
            self.options,
            "transformers",
            weights=dict(self._locate().identity),
            head=self.head,
            options=grouped(self.options, "options"),
            dtype=self._dtype(),
            device=self._device().partition(":")[0],
            **({"pooling": self._pooling()} if self.head == "embeddings" else {}),
            engine=f"heads-{VERSION}",
            versions=hardware.library_versions("torch", "transformers", "tokenizers"),
        )

    def load(self) -> None:
        """Load weights and tokenizer. Raises ModelError."""
        if self._runner is not None:
            return
        from evalkit.models.heads.loading import load_head

        started = time.perf_counter()
        checkpoint = load_head(
            self._locate(), self.head, self.options, device=self._device(), dtype=self._dtype()
        )
        self._runner = HeadRunner(self.head, checkpoint)
        self._load_seconds = time.perf_counter() - started

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Answer in batches (see ``evalkit.models.heads.runner``); loads the model if necessary."""
        self.load()
        assert self._runner is not None
        runner = self._runner
        yield from self._limits.apply(
            lambda: runner.respond(requests, answered), requests, answered
        )

    def describe(self) -> Mapping[str, Any]:
        """The chosen settings and, once loaded, facts about the model."""
        known: dict[str, Any] = {
            "model": self.options.model,
            "head": self.head,
            "device": self._device(),
            "dtype": self._dtype(),
        }
        if self._runner is not None:
            seconds = round(self._load_seconds, 3)
            known |= {**self._runner.describe(), "load_seconds": seconds}
        return known

    def close(self) -> None:
        """Free the weights and the memory of the device."""
        if self._runner is None:
            return
        from evalkit.engine.memory import release_memory

        self._runner = None
        release_memory()

    def _locate(self) -> ModelSource:
        if self._source is None:
            options = self.options
            self._source = locate_model(
                options.model, self._root, gguf=None, revision=options.revision
            )
        return self._source

    def _pooling(self) -> str:
        from evalkit.models.heads.loading import pooling_of

        return pooling_of(self._locate(), self.options)

    def _device(self) -> str:
        return hardware.choose_device(self.options.device)

    def _dtype(self) -> str:
        stored = self._locate().stored_dtype
        return hardware.choose_dtype(self.options.dtype, stored, self._device())


class HeadRunner:
    """A loaded head that answers requests."""

    def __init__(self, head: str, checkpoint: LoadedCheckpoint) -> None:
        """Raises ModelError if the model does not support the head."""
        self.name = head
        self._checkpoint = checkpoint
        self._head = _make_head(head, checkpoint)

    def respond(self, requests: Sequence[Request], answered: frozenset[int]) -> Iterator[Batch]:
        """See ``evalkit.models.base.Model``. Raises ModelError if labels differ."""
        from evalkit.models.heads.runner import run_head

        prompts = [i for i, r in enumerate(requests) if r.inputs is None]
        if unsupported := [i for i in prompts if i not in answered]:
            message = f"a model with a {self.name} head takes inputs, not prompts"
            yield [(i, Response(Status.ERROR, error=message)) for i in unsupported]
        places = [i for i, r in enumerate(requests) if r.inputs is not None]
        known = frozenset(k for k, i in enumerate(places) if i in answered)
        for batch in run_head(self._head, self._checkpoint, [requests[i] for i in places], known):
            yield [(places[k], response) for k, response in batch]

    def describe(self) -> dict[str, Any]:
        """Facts about the model, for reports."""
        model, checkpoint = self._checkpoint.model, self._checkpoint
        known = {
            "architecture": type(model).__name__,
            "parameters": sum(p.numel() for p in model.parameters()),
            "context_length": checkpoint.context_length,
            "batch_tokens": checkpoint.batch_tokens,
            "batch_rows": checkpoint.batch_rows,
        }
        if self.name == "embeddings":
            return {**known, "pooling": checkpoint.pooling}
        if HEADS[self.name].ending in ("ForSequenceClassification", "ForTokenClassification"):
            known["labels"] = labels.label_names(model.config, checkpoint.options.labels)
        return known


def capabilities(head: str) -> Capabilities:
    """The capabilities of a model with a head."""
    return Capabilities(
        chat=False,
        text=False,
        reading=False,
        inputs=tasks_of(head),
        entailment=head == "sequence-classification",
    )


def _make_head(head: str, checkpoint: LoadedCheckpoint) -> HeadAdapter:
    module, _, name = _CLASSES[head].partition(":")
    make: Callable[[LoadedCheckpoint], HeadAdapter] = getattr(import_module(module), name)
    return make(checkpoint)


_CLASSES = {
    "sequence-classification": (
        "evalkit.models.heads.sequence_classification:SequenceClassification"
    ),
    "token-classification": "evalkit.models.heads.token_classification:TokenClassification",
    "extractive-qa": "evalkit.models.heads.question_answering:QuestionAnswering",
    "fill-mask": "evalkit.models.heads.fill_mask:FillMask",
    "embeddings": "evalkit.models.heads.embeddings:NearestLabel",
}
