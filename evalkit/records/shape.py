"""Whether records that were read from a file or a store have the types that they declare.

JSON from elsewhere, of another version or damaged, may have a text where a number belongs. What
reads the records may then rely on their types.

A run has many thousands of records, and nearly all of them fit. So a test that is made once for
each class passes the records whose values have exactly the declared types; pydantic decides about
the others, and says where the first fault is.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_Test = Callable[[Any], bool]
_Tests = Mapping[type, _Test | None]
"""By the type that a value has exactly: the test of its parts, None if there is nothing to test."""
_SCALARS: Mapping[Any, _Tests] = {
    str: {str: None},
    int: {int: None},
    float: {float: None, int: None},
    bool: {bool: None},
    NoneType: {NoneType: None},
}


def check_shape(records: Sequence[Any], kind: type) -> None:
    """Raise ValueError with the first place that has another type than ``kind`` declares."""
    fits = _all_fields(kind)
    doubtful = [record for record in records if type(record) is not kind or not fits(record)]
    if doubtful:
        _validate(doubtful, kind)


def _validate(records: list[Any], kind: type) -> None:
    from pydantic import ValidationError

    try:
        _validator(kind).validate_python(records)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"][1:]))
        raise ValueError(f"{place[:200]}: {first['msg']}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


@functools.cache
def _validator(kind: type) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    config = ConfigDict(
        revalidate_instances="always", strict=True, arbitrary_types_allowed=True, frozen=False
    )
    return TypeAdapter(list[kind], config=config)  # type: ignore[valid-type]


def _tests_of(kind: Any) -> _Tests | None:
    """The tests that pass only values which pydantic accepts as ``kind``; None: all pass."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return None
    if kind in _SCALARS:
        return _SCALARS[kind]
    if origin is Literal:
        return {str: set(arguments).__contains__}
    if origin in (Union, UnionType):
        return _either([_tests_of(argument) for argument in arguments])
    if origin is list or (origin is tuple and arguments[1:] == (...,)):
        return {origin: _all_items(arguments[0])}
    if origin is Sequence:
        return dict.fromkeys((list, tuple), _all_items(arguments[0]))
    if origin in (dict, Mapping):
        return {dict: _all_entries(*map(_all_items, arguments))}
    if isinstance(kind, type) and is_dataclass(kind):
        return {kind: _all_fields(kind)}
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return {kind: _all_of(tuple(get_type_hints(kind).values()))}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {kind: None}
    return {}


def _either(each: Sequence[_Tests | None]) -> _Tests | None:
    """The tests of a union; a type that several of its members share is left to pydantic."""
    if None in each:
        return None
    pairs = [pair for tests in each for pair in (tests or {}).items()]
    shared = Counter(type_ for type_, _ in pairs)
    return {type_: test for type_, test in pairs if shared[type_] == 1}


def _all_items(kind: Any) -> _Test | None:
    """The test of items that are all of one kind."""
    tests = _tests_of(kind)
    if tests is None:
        return None
    types = frozenset(tests)
    if not any(tests.values()):
        return lambda items: types.issuperset(map(type, items))

    def fit(items: Any) -> bool:
        for item in items:
            if type(item) not in types:
                return False
            test = tests[type(item)]
            if test is not None and not test(item):
                return False
        return True

    return fit


def _all_entries(keys: _Test | None, values: _Test | None) -> _Test:
    def fit(value: Any) -> bool:
        return (keys is None or keys(value)) and (values is None or values(value.values()))

    return fit


@functools.cache
def _all_fields(kind: Any) -> _Test:
    """The test of the fields of a dataclass."""
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    # With two names at least, attrgetter returns a tuple.
    values = attrgetter("__class__", "__class__", *names)
    fit = _all_of((Any, Any, *(hints[name] for name in names)))
    return lambda record: fit(values(record))


def _all_of(kinds: Sequence[Any]) -> _Test:
    """The test of a tuple with a value of each kind.

    Which parts are left to test depends on the types of the values, of which few combinations
    occur.
    """
    each = [_tests_of(kind) for kind in kinds]
    known: dict[tuple[type, ...], list[tuple[int, _Test]]] = {}

    def parts(types: tuple[type, ...]) -> list[tuple[int, _Test]] | None:
        left = []
        for place, (type_, tests) in enumerate(zip(types, each, strict=True)):
            if tests is None:
                continue
            if type_ not in tests:
                return None
            if (test := tests[type_]) is not None:
                left.append((place, test))
        return left

    def fit(values: tuple[Any, ...]) -> bool:
        types = tuple(map(type, values))
        left = known.get(types)
        if left is None:
            left = parts(types) if len(types) == len(each) else None
            if left is None:
                return False
            known[types] = left
        for place, test in left:
            value = values[place]
            if (value or type(value) is str) and not test(value):  # an empty container fits
                return False
        return True

    return fit
