"""Tags of tokens and their entities, read from data and from the output of models.

Tags are in BIO format: ``B-PER`` begins an entity, ``I-PER`` continues it, ``O`` is outside. As
text they are separated by spaces, or a JSON list if a label contains a space.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

_WORD = re.compile(r"\w+|[^\w\s]")
OUTSIDE = "O"


class Entity(NamedTuple):
    """A label over the tokens ``start`` … ``end`` - 1."""

    label: str
    start: int
    end: int


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities that tags mark, by the rules of conlleval, which are those of seqeval.

    Supports BIO (both variants) and IOBES. Invalid sequences are read leniently: an ``I-`` of
    another label begins an entity. Reference: seqeval 1.2, ``get_entities``.
    """
    found = []
    kind, label, start = OUTSIDE, "", 0
    for i, tag in enumerate([*tags, OUTSIDE]):
        now, name = tag[:1], tag[1:].split("-", 1)[-1] or "_"
        changed = name != label
        if kind in "ES" or (kind in "BI" and now in "BSO") or (kind not in "O." and changed):
            found.append(Entity(label, start, i))
        if now in "BS" or (kind in "ESO" and now in "EI") or (now not in "O." and changed):
            start = i
        kind, label = now, name
    return found


def joined(tags: Sequence[str]) -> str:
    """Tags as text."""
    spaced = any(len(tag.split()) != 1 for tag in tags)
    return json.dumps(list(tags), ensure_ascii=False) if spaced else " ".join(tags)


def split(text: str) -> list[str]:
    """Tags from their text."""
    if text.startswith("["):
        return [str(tag) for tag in json.loads(text)]
    return text.split()


def tokens_of(value: Any) -> list[str] | None:
    """The tokens in a cell: a list (in csv: as JSON), or a text, of words and punctuation marks."""
    value = _from_json(value)
    if isinstance(value, list) and all(isinstance(token, str) for token in value):
        return value
    return _WORD.findall(value) if isinstance(value, str) else None


def tags_of(value: Any, tokens: Sequence[str], text: str) -> list[str]:
    """The tags in a cell: a list of them, or of entities.

    An entity has a ``label``, and either ``text`` or ``start`` and ``end``. text: the text in which
    these count characters. Raises ValueError with the problem.
    """
    value = _from_json(value)
    if value is None or value == "":
        raise ValueError("the target is missing; write [] if there is no entity")
    if isinstance(value, str):
        value = value.split()
    if not isinstance(value, list):
        raise ValueError("the target is not a list of tags or entities")
    if value and all(isinstance(item, Mapping) for item in value):
        return _tags_of_entities(value, tokens, text)
    if any(isinstance(tag, int) for tag in value):
        raise ValueError("the tags are numbers; write their names, such as B-PER")
    odd = next((tag for tag in value if not re.fullmatch(r"O|[BIES]-.+", str(tag))), None)
    if odd is not None and re.fullmatch(r"[BIES]-?", str(odd)):
        raise ValueError(
            f"the tag '{odd}' has no label; append one, for instance {odd[0]}-ENTITY if there is"
            " only one kind of entity"
        )
    if odd is not None:
        raise ValueError(f"'{odd}' is not a tag; expected O, B-LABEL or I-LABEL")
    if value and len(value) != len(tokens):
        raise ValueError(f"there are {len(tokens)} tokens, but {len(value)} tags")
    return value or [OUTSIDE] * len(tokens)


def _tags_of_entities(
    value: Sequence[Mapping[str, Any]], tokens: Sequence[str], text: str
) -> list[str]:
    named = []
    tags = [OUTSIDE] * len(tokens)
    for item in value:
        label = item.get("label")
        if not isinstance(label, str) or not label:
            raise ValueError(f"an entity has no 'label': {dict(item)}")
        if "start" in item and "end" in item:
            _put(tags, label, *_covered(item["start"], item["end"], tokens, text))
        elif isinstance(item.get("text"), str):
            named.append((item["text"], label))
        else:
            raise ValueError(f"an entity has neither 'text' nor 'start' and 'end': {dict(item)}")
    strays = place(named, tokens, tags)
    if strays:
        raise ValueError(f"the entity '{strays[0][0]}' is not among the tokens")
    return tags


def place(
    named: Iterable[tuple[str, str]], tokens: Sequence[str], tags: list[str]
) -> list[tuple[str, str]]:
    """Tag the tokens of named entities (text, label), in place; returns the entities not found.

    Each entity takes its first untagged occurrence, longer entities first. White space is ignored,
    and case too if there is no exact match.
    """
    bare = ["".join(token.split()) for token in tokens]
    strays = []
    for text, label in sorted(named, key=lambda entity: -len(entity[0])):
        wanted = "".join(text.split())
        spot = _find(wanted, bare, tags)
        if spot is None:
            spot = _find(wanted.casefold(), [b.casefold() for b in bare], tags)
        if spot is None:
            strays.append((text, label))
        else:
            _put(tags, label, *spot)
    return strays


def _find(wanted: str, bare: Sequence[str], tags: Sequence[str]) -> tuple[int, int] | None:
    for start in range(len(bare)):
        if not wanted or not bare[start] or not wanted.startswith(bare[start]):
            continue
        length, end = 0, start
        while end < len(bare) and tags[end] == OUTSIDE and wanted.startswith(bare[end], length):
            length += len(bare[end])
            end += 1
            if length == len(wanted):
                return start, end
    return None


def _put(tags: list[str], label: str, start: int, end: int) -> None:
    if any(tag != OUTSIDE for tag in tags[start:end]):
        raise ValueError(f"two entities overlap at token {start + 1}")
    tags[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]


def _covered(start: Any, end: Any, tokens: Sequence[str], text: str) -> tuple[int, int]:
    """The tokens between two characters of the text."""
    at, spans = 0, []
    for token in tokens:
        begin = text.find(token, at)
        if begin < 0:
            raise ValueError(f"the token '{token}' is not in the text")
        at = begin + len(token)
        spans.append((begin, at))
    inside = [i for i, (a, b) in enumerate(spans) if a >= start and b <= end]
    if not inside or any(a < start < b or a < end < b for a, b in spans):
        raise ValueError(f"characters {start} to {end} ('{text[start:end]}') are not whole tokens")
    return inside[0], inside[-1] + 1


def named_entities(tags: Sequence[str], tokens: Sequence[str]) -> list[dict[str, str]]:
    """Entities as a model names them: ``[{"text": "Ada Lovelace", "label": "PER"}]``."""
    return [
        {"text": " ".join(tokens[e.start : e.end]), "label": e.label}
        for e in entities(tags)
        if e.end <= len(tokens)
    ]


def _from_json(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
