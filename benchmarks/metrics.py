"""Metrics over a whole column against their reference libraries called sample by sample.

``python benchmarks/metrics.py [--pairs 2000] [--semantic 200] [--dtype float32 …] [--device cpu]``

Pairs are of 40-80 words drawn from the shipped suites; a reference shares about two thirds of its
answer's. Both sides are timed with everything loaded. What evalkit does is timed twice: the values
alone, and with the interval (10,000 resamples), which the libraries do not make.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from evalkit.content import folder
from evalkit.metrics import compute, rouge

KINDS = ("rouge1", "rouge2", "rougeL")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--semantic", type=int, default=200, help="pairs for BERTScore; 0: none")
    parser.add_argument("--dtype", nargs="+", default=["float32"])
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    answers, references = pairs(options.pairs)
    rouges(answers, references)
    corpora(answers, references)
    if options.semantic:
        few = slice(options.semantic)
        bertscores(answers[few], references[few], options.dtype, options.device)


def pairs(count: int) -> tuple[list[str], list[str]]:
    """Answers and references, the same each time."""
    rng = random.Random(0)
    texts = sorted(folder("suites").rglob("*.jsonl")) + sorted(folder("suites").rglob("*.csv"))
    words = re.findall(r"[A-Za-z]+", " ".join(file.read_text("utf-8") for file in texts))
    answers, references = [], []
    for _ in range(count):
        answer = rng.choices(words, k=rng.randint(40, 80))
        answers.append(" ".join(answer))
        reference = [w if rng.random() < 0.66 else rng.choice(words) for w in answer]
        references.append(" ".join(reference[: rng.randint(40, 80)]))
    return answers, references


def rouges(answers: Sequence[str], references: Sequence[str]) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    for use_stemmer in (False, True):
        scorer = RougeScorer(list(KINDS), use_stemmer=use_stemmer)
        theirs, slow = timed(
            lambda scorer=scorer: [
                scorer.score(r, a) for a, r in zip(answers, references, strict=True)
            ]
        )
        ours, fast = timed(
            lambda stem=use_stemmer: [
                rouge.f_measures(kind, answers, references, stem) for kind in KINDS
            ]
        )
        settings = {"use_stemmer": use_stemmer}
        _, whole = timed(
            lambda settings=settings: [
                compute(kind, answers, references, settings=settings) for kind in KINDS
            ]
        )
        same = all(
            [score[kind].fmeasure for score in theirs] == column
            for kind, column in zip(KINDS, ours, strict=True)
        )
        name = "ROUGE-1/2/L" + (", stemmed" if use_stemmer else "")
        line(name, slow, fast, whole, "equal" if same else "DIFFERENT")


def corpora(answers: Sequence[str], references: Sequence[str]) -> None:
    """Every sample's score and the corpus's from sacrebleu, against one pass over its counts."""
    import sacrebleu

    from evalkit.metrics.base import Columns
    from evalkit.metrics.translation import sums_of

    columns = Columns(list(answers), [(r,) for r in references])
    for name, metric in (
        ("bleu", sacrebleu.BLEU(effective_order=True)),
        ("chrf", sacrebleu.CHRF()),
    ):

        def theirs(metric: Any = metric) -> float:
            for answer, reference in zip(answers, references, strict=True):
                metric.sentence_score(answer, [reference])
            return float(metric.corpus_score(list(answers), [list(references)]).score)

        def ours(name: str = name) -> float:
            rows, statistic = sums_of(name, columns)
            statistic(rows)  # every sample
            return float(statistic(rows.sum(axis=0)[np.newaxis])[0])

        expected, slow = timed(theirs)
        got, fast = timed(ours)
        _, whole = timed(lambda name=name: compute(name, answers, references))
        line(name, slow, fast, whole, f"off by {abs(expected - got):.0e}")


def bertscores(
    answers: Sequence[str], references: Sequence[str], dtypes: Sequence[str], device: str
) -> None:
    from bert_score import BERTScorer

    from evalkit.encoders import bertscore, source
    from evalkit.models.hardware import choose_device

    encoder = source.find_encoder()
    chosen = choose_device(device)
    scorer = BERTScorer(model_type=encoder.path, num_layers=6, device=chosen)
    scorer.score([answers[0]], [references[0]])
    theirs, slow = timed(
        lambda: [
            float(scorer.score([a], [r])[2][0]) for a, r in zip(answers, references, strict=True)
        ]
    )
    for dtype in dtypes:
        matcher = bertscore.BertScorer(encoder, None, dtype, device)
        matcher.score(["warm"], ["up"])
        ours, fast = timed(lambda matcher=matcher: matcher.score(answers, references)[:, 2])
        off = float(np.abs(ours - theirs).max())
        line(f"BERTScore {dtype} {chosen}", slow, fast, None, f"off by {off:.0e} at most")


def timed(run: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    made = run()
    return made, time.perf_counter() - start


def line(name: str, slow: float, fast: float, whole: float | None, remark: str) -> None:
    interval = "" if whole is None else f"  with interval {whole:6.2f} s ({slow / whole:5.1f}x)"
    print(f"{name:<28} {slow:7.2f} s → {fast:6.3f} s ({slow / fast:6.1f}x){interval}  {remark}")


if __name__ == "__main__":
    main()
