"""evalkit's own metrics, an entry each."""

from __future__ import annotations

from typing import Any

from evalkit.metrics import tokenizers
from evalkit.metrics.entry import INF, Metric

BERTSCORE = {
    "model": None, "layer": None, "rescale": False, "lang": "en", "baseline": None,
    "dtype": "float32", "device": "auto",
}  # fmt: skip
TOKENIZE: dict[str, Any] = {
    "settings": {"tokenize": tokenizers.DEFAULT},
    "choices": {"tokenize": tokenizers.NAMES},
}
ZERO = {"zero_division": 0.0}
OWN = {"zero_division": None}  # of one label: NaN where 0/0 means that it does not occur


def _classification(name: str, summary: str, **more: Any) -> Metric:
    function = f"evalkit.metrics.classification:{name}"
    return Metric(name, function, summary, ("labels",), **more)


def _probabilistic(name: str, summary: str, **more: Any) -> Metric:
    function = f"evalkit.metrics.probabilistic:{name}"
    return Metric(name, function, summary, ("labels", "probabilities"), **more)


def _averages(kind: str, meaning: str) -> list[Metric]:
    return [
        _classification(f"{kind}_{part}", f"{part} {meaning}", settings=ZERO)
        for part in ("precision", "recall", "f1")
    ]


