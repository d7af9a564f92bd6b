"""How near an answer is to a reference as a whole: the cosine of their embeddings."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evalkit.encoders.source import find_encoder
from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result


def embedding_similarity(
    columns: Columns,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    model: str | None = None,
    device: str = "auto",
) -> Result:
    """Mean cosine of the sentence embeddings of an answer and its nearest reference.

    Range -1 … 1, in practice above 0; bootstrap interval. A missing or empty answer counts 0, and
    so does an empty reference. model: a folder or hub id for sentence-transformers (default:
    all-MiniLM-L6-v2); the score's note names it. Source: N. Reimers and I. Gurevych,
    Sentence-BERT, EMNLP 2019.
    """
    from evalkit.encoders import sentences

    name = "embedding_similarity"
    if not len(columns):
        return build.single(name, build.undefined(0, confidence, build.NOTHING))
    embedder = sentences.embedder(find_encoder(model, Path.cwd()), device)
    answers, references = build.pairs(build.texts(columns.predictions), columns.targets)
    cosines = np.zeros(len(answers))
    full = [i for i in range(len(answers)) if answers[i].strip() and references[i].strip()]
    if full:
        left = embedder.embed([answers[i] for i in full])
        right = embedder.embed([references[i] for i in full])
        cosines[full] = np.einsum("nd,nd->n", left, right, dtype=np.float64)
    cut = embedder.count_truncated([*answers, *references])
    note = build.joined(
        embedder.name,
        f"{cut} texts cut at {embedder.limit} tokens" if cut else "",
        build.unknown_tokens(columns, embedder.count_unknown, embedder.name),
    )
    values = build.best(columns.targets, cosines.tolist())
    score = build.mean(name, values, confidence=confidence, note=note)
    return build.single(name, score)
