"""Metrics that several tasks share."""

from __future__ import annotations

BIAS = ("bias_score", "scaled_bias_score")
OVERLAP = ("token_f1", "contains")
ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")
TRANSLATED = ("bleu", "chrf", "ter", "meteor")
MEANING = ("bertscore", "bertscore_precision", "bertscore_recall", "embedding_similarity")
READ = ("perplexity", "bits_per_byte")
"""For answers, these need a reference model that reads them."""
VARIETY = ("distinct_1", "distinct_2")
