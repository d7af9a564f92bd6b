"""Tags of tokens and the entities that they mean."""

from __future__ import annotations

import random
import warnings

from evalkit.answers.tagging import entities, joined, split
from tests.metrics.test_entities import TAGS, random_tags


def test_entities_equal_those_of_seqeval() -> None:
    from seqeval.metrics.sequence_labeling import get_entities

    rng = random.Random(1)
    for _ in range(300):
        tags = random_tags(rng, rng.randint(0, 12), [*TAGS, "B", "I", "."])
        ours = [(e.label, e.start, e.end - 1) for e in entities(tags)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert ours == get_entities(tags), tags


def test_tags_as_text() -> None:
    for tags in (["B-PER", "O"], ["B-job title", "I-job title"], []):
        assert split(joined(tags)) == tags
