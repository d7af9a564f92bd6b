"""Token classification: entities in a text, as a tag for each token."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evalkit.answers import tagging
from evalkit.answers.extracted import Extracted
from evalkit.errors import unknown
from evalkit.tasks._extraction import piece
from evalkit.tasks._task import Column, Head, Target, Task

if TYPE_CHECKING:
    from evalkit.exchange import Request, Response
    from evalkit.records import Answer, SampleRecord
    from evalkit.spec.data import Sample
    from evalkit.spec.suite import Suite


def _read(suite: Suite, row: Mapping[str, Any]) -> tuple[str, ...]:
    """The tags of a row's tokens, as one text."""
    data = suite.data
    column = data.one("tokens")
    if not (column and data.target and {column, data.target[0]} <= set(row)):
        return ()
    cell = row[column]
    tokens = tagging.tokens_of(cell)
    if not tokens:
        raise ValueError(f"column '{column}' is neither a text nor a list of tokens")
    text = cell if isinstance(cell, str) else " ".join(tokens)
    tags = tagging.tags_of(row[data.target[0]], tokens, text)
    for entity in tagging.entities(tags):
        if suite.labels and entity.label not in suite.labels:
            raise ValueError(unknown("label", entity.label, suite.label_names))
    return (tagging.joined(tags),)


def _shown(suite: Suite, sample: Sample, target: str) -> str:
    tokens = tagging.tokens_of(sample.fields[suite.data.one("tokens") or ""]) or []
    named = tagging.named_entities(tagging.split(target), tokens)
    return json.dumps(named, ensure_ascii=False)


def _entities(suite: Suite, sample: Sample, request: Request, response: Response) -> Extracted:
    from evalkit.answers.entities import entities_in

    whole = suite.answer.method == "whole"
    found = piece(suite, response.text, method="json" if whole else "")
    if found.prediction is None:
        return found
    tokens = tagging.tokens_of(sample.fields[suite.data.one("tokens") or ""]) or []
    return entities_in(found.prediction, tokens, suite.labels)


def _from_head(suite: Suite, request: Request, response: Response) -> Extracted:
    from evalkit.answers.entities import entities_in

    assert request.inputs is not None
    tagged = entities_in(response.text, request.inputs.texts, suite.labels)
    if tagged.prediction is None:
        return tagged
    return Extracted(tagged.prediction, str(response.details.get("how", "")))


def _all_found(sample: SampleRecord, answer: Answer) -> bool:
    """Whether exactly the entities of a sample were found."""
    if answer.prediction is None:
        return False
    predicted, expected = tagging.split(answer.prediction), tagging.split(sample.targets[0])
    return tagging.entities(predicted) == tagging.entities(expected)


def _tokens(suite: Suite, columns: Sequence[str]) -> tuple[str, ...] | None:
    return suite.data.named("tokens") or None


TASK = Task(
    name="token-classification",
    summary="the entities in a text",
    target=Target(several=False, lists="bracketed", read=_read, shown=_shown),
    columns=(
        Column("tokens", "the column with the tokens or the text", required=True, lists="quoted"),
    ),
    labels="optional",
    extract=_entities,
    head=Head(
        kinds=("token-classification",),
        reads="the tokens of a text",
        hint="write 'tokens: tokens' in 'data:'",
        usual=_tokens,
        tokens=True,
        example=("Ada Lovelace was born in London .",),
        extract=_from_head,
    ),
    correct=_all_found,
    metrics=("entity_precision", "entity_recall", "entity_f1"),
    default_metrics=("entity_precision", "entity_recall", "entity_f1"),
)
