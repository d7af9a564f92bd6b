"""Wrap backend exceptions in ModelError so that one model's failure does not abort the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb
from typing import NoReturn

from evalkit.errors import EvalkitError, ModelError, stated
from evalkit.models.base import Model
from evalkit.models.remote.keys import redact


@contextmanager
def model_errors(model: Model) -> Iterator[None]:
    """Raise any exception inside a model as ModelError, which fails only that model."""
    try:
        yield
    except BaseException as error:
        raise_of(model, error)


def raise_of(model: Model, error: BaseException) -> NoReturn:
    """Raise an exception inside a model as :func:`model_errors` does."""
    if isinstance(error, EvalkitError | KeyboardInterrupt):
        raise error
    # Of any library that a backend uses; pytest.skip() is no Exception.
    last = extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    summary = redact(stated(error))
    raise ModelError(f"'{model.name}' failed: {summary} ({where})") from error
