"""Conversations whose turns the data gives: a row becomes one sample for each of its turns.

``data.turns`` names a column with the user's turns. Each is a text, or a mapping with ``user`` and
columns of its own, such as the target. A turn's row is that of the conversation, with the turn's
columns over it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from evalkit.errors import shortened
from evalkit.spec.choices import as_text
from evalkit.spec.fields import Check
from evalkit.spec.sections import CONVERSATION, TURN
from evalkit.spec.sources import Rows
from evalkit.spec.suite import Suite

if TYPE_CHECKING:
    from evalkit.spec.data import Sample

USER = "user"
CHECKS = "checks"
_RESERVED = (CONVERSATION, TURN)


@dataclass(frozen=True, slots=True)
class Turn:
    """The place of a sample in its conversation.

    conversation: its id. number: from 1. checks: rules for this turn's response alone. earlier: the
    samples of the turns before it, those that are asked but not scored included.
    """

    conversation: str
    number: int
    checks: tuple[Check, ...] = ()
    earlier: tuple[Sample, ...] = field(default=(), repr=False, compare=False)


def split_turns(suite: Suite, rows: Rows, id_column: str) -> tuple[Rows, list[Turn]]:
    """The rows of all turns, and the place of each; a bad conversation is a problem of its row."""
    column = suite.data.turns
    assert column is not None
    numbers: list[int] = []
    fields: list[dict[str, Any]] = []
    places: list[Turn] = []
    columns = dict.fromkeys(name for name in rows.columns if name != column)
    columns |= dict.fromkeys((id_column, CONVERSATION, TURN, USER))
    for name in (*_RESERVED, USER):
        if name in rows.columns and name not in (column, id_column):
            message = f"the column '{name}' is set for each turn of a conversation; rename it"
            rows.row_problems.add("reserved", rows.numbers[0], message)
    for position, (number, row) in enumerate(zip(rows.numbers, rows.fields, strict=True), 1):
        conversation = (as_text(row.get(id_column)) or "").strip() or str(position)
        try:
            turns = _turns(row.get(column), id_column)
        except ValueError as error:
            rows.row_problems.add("turns", number, f"column '{column}': {error}")
            continue
        shared = {name: value for name, value in row.items() if name != column}
        for k, (own, checks) in enumerate(turns, start=1):
            named = {id_column: f"{conversation}/{k}", CONVERSATION: conversation, TURN: k}
            fields.append({**shared, **own, **named})
            columns |= dict.fromkeys(own)
            numbers.append(number)
            places.append(Turn(conversation, k, checks))
    return replace(rows, fields=fields, numbers=numbers, columns=tuple(columns)), places


def _turns(value: object, id_column: str) -> list[tuple[dict[str, Any], tuple[Check, ...]]]:
    """The columns and checks of each turn. Raises ValueError."""
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError(f"the turns are not valid JSON: {error}") from None
    if not isinstance(value, list | tuple) or not value:
        found = "nothing" if value in (None, "", [], ()) else shortened(value)
        raise ValueError(f"expected a list of the user's turns, each a text, found {found}")
    return [_turn(one, k, id_column) for k, one in enumerate(value, start=1)]


def _turn(value: object, k: int, id_column: str) -> tuple[dict[str, Any], tuple[Check, ...]]:
    if isinstance(value, str):
        value = {USER: value}
    if not isinstance(value, Mapping):
        raise ValueError(
            f"turn {k}: expected a text or a mapping with 'user', found {shortened(value)}"
        )
    text = value.get(USER)
    if not isinstance(text, str) or not text.strip():
        hint = "; evalkit asks the model for the other side's messages" if "role" in value else ""
        found = "nothing" if text in (None, "") else shortened(text)
        raise ValueError(f"turn {k}: 'user' must be the text of the user, found {found}{hint}")
    for name in (*_RESERVED, id_column):
        if name in value:
            raise ValueError(f"turn {k}: '{name}' is set by evalkit; rename it")
    own = {str(name): one for name, one in value.items() if name != CHECKS}
    return own, _checks(value.get(CHECKS), k)


def _checks(value: object, k: int) -> tuple[Check, ...]:
    if value is None:
        return ()
    listed = value if isinstance(value, list | tuple) else [value]
    try:
        return tuple(Check.model_validate(one) for one in listed)
    except ValidationError as error:
        first = error.errors()[0]
        reason = first.get("ctx", {}).get("error", first["msg"])
        raise ValueError(f"turn {k}: checks: {reason}") from None


def placed(suite: Suite, samples: Sequence[Sample], places: Sequence[Turn]) -> list[Sample]:
    """The samples that are scored, each with its place and those before it.

    In a suite with targets, a turn without one is asked, and not scored.
    """
    scored: list[Sample] = []
    earlier: tuple[Sample, ...] = ()
    for sample, place in zip(samples, places, strict=True):
        if place.number == 1:
            earlier = ()
        turn = replace(place, earlier=earlier)
        sample = replace(sample, turn=turn, index=len(scored))
        earlier = (*earlier, sample)
        if sample.targets or not suite.data.target:
            scored.append(sample)
    return scored


def check_turns(
    suite: Suite, rows: Rows, samples: Sequence[Sample], places: Sequence[Turn]
) -> None:
    """Problems of whole conversations: no target at all, none where the history needs it."""
    if not suite.data.target:
        return
    problems = rows.row_problems
    targets: dict[int, list[bool]] = {}
    for number, sample, place in zip(rows.numbers, samples, places, strict=True):
        targets.setdefault(number, []).append(bool(sample.targets))
        if place.checks and not sample.targets:
            message = (
                f"turn {place.number} has checks but no target; a turn without a target is asked"
                " and not scored, so give it one, or remove 'target:' from the suite"
            )
            problems.add("checks without target", number, message)
    for number, known in targets.items():
        columns = " or ".join(f"'{name}'" for name in suite.data.target)
        if not any(known):
            problems.add("no target", number, f"no turn has a target (column {columns})")
        elif suite.data.history == "reference" and not all(known[:-1]):
            message = (
                f"turn {known.index(False) + 1} has no target, which 'history: reference' takes as"
                " the answer before the next turn"
            )
            problems.add("no reference", number, message)
