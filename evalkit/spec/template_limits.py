"""Bounds on what one rendering of a template makes and how long it takes.

Everything a template does is charged to one account in characters: text by its length, a step (an
iteration, a filter) by ``STEP``, a call by ``CALL``. Operations whose result is larger than their
arguments are charged before they run. So a template fails at the same place on every machine.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jinja2
from jinja2 import nodes, pass_context
from jinja2.runtime import Context, LoopContext
from jinja2.utils import Namespace

LIMIT = 20_000_000
"""Characters that one rendering may make and read in all."""
STEP = 100
"""What one step costs in characters."""
CALL = 3 * STEP
"""What a call costs, which takes longer."""
_LARGEST_NUMBER = 10_000
"""Digits of the largest whole number that a multiplication may make."""
_ITEM = 32
_PIECE = 32
"""What an item of a list costs, and one that is made by taking a text apart."""

_left: ContextVar[list[int] | None] = ContextVar("left", default=None)


@contextmanager
def limited() -> Iterator[None]:
    """Everything inside is charged to one account."""
    token = _left.set([LIMIT])
    try:
        yield
    finally:
        _left.reset(token)


def charge(characters: int) -> None:
    """Raises TemplateRuntimeError if the account is used up. Outside ``limited`` (while Jinja2
    folds constants) each charge has an account of its own."""
    left = _left.get() or [LIMIT]
    left[0] -= characters
    if left[0] < 0:
        raise jinja2.TemplateRuntimeError(
            f"the template makes too much text or takes too many steps: one prompt may take"
            f" {LIMIT:,} characters in all, where a step of a loop counts as {STEP} and a call"
            f" as {CALL};"
            " shorten its texts, loops or widths"
        )


def weight(value: Any) -> int:
    """The characters of a value written out, at most a little over ``LIMIT``.

    A value that a list contains twice counts twice, as it does when it is written or compared.
    """
    if isinstance(value, (str, bytes)):
        return len(value)
    total, waiting = 0, [value]
    while waiting and total <= LIMIT:
        one = waiting.pop()
        total += _ITEM
        if isinstance(one, (list, tuple, set, frozenset)):
            if total + _ITEM * len(one) > LIMIT:
                return LIMIT + 1
            waiting += one
        elif isinstance(one, (str, bytes)):
            total += len(one)
        elif isinstance(one, int):
            total += one.bit_length() // 3
        elif isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, Namespace):
            waiting.append(one._Namespace__attrs)
    return total


def written(value: Any) -> Any:
    """Charge a value that becomes text."""
    charge(len(value) if type(value) is str else weight(value))
    return value


@pass_context
def each(context: Context | None, values: Any) -> Iterator[Any]:
    """The values of a loop."""
    for value in values:
        charge(STEP)
        yield value


@pass_context
def made(context: Context, value: Any) -> Any:
    """A list or mapping that the template writes, or fixed text in a loop or macro."""
    charge(weight(value))
    return value


@pass_context
def read(context: Context, value: Any) -> Any:
    """A value that is compared or sliced."""
    charge(_read(value))
    return value


@pass_context
def joined(context: Context, values: tuple[Any, ...]) -> str:
    """``a ~ b ~ c``."""
    charge(weight(values))
    return "".join(map(str, values))


def _read(value: Any) -> int:
    """The work of reading a value once."""
    if isinstance(value, (str, bytes)):
        return len(value) // 8 + 1
    return weight(value) // 2 if isinstance(value, (list, tuple, dict, set)) else 1


def binary(operator: str, left: Any, right: Any) -> None:
    """Charge an operation on two values before it runs."""
    if operator == "**" and not (abs(left) <= 1000 and abs(right) <= 100):
        raise jinja2.TemplateRuntimeError("the power is too large")
    if operator == "*":
        _repeated(left, right)
        _repeated(right, left)
    elif operator == "%" and isinstance(left, (str, bytes)):
        _percent(str(left), right)
    elif operator == "+" and not isinstance(left, (int, float)):
        charge(weight(left) + weight(right))
    charge(STEP)


def _repeated(value: Any, times: Any) -> None:
    if not isinstance(times, int):
        return
    if isinstance(value, int):
        if (value.bit_length() + times.bit_length()) // 3 > _LARGEST_NUMBER:
            raise jinja2.TemplateRuntimeError("the number is too large")
    elif hasattr(value, "__len__"):
        size = max(times, 0) * weight(value)
        if size > LIMIT:
            raise jinja2.TemplateRuntimeError("the repeated text is too long")
        charge(size)


_NUMBERS = re.compile(r"\d+|\*")


def _width(spec: str, values: Any = ()) -> int:
    """The most that widths and precisions in a format add to a text."""
    total = len(spec)
    for found in _NUMBERS.findall(spec):
        if found != "*":
            total += int(found[:12])
    if "*" in spec:
        given = values if isinstance(values, tuple) else (values,)
        total += sum(abs(value) for value in given if isinstance(value, int))
    return total


def _percent(text: str, values: Any) -> None:
    """``text % values``: the text, its widths, and every value as often as the text may show it."""
    shown = max(text.count("%(") if isinstance(values, Mapping) else 1, 1)
    charge(_width(text, values) + shown * weight(values))


def field(value: Any, spec: str) -> None:
    """Charge one field of ``str.format``."""
    charge(STEP + weight(value) + _width(spec))


# -- methods ---------------------------------------------------------------------------------------

_Bound = Callable[..., int]


def _padded(text: str, width: Any = 0, *rest: Any) -> int:
    return int(width)


def _expanded(text: str, tabsize: Any = 8) -> int:
    return text.count("\t") * int(tabsize)


def _replaced(text: str, old: str, new: str, count: int = -1, **keywords: Any) -> int:
    times = text.count(old)
    return (times if count < 0 else min(times, count)) * len(new)


def _taken_apart(text: str, *rest: Any, **keywords: Any) -> int:
    separator = rest[0] if rest else keywords.get("sep")
    pieces = text.count(separator) if isinstance(separator, str) and separator else len(text) // 2
    return _PIECE * (pieces + 1)


def _translated(text: str, table: Any) -> int:
    values = table.values() if isinstance(table, Mapping) else table
    return len(text) * max((len(v) for v in values if isinstance(v, str)), default=1)


def _joined(text: str, values: Any) -> int:
    return weight(values) + len(text) * len(values) if hasattr(values, "__len__") else 0


_METHODS: dict[str, _Bound] = {
    "center": _padded,
    "ljust": _padded,
    "rjust": _padded,
    "zfill": _padded,
    "expandtabs": _expanded,
    "replace": _replaced,
    "split": _taken_apart,
    "rsplit": _taken_apart,
    "splitlines": lambda text, *rest, **keywords: _PIECE * (len(text) // 2 + 1),
    "translate": _translated,
    "join": _joined,
}
"""What the methods of texts may make beyond their arguments. The others make no more than three
times their text."""


def called(function: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
    """Charge a call before it runs; returns its arguments, those of recursive loops counted."""
    charge(CALL + sum(_read(value) for value in (*args, *keywords.values())))
    if isinstance(function, LoopContext) and args:
        return (each(None, args[0]), *args[1:])
    owner = getattr(function, "__self__", None)
    if isinstance(owner, (str, bytes)):
        charge(len(owner))
        name = function.__name__
        if name == "join" and args and not hasattr(args[0], "__len__"):
            args = (list(args[0]), *args[1:])
        bound = _METHODS.get(name)
        if bound is not None:
            charge(_of(bound, owner, args, keywords))
    elif isinstance(owner, (int, float)):
        charge(sum(abs(v) for v in (*args, *keywords.values()) if isinstance(v, int)))
    return args


def _of(bound: _Bound, value: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> int:
    """What a call may make; 0 if its arguments do not fit, for which the call itself fails."""
    try:
        return max(bound(value, *args, **keywords), 0)
    except (TypeError, ValueError, AttributeError):
        return 0


# -- filters ---------------------------------------------------------------------------------------


def _wrapped(
    text: str,
    width: int = 79,
    break_long_words: bool = True,
    wrapstring: str | None = None,
    break_on_hyphens: bool = True,
) -> int:
    lines = len(text) // max(int(width), 1) + text.count("\n") + text.count(" ") + 1
    return len(text) * 20 + lines * (100 + len(wrapstring or "\n"))


def _indented(text: str, width: Any = 4, first: bool = False, blank: bool = False) -> int:
    return (str(text).count("\n") + 1) * (width if isinstance(width, int) else len(width))


def _batched(values: Any, linecount: int, fill_with: Any = None) -> int:
    return _ITEM * int(linecount)


def _formatted(text: str, *args: Any, **keywords: Any) -> int:
    _percent(str(text), keywords or args)
    return 0


def _rounded(value: Any, precision: int = 0, method: str = "common") -> int:
    return abs(int(precision)) ** 2


def _summed(values: Any, attribute: Any = None, start: Any = 0) -> int:
    if isinstance(start, (int, float)):
        return 0
    return weight(values) * (len(values) if hasattr(values, "__len__") else 1)


def _list_joined(values: Any, d: str = "", attribute: Any = None) -> int:
    return weight(values) + (len(str(d)) + 1) * len(values) if hasattr(values, "__len__") else 0


def _json(value: Any, indent: int | None = None) -> int:
    return weight(value) * (1 + (indent or 0)) * 2


def _per_item(values: Any, *rest: Any, **keywords: Any) -> int:
    return STEP * len(values) if hasattr(values, "__len__") else 0


_FILTERS: dict[str, _Bound] = {
    **dict.fromkeys(("dictsort", "groupby", "map", "max", "min", "sort", "unique"), _per_item),
    "batch": _batched,
    "center": lambda text, width=80: int(width),
    "format": _formatted,
    "indent": _indented,
    "join": _list_joined,
    "list": lambda values: _ITEM * len(values) if hasattr(values, "__len__") else 0,
    "pprint": lambda value: 50 * weight(value),
    "replace": lambda text, old, new, count=None: _replaced(
        str(text), str(old), str(new), -1 if count is None else count
    ),
    "round": _rounded,
    "slice": _batched,
    "striptags": lambda text: 2 * len(str(text)) + 200 * str(text).count("<") ** 2,
    "sum": _summed,
    "title": lambda text: 20 * len(str(text)),
    "tojson": _json,
    "urlize": lambda text, *rest, **keywords: 100 * len(str(text)),
    "wordcount": lambda text: 20 * len(str(text)),
    "wordwrap": _wrapped,
    "xmlattr": lambda values, autospace=True: 10 * weight(values),
}
"""What filters may make, or take beyond reading their value once."""
_AT_ONCE = frozenset({"length", "count", "first", "last", "default", "d", "attr", "items"})
"""Filters that do not read the whole value."""
_LISTED = frozenset({"groupby", "join", "list", "max", "min", "sort", "string", "sum", "unique"})
"""Filters before which the values of a generator are made."""


def _is_lazy(value: Any) -> bool:
    return isinstance(value, Iterator) and not hasattr(value, "__len__")


def bounded(name: str, function: Any) -> Callable[..., Any]:
    """A filter or test that is charged for what it reads and makes."""
    leading = 1 if getattr(function, "jinja_pass_arg", None) is not None else 0
    bound = _FILTERS.get(name)

    @functools.wraps(function)
    def run(*args: Any, **keywords: Any) -> Any:
        charge(STEP)
        before, given = args[:leading], args[leading:]
        if given and name not in _AT_ONCE:
            if name in _LISTED and _is_lazy(given[0]):
                given = (_listed(given[0]), *given[1:])
            charge(sum(_read(value) for value in (*given, *keywords.values())))
        if bound is not None and given:
            charge(_of(bound, given[0], given[1:], keywords))
        result = function(*before, *given, **keywords)
        if isinstance(result, (str, bytes)):
            charge(len(result))
        return result

    return run


def _listed(values: Iterable[Any]) -> list[Any]:
    found = []
    for value in values:
        charge(_ITEM)
        found.append(value)
    return found


# -- syntax ----------------------------------------------------------------------------------------

FILTERS: dict[str, Callable[..., Any]] = {
    "_each": each,
    "_made": made,
    "_read": read,
    "_joined": joined,
}
"""The filters that ``counted`` adds to a template."""


def counted(tree: nodes.Template) -> nodes.Template:
    """The template with its loops, literals, comparisons and concatenations charged, in place."""
    for loop in list(tree.find_all(nodes.For)):
        loop.iter = _filtered(loop.iter, "_each")
    for body in list(tree.find_all((nodes.For, nodes.Macro, nodes.CallBlock))):
        for output in body.find_all(nodes.Output):
            output.nodes = [
                _filtered(nodes.Const(n.data, lineno=n.lineno), "_made")
                if isinstance(n, nodes.TemplateData)
                else n
                for n in output.nodes
            ]
    _replace(tree)
    return tree


def _replace(node: nodes.Node) -> None:
    """Charge the expressions below a node, the innermost first."""
    for name, value in list(node.iter_fields()):
        if isinstance(value, list):
            setattr(node, name, [_charged(v) if isinstance(v, nodes.Node) else v for v in value])
        elif isinstance(value, nodes.Node):
            setattr(node, name, _charged(value))


def _charged(node: nodes.Node) -> nodes.Node:
    _replace(node)
    if isinstance(node, nodes.Concat):
        pieces = nodes.Tuple(list(node.nodes), "load", lineno=node.lineno)
        return _filtered(pieces, "_joined")
    if isinstance(node, (nodes.List, nodes.Dict)):
        return node if _constant(node) else _filtered(node, "_made")
    if isinstance(node, nodes.Tuple) and node.ctx == "load":
        return node if _constant(node) else _filtered(node, "_made")
    if isinstance(node, nodes.Compare):
        node.expr = _filtered(node.expr, "_read")
        for operand in node.ops:
            operand.expr = _filtered(operand.expr, "_read")
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
        node.node = _filtered(node.node, "_read")
    return node


def _constant(node: nodes.Expr) -> bool:
    return not any(
        isinstance(below, nodes.Expr)
        and not isinstance(below, (nodes.Const, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair))
        for below in (node, *node.find_all(nodes.Expr))
    )


def _filtered(node: Any, name: str) -> nodes.Expr:
    if isinstance(node, nodes.Const) and name == "_read":
        return node
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
