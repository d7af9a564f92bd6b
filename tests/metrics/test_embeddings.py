"""Similarity of embeddings."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.metrics import compute
from tests.metrics.test_bertscore import columns

pytestmark = pytest.mark.model


@pytest.mark.usefixtures("no_intervals")
def test_embedding_similarity_equals_sentence_transformers(folder: str) -> None:
    from sentence_transformers import SentenceTransformer, util

    model = SentenceTransformer(folder, device="cpu")
    answers, references = columns()
    cosines = util.cos_sim(
        model.encode(answers), model.encode([r for some in references for r in some])
    )
    ends = np.cumsum([len(some) for some in references])
    expected = [
        float(row[end - len(some) : end].max())
        for row, some, end in zip(cosines, references, ends, strict=True)
    ]
    score = compute("embedding_similarity", answers, references)
    np.testing.assert_allclose(score.per_sample, expected, atol=1e-5)
    assert "all-MiniLM-L6-v2" in score.note
    assert "texts cut at 256 tokens" in score.note
    empty = compute("embedding_similarity", ["", "a"], ["a", " "])
    assert list(empty.per_sample) == [0, 0]
