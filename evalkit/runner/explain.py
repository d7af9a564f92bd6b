"""Why a sample is not in the response cache: what differs from the last time it was answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from evalkit.exchange import Request
from evalkit.models.base import Model
from evalkit.plan import Cell
from evalkit.records import RunRecord, SampleRecord
from evalkit.respond.batch import CellRequests
from evalkit.respond.cells import requests_to
from evalkit.store import Store, digest


def explain(cells: Sequence[Cell], model: Model, store: Store) -> Iterator[str]:
    """Lines that say, for each cell, how many samples are cached and why the others are not."""
    fingerprint = model.fingerprint()
    if fingerprint is None:
        yield (
            f"{model.name}: nothing is cached: the model has no fingerprint"
            " (it is a function; give it an attribute `evalkit_fingerprint`)"
        )
        return
    identity = digest(dict(fingerprint))
    for cell in cells:
        yield from _explain_cell(cell, model, dict(fingerprint), identity, store)


def _explain_cell(
    cell: Cell, model: Model, fingerprint: dict[str, Any], identity: str, store: Store
) -> Iterator[str]:
    prepared = requests_to(model, cell, store, identity)
    keys, known = prepared.keys, prepared.known
    suite, name, prompt = cell.id
    what = "samples" if cell.suite.repeats == 1 else "answers"
    missing = [index for index, key in enumerate(keys) if key not in known]
    head = f"{suite} {name}/{prompt}: {len(keys) - len(missing)} of {len(keys)} {what} cached"
    yield head
    if not missing:
        return
    earlier = [(i, f) for i, f in store.fingerprints(name) if i != identity]
    if earlier and not known:
        changes = _differences(earlier[0][1], fingerprint)
        yield f"  the model differs from when it last answered: {'; '.join(changes)}"
    run = store.last_run_with(cell.id)
    if run is None:
        yield "  this cell has never been run with this store"
        return
    yield from _explain_samples(prepared, missing, run, store)


def _explain_samples(
    prepared: CellRequests, missing: Sequence[int], run: RunRecord, store: Store
) -> Iterator[str]:
    cell = prepared.cell
    before = run.suites[cell.suite.suite]
    changes = _differences(before.generation.to_json(), cell.suite.generation.settings().to_json())
    if changes:
        yield f"  generation parameters differ from run {run.id}: {'; '.join(changes)}"
    seen = {sample.id: sample for sample in store.samples(run.id, cell.id)}
    for index in missing[:20]:
        sample = cell.dataset.samples[index // cell.suite.repeats]
        key = prepared.keys[index]
        if key in prepared.failures:
            yield f"  {sample.id}: cannot be asked: {prepared.failures[key].error}"
        elif key not in prepared.distinct:
            yield f"  {sample.id}: follows a turn that is not cached"
        else:
            yield f"  {sample.id}: {_why(seen.get(sample.id), prepared.distinct[key])}"
    if len(missing) > 20:
        yield f"  … and {len(missing) - 20} more"


def _why(before: SampleRecord | None, request: Request) -> str:
    if before is None:
        return "not among the samples of the last run (new, or beyond its limit)"
    failed = next((answer for answer in before.answers if answer.status == "error"), None)
    if failed is not None:
        return f"was not answered: {failed.error}"
    if before.prompt != request.prompt:
        return "its final prompt has changed"
    compared = before.answer.choices
    if (compared.continuations if compared else ()) != request.choices:
        return "the choices compared have changed"
    return "same prompt: the model or the generation parameters differ (or --eval-no-cache)"


def _differences(before: Any, after: Any, path: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        found = []
        for key in sorted({*before, *after}):
            inside = f"{path}.{key}" if path else str(key)
            found += _differences(before.get(key), after.get(key), inside)
        return found
    return [] if before == after else [f"{path}: {_shown(before)} → {_shown(after)}"]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
