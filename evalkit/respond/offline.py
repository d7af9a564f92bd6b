"""Models whose server is down: their stored answers, where the user asks for these.

What a server runs is part of the key of its answers, so while it is down nobody can tell whether a
stored answer is still the answer of its model. That is an error, unless the user accepts stored
answers: then the model is taken for what it was when its server last told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from evalkit.errors import ModelError
from evalkit.models.base import Model, Recalling
from evalkit.models.model_errors import model_errors
from evalkit.models.remote.failures import UnreachableError
from evalkit.plan import Plan
from evalkit.records import RunRecord
from evalkit.store import Store, digest


def identified(model: Model, store: Store) -> Mapping[str, Any] | None:
    """The model's fingerprint, which the store remembers from now on.

    Raises ModelError, which tells of stored answers where the server has been up before.
    """
    try:
        with model_errors(model):
            fingerprint = model.fingerprint()
    except UnreachableError as error:
        day = _day(model, store)
        if not day:
            raise
        raise ModelError(
            f"{error}. To fall back to its cached responses, add --eval-stored (from Python:"
            f" stored=True); the server was last reached on {day} and may have changed since"
        ) from None
    if fingerprint is not None and not (isinstance(model, Recalling) and model.recalled):
        store.add_fingerprint(model.name, fingerprint)
    return fingerprint


@contextmanager
def accepting_stored(plan: Plan, store: Store, run: RunRecord) -> Iterator[None]:
    """Models whose server is down are meanwhile what they were when it was up; the run says so."""
    judges = [judge.model for judge in plan.judge_set.judges.values()]
    every = [*plan.models.values(), *judges, *plan.judge_set.references.values()]
    down: list[Recalling] = []
    try:
        for model in every:
            if not isinstance(model, Recalling) or any(model is other for other in down):
                continue
            try:
                model.fingerprint()
            except UnreachableError:
                if day := _recall(model, store):
                    down.append(model)
                    run.notices.append(
                        f"the server of {model.name} is unreachable: its cached responses are"
                        f" used (--eval-stored). It was last reached on {day} and may have changed"
                        " since"
                    )
            except ModelError:  # who asks the model is told
                continue
        yield
    finally:
        for model in down:
            model.recall(None)


def _day(model: Model, store: Store) -> str:
    if not isinstance(model, Recalling):
        return ""
    try:
        return _recall(model, store)
    finally:
        model.recall(None)


def _recall(model: Recalling, store: Store) -> str:
    """Have a model be what it last was under this very declaration; the day of that, or ""."""
    for seen, identity, fingerprint in store.seen():
        model.recall(fingerprint)
        if digest(dict(model.fingerprint() or {})) == identity:
            return datetime.fromtimestamp(seen, timezone.utc).date().isoformat()
    model.recall(None)
    return ""
