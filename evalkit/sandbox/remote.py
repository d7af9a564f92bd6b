"""Objects of the other process, and the requests by which they are used.

Runs standalone inside the sandbox. Each side of a ``Link`` asks the other to call functions, read
attributes and apply operators, and answers such requests while it waits. What a side may ask is
decided by the other's ``permit``.
"""

from __future__ import annotations

import os
import sys
from typing import Any
from weakref import WeakValueDictionary

from evalkit.sandbox.wire import Message, WireError, dumps, loads, shared_class

_ARITHMETIC = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul", "and", "or",
    "xor", "lshift", "rshift",
)  # fmt: skip
_BINARY = {f"__{side}{name}__" for name in _ARITHMETIC for side in ("", "r")}
_ORDER = {"__lt__", "__le__", "__gt__", "__ge__"}
_OTHERS = {
    "__len__", "__iter__", "__next__", "__bool__", "__int__", "__float__", "__index__",
    "__complex__", "__neg__", "__pos__", "__abs__", "__invert__", "__round__", "__trunc__",
    "__floor__", "__ceil__", "__str__", "__format__", "__reversed__", "__enter__", "__exit__",
    "__call__", "__getitem__", "__setitem__", "__delitem__", "__bytes__", "__contains__",
    "__eq__", "__ne__", "__hash__", "__repr__",
}  # fmt: skip
OPERATORS = _BINARY | _ORDER | _OTHERS | {f"__i{name}__" for name in _ARITHMETIC}
_READ = {"__name__", "__doc__", "__qualname__", "__module__", "__dict__", "__wrapped__"}
_JUDGES = {
    "startswith", "endswith", "issubset", "issuperset", "isdisjoint", "difference", "union",
    "intersection", "symmetric_difference", "equals", "count", "index", "find", "all", "any",
    *(name for kind in (str, float) for name in dir(kind) if name.startswith("is")),
}  # fmt: skip
"""Methods that compare an object with what it is expected to be."""


class Link:
    """Asks the other process, and answers it.

    used: names of the classes whose instances compare themselves; no other object can say that it
    equals a value. trusting: whether the other side may do what it likes.
    """

    def __init__(self, reading: int, writing: int, used: list[str], *, trusting: bool) -> None:
        self.reading, self.writing = reading, writing
        self.objects = Objects(self, frozenset(used), trusting)
        self.broken = ""

    def ask(self, kind: str, *what: Any, extra: Any = None) -> Any:
        """The value of a request; raises what it raises on the other side."""
        if self.broken:
            raise LinkBroken(self.broken)
        given = extra or self.objects.before()
        told = self.objects.told.copy()
        for careful in (False, True):
            self.objects.told = told.copy()  # what was not sent is not known there
            message = Message(self.objects, careful=careful)
            coded = [message.encode(item) for item in what]
            try:
                data = dumps([kind, coded, given, self.objects.released()])
                break
            except ValueError:  # a number with too many digits to be written in decimals
                continue
        try:
            self._write(data)
            while (reply := self._read())[0] not in ("value", "error"):
                self._answer(reply)
        except (OSError, EOFError, ValueError, TypeError, IndexError, WireError) as error:
            self.broken = self.broken or f"{type(error).__name__}: {error}"
            raise LinkBroken(self.broken) from None
        return self._result(reply, message)

    def _result(self, reply: Any, message: Message) -> Any:
        try:
            outcome, changes, coded, after = reply
            message.apply(changes)
            value = message.decode(coded)
            self.objects.after(after)
            if outcome == "error" and not isinstance(value, BaseException):
                raise WireError("no exception")
        except Exception as error:  # a dishonest answer can send anything
            self.broken = (
                f"what the answer returned cannot be read ({type(error).__name__}: {error})"
            )
            raise LinkBroken(self.broken) from None
        if outcome == "error":
            raise value
        return value

    def serve(self) -> None:
        """Answer requests until the other side ends."""
        while True:
            self._answer(self._read())

    def _answer(self, request: Any) -> None:
        kind, coded, extra, released = request
        message = Message(self.objects)
        try:
            what = [message.decode(item) for item in coded]
            message.remember()
            self.objects.release(released)
            self.objects.prepare(extra)
            value = self.objects.carry_out(kind, what)
        except BaseException as error:
            if isinstance(error, (WireError, LinkBroken)) and not self.objects.trusting:
                raise
            self._write(self._reply("error", message, error))
            return
        try:
            reply = self._reply("value", message, value)
        except Exception as error:
            reply = self._reply("error", message, error)
        self._write(reply)

    def _reply(self, outcome: str, message: Message, value: Any) -> bytes:
        known = len(message.containers)
        after = self.objects.changed_globals()
        told = self.objects.told.copy()
        for careful in (message.careful, True):
            self.objects.told = told.copy()
            message.careful = careful
            try:
                return dumps([outcome, message.changes(), message.encode(value), after])
            except Exception:
                for container in message.containers[known:]:
                    message.numbers.pop(id(container), None)
                del message.containers[known:]
                if careful:
                    raise
        raise WireError("a value that cannot be sent")

    def _write(self, data: bytes) -> None:
        data = b"%12d" % len(data) + data
        view = memoryview(data)
        while view:
            view = view[os.write(self.writing, view) :]

    def _read(self) -> Any:
        size = int(read_exactly(self.reading, 12))
        return loads(read_exactly(self.reading, size))


