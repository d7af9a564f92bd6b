"""evalkit: pytest for language models.

The public API; every name is loaded on first use, so importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalkit.api import Run, evaluate, load_run
    from evalkit.errors import EvalkitError, ModelError, SpecError, StoreError, UsageError
    from evalkit.exchange import Generation, Request, Response, Status
    from evalkit.messages import Message
    from evalkit.metrics import compute

__version__ = "0.1.0"

_HOMES = {
    "Run": "evalkit.api",
    "evaluate": "evalkit.api",
    "load_run": "evalkit.api",
    "compute": "evalkit.metrics",
    "EvalkitError": "evalkit.errors",
    "ModelError": "evalkit.errors",
    "SpecError": "evalkit.errors",
    "StoreError": "evalkit.errors",
    "UsageError": "evalkit.errors",
    "Generation": "evalkit.exchange",
    "Message": "evalkit.messages",
    "Request": "evalkit.exchange",
    "Response": "evalkit.exchange",
    "Status": "evalkit.exchange",
}

__all__ = [
    "EvalkitError",
    "Generation",
    "Message",
    "ModelError",
    "Request",
    "Response",
    "Run",
    "SpecError",
    "Status",
    "StoreError",
    "UsageError",
    "__version__",
    "compute",
    "evaluate",
    "load_run",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'evalkit' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
