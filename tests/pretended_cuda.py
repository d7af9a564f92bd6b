"""A CUDA device that is pretended on the CPU, for tests of code that has no GPU to run on.

Inside ``pretended_cuda()`` a tensor on ``cuda`` is a ``PretendedTensor``: it reports the device
``cuda:0`` and computes on the CPU. It follows CUDA's rules where code written on a CPU breaks them:

* Tensors of the two devices do not mix, except for numbers (0-dimensional CPU tensors) in
  element-wise operations and CPU indices into a CUDA tensor.
* ``numpy`` and the buffer protocol need a copy on the CPU first.
* A generator belongs to one device.
* Kernels that only a CPU has (oneDNN's) raise.
* ``to("cpu", non_blocking=True)`` returns memory that is filled when the device is synchronised.
* Memory runs out: the card counts the bytes of its tensors, and keeps freed ones like torch does.

It has no kernels of its own, so it shows neither the speed nor the rounding of a GPU, and it
computes no gradients.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

from evalkit.models import hardware

GIB = 2**30
_RealGenerator = torch.Generator
DEVICE = torch.device("cuda:0")
_INDEXING = {
    torch.ops.aten.index.Tensor,
    torch.ops.aten.index_put.default,
    torch.ops.aten.index_put_.default,
    torch.ops.aten._index_put_impl_.default,
}
_ANY_DEVICE = {
    torch.ops.aten.copy_.default,
    torch.ops.aten._to_copy.default,
    torch.ops.aten._has_compatible_shallow_copy_type.default,
}


@dataclass
class Card:
    """The memory of the pretended device, in bytes.

    total: of the card. allocated, peak: of tensors. reserved: what torch took from the driver. log:
    what was done that makes the CPU wait for the device.
    """

    total: int = 80 * GIB
    allocated: int = 0
    reserved: int = 0
    peak: int = 0
    log: Counter[str] = field(default_factory=Counter)
    users: Counter[int] = field(default_factory=Counter)
    pending: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)

    def lease(self, inner: torch.Tensor) -> _Lease:
        """Count a tensor's memory. Raises OutOfMemoryError."""
        storage = inner.untyped_storage()
        key, size = storage.data_ptr(), storage.nbytes()
        if not self.users[key]:
            if self.allocated + size > self.total:
                raise torch.OutOfMemoryError(
                    f"CUDA out of memory. Tried to allocate {size} bytes. GPU 0 has a total"
                    f" capacity of {self.total} bytes of which {self.total - self.allocated} are"
                    " free."
                )
            self.allocated += size
            self.reserved = max(self.reserved, self.allocated)
            self.peak = max(self.peak, self.allocated)
        self.users[key] += 1
        return _Lease(self, key, size)

    def synchronize(self, why: str = "synchronize") -> None:
        """Do what is pending."""
        self.log[why] += 1
        for target, values in self.pending:
            target.copy_(values)
        self.pending.clear()

    def empty_cache(self) -> None:
        self.reserved = self.allocated


class _Lease:
    """A tensor's share of memory; it ends with the tensor."""

    def __init__(self, card: Card, key: int, size: int) -> None:
        self._card, self._key, self._size = card, key, size

    def __del__(self) -> None:
        users = self._card.users
        users[self._key] -= 1
        if not users[self._key]:
            del users[self._key]
            self._card.allocated -= self._size


_card = Card()