def read_exactly(handle: int, size: int) -> bytes:
    """This many bytes of a file descriptor; raises EOFError where it ends before."""
    data = os.read(handle, size)
    if len(data) == size:
        return data
    parts = bytearray(data)
    while len(parts) < size:
        if not data:
            raise EOFError("the other process ended")
        data = os.read(handle, min(size - len(parts), 1 << 20))
        parts += data
    return bytes(parts)


class LinkBroken(BaseException):
    """The other process ended, or does not keep to the protocol."""


class Objects:
    """The objects that this side lends to the other, and those that it has of the other."""

    def __init__(self, link: Link, used: frozenset[str], trusting: bool) -> None:
        self.link, self.used, self.trusting = link, used, trusting
        self.lent: dict[int, Any] = {}
        self.last = 0
        self.numbers: dict[int, int] = {}
        self.proxies: WeakValueDictionary[int, Any] = WeakValueDictionary()
        self.classes: dict[int, Any] = {}
        self.told: set[int] = set()
        self.tuples: dict[Any, Any] = {}
        self.dropped: list[int] = []
        # Set by the process of the tests or of the answer.
        self.permit: Any = lambda kind, target, name: None
        self.before: Any = lambda: None
        self.prepare: Any = lambda extra: None
        self.changed_globals: Any = list
        self.after: Any = lambda values: None
        self.requests: dict[str, Any] = {}

    # --- lending -------------------------------------------------------------------------------

    def keeps(self, kind: type) -> bool:
        """Whether instances of a subclass of a builtin class stay objects of their own."""
        return any(base.__name__ in self.used for base in kind.__mro__)

    def encode(self, value: Any) -> Any:
        owner, number = _place(value)
        if owner is self:
            return {"h": number}
        if isinstance(value, type):
            return self.encode_class(value)
        shared = self._by_name(value)
        return shared or {"o": [self._lend(value), self.encode_class(type(value))]}

    def _by_name(self, value: Any) -> Any:
        """Functions of the standard library go by name to the answer, which may have any."""
        if self.trusting or not callable(value) or isinstance(value, (Remote, type)):
            return None
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
        if not isinstance(module, str) or not isinstance(name, str):
            return None
        found: Any = sys.modules.get(module) if module != "answer" else None
        for part in name.split("."):
            found = getattr(found, part, None)
        return {"g": [module, name]} if found is value else None

    def _lend(self, value: Any) -> int:
        number = self.numbers.get(id(value))
        if number is None:
            self.last = number = self.last + 1
            self.numbers[id(value)] = number
            self.lent[number] = value
        return number

    def encode_class(self, kind: type) -> Any:
        owner, number = _place(kind)
        if owner is self:
            return {"h": number}
        module, name = kind.__module__, kind.__qualname__
        if module != "answer" and shared_class(module, name) is kind:
            return {"g": [module, name]}
        number = self._lend(kind)
        if number in self.told:
            return {"k": [number]}
        self.told.add(number)
        bases = [self.encode_class(base) for base in kind.__bases__ if base is not object]
        own = [c for c in kind.__mro__ if c is not object and c is not BaseException]
        defined = [n for n in OPERATORS if any(n in vars(c) for c in own)]
        doc = kind.__doc__ if isinstance(kind.__doc__, str) else None
        return {"k": [number, kind.__name__, name, module, defined, bases, doc]}

    def place(self, value: Any) -> int | None:
        """The number of an object that the other side lent; None if it is of this side."""
        owner, number = _place(value)
        return number if owner is self and number else None

    def own(self, number: int) -> Any:
        if number not in self.lent:
            raise WireError("an unknown object")
        return self.lent[number]

    def released(self) -> list[int]:
        dropped, self.dropped = self.dropped, []
        return [number for number in dropped if self.proxies.get(number) is None]

    def release(self, numbers: list[int]) -> None:
        for number in numbers:
            value = self.lent.get(number)
            if value is not None and not isinstance(value, type):
                self.numbers.pop(id(self.lent.pop(number)), None)

    def note(self, error: BaseException) -> Any:
        """Where an exception was raised, for the message; its attributes are read remotely."""
        own = {name: value for name, value in vars(error).items() if type(value) in (str, int)}
        kind = type(error)
        shared = shared_class(kind.__module__, kind.__qualname__) is kind
        return [self.place_of(error), 0 if shared else self._lend(error), own]

    def place_of(self, error: BaseException) -> str:
        return str(vars(error).get("evalkit_place", ""))

    def take_note(self, error: BaseException, note: Any) -> None:
        place, number, own = note
        for name, value in {**own, "evalkit_place": str(place)}.items():
            if type(value) in (str, int) and not name.startswith("__"):
                error.__dict__[name] = value
        if isinstance(error, RemoteError):
            error.__dict__["_remote"] = (self, number)

    # --- what the other side lent ----------------------------------------------------------------

    def named_tuple(self, name: str, fields: list[str]) -> Any:
        key = (name, *fields)
        if key not in self.tuples:
            from collections import namedtuple

            self.tuples[key] = namedtuple(name, fields)
        return self.tuples[key]

    def remote(self, body: Any) -> Any:
        number, coded = body
        known = self.proxies.get(number)
        if known is not None:
            return known
        kind = self.decode_class(coded)
        if not isinstance(kind, RemoteType):
            kind = self._class(-1, ["object", "object", "builtins", [], [], None])
        made = object.__new__(kind)
        object.__setattr__(made, "_remote", (self, int(number)))
        self.proxies[number] = made
        return made

    def decode_class(self, coded: Any) -> Any:
        ((tag, body),) = coded.items()
        if tag == "h":
            return self.own(body)
        if tag == "g":
            if self.trusting:
                return self._found(*body)
            found = shared_class(*body)
            if found is None:
                raise WireError("a class that the tests do not know")
            return found
        if tag != "k":
            raise WireError("not a class")
        number = body[0]
        if number not in self.classes:
            self.classes[number] = self._class(number, body[1:])
        return self.classes[number]

    def _found(self, module: str, name: str) -> Any:
        import importlib

        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        return found

    def _class(self, number: int, body: list[Any]) -> Any:
        if number in self.classes:
            return self.classes[number]
        name, qualified, module, defined, coded_bases, doc = body
        bases = [self.decode_class(base) for base in coded_bases]
        errors = [b for b in bases if isinstance(b, type) and issubclass(b, BaseException)]
        remote = [b for b in bases if isinstance(b, RemoteType) and b not in errors]
        made_of: list[type] = [*errors[:1], RemoteError] if errors else [*remote, Remote]
        if errors and isinstance(errors[0], RemoteType):
            made_of = errors[:1]
        if any(issubclass(base, Remote) for base in remote):
            made_of = [*remote]
        trusted = self.trusting or name in self.used or any(b.compares for b in remote)
        space = {"__module__": str(module), "__qualname__": str(qualified), "__doc__": doc,
                 "_class": (self, number), "compares": trusted}  # fmt: skip
        if not errors:
            space["__slots__"] = ()
            space.update((n, _operator(n)) for n in defined if n in OPERATORS)
            if "__eq__" in space and "__hash__" not in space:
                space["__hash__"] = None
        made = RemoteType(str(name), tuple(made_of), space)
        self.classes[number] = made
        return made

    # --- requests ------------------------------------------------------------------------------

    def carry_out(self, kind: str, what: list[Any]) -> Any:
        if kind in self.requests:
            return self.requests[kind](*what)
        target, name, *rest = what
        self.permit(kind, target, name)
        if kind == "call":
            return target(*rest[0], **rest[1])
        if kind == "operator":
            if name not in OPERATORS:
                raise WireError("not an operator")
            return getattr(type(target), name)(target, *rest)
        if kind == "get":
            return getattr(target, name)
        if kind == "set":
            return setattr(target, name, rest[0])
        if kind == "delete":
            return delattr(target, name)
        raise WireError("not a request")


