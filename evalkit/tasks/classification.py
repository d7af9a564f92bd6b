"""Classification: one of the suite's labels for each text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalkit.answers.extracted import Extracted
from evalkit.exchange import lead
from evalkit.tasks._extraction import piece
from evalkit.tasks._metrics import BIAS
from evalkit.tasks._task import Head, Target, Task

if TYPE_CHECKING:
    from evalkit.exchange import Request, Response
    from evalkit.spec.data import Sample
    from evalkit.spec.suite import Suite

_AVERAGES = tuple(
    f"{kind}_{part}"
    for kind in ("macro", "micro", "weighted")
    for part in ("precision", "recall", "f1")
)
_DEFAULTS = (
    *("accuracy", "balanced_accuracy", *_AVERAGES, "precision", "recall", "f1"),
    *("mcc", "cohen_kappa", "log_loss", "brier", "auroc", "calibration_error"),
    *("pair_gap", "pair_shift", "pair_distance"),
)


def _labels(suite: Suite) -> tuple[str, ...]:
    return suite.label_names


def _label(suite: Suite, sample: Sample, request: Request, response: Response) -> Extracted:
    return piece(suite, response.text, labels=suite.labels)


def _from_head(suite: Suite, request: Request, response: Response) -> Extracted:
    """The most likely label of a head."""
    from evalkit.answers.labels import match

    how = str(response.details.get("how", ""))
    if not request.choices:
        return Extracted(match(response.text, suite.labels).prediction, how)
    logprobs = response.logprobs
    best = max(range(len(logprobs)), key=logprobs.__getitem__)
    return Extracted(suite.label_names[best], f"{how}, {lead(logprobs):.3g} nats ahead of the next")


TASK = Task(
    name="classification",
    summary="one of the suite's labels",
    target=Target(several=False, among=_labels),
    labels="required",
    choosing=True,
    extract=_label,
    head=Head(
        kinds=("sequence-classification", "embeddings"),
        reads="a text or a pair of texts",
        columns=(1, 2),
        hint="write 'input: text' in 'data:', or 'input: [premise, hypothesis]' for pairs",
        example=("A wonderful film, from the first minute to the last.",),
        labels=("positive", "negative"),
        extract=_from_head,
    ),
    correct="accuracy",
    metrics=(*_DEFAULTS, *BIAS, "consistency"),
    default_metrics=_DEFAULTS,
    analyses=(
        "evalkit.metrics.analyses:confusion_matrix",
        "evalkit.metrics.analyses:classification_report",
        "evalkit.metrics.analyses:reliability",
    ),
    kept=frozenset({"predictions", "targets"}),
)
