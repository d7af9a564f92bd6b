"""Calls that were made, paired with those expected, and what is wrong with each.

Pairs are the best assignment: as many right calls as possible, then as many of the right tool, then
as many right arguments. Two equal calls count twice.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from evalkit.messages import ToolCall
from evalkit.tools.declared import Toolbox
from evalkit.tools.expected import Argument, ExpectedCall

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as equal."""

    order: Literal["any", "strict"] = "any"
    """Whether calls must come in the order in which they are expected."""
    extra: bool = False
    """Whether calls beyond those expected are allowed, if any are expected."""
    numbers: Literal["equal", "strict"] = "equal"
    """Whether 25 equals 25.0."""
    texts: Literal["exact", "loose"] = "exact"
    """Loose: case, spaces and any of ``, . / - _ * ^`` do not count."""


class Compared(NamedTuple):
    """A call compared with an expected one."""

    named: bool
    """Whether it calls the expected tool."""
    arguments: int
    """How many arguments were compared: expected ones, and those given beyond them."""
    agreeing: int
    """How many of these are right."""
    why: str
    """What is wrong, in words; "" if it is right."""

    @property
    def right(self) -> bool:
        """Whether tool and arguments are right."""
        return self.named and self.agreeing == self.arguments


class Pair(NamedTuple):
    """The tool that is expected, and the one called for it; "": there is none."""

    expected: str
    made: str
    compared: Compared | None


@dataclass(frozen=True, slots=True)
class Matched:
    """The calls of an answer, matched with the expected calls that they come nearest to."""

    right: bool
    """Whether everything is as expected."""
    pairs: tuple[Pair, ...]
    """Expected calls in order, then calls made beyond these."""
    expected: int
    """Expected calls."""
    made: int
    """Calls made, without those beyond the expected ones where these are allowed."""
    found: int
    """Right calls."""
    arguments: int
    """Arguments of the calls of the right tool."""
    agreeing: int
    """How many of these are right."""
    calls: int
    """All calls made."""
    valid: int | None
    """How many of these are valid by their schemas; None without tools."""
    why: str
    """What is wrong, in words; "" if nothing is."""

    @property
    def entries(self) -> list[tuple[str, str]]:
        """The expected tool and the one called for it, of each pair; ``NO_CALL``: there is none."""
        pairs = [(pair.expected or NO_CALL, pair.made or NO_CALL) for pair in self.pairs]
        return pairs or [(NO_CALL, NO_CALL)]


NO_CALL = "(no call)"


def match(
    alternatives: Sequence[Sequence[ExpectedCall]],
    made: Sequence[ToolCall],
    tools: Toolbox,
    rules: Rules,
) -> Matched:
    """The calls of an answer against the alternative that they come nearest to."""
    return max((_match(calls, made, tools, rules) for calls in alternatives), key=_nearness)


def _nearness(found: Matched) -> tuple[float, ...]:
    calls, arguments = found.made + found.expected, max(1, found.arguments)
    share = 2 * found.found / calls if calls else 1.0
    return (found.right, share, -abs(found.made - found.expected), found.agreeing / arguments)


def _match(
    expected: Sequence[ExpectedCall], made: Sequence[ToolCall], tools: Toolbox, rules: Rules
) -> Matched:
    table = [[compare(one, call, tools, rules) for call in made] for one in expected]
    partner = dict(_assigned(_values(table, len(expected), len(made)), rules.order))
    taken = set(partner.values())
    pairs = [
        _pair(one, made, row, partner.get(i))
        for i, (one, row) in enumerate(zip(expected, table, strict=True))
    ]
    beyond = [Pair("", call.name, None) for j, call in enumerate(made) if j not in taken]
    allowed = rules.extra and bool(expected)
    compared = [pair.compared for pair in pairs if pair.compared and pair.compared.named]
    found = sum(one.right for one in compared)
    return Matched(
        right=found == len(expected) and (allowed or not beyond),
        pairs=(*pairs, *beyond),
        expected=len(expected),
        made=len(made) - (len(beyond) if allowed else 0),
        found=found,
        arguments=sum(one.arguments for one in compared),
        agreeing=sum(one.agreeing for one in compared),
        calls=len(made),
        valid=sum(not problem_of(call, tools) for call in made) if tools else None,
        why=_why([*pairs, *([] if allowed else beyond)]),
    )


def problem_of(call: ToolCall, tools: Toolbox) -> str:
    """Why a call cannot be carried out; "" if it can."""
    values = call.values
    return UNREADABLE if values is None else tools.problem(call.name, values)


UNREADABLE = "the arguments are not a JSON object"


def _pair(
    expected: ExpectedCall, made: Sequence[ToolCall], row: Sequence[Compared], place: int | None
) -> Pair:
    if place is None:
        return Pair(expected.name, "", None)
    return Pair(expected.name, made[place].name, row[place])


def _why(pairs: Sequence[Pair]) -> str:
    reasons = []
    for pair in pairs:
        if pair.compared is not None:
            reasons.append(pair.compared.why)
        elif pair.expected:
            reasons.append(f"'{pair.expected}' is not called")
        else:
            reasons.append(f"'{pair.made}' is called, which is not expected")
    return "; ".join(filter(None, reasons))


# --- pairing ------------------------------------------------------------------------------------