def _place(value: Any) -> tuple[Any, int]:
    """Who lent an object and its number there; (None, 0) if it is of this process."""
    if isinstance(value, RemoteType):
        owner, number = type.__getattribute__(value, "_class")
        return owner, number
    kind = type(value)
    if isinstance(kind, RemoteType):
        place = value.__dict__.get("_remote") if isinstance(value, RemoteError) else value._remote
        return place or (None, 0)
    return None, 0


class RemoteType(type):
    """A class of the other process. Calling it makes an instance there."""

    compares: bool

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        owner, _ = type.__getattribute__(cls, "_class")
        return owner.link.ask("call", cls, "", args, kwargs)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__") and name.endswith("__") and name not in _READ:
            raise AttributeError(name)
        owner, _ = type.__getattribute__(cls, "_class")
        return owner.link.ask("get", cls, name)

    def __iter__(cls) -> Any:  # of an enumeration, for instance
        owner, _ = type.__getattribute__(cls, "_class")
        return owner.link.ask("operator", cls, "__iter__")

    def __getitem__(cls, key: Any) -> Any:
        owner, _ = type.__getattribute__(cls, "_class")
        return owner.link.ask("operator", cls, "__getitem__", key)

    def __setattr__(cls, name: str, value: Any) -> None:
        if name.startswith("__"):
            return type.__setattr__(cls, name, value)
        owner, _ = type.__getattribute__(cls, "_class")
        owner.link.ask("set", cls, name, value)
        return None


