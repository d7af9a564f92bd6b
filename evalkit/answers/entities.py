"""The entities that a response names, as tags of the sample's tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.answers.extracted import Extracted
from evalkit.answers.tagging import OUTSIDE, joined, place

_EXPECTED = 'expected [{"text": …, "label": …}], {"LABEL": [texts]} or a tag for each token'


def entities_in(
    text: str, tokens: Sequence[str], labels: Mapping[str, Sequence[str]] | None = None
) -> Extracted:
    """The tags of the tokens, by the JSON of an answer.

    The JSON is a list of ``{"text", "label"}``, an object from labels to lists of texts, or a
    list with a tag for each token. Labels match in any case and any written form of the suite;
    others stay as they are, and are wrong. So is an entity that is not in the text: its tag is
    appended to those of the tokens.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Extracted(None, f"the answer is not JSON; {_EXPECTED}")
    names = _names(labels or {})
    if _is_tags(value):
        if len(value) != len(tokens):
            return Extracted(None, f"the answer has {len(value)} tags for {len(tokens)} tokens")
        return Extracted(joined([_tag(tag, names) for tag in value]), "a tag for each token")
    named = _named(value, names)
    if named is None:
        return Extracted(None, f"the JSON does not name entities; {_EXPECTED}")
    tags = [OUTSIDE] * len(tokens)
    strays = place(named, tokens, tags)
    tags += [f"B-{label}" for _, label in strays]
    how = f"{len(named)} {'entity' if len(named) == 1 else 'entities'} named"
    if strays:
        listed = ", ".join(f"'{name}'" for name, _ in strays)
        how += f"; not in the text, or named more often than there: {listed}"
    return Extracted(joined(tags), how)


def _is_tags(value: Any) -> bool:
    tagged = isinstance(value, list) and bool(value) and all(isinstance(t, str) for t in value)
    return tagged and all(t == OUTSIDE or re.fullmatch("[BIES]-.+", t) for t in value)


def _names(labels: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {way.casefold(): label for label, ways in labels.items() for way in (*ways, label)}


def _tag(tag: str, names: Mapping[str, str]) -> str:
    kind, dash, label = tag.partition("-")
    return f"{kind}-{names.get(label.casefold(), label)}" if dash else tag


def _named(value: Any, names: Mapping[str, str]) -> list[tuple[str, str]] | None:
    """Pairs of text and label; None if the value is not a list of entities."""
    if isinstance(value, dict) and all(isinstance(texts, list) for texts in value.values()):
        value = [{"text": t, "label": label} for label, texts in value.items() for t in texts]
    if not isinstance(value, list):
        return None
    named = []
    for item in value:
        text = item.get("text") if isinstance(item, dict) else None
        label = item.get("label") if isinstance(item, dict) else None
        if not isinstance(text, str) or not isinstance(label, str) or not label:
            return None
        named.append((text, names.get(label.casefold(), label)))
    return named
