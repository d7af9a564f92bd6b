"""evalkit: pytest for language models.

The public API is what this module exports, ``evalkit.tasks``, and for authors of backends
``evalkit.models.base`` and ``evalkit.models.options``. All other modules are private: they may
change in any release. Every name is loaded on first use, so importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalkit.api import Run, compare, evaluate, load_run
    from evalkit.errors import EvalkitError, ModelError, SpecError, StoreError, UsageError
    from evalkit.exchange import Generation, Request, Response, Status
    from evalkit.messages import Message
    from evalkit.metrics import compute
    from evalkit.metrics.base import Score

__version__ = "0.1.0"

_HOMES = {
    "Run": "evalkit.api",
    "evaluate": "evalkit.api",
    "load_run": "evalkit.api",
    "compare": "evalkit.api",
    "compute": "evalkit.metrics",
    "Score": "evalkit.metrics.base",
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
    "Score",
    "SpecError",
    "Status",
    "StoreError",
    "UsageError",
    "__version__",
    "compare",
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