ENTRIES: tuple[Metric, ...] = (
    Metric(
        "accuracy",
        "evalkit.metrics.classification:accuracy",
        "share of predictions that equal an accepted target",
    ),
    _classification("balanced_accuracy", "mean recall over the labels that occur in the targets"),
    *_averages("macro", "averaged over the labels, each counting the same"),
    *_averages("micro", "from the counts of all labels together"),
    *_averages("weighted", "averaged over the labels, each counting as often as it occurs"),
    _classification(
        "precision", "share of a label's predictions that are right", keyed=True, settings=OWN
    ),
    _classification(
        "recall", "share of a label's samples that are found", keyed=True, settings=OWN
    ),
    _classification(
        "f1", "harmonic mean of a label's precision and recall", keyed=True, settings=OWN
    ),
    _classification("mcc", "Matthews correlation of predictions and targets", low=-1.0),
    _classification("cohen_kappa", "agreement beyond chance of predictions and targets", low=-1.0),
    _probabilistic(
        "log_loss", "mean negative log probability of the target (nats)", better="lower", high=INF
    ),
    _probabilistic(
        "brier",
        "mean squared error of the probabilities",
        better="lower",
        high=2.0,
    ),
    _probabilistic("auroc", "area under the ROC curve (one label against the rest, averaged)"),
    _probabilistic(
        "calibration_error",
        "mean gap between confidence and accuracy over bins of confidence",
        better="lower",
        settings={"bins": 10},
    ),
    Metric(
        "accuracy_norm",
        "evalkit.metrics.multiple_choice:accuracy_norm",
        "accuracy of the choice with the highest log-likelihood per byte",
        ("choices",),
        settings={"unit": "bytes"},
        choices={"unit": ("bytes", "characters")},
    ),
    Metric(
        "target_probability",
        "evalkit.metrics.multiple_choice:target_probability",
        "mean probability of the right choices among all choices",
        ("choices",),
    ),
    *(
        Metric(
            name,
            f"evalkit.metrics.bias:{name}",
            summary,
            better="",
            low=-1.0,
            settings={"toward": None, "away": None},
            columns=("toward", "away"),
            ready="evalkit.metrics.bias:ready",
        )
        for name, summary in (
            ("bias_score", "answers toward a stereotype less those against it, over both"),
            ("scaled_bias_score", "answers toward a stereotype less those against it, over all"),
        )
    ),
    Metric(
        "math_accuracy",
        "evalkit.metrics.mathematics:math_accuracy",
        "share of final answers that are mathematically equal to a target (math-verify)",
        package="math_verify",
        extra="math",
    ),
    *(
        Metric(
            f"entity_{part}",
            f"evalkit.metrics.entities:entity_{part}",
            f"{summary}, overall and of each label (seqeval)",
            keyed=True,
            overall=True,
        )
        for part, summary in (
            ("precision", "share of the predicted entities that are right"),
            ("recall", "share of the entities that are found"),
            ("f1", "harmonic mean of entity precision and recall"),
        )
    ),
    Metric(
        "pass@1",
        "evalkit.metrics.code:pass_at",
        "chance that at least one of k answers passes its tests (pass@k for any k)",
        ("passed",),
        fixed={"k": 1},
    ),
    *(
        Metric(
            name,
            f"evalkit.metrics.retrieval:{function}",
            f"{summary}; as trec_eval defines it",
            ("relevant",),
            fixed=fixed,
        )
        for name, function, summary, fixed in (
            ("recall@5", "recall", "share of the relevant passages among the first 5", {"k": 5}),
            ("precision@5", "precision", "share of the first 5 that are relevant", {"k": 5}),
            ("hit_rate@5", "hit_rate", "whether one of the first 5 is relevant", {"k": 5}),
            ("mrr", "mrr", "1 over the rank of the first relevant passage", {"k": None}),
            (
                "map",
                "mean_average_precision",
                "precision at each relevant passage, averaged",
                {"k": None},
            ),
            ("ndcg@10", "ndcg", "grades discounted by rank, over the best ranking's", {"k": 10}),
        )
    ),
    *(
        Metric(
            name,
            f"evalkit.metrics.retrieval:{name}",
            summary,
            ("relevant",),
            fixed={"k": None} if name.startswith("context") else {},
        )
        for name, summary in (
            ("context_recall", "share of the relevant passages that are retrieved"),
            ("context_precision", "share of the retrieved passages that are relevant"),
            ("citation_precision", "share of the passages cited that are relevant"),
            ("citation_recall", "share of the relevant passages that an answer cites"),
        )
    ),
    *(
        Metric(
            name,
            f"evalkit.metrics.context_use:{name}",
            summary,
            better=better,
            low=low,
        )
        for name, summary, better, low in (
            ("follows_passage", "share of answers that change with the passage", "higher", 0.0),
            ("keeps_answer", "share that stay though the passage says otherwise", "lower", 0.0),
            ("answers_from_memory", "share that are right without the passage", "", 0.0),
            ("admits_unknown", "share that admit it where the passage is removed", "higher", 0.0),
            ("passage_effect", "how much more often right with the passage", "higher", -1.0),
        )
    ),
    *(
        Metric(name, f"evalkit.metrics.calls:{name}", summary)
        for name, summary in (
            ("calls_right", "share of answers whose calls are those expected, no more and no less"),
            ("call_precision", "share of the calls made that are right"),
            ("call_recall", "share of the expected calls that are made"),
            ("argument_accuracy", "share of right arguments in calls of the expected tools"),
            ("valid_calls", "share of the calls made that are valid by the schemas of the tools"),
            ("abstains", "share of answers without a call where nothing is to be called"),
        )
    ),
    Metric(
        "exact_match",
        "evalkit.metrics.qa:exact_match",
        "share of answers equal to a reference after SQuAD's normalisation",
        **TOKENIZE,
    ),
    Metric(
        "token_f1",
        "evalkit.metrics.qa:token_f1",
        "mean F1 of the words shared with the best reference (SQuAD)",
        **TOKENIZE,
    ),
    *(
        Metric(
            name,
            f"evalkit.metrics.qa:{name}",
            f"mean token F1 of {which}",
            **TOKENIZE,
        )
        for name, which in (
            ("answerable_f1", "the questions that have an answer"),
            ("no_answer_f1", "the questions without one (1 where the answer is empty)"),
        )
    ),
    *(
        Metric(
            name,
            f"evalkit.metrics.qa:{name}",
            f"exact match over {which}",
            **TOKENIZE,
        )
        for name, which in (
            ("answerable_exact", "the questions that have an answer"),
            ("no_answer_exact", "the questions without one (1 where the answer is empty)"),
        )
    ),
    Metric(
        "contains",
        "evalkit.metrics.qa:contains",
        "share of answers that contain a reference as whole words",
        **TOKENIZE,
    ),
    *(
        Metric(
            name,
            f"evalkit.metrics.summarisation:{name}",
            summary,
            settings={"use_stemmer": False, **TOKENIZE["settings"]},
            choices=TOKENIZE["choices"],
        )
        for name, summary in (
            ("rouge1", "mean F-measure of shared words (ROUGE-1)"),
            ("rouge2", "mean F-measure of shared word pairs (ROUGE-2)"),
            ("rougeL", "mean F-measure of the longest common subsequence (ROUGE-L)"),
            ("rougeLsum", "mean F-measure of the common subsequences line by line (ROUGE-Lsum)"),
        )
    ),
    *(
        Metric(
            name,
            f"evalkit.metrics.summarisation:{name}",
            summary,
            ("sources",),
            better="",
            high=high,
            **TOKENIZE,
        )
        for name, summary, high in (
            (
                "coverage",
                "mean share of a summary's words that lie in fragments of its source",
                1.0,
            ),
            ("density", "mean squared length of those fragments over the summary's words", INF),
            ("compression_ratio", "mean of the words of a source over those of its summary", INF),
        )
    ),
    Metric(
        "bleu",
        "evalkit.metrics.translation:bleu",
        "corpus BLEU (sacrebleu)",
        high=100.0,
        settings={"tokenize": "13a", "lowercase": False},
        choices=TOKENIZE["choices"],
    ),
    Metric(
        "chrf",
        "evalkit.metrics.translation:chrf",
        "corpus chrF (sacrebleu)",
        high=100.0,
        settings={"word_order": 0},
    ),
    Metric(
        "ter",
        "evalkit.metrics.translation:ter",
        "corpus translation edit rate (sacrebleu)",
        better="lower",
        high=INF,
        **TOKENIZE,
    ),
    Metric(
        "meteor",
        "evalkit.metrics.translation:meteor",
        "mean METEOR (nltk; needs WordNet's data)",
        ready="evalkit.metrics.translation:meteor_ready",
        **TOKENIZE,
    ),
    *(
        Metric(
            name,
            f"evalkit.metrics.bertscore:{name}",
            summary,
            low=-1.0,
            settings=BERTSCORE,
            choices={"dtype": ("float32", "bfloat16", "float16")},
            unbounded_by=("rescale", "baseline"),
            package="bert_score",
            extra="semantic",
            ready="evalkit.encoders.source:check_available",
        )
        for name, summary in (
            ("bertscore", "mean F1 of tokens matched by meaning (BERTScore)"),
            ("bertscore_precision", "mean precision of tokens matched by meaning (BERTScore)"),
            ("bertscore_recall", "mean recall of tokens matched by meaning (BERTScore)"),
        )
    ),
    Metric(
        "embedding_similarity",
        "evalkit.metrics.embeddings:embedding_similarity",
        "mean cosine of the embeddings of an answer and its nearest reference",
        low=-1.0,
        settings={"model": None, "device": "auto"},
        package="sentence_transformers",
        extra="semantic",
        ready="evalkit.encoders.source:check_available",
    ),
    *(
        Metric(
            name,
            f"evalkit.metrics.likelihood:{name}",
            summary,
            ("likelihoods",),
            better="lower",
            low=low,
            high=INF,
            settings={"model": None},
        )
        for name, summary, low in (
            ("perplexity", "perplexity per token, over all texts", 1.0),
            ("bits_per_byte", "bits to encode a byte of the texts, over all texts", 0.0),
        )
    ),
    *(
        Metric(
            f"top{k}",
            "evalkit.metrics.fill_mask:top",
            f"share of samples with the word among the {k} most likely"
            if k > 1
            else "share of samples whose most likely word is right",
            fixed={"k": k, "name": f"top{k}"},
        )
        for k in (1, 5)
    ),
    Metric(
        "top_k_accuracy",
        "evalkit.metrics.fill_mask:top",
        "share of samples with the word among the k most likely",
        settings={"k": 5},
        fixed={"name": "top_k_accuracy"},
    ),
    Metric(
        "edit_similarity",
        "evalkit.metrics.similarity:edit_similarity",
        "mean share of characters that need no edit to become the best reference (Levenshtein)",
        any_task=True,
    ),
    *(
        Metric(
            f"distinct_{n}",
            f"evalkit.metrics.text:distinct_{n}",
            f"distinct {what} over all {what} of all answers",
            better="",
            **TOKENIZE,
        )
        for n, what in ((1, "words"), (2, "word pairs"))
    ),
    Metric(
        "consistency",
        "evalkit.metrics.consistency:consistency",
        "how often two wordings of one question get the same answer",
        settings={"by": None, **TOKENIZE["settings"]},
        choices=TOKENIZE["choices"],
        columns=("by",),
        ready="evalkit.metrics.consistency:ready",
    ),
    Metric(
        "length",
        "evalkit.metrics.text:length",
        "mean number of words of an answer",
        better="",
        high=INF,
        **TOKENIZE,
        any_task=True,
    ),
    Metric(
        "characters",
        "evalkit.metrics.text:characters",
        "mean number of characters of an answer",
        better="",
        high=INF,
        any_task=True,
    ),
    *(
        Metric(name, f"evalkit.metrics.safety:{name}", summary, better=better)
        for name, summary, better in (
            (
                "unsafe_compliance",
                "share of the prompts to refuse that were fully complied with",
                "lower",
            ),
            (
                "over_refusal",
                "share of the harmless prompts that were refused, fully or partly",
                "lower",
            ),
            ("refusal_rate", "share of all prompts that were refused, fully or partly", ""),
            ("partial_refusal_rate", "share of all prompts that were refused partly", ""),
        )
    ),
    Metric(
        "pair_difference",
        "evalkit.metrics.pairs:pair_difference",
        "share of pairs answered differently",
        needs=("pairs",),
        better="lower",
        any_task=True,
    ),
    *(
        Metric(
            name,
            f"evalkit.metrics.pairs:{name}",
            summary,
            ("labels", "pairs", *needs),
            better="",
            low=-1.0,
            settings={"label": None},
        )
        for name, summary, needs in (
            ("pair_gap", "how much more often the second of a pair gets a label", ()),
            (
                "pair_shift",
                "how much more likely a label is for the second of a pair",
                ("probabilities",),
            ),
        )
    ),
    Metric(
        "pair_distance",
        "evalkit.metrics.pairs:pair_distance",
        "mean distance between the label probabilities of the two of a pair",
        ("labels", "pairs", "probabilities"),
        better="lower",
    ),
    *(
        Metric(
            name,
            f"evalkit.metrics.pairs:{name}",
            summary,
            ("likelihoods", "pairs"),
            better="",
            low=low,
            high=high,
            settings={"per": "text"},
            choices={"per": ("text", "token", "byte")},
        )
        for name, summary, low, high in (
            ("pair_preference", "share of pairs whose first text is more likely", 0.0, 1.0),
            (
                "pair_likelihood_gap",
                "mean log-likelihood of the first text of a pair less that of the second (nats)",
                -INF,
                INF,
            ),
        )
    ),
)