def _values(table: Sequence[Sequence[Compared]], rows: int, width: int) -> NDArray[np.float64]:
    """What each pair is worth, shape (expected, made).

    A right call outweighs all that are not, and a call of the right tool all arguments. In a tie,
    calls are paired in their order.
    """
    import numpy as np  # suites are read without it

    n = max(rows, width)
    values = np.zeros((rows, width))
    for i, row in enumerate(table):
        for j, one in enumerate(row):
            in_order = 1e-3 * (1 - abs(i - j) / n) / n
            if one.right:
                values[i, j] = (n + 2) ** 2
            elif one.named:
                values[i, j] = n + 2 + one.agreeing / max(1, one.arguments)
            values[i, j] += in_order
    return values


def _assigned(values: NDArray[np.float64], order: str) -> list[tuple[int, int]]:
    rows, width = values.shape
    if not rows or not width:
        return []
    if rows == width == 1:
        return [(0, 0)]
    if order == "strict":
        return _in_order(values)
    from scipy.optimize import linear_sum_assignment

    of_rows, of_columns = linear_sum_assignment(values, maximize=True)
    return list(zip(of_rows.tolist(), of_columns.tolist(), strict=True))


def _in_order(values: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The best assignment that crosses nowhere, by dynamic programming."""
    import numpy as np

    rows, width = values.shape
    best = np.zeros((rows + 1, width + 1))
    for i in range(rows):
        paired = best[i, :-1] + values[i]
        above = best[i, 1:]
        best[i + 1, 1:] = np.maximum.accumulate(np.maximum(paired, above))
    pairs = []
    i, j = rows, width
    while i and j:
        if best[i, j] == best[i - 1, j]:
            i -= 1
        elif best[i, j] == best[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return pairs[::-1]


# --- one call -----------------------------------------------------------------------------------


def compare(expected: ExpectedCall, made: ToolCall, tools: Toolbox, rules: Rules) -> Compared:
    """A call against an expected one."""
    if made.name != expected.name:
        return Compared(False, 0, 0, f"'{made.name}' is called in place of '{expected.name}'")
    given = made.values
    if given is None:
        needed = sum(not one.optional for one in expected.arguments.values())
        return Compared(True, max(1, needed), 0, f"'{made.name}': {UNREADABLE}")
    total, wrong = _arguments(expected.arguments, given, tools.defaults(made.name), rules)
    why = f"'{made.name}': {', '.join(wrong)}" if wrong else ""
    return Compared(True, total, total - len(wrong), why)


def _arguments(
    expected: Mapping[str, Argument],
    given: Mapping[str, Any],
    defaults: Mapping[str, Any],
    rules: Rules,
) -> tuple[int, list[str]]:
    """How many arguments count, and what is wrong with those that are.

    An argument that is left out has its default; one that is given with its default is as good as
    left out.
    """
    total, wrong = 0, []
    for name, argument in expected.items():
        left_out = name not in given
        if left_out and argument.optional:
            continue
        total += 1
        if not left_out:
            optional = argument.optional and _is_default(name, given[name], defaults)
            if not optional and not _accepts(argument, given[name], rules):
                wrong.append(f"{name} is {_shown(given[name])}, expected {argument}")
        elif name not in defaults or not _accepts(argument, defaults[name], rules):
            wrong.append(f"{name} is missing, expected {argument}")
    for name, value in given.items():
        if name not in expected and not _is_default(name, value, defaults):
            total += 1
            wrong.append(f"{name} is {_shown(value)}, which is not expected")
    return total, wrong


def _is_default(name: str, value: Any, defaults: Mapping[str, Any]) -> bool:
    return name in defaults and _equal(_literal(defaults[name]), value, Rules())


def _literal(value: Any) -> Any:
    """A JSON value as an accepted one."""
    if isinstance(value, Mapping):
        return {name: Argument((_literal(one),)) for name, one in value.items()}
    if isinstance(value, list):
        return [_literal(one) for one in value]
    return value


def _accepts(argument: Argument, value: Any, rules: Rules) -> bool:
    return any(_equal(one, value, rules) for one in argument.accepted)


def _equal(accepted: Any, value: Any, rules: Rules) -> bool:
    if isinstance(accepted, Mapping):
        return isinstance(value, Mapping) and not _arguments(accepted, value, {}, rules)[1]
    if isinstance(accepted, list):
        return (
            isinstance(value, list)
            and len(accepted) == len(value)
            and all(_equal(one, other, rules) for one, other in zip(accepted, value, strict=True))
        )
    if isinstance(accepted, bool) or isinstance(value, bool) or accepted is None:
        return accepted is value
    if isinstance(accepted, str):
        return isinstance(value, str) and _text(accepted, rules) == _text(value, rules)
    if not isinstance(value, int | float):
        return False
    same_type = rules.numbers == "equal" or type(accepted) is type(value)
    return bool(same_type and accepted == value)


_IGNORED = str.maketrans("", "", " \t\n,./-_*^")


def _text(text: str, rules: Rules) -> str:
    text = unicodedata.normalize("NFC", text)
    return text.casefold().translate(_IGNORED) if rules.texts == "loose" else text


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        return "a value that is nested too deeply"
    return text if len(text) <= 80 else text[:79] + "…"