class Remote:
    """An object of the other process."""

    __slots__ = ("__weakref__", "_remote")
    _remote: tuple[Objects, int]
    compares = False

    def __getattr__(self, name: str) -> Any:
        dunder = name.startswith("__") and name.endswith("__")
        if (dunder and name not in _READ) or (name in _JUDGES and not type(self).compares):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self._remote[0].link.ask("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._remote[0].link.ask("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        self._remote[0].link.ask("delete", self, name)

    def __del__(self) -> None:
        owner, number = self._remote
        owner.dropped.append(number)


class RemoteError:
    """An exception of a class of the other process; its other attributes are read there."""

    def __getattr__(self, name: str) -> Any:
        place = self.__dict__.get("_remote")
        if place is None or name.startswith("__"):
            raise AttributeError(name)
        return place[0].link.ask("get", self, name)


def _operator(name: str) -> Any:
    """The method of a remote class for an operator.

    An object that is compared or calculated with a value of this process decides nothing, unless
    its class is one that compares.
    """

    def forwarded(self: Any, *args: Any) -> Any:
        return self._remote[0].link.ask("operator", self, name, *args)

    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self._remote[0].link.ask("call", self, "", args, kwargs)

    def between(self: Any, other: Any) -> Any:
        if type(self).compares or isinstance(other, Remote):
            return forwarded(self, other)
        if name == "__eq__":
            return self is other
        return self is not other if name == "__ne__" else NotImplemented

    def contains(self: Any, item: Any) -> Any:
        if type(self).compares:
            return forwarded(self, item)
        return any(item is each or item == each for each in self)

    def hashed(self: Any) -> int:
        return forwarded(self) if type(self).compares else object.__hash__(self)

    special = {
        "__call__": called,
        "__contains__": contains,
        "__hash__": hashed,
        "__eq__": between,
        "__ne__": between,
    }
    if name in special:
        return special[name]
    return between if name in _BINARY | _ORDER else forwarded
