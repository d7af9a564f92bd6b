"""Running out of memory: try half, go on, remember what worked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from evalkit.engine.layout import halves

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class DoesNotFit:
    """In place of a result: memory ran out, as the message says."""

    message: str


def is_out_of_memory(error: BaseException) -> bool:
    """True for the ways in which torch says that memory ran out, on any device."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text
    )


class Backoff:
    """Computes batches, in smaller parts once memory has run out.

    ``limit`` is the weight of the largest batch worth trying: None until memory ran out.
    ``weight`` of a batch is what memory grows with, say rows times longest row.
    """

    def __init__(self, weight: Callable[[Sequence[int]], int]) -> None:
        self.limit: int | None = None
        self._weight = weight

    def run(
        self, batch: Sequence[int], compute: Callable[[Sequence[int]], Result]
    ) -> Iterator[tuple[list[int], Result | DoesNotFit]]:
        """The batch's parts with their results, in order; a part of one row that does not
        fit comes with DoesNotFit in place of a result."""
        parts = [list(batch)]
        while parts:
            part = parts.pop(0)
            too_heavy = self.limit is not None and self._weight(part) > self.limit
            if too_heavy and len(part) > 1:
                parts[:0] = halves(part)
                continue
            try:
                result: Result | DoesNotFit = compute(part)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                result = DoesNotFit(str(error))
            # outside the handler: the traceback would keep the tensors alive
            if isinstance(result, DoesNotFit):
                release()
                if len(part) > 1:
                    self.limit = max(self._weight(half) for half in halves(part))
                    parts[:0] = halves(part)
                    continue
            yield part, result


def release() -> None:
    """Give memory that nothing uses back to the device."""
    import gc
    import sys

    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
