"""Whatever a model's libraries raise is told of that model, and ends nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb

from evalkit.errors import EvalkitError, ModelError
from evalkit.models.base import Model
from evalkit.models.remote.keys import redact


@contextmanager
def model_errors(model: Model) -> Iterator[None]:
    """Whatever breaks inside a model ends that model alone: it is raised as ModelError."""
    try:
        yield
    except EvalkitError:
        raise
    except Exception as error:  # of any library that a backend uses
        last = extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        summary = redact(f"{type(error).__name__}: {error}")
        raise ModelError(f"'{model.name}' broke: {summary} ({where})") from error
