"""Runs to compare with: from the store by name, or from a JSON file that can live in git."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from evalkit.comparing.saved import read_run
from evalkit.errors import UsageError
from evalkit.judging.load import all_judged
from evalkit.records import RunRecord, SuiteRecord
from evalkit.runner.bench import Bench
from evalkit.runner.plan import Cell
from evalkit.store import Store


def load_baseline(name: str, store: Store, folder: Path | None = None) -> RunRecord:
    """A run by its label or id, or from a file written by ``--eval-json``.

    Its samples are loaded (from a file: as much of them as pairing needs). Raises UsageError
    when there is no such file or run.
    """
    path = (folder or Path.cwd()) / name
    if path.suffix == ".json" or path.is_file():
        return read_run(path)
    return store.run(name)


def find_baseline(name: str, store: Store) -> None:
    """Raise UsageError when ``load_baseline`` would find nothing; loads no samples of a store."""
    path = Path.cwd() / name
    if path.suffix == ".json" or path.is_file():
        read_run(path)
    else:
        store.run(name, samples=False)


def check_baseline(
    baseline: RunRecord,
    cells: Sequence[Cell],
    bench: Bench,
    *,
    name: str = "",
    allow_changed: bool = False,
) -> None:
    """Refuse a baseline that was measured on something else than these cells.

    Compared are the hashes of the data, of what the suite declares besides its gates, of each
    prompt with its examples and of each rubric, and the names of the judges. Raises UsageError
    saying what changed; not with ``allow_changed``: then samples whose rows and targets agree are
    still paired. What a baseline does not say (a file of an older version) is not compared.
    """
    before = {(cell.suite, cell.prompt) for cell in baseline.cells}
    changes: dict[str, None] = {}
    for cell in cells:
        record = baseline.suites.get(cell.suite.suite)
        if record is None or (cell.suite.suite, cell.variant.name) not in before:
            continue
        for what in _changes(record, cell, bench):
            changes[f"{cell.suite.suite}: {what}"] = None
    if changes and not allow_changed:
        raise UsageError(
            f"the baseline {name or baseline.id} does not fit: {'; '.join(changes)} since it was"
            " made. Make a new baseline (--eval-save NAME, or --eval-json FILE), or compare all"
            " the same with --eval-baseline-changed=allow"
        )


def _changes(record: SuiteRecord, cell: Cell, bench: Bench) -> Iterator[str]:
    prompt = cell.variant.name
    compared = (
        ("the data have changed", record.data_hash, cell.dataset.hash),
        ("the suite's settings have changed", record.scoring_hash, cell.suite.settings_hash),
        (f"prompt '{prompt}' has changed", record.prompt_hashes.get(prompt), cell.variant.hash),
        *(
            (f"rubric '{e.score}' has changed", record.rubric_hashes.get(e.score), e.rubric.hash)
            for e in all_judged(cell.suite)
        ),
    )
    for what, before, now in compared:
        if before and before != now:
            yield what
    for entry in all_judged(cell.suite):
        graded = record.judges.get(entry.score)
        judges = [judge.name for judge in bench.of(entry)]
        if graded and judges and graded != judges:
            by = f"{', '.join(judges)} instead of {', '.join(graded)}"
            yield f"'{entry.score}' is graded by {by}"
