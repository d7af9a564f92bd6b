"""Values that cross between the answer's process and the process of the tests.

Runs standalone inside the sandbox. Values travel as JSON: builtin containers, numbers, texts and
some types of the standard library and NumPy arrive as what they are, of exactly that type.
Everything else stays where it is, and the other side gets a remote object (``remote.py``). Lists,
dictionaries and sets of a call keep their identity: the receiver sends back what it changed.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from operator import is_
from typing import Any

SCALARS = {int, str, float, bool, type(None)}
_CONTAINERS = (list, dict, set, bytearray)
_BASES = (int, float, complex, str, bytes, bytearray, tuple, list, dict, set, frozenset)
_KNOWN = {
    ("collections", "deque"), ("collections", "Counter"), ("collections", "OrderedDict"),
    ("collections", "defaultdict"), ("decimal", "Decimal"), ("fractions", "Fraction"),
    ("datetime", "date"), ("datetime", "datetime"), ("datetime", "time"), ("datetime", "timedelta"),
    ("datetime", "timezone"), ("uuid", "UUID"), ("pathlib", "PosixPath"), ("builtins", "range"),
    ("pathlib", "PurePosixPath"), ("builtins", "slice"), ("numpy", "ndarray"),
}  # fmt: skip
_SHARED = {
    "builtins", "typing", "collections", "collections.abc", "decimal", "fractions", "datetime",
    "enum", "numbers", "uuid", "pathlib", "dataclasses", "string", "functools", "numpy",
}  # fmt: skip
"""Modules whose classes the answer may name: the tests get their own class of that name."""
_NO_EXCEPTIONS = {"unittest", "doctest", "bdb", "pdb", "test", "_pytest", "pytest"}
_SINGLE = {"Ellipsis": Ellipsis, "NotImplemented": NotImplemented}
_ENCODER, _DECODER = json.JSONEncoder(separators=(",", ":")), json.JSONDecoder()
_VIEWS = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}


class WireError(Exception):
    """The other side sent what is no value."""


class Message:
    """One request and its reply: encodes and decodes, and numbers the containers in both."""

    def __init__(self, objects: Any, *, careful: bool = False) -> None:
        self.objects = objects  # encodes and decodes what stays where it is
        self.containers: list[Any] = []
        self.before: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.careful = careful

    # --- from values ---------------------------------------------------------------------------

    def encode(self, value: Any) -> Any:
        kind = type(value)
        if kind in SCALARS:
            if kind is int and self.careful and value.bit_length() > 4000:
                return {"i": hex(value)}
            return value
        number = self.numbers.get(id(value))
        if number is not None:
            return {"r": number}
        if kind is list or kind is dict or kind is set or kind is bytearray:
            self._number(value)
            return self.content(value)
        if kind is tuple:
            return {"t": self._all(value)}
        if kind is frozenset:
            return {"f": self._all(value)}
        if kind is bytes:
            return {"b": value.decode("latin-1")}
        if kind is complex:
            return {"c": [value.real, value.imag]}
        return self._encode_other(value, kind)

    def content(self, value: Any) -> Any:
        """The items of a container, at whose place it is."""
        kind = type(value)
        if kind is list:
            return self._all(value)
        if kind is dict:
            return {"d": [[self.encode(k), self.encode(v)] for k, v in value.items()]}
        if kind is set:
            return {"s": self._all(value)}
        if kind is bytearray:
            return {"B": value.decode("latin-1")}
        return self._encode_known(value, kind)

    def _all(self, values: Any) -> list[Any]:
        if not self.careful and SCALARS.issuperset(map(type, values)):
            return list(values)
        return [self.encode(value) for value in values]

    def _number(self, value: Any) -> None:
        self.numbers[id(value)] = len(self.containers)
        self.containers.append(value)

    def _encode_other(self, value: Any, kind: type) -> Any:
        if (kind.__module__, kind.__qualname__) in _KNOWN:
            array = kind.__module__ == "numpy"
            if not (array and value.dtype.kind not in "biufcSUmMO"):
                if array or kind.__module__ == "collections":
                    self._number(value)
                return self._encode_known(value, kind)
        if kind in _VIEWS:
            return {"v": [_VIEWS[kind], [self.encode(item) for item in value]]}
        if value is Ellipsis or value is NotImplemented:
            return {"1": repr(value)}
        if kind.__module__ == "numpy" and hasattr(value, "dtype") and value.dtype.kind in "biufcmM":
            return {"n": [value.dtype.str, None, value.tobytes().decode("latin-1")]}
        if isinstance(value, BaseException):
            return self.encode_exception(value)
        for base in _BASES:
            if isinstance(value, base) and not self.objects.keeps(kind):
                return self._flat(value, kind, base)
        return self.objects.encode(value)

    def _flat(self, value: Any, kind: type, base: type) -> Any:
        """An instance of a subclass of a builtin class, as that class has it."""
        if base is tuple and isinstance(getattr(kind, "_fields", None), tuple):
            fields = [str(field) for field in getattr(kind, "_fields", ())]
            return {"nt": [kind.__name__, fields, self._all(list(tuple.__iter__(value)))]}
        if base in (int, float, complex):
            return self.encode(base.__pos__(value))
        if base is dict:
            return self.encode(dict(dict.items(value)))
        if base in (str, bytes, bytearray):
            return self.encode(base.__getitem__(value, slice(None)))
        items: Any = base
        return self.encode(base(items.__iter__(value)))

    def _encode_known(self, value: Any, kind: type) -> Any:
        name = kind.__name__
        if name == "ndarray":
            if value.dtype.kind == "O":
                return {"n": ["O", list(value.shape), self._all(value.ravel().tolist())]}
            data = value.tobytes().decode("latin-1")
            return {"n": [value.dtype.str, list(value.shape), data]}
        if name == "deque":
            state: list[Any] = [list(value), value.maxlen]
        elif name in ("Counter", "OrderedDict"):
            state = [list(value.items())]
        elif name == "defaultdict":
            state = [value.default_factory, list(value.items())]
        elif name == "Fraction":
            state = [value.numerator, value.denominator]
        elif name in ("Decimal", "UUID", "PosixPath", "PurePosixPath"):
            state = [str(value)]
        elif name in ("range", "slice"):
            state = [value.start, value.stop, value.step]
        elif name == "timedelta":
            state = [value.days, value.seconds, value.microseconds]
        elif name == "timezone":
            state = [value.utcoffset(None)]
        else:
            parts = {"date": 3, "datetime": 7, "time": 4}[name]
            names = ["year", "month", "day", "hour", "minute", "second", "microsecond"]
            chosen = names[3:] if name == "time" else names[:parts]
            state = [getattr(value, part) for part in chosen]
            if name != "date":
                state.append(value.tzinfo)
        # Lists that exist for the transport alone get no number.
        return {"x": [kind.__module__, name, [self._plain(item) for item in state]]}

    def _plain(self, item: Any) -> Any:
        if type(item) is list:
            return {"l": [self.encode(i) for i in item]}
        return self.encode(item)

    def encode_exception(self, error: BaseException) -> Any:
        own = self.objects.place(error)
        if own is not None:
            return {"h": own}
        arguments = [self.encode(argument) for argument in error.args]
        return {"e": [self.objects.encode_class(type(error)), arguments, self.objects.note(error)]}

    # --- to values -----------------------------------------------------------------------------

    def decode(self, coded: Any) -> Any:
        kind = type(coded)
        if kind in SCALARS:
            return coded
        if kind is list:
            made: list[Any] = []
            self._number(made)
            self.fill(made, coded)
            return made
        if kind is not dict or len(coded) != 1:
            raise WireError("not a value")
        ((tag, body),) = coded.items()
        if tag not in _DECODERS:
            raise WireError("not a value")
        return _DECODERS[tag](self, body)

    def fill(self, container: Any, coded: Any) -> None:
        """Give a container other content."""
        if type(container) is list:
            if SCALARS.issuperset(map(type, coded)):
                container[:] = coded
            else:
                container[:] = [self.decode(item) for item in coded]
        elif type(container) is dict:
            pairs = [(self.decode(k), self.decode(v)) for k, v in coded["d"]]
            container.clear()
            container.update(pairs)
        elif type(container) is set:
            items = [self.decode(item) for item in coded["s"]]
            container.clear()
            container.update(items)
        elif type(container) is bytearray:
            container[:] = coded["B"].encode("latin-1")
        elif "n" in coded:
            container[...] = self._array(coded["n"])
        else:
            other = self._known(coded["x"])
            container.clear()
            container.extend(other) if hasattr(container, "extend") else container.update(other)

    def _decode_ref(self, number: int) -> Any:
        return self.containers[number]

    def _decode_tuple(self, items: list[Any]) -> Any:
        return tuple([self.decode(item) for item in items])

    def _decode_frozenset(self, items: list[Any]) -> Any:
        return frozenset([self.decode(item) for item in items])

    def _decode_dict(self, pairs: list[Any]) -> Any:
        made: dict[Any, Any] = {}
        self._number(made)
        self.fill(made, {"d": pairs})
        return made

    def _decode_set(self, items: list[Any]) -> Any:
        made: set[Any] = set()
        self._number(made)
        self.fill(made, {"s": items})
        return made

    def _decode_bytes(self, text: str) -> Any:
        return text.encode("latin-1")

    def _decode_bytearray(self, text: str) -> Any:
        made = bytearray(text.encode("latin-1"))
        self._number(made)
        return made

    def _decode_complex(self, parts: list[float]) -> Any:
        return complex(*parts)

    def _decode_int(self, digits: str) -> Any:
        return int(digits, 16)

    def _decode_list(self, items: list[Any]) -> Any:
        return [self.decode(item) for item in items]

    def _decode_single(self, name: str) -> Any:
        return _SINGLE[name]

    def _decode_view(self, body: list[Any]) -> Any:
        name, coded = body
        items = [self.decode(item) for item in coded]
        if name == "values":
            return dict(enumerate(items)).values()
        return dict(items).items() if name == "items" else dict.fromkeys(items).keys()

    def _decode_named_tuple(self, body: list[Any]) -> Any:
        name, fields, coded = body
        return self.objects.named_tuple(str(name), fields)(*[self.decode(item) for item in coded])

    def _decode_array(self, body: list[Any]) -> Any:
        if body[1] is None:
            return self._array([body[0], [], body[2]])[()]
        number = len(self.containers)
        self.containers.append(None)
        made = self._array(body)
        self.containers[number] = made
        self.numbers[id(made)] = number
        return made

    def _array(self, body: list[Any]) -> Any:
        import numpy

        dtype, shape, data = body
        if dtype == "O":
            made = numpy.empty(len(data), dtype=object)
            for place, item in enumerate(data):
                made[place] = self.decode(item)
            return made.reshape(shape)
        if numpy.dtype(dtype).kind not in "biufcSUmM":
            raise WireError("an array of another type")
        content = bytearray(data.encode("latin-1"))
        return numpy.frombuffer(content, dtype=numpy.dtype(dtype)).reshape(shape)

    def _decode_known(self, body: list[Any]) -> Any:
        if body[0] != "collections":
            return self._known(body)
        number = len(self.containers)
        self.containers.append(None)
        made = self._known(body)
        self.containers[number] = made
        self.numbers[id(made)] = number
        return made

    def _known(self, body: list[Any]) -> Any:
        module, name, state = body
        if (module, name) not in _KNOWN:
            raise WireError("an unknown class")
        kind = getattr(importlib.import_module(module), name)
        arguments = [self._parts(item) for item in state]
        if name in ("Counter", "OrderedDict"):
            return kind(dict(arguments[0]))
        if name == "defaultdict":
            return kind(arguments[0], dict(arguments[1]))
        return kind(*arguments)

    def _parts(self, coded: Any) -> Any:
        if type(coded) is dict and "l" in coded:
            return [self._parts(item) for item in coded["l"]]
        return self.decode(coded)

    def _decode_exception(self, body: list[Any]) -> Any:
        kind, arguments, note = body
        made = self.objects.decode_class(kind)
        if not (isinstance(made, type) and issubclass(made, BaseException)):
            raise WireError("not an exception")
        values = [self.decode(argument) for argument in arguments]
        try:
            error = made(*values) if made.__module__ == "builtins" else None
        except Exception:
            error = None
        if not isinstance(error, made):
            error = made.__new__(made, *values)
            error.args = tuple(values)
        self.objects.take_note(error, note)
        return error

    def _decode_remote(self, body: Any) -> Any:
        return self.objects.remote(body)

    def _decode_own(self, number: int) -> Any:
        return self.objects.own(number)

    def _decode_class(self, body: Any) -> Any:
        return self.objects.decode_class({"k": body})

    def _decode_shared(self, body: Any) -> Any:
        return self.objects.decode_class({"g": body})

    # --- what a call changed -------------------------------------------------------------------

    def remember(self) -> None:
        """Keep what the containers contain, so that ``changes`` can compare."""
        self.before = [_items(container) for container in self.containers]

    def changes(self) -> list[Any]:
        """The containers with other content than before, as number and content."""
        found = []
        for number, before in enumerate(self.before):
            container = self.containers[number]
            now = _items(container)
            if isinstance(now, bytes):
                same = now == before
            else:
                same = len(now) == len(before) and all(map(is_, now, before))
            if not same:
                found.append([number, self.content(container)])
        return found

    def apply(self, changes: list[Any]) -> None:
        for number, coded in changes:
            self.fill(self.containers[number], coded)


_DECODERS: dict[str, Callable[[Message, Any], Any]] = {
    "r": Message._decode_ref,
    "t": Message._decode_tuple,
    "f": Message._decode_frozenset,
    "d": Message._decode_dict,
    "s": Message._decode_set,
    "b": Message._decode_bytes,
    "B": Message._decode_bytearray,
    "c": Message._decode_complex,
    "i": Message._decode_int,
    "l": Message._decode_list,
    "v": Message._decode_view,
    "nt": Message._decode_named_tuple,
    "n": Message._decode_array,
    "x": Message._decode_known,
    "e": Message._decode_exception,
    "o": Message._decode_remote,
    "h": Message._decode_own,
    "k": Message._decode_class,
    "g": Message._decode_shared,
    "1": Message._decode_single,
}


def _items(container: Any) -> Any:
    if isinstance(container, dict):
        return [*container.keys(), *container.values()]
    if isinstance(container, bytearray):
        return bytes(container)
    if hasattr(container, "tobytes"):
        return container.tobytes() if container.dtype.kind != "O" else container.ravel().tolist()
    return list(container)


def shared_class(module: str, name: str) -> Any:
    """A class that both sides have, of some modules of values, or an exception; else None."""
    top = module.split(".")[0]
    known = sys.stdlib_module_names
    if (top not in known and top != "numpy") or top in _NO_EXCEPTIONS:
        return None
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return None
    if not isinstance(found, type):
        return found if module == "typing" else None
    if issubclass(found, BaseException) or module in _SHARED:
        return found
    return None


def dumps(value: Any) -> bytes:
    # Not json.dumps, which calls builtins that an answer may have replaced.
    return "".join(_ENCODER.iterencode(value, _one_shot=True)).encode("ascii")


def loads(data: bytes) -> Any:
    return _DECODER.raw_decode(data.decode("ascii"))[0]
