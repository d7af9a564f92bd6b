"""Models whose server is unreachable: cached responses are used if the user accepts that.

The cache key of a response includes what the server runs, which is unknown while it is down. That
is an error unless the user passes --eval-stored: then the model's last known fingerprint is used.
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

    Raises ModelError, which mentions cached responses if the server was reachable before.
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
    """Use the last known fingerprint of models whose server is down; the run carries a notice."""
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
            except ModelError:  # reported where the model is used
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
    """Restore the last fingerprint seen for this declaration; returns its date, or ""."""
    for seen, identity, fingerprint in store.seen():
        model.recall(fingerprint)
        if digest(dict(model.fingerprint() or {})) == identity:
            return datetime.fromtimestamp(seen, timezone.utc).date().isoformat()
    model.recall(None)
    return ""
