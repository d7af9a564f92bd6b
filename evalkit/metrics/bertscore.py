"""BERTScore: how well the words of an answer and a reference match in meaning.

Computed with bert-score's model and tokens, equal to it (see ``evalkit.encoders.bertscore``); the
note of a score is bert-score's hash of the settings. Of several references each of precision,
recall and F1 takes its best, as bert-score does. A missing answer is an empty text: 0.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evalkit.encoders.source import find_encoder
from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result

_PARTS = ("bertscore_precision", "bertscore_recall", "bertscore")


def _part(name: str, meaning: str) -> Callable[..., Result]:
    def metric(
        columns: Columns,
        *,
        confidence: float = 0.95,
        seed: int = 0,
        model: str | None = None,
        layer: int | None = None,
        rescale: bool = False,
        lang: str = "en",
        baseline: str | None = None,
        dtype: str = "float32",
        device: str = "auto",
    ) -> Result:
        from evalkit.encoders import bertscore

        if not len(columns):
            return build.single(name, build.undefined(0, confidence, build.NOTHING))
        scorer = bertscore.scorer(find_encoder(model, Path.cwd()), layer, dtype, device)
        answers, references = build.pairs(build.texts(columns.predictions), columns.targets)
        column = _PARTS.index(name)
        values = build.best(columns.targets, scorer.score(answers, references)[:, column].tolist())
        rescale = rescale or baseline is not None
        if rescale:
            zero = bertscore.baseline(scorer.name, lang, scorer.layer, baseline)[column]
            values = [(value - zero) / (1 - zero) for value in values]
        cut = scorer.count_truncated([*answers, *references])
        note = build.joined(
            scorer.signature(rescaled=rescale, own_baseline=baseline is not None),
            f"{cut} texts cut at {scorer.limit} tokens" if cut else "",
            build.unknown_tokens(columns, scorer.count_unknown, scorer.name),
        )
        score = build.mean(name, values, confidence=confidence, note=note, bounded=not rescale)
        return build.single(name, score)

    metric.__name__ = metric.__qualname__ = name
    metric.__doc__ = f"""Mean {meaning}. 1 is best; bootstrap interval.

    model: a folder or hub id (default: all-MiniLM-L6-v2). layer: how many of its layers
    (default: bert-score's choice, else all). rescale: subtract what unrelated texts of ``lang``
    score and stretch to 1, by bert-score's table or the file ``baseline``; the score then has no
    lower bound.
    Source: T. Zhang et al., BERTScore, ICLR 2020.
    """
    return metric


bertscore = _part("bertscore", "F1 of the two below")
bertscore_precision = _part(
    "bertscore_precision", "similarity of an answer's tokens to their nearest in the reference"
)
bertscore_recall = _part(
    "bertscore_recall", "similarity of a reference's tokens to their nearest in the answer"
)
