"""The Model around a checkpoint with a task head."""

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
from evalkit.models.source import Source, locate

if TYPE_CHECKING:
    from evalkit.models.heads.rows import Head, Reader

VERSION = 1
"""Counts changes to heads that may change an answer."""


class HeadModel:
    """A checkpoint of transformers with a task head, run in this process."""

    def __init__(self, declaration: Declaration, head: str) -> None:
        self.name = declaration.name
        self.declaration = declaration
        self.head = head
        self.options = check(declaration, HeadOptions)
        self.capabilities = capabilities(head)
        self._root = Path(declaration.root)
        self._source: Source | None = None
        self._running: Running | None = None
        self._load_seconds = 0.0

    def fingerprint(self) -> Mapping[str, Any]:
        """Weights by content or commit, the head and its options, precision, device, versions."""
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
        """Read weights and tokenizer onto the device. Raises ModelError."""
        if self._running is not None:
            return
        from evalkit.models.heads.loading import load_head

        started = time.perf_counter()
        reader = load_head(
            self._locate(), self.head, self.options, device=self._device(), dtype=self._dtype()
        )
        self._running = Running(self.head, reader)
        self._load_seconds = time.perf_counter() - started

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Answer in batches (see evalkit.models.heads.rows.run); loads when that was not done."""
        self.load()
        assert self._running is not None
        yield from self._running.respond(requests, answered)

    def describe(self) -> Mapping[str, Any]:
        """What was chosen; once loaded also what the model is."""
        known: dict[str, Any] = {
            "model": self.options.model,
            "head": self.head,
            "device": self._device(),
            "dtype": self._dtype(),
        }
        if self._running is not None:
            seconds = round(self._load_seconds, 3)
            known |= {**self._running.describe(), "load_seconds": seconds}
        return known

    def close(self) -> None:
        """Free the weights and give the device's memory back."""
        if self._running is None:
            return
        from evalkit.engine.memory import release_memory

        self._running = None
        release_memory()

    def _locate(self) -> Source:
        if self._source is None:
            options = self.options
            self._source = locate(options.model, self._root, gguf=None, revision=options.revision)
        return self._source

    def _pooling(self) -> str:
        from evalkit.models.heads.loading import pooling_of

        return pooling_of(self._locate(), self.options)

    def _device(self) -> str:
        return hardware.choose_device(self.options.device)

    def _dtype(self) -> str:
        stored = self._locate().stored_dtype
        return hardware.choose_dtype(self.options.dtype, stored, self._device())


class Running:
    """A head that is loaded and answers requests."""

    def __init__(self, head: str, reader: Reader) -> None:
        """Raises ModelError when the model cannot be used that way."""
        self.name = head
        self._reader = reader
        self._head = _made(head, reader)

    def respond(self, requests: Sequence[Request], answered: frozenset[int]) -> Iterator[Batch]:
        """See evalkit.models.base.Model. Raises ModelError where labels do not match."""
        from evalkit.models.heads.rows import run

        prompts = [i for i, r in enumerate(requests) if r.inputs is None]
        if refused := [i for i in prompts if i not in answered]:
            told = f"a model with a {self.name} head reads inputs and answers no prompts"
            yield [(i, Response(Status.ERROR, error=told)) for i in refused]
        places = [i for i, r in enumerate(requests) if r.inputs is not None]
        known = frozenset(k for k, i in enumerate(places) if i in answered)
        for batch in run(self._head, self._reader, [requests[i] for i in places], known):
            yield [(places[k], response) for k, response in batch]

    def describe(self) -> dict[str, Any]:
        """What the model is, for people."""
        model, reader = self._reader.model, self._reader
        known = {
            "architecture": type(model).__name__,
            "parameters": sum(p.numel() for p in model.parameters()),
            "context_length": reader.context_length,
            "batch_tokens": reader.batch_tokens,
            "batch_rows": reader.batch_rows,
        }
        if self.name == "embeddings":
            return {**known, "pooling": reader.pooling}
        if HEADS[self.name].ending in ("ForSequenceClassification", "ForTokenClassification"):
            known["labels"] = labels.names(model.config, reader.options.labels)
        return known


def capabilities(head: str) -> Capabilities:
    """What a model with a head can be asked for."""
    return Capabilities(chat=False, text=False, reading=False, inputs=tasks_of(head))


def _made(head: str, reader: Reader) -> Head:
    module, _, name = _CLASSES[head].partition(":")
    make: Callable[[Reader], Head] = getattr(import_module(module), name)
    return make(reader)


_CLASSES = {
    "sequence-classification": "evalkit.models.heads.classification:Classifier",
    "token-classification": "evalkit.models.heads.tagging:Tagger",
    "extractive-qa": "evalkit.models.heads.answering:Answerer",
    "fill-mask": "evalkit.models.heads.masking:Filler",
    "embeddings": "evalkit.models.heads.embedding:Nearest",
}