class PretendedTensor(torch.Tensor):
    """A tensor on the pretended device."""

    inner: torch.Tensor
    _lease: _Lease

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> PretendedTensor:
        lease = _card.lease(inner)
        # views of an ordinary tensor are ordinary tensors, also in inference mode
        with torch.inference_mode(False):
            made: PretendedTensor = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
                cls,
                inner.size(),
                strides=inner.stride(),
                storage_offset=inner.storage_offset(),
                dtype=inner.dtype,
                device=DEVICE,
            )
        made.inner, made._lease = inner, lease
        return made

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if (own := _OWN.get(func)) is not None:
            return own(*args, **kwargs)
        with torch._C.DisableTorchFunctionSubclass():
            try:
                return func(*args, **kwargs)
            except RuntimeError as error:
                # some methods ask for a guard of the device, which a build without CUDA has not
                if "not linked with support for cuda" not in str(error):
                    raise
                return cls._computed(func, args, kwargs)

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if _names_device(kwargs.get("device")):
            kwargs["device"] = "cpu"
        _check(func, args, kwargs)
        if func.name().startswith(("aten::item", "aten::_local_scalar_dense", "aten::is_nonzero")):
            _card.synchronize("item")
        if func is torch.ops.aten.copy_.default and not isinstance(args[0], cls):
            return _copy_to_cpu(*args, **kwargs)
        return cls._computed(func, args, kwargs)

    @classmethod
    def _computed(cls, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of an operation on the tensors that compute."""
        wrappers = {id(x.inner): x for x in _tensors(args, kwargs) if isinstance(x, cls)}
        found = func(*tree_map(_unwrapped, args), **tree_map(_unwrapped, kwargs))

        def wrapped(x: Any) -> Any:
            if not isinstance(x, torch.Tensor):
                return x
            if (same := wrappers.get(id(x))) is not None:
                assert same.shape == x.shape, f"{func} changes a shape in place"
                return same
            return PretendedTensor(x)

        return tree_map(wrapped, found)

    def __repr__(self, **_: Any) -> str:
        return f"{self.inner!r} on {DEVICE}"


def _tensors(*nested: Any) -> list[torch.Tensor]:
    return [x for x in tree_flatten(nested)[0] if isinstance(x, torch.Tensor)]


def _unwrapped(x: Any) -> Any:
    return x.inner if isinstance(x, PretendedTensor) else x


def _names_device(device: Any) -> bool:
    if device is None or isinstance(device, int):
        return isinstance(device, int)
    return torch.device(device).type == "cuda"


def _check(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise what CUDA raises for operands on the wrong device."""
    if func.namespace == "mkldnn" or "mkldnn" in func.name():
        raise NotImplementedError(
            f"Could not run '{func.name()}' with arguments from the 'CUDA' backend."
        )
    if func in _ANY_DEVICE:
        return
    if func in _INDEXING:
        _check_index(args[0], args[1])
        args = (args[0], *args[2:])
    numbers_mix = torch.Tag.pointwise in func.tags or func in _INDEXING
    on_cpu = [
        x
        for x in _tensors(args, kwargs)
        if not isinstance(x, PretendedTensor) and not (numbers_mix and x.dim() == 0)
    ]
    if on_cpu:
        raise RuntimeError(
            "Expected all tensors to be on the same device, but found at least two devices, cuda:0"
            f" and cpu! ({func.name()}, with a CPU tensor of shape {tuple(on_cpu[0].shape)})"
        )


def _check_index(indexed: torch.Tensor, index: Any) -> None:
    on_device = any(isinstance(x, PretendedTensor) for x in _tensors(index))
    if on_device and not isinstance(indexed, PretendedTensor):
        raise RuntimeError(
            "indices should be either on cpu or on the same device as the indexed tensor (cpu)"
        )
    if isinstance(indexed, PretendedTensor) and len(_tensors(index)) > sum(
        isinstance(x, PretendedTensor) for x in _tensors(index)
    ):
        _card.log["index copied"] += 1


def _no_numpy(x: Any, *_: Any, **__: Any) -> Any:
    if isinstance(x, PretendedTensor):
        raise TypeError(
            "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor"
            " to host memory first."
        )
    return x.numpy()


def _get(x: torch.Tensor, index: Any) -> torch.Tensor:
    _check_index(x, index)
    return PretendedTensor(_unwrapped(x)[tree_map(_unwrapped, index)])


def _set(x: torch.Tensor, index: Any, value: Any) -> None:
    _check_index(x, index)
    if isinstance(value, torch.Tensor):
        same = isinstance(value, PretendedTensor) == isinstance(x, PretendedTensor)
        # a plain slice is a copy, which may cross devices
        if not same and value.dim() and _tensors(index):
            raise RuntimeError(
                "Expected all tensors to be on the same device, but got values on another device"
                " than the indexed tensor"
            )
    _unwrapped(x)[tree_map(_unwrapped, index)] = _unwrapped(value)


def _to_list(x: PretendedTensor) -> Any:
    _card.synchronize("tolist")
    return x.inner.tolist()


def _number(x: torch.Tensor, method: str) -> Any:
    _card.synchronize("item")
    return getattr(_unwrapped(x), method)()


def _to_cpu(x: torch.Tensor, *, non_blocking: bool = False, **more: Any) -> torch.Tensor:
    """A copy on the CPU. Without blocking, its values arrive when the device is synchronised."""
    if not isinstance(x, PretendedTensor):
        return x.to(**more) if more else x
    values = x.inner.to(**more) if more else x.inner
    if non_blocking:
        target = torch.full_like(values, 77)
        _card.pending.append((target, values.clone()))
        return target
    _card.synchronize("to cpu")
    return values.clone()


def _copy_to_cpu(target: torch.Tensor, x: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    if not non_blocking:
        _card.synchronize("to cpu")
        return target.copy_(_unwrapped(x))
    _card.pending.append((target, _unwrapped(x).clone()))
    return target.fill_(77)


def _to(x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    """``Tensor.to``, ``.cuda`` and ``.cpu``, for tensors of both devices."""
    device, dtype, non_blocking, _ = torch._C._nn._parse_to(
        *(a for a in args if not isinstance(a, torch.Tensor)),
        **{k: v for k, v in kwargs.items() if k not in ("copy", "memory_format")},
    )
    for other in args:
        if isinstance(other, torch.Tensor):
            device, dtype = other.device, other.dtype
    more = {"dtype": dtype} if dtype is not None else {}
    if kwargs.get("copy"):
        more["copy"] = True
    if device is None:
        inner = _unwrapped(x)
        found = inner.to(**more) if more else inner
        if found is inner:
            return x
        return PretendedTensor(found) if isinstance(x, PretendedTensor) else found
    if device.type == "cpu":
        return _to_cpu(x, non_blocking=non_blocking, **more)
    if device.type != "cuda":
        with torch._C.DisableTorchFunctionSubclass():
            return _unwrapped(x).to(device, **more)
    if isinstance(x, PretendedTensor):
        return _to(x, **more) if more else x
    if not non_blocking:
        _card.log["to cuda"] += 1
    moved = x.detach().to(**more) if more else x.detach()
    return PretendedTensor(moved.clone())


def _cuda(x: torch.Tensor, device: Any = None, non_blocking: bool = False) -> torch.Tensor:
    return _to(x, "cuda", non_blocking=non_blocking)


def _pin(x: torch.Tensor, *_: Any) -> torch.Tensor:
    if isinstance(x, PretendedTensor):
        raise RuntimeError(
            "cannot pin 'torch.cuda.FloatTensor' only dense CPU tensors can be pinned"
        )
    return x.clone()


_OWN: dict[Any, Callable[..., Any]] = {
    torch.Tensor.__getitem__: _get,
    torch.Tensor.__setitem__: _set,
    torch.Tensor.tolist: _to_list,
    torch.Tensor.numpy: _no_numpy,
    torch.Tensor.__array__: _no_numpy,
    torch.Tensor.to: _to,
    torch.Tensor.cpu: _to_cpu,
    torch.Tensor.cuda: _cuda,
    torch.Tensor.pin_memory: _pin,
    torch.Tensor.new_tensor: lambda x, data, **more: torch.tensor(
        data, **{"device": x.device, "dtype": x.dtype, **more}
    ),
    torch.Tensor.__format__: lambda x, spec: format(x.item() if not x.dim() else repr(x), spec),
}

for _name in ("item", "__float__", "__int__", "__index__", "__bool__", "__complex__"):
    _OWN[getattr(torch.Tensor, _name)] = lambda x, name=_name: _number(x, name)


class PretendedGenerator(torch.Generator):
    """A generator of random numbers on the pretended device."""

    device = DEVICE


class _AnyGenerator(type):
    def __instancecheck__(cls, x: object) -> bool:
        return isinstance(x, _RealGenerator)


class _Generator(metaclass=_AnyGenerator):
    """Takes the place of ``torch.Generator``, which a build without CUDA creates on a CPU only."""

    def __new__(cls, device: Any = "cpu") -> Any:
        return PretendedGenerator() if _names_device(device) else _RealGenerator(device)


class _Factories(TorchFunctionMode):
    """Creates tensors on the pretended device, and moves CPU tensors there."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch._C._nn._parse_to:  # it creates nothing
            return func(*args, **kwargs)
        if func in (torch.Tensor.to, torch.Tensor.cuda, torch.Tensor.pin_memory):
            with torch._C.DisableTorchFunction():
                return _OWN[func](*args, **kwargs)
        kwargs.pop("pin_memory", None)
        created = _names_device(kwargs.get("device"))
        on_device = created or any(isinstance(x, PretendedTensor) for x in _tensors(args, kwargs))
        _check_generator(kwargs.get("generator"), on_device)
        if not created:
            return func(*args, **kwargs)
        if func in (torch.tensor, torch.as_tensor):
            _card.log["to cuda"] += 1
        args, kwargs = tree_map(_unwrapped, (args, {**kwargs, "device": "cpu"}))
        return PretendedTensor(func(*args, **kwargs))


def _check_generator(generator: torch.Generator | None, on_device: bool) -> None:
    if generator is not None and isinstance(generator, PretendedGenerator) != on_device:
        here, there = ("cuda", "cpu") if on_device else ("cpu", "cuda")
        raise RuntimeError(f"Expected a '{here}' device type for generator but found '{there}'")


class _Stream:
    """A stream: what it holds is done at once."""

    def __init__(self, **_: Any) -> None:
        pass

    def synchronize(self) -> None:
        _card.synchronize("stream")

    def wait_stream(self, _: Any) -> None:
        """Nothing runs beside the CPU."""

    wait_event = wait_stream

    def record_event(self, event: _Event | None = None) -> _Event:
        return event or _Event()


class _Event:
    def __init__(self, **_: Any) -> None:
        pass

    def record(self, *_: Any) -> None:
        """Nothing runs beside the CPU."""

    def synchronize(self) -> None:
        _card.synchronize("event")

    def query(self) -> bool:
        return True

    def elapsed_time(self, _: Any) -> float:
        return 1.0


@contextmanager
def pretended_cuda(total: int = 80 * GIB) -> Iterator[Card]:
    """One pretended GPU inside the ``with`` block, which torch and evalkit find. total: its bytes.

    Threads that start inside the block have it, too.
    """
    global _card
    before, _card = _card, Card(total)
    run = threading.Thread.run

    def run_pretending(self: threading.Thread) -> None:
        with _Factories(), torch.no_grad():
            run(self)

    overwrites = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        with pytest.MonkeyPatch.context() as patch, _Factories(), torch.no_grad():
            patch.setattr(threading.Thread, "run", run_pretending)
            _patch_torch(patch, _card)
            patch.setattr(hardware, "has_cuda", lambda: True)
            patch.setattr(hardware, "_ask_gpu", _gpu_facts)
            hardware.cuda_capability.cache_clear()
            yield _card
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(overwrites)
        hardware.cuda_capability.cache_clear()
        _clear_caches()
        _card = before


def _gpu_facts(what: str, index: int) -> str:
    return {"compute_cap": "9.0", "memory.free": f"{(_card.total - _card.reserved) >> 20} MiB"}[
        what
    ]


def _clear_caches() -> None:
    """What transformers remembers about the devices of the machine."""
    from transformers.utils import import_utils

    for name in ("is_torch_cuda_available", "is_cuda_platform", "is_torch_bf16_gpu_available"):
        clear = getattr(getattr(import_utils, name, None), "cache_clear", None)
        if clear is not None:
            clear()


def _patch_torch(patch: pytest.MonkeyPatch, card: Card) -> None:
    properties = SimpleNamespace(
        name="NVIDIA pretended", total_memory=card.total, major=9, minor=0, multi_processor_count=2
    )

    @contextmanager
    def nothing(*_: Any, **__: Any) -> Iterator[None]:
        yield

    def reset_peak(*_: Any) -> None:
        card.peak = card.allocated

    found: dict[str, Callable[..., Any]] = {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "init": lambda: None,
        "_lazy_init": lambda: None,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "set_device": lambda _: None,
        "device": nothing,
        "stream": nothing,
        "synchronize": lambda *_: card.synchronize(),
        "empty_cache": card.empty_cache,
        "mem_get_info": lambda *_: (card.total - card.reserved, card.total),
        "memory_allocated": lambda *_: card.allocated,
        "max_memory_allocated": lambda *_: card.peak,
        "memory_reserved": lambda *_: card.reserved,
        "reset_peak_memory_stats": reset_peak,
        "get_device_properties": lambda *_: properties,
        "get_device_name": lambda *_: properties.name,
        "get_device_capability": lambda *_: (9, 0),
        "is_bf16_supported": lambda *_: True,
        "manual_seed": lambda _: None,
        "manual_seed_all": lambda _: None,
        "get_rng_state": lambda *_: torch.get_rng_state(),
        "set_rng_state": lambda state, *_: torch.set_rng_state(state),
        "Event": _Event,
        "Stream": _Stream,
        "current_stream": lambda *_: _Stream(),
    }
    for name, value in found.items():
        patch.setattr(torch.cuda, name, value)
    patch.setattr(torch, "Generator", _Generator)
