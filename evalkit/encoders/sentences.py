"""Sentence embeddings, by sentence-transformers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from evalkit.encoders.source import INSTALL_SEMANTIC, EncoderSource
from evalkit.errors import ModelError
from evalkit.models import hardware

MAX_CACHED_VECTORS = 50_000
"""The most vectors that are cached for the next cell."""


@lru_cache(maxsize=1)
def embedder(encoder: EncoderSource, device: str) -> Embedder:
    """The embedder with these settings; the last one stays loaded."""
    return Embedder(encoder, device)


class Embedder:
    """Unit vectors of texts under one model. Raises ModelError if it cannot be loaded."""

    def __init__(self, encoder: EncoderSource, device: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ModelError(
                f"embedding_similarity needs sentence-transformers ({error}): {INSTALL_SEMANTIC}"
            ) from None
        from evalkit.models.loading import quiet

        self.name = encoder.name
        try:
            with quiet():
                self._model = SentenceTransformer(
                    encoder.path,
                    device=hardware.choose_device(device),
                    revision=encoder.revision,
                )
        except (OSError, ValueError) as error:
            raise ModelError(
                f"embedding_similarity: {encoder.name} cannot be loaded: {error}"
            ) from error
        self.limit: int | None = self._model.get_max_seq_length()
        self._cached: dict[str, NDArray[np.float32]] = {}
        self._counts: dict[str, tuple[int, int]] = {}
        self._long: set[str] = set()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The unit vector of each text, shape (n, width). Equal texts are encoded once."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._cached]
        if len(self._cached) + len(missing) > MAX_CACHED_VECTORS:
            self._cached.clear()
            self._counts.clear()
            missing = list(dict.fromkeys(texts))
        if missing:
            vectors = self._model.encode(
                missing, batch_size=64, normalize_embeddings=True, show_progress_bar=False
            )
            self._cached |= zip(missing, vectors, strict=True)
            self._note_long(missing)
        return np.stack([self._cached[text] for text in texts])

    def count_truncated(self, texts: Sequence[str]) -> int:
        """How many of the texts embedded so far exceed the model's context."""
        return len(self._long.intersection(texts))

    def count_unknown(self, text: str) -> tuple[int, int]:
        """The number of unknown tokens of a text, and of all its tokens."""
        if text not in self._counts:
            ids = self._model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
            unknown = getattr(self._model.tokenizer, "unk_token_id", None)
            self._counts[text] = sum(i == unknown for i in ids), len(ids)
        return self._counts[text]

    def _note_long(self, texts: Sequence[str]) -> None:
        if self.limit is None:
            return
        # a token holds at least one byte, so shorter texts cannot be too long
        some = [text for text in texts if len(text.encode("utf-8", "replace")) > self.limit - 2]
        if some:
            ids = self._model.tokenizer(some, truncation=False, verbose=False)["input_ids"]
            self._long |= {t for t, row in zip(some, ids, strict=True) if len(row) > self.limit}
