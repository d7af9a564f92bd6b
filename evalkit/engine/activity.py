"""What a model is computing at the moment, for the progress of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalkit.engine.sequence import SequenceState


@dataclass(slots=True)
class Activity:
    """Counts of the current computation. The progress reads them in another thread.

    written: tokens of sequences in decoding, prompts included. reading: tokens of the current
    forward pass. layers_done: the fraction of its layers that are computed.
    """

    written: int = 0
    reading: int = 0
    layers_done: float = 0.0

    @property
    def tokens(self) -> int:
        """Tokens that are computed but not part of a response yet."""
        return self.written + int(self.reading * self.layers_done)

    @contextmanager
    def forward_pass(self, tokens: int) -> Iterator[None]:
        """Count the tokens of a forward pass inside the ``with`` block."""
        self.reading, self.layers_done = tokens, 0.0
        try:
            yield
        finally:
            self.reading = 0

    def decoding(self, running: Sequence[SequenceState]) -> None:
        """Count the tokens of the sequences that are not finished."""
        self.written = sum(len(s.encoded.prompt) + len(s.ids) for s in running if not s.done)
