"""A model with a task head that is in memory already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from evalkit.exchange import Request
from evalkit.models import hardware
from evalkit.models.base import Batch
from evalkit.models.heads.model import VERSION, HeadRunner, capabilities


class InMemoryHead:
    """A transformers model with a task head. ``close`` does not free it: its owner does."""

    def __init__(
        self,
        name: str,
        head: str,
        model: Any,
        tokenizer: Any,
        digest_of: Callable[[Any, Any], str],
    ) -> None:
        """digest_of: returns a hash of the weights and the tokenizer."""
        self.name = name
        self.head = head
        self.capabilities = capabilities(head)
        self._model, self._tokenizer, self._digest_of = model, tokenizer, digest_of
        self._digest = ""
        self._runner: HeadRunner | None = None

    def fingerprint(self) -> Mapping[str, Any]:
        """A hash of all weights, the config and the tokenizer; computed once."""
        self._digest = self._digest or self._digest_of(self._model, self._tokenizer)
        return {
            "backend": "handed",
            "weights": {"state_sha256": self._digest},
            "head": self.head,
            "dtype": str(self._model.dtype).removeprefix("torch."),
            "device": self._model.device.type,
            "engine": f"heads-{VERSION}",
            "versions": hardware.library_versions("torch", "transformers", "tokenizers"),
        }

    def load(self) -> None:
        """Create the head; its weights are in memory. Raises ModelError."""
        if self._runner is None:
            from evalkit.models.heads.loading import make_checkpoint
            from evalkit.models.heads.options import HeadOptions

            options = HeadOptions(model="handed over")
            checkpoint = make_checkpoint(self._model.eval(), self._tokenizer, options)
            self._runner = HeadRunner(self.head, checkpoint)

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Answer in batches (see evalkit.models.heads.runner.run_head)."""
        self.load()
        assert self._runner is not None
        yield from self._runner.respond(requests, answered)

    def describe(self) -> Mapping[str, Any]:
        """Facts about the model."""
        known = {"model": "handed over", "head": self.head, "device": str(self._model.device)}
        return {**known, **(self._runner.describe() if self._runner else {})}

    def close(self) -> None:
        """Do nothing: the model belongs to its owner."""
