"""Runs to compare with: from the store by name, or from a JSON file that can live in git."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.comparing.baseline import Baseline, CellName
from evalkit.comparing.baseline_file import read_run
from evalkit.comparing.operand import row_digest
from evalkit.comparing.rows import digest_of, match_rows
from evalkit.errors import UnknownRunError, UsageError
from evalkit.judging.judge_set import JudgeSet
from evalkit.metrics.registry import BUILT_IN, Registry
from evalkit.plan import Cell
from evalkit.records import CellRecord, RunRecord, SuiteRecord
from evalkit.store import Store

FIRST_RUN = (
    "On a first run, --eval-baseline-missing=skip leaves gates against it without a verdict (from"
    " Python: allow_missing_baseline=True)"
)
"""Advice for a first run, without a baseline."""


@dataclass(frozen=True, slots=True)
class BaselineReference:
    """The baseline that a run's gates refer to.

    baseline: None if missing; why: the reason. skip: gates that have nothing to
    compare with yet get no verdict; else they are errors. notices: for readers of the report.
    """

    baseline: Baseline | None = None
    why: str = "none was given"
    skip: bool = False
    notices: tuple[str, ...] = ()


def load_baseline(name: str, store: Store, folder: Path | None = None) -> RunRecord:
    """A run by its label or id, or from a file written by ``--eval-json``.

    Its samples are loaded (from a file: as much of them as pairing needs). Raises UnknownRunError
    when there is no such file or run, UsageError when it cannot be read.
    """
    path = _file(name, folder or Path.cwd())
    return read_run(path) if path else store.run(name)


def find_baseline(name: str, store: Store, *, missing: str = "error") -> None:
    """Raise UsageError when ``load_baseline`` would; loads no samples of a store.

    missing: ``skip`` where there may be none yet.
    """
    try:
        path = _file(name, Path.cwd())
        if path:
            read_run(path)
        else:
            store.run(name, samples=False)
    except UnknownRunError as error:
        if missing != "skip":
            raise UsageError(f"{error}. {FIRST_RUN}") from error


def _file(name: str, folder: Path) -> Path | None:
    """The baseline's file; None for a run of the store. Raises UnknownRunError."""
    path = folder / name
    if path.suffix == ".json" and not path.exists():
        raise UnknownRunError(f"there is no file {name}")
    return path if path.suffix == ".json" or path.is_file() else None


def reference(
    name: str | None,
    store: Store,
    cells: Sequence[Cell],
    judge_set: JudgeSet,
    *,
    registry: Registry = BUILT_IN,
    folder: Path | None = None,
    every: Sequence[CellName] = (),
    model: str = "",
    allow_changed: bool = False,
    allow_missing: bool = False,
) -> BaselineReference:
    """Find and check the baseline of these cells' gates.

    every: the cells of the run if it has more than the current run. model: the baseline's
    model that all are compared with. Raises UsageError when there is no such run (not with
    ``allow_missing``), no such model in it, or when it does not fit (``check_baseline``).
    """
    if not name:
        if model:
            raise UsageError("--eval-baseline-model names a model of a baseline: add"
                             " --eval-baseline (from Python: baseline=)")  # fmt: skip
        return BaselineReference(skip=allow_missing)
    try:
        run = load_baseline(name, store, folder)
    except UnknownRunError as error:
        if not allow_missing:
            raise UsageError(f"{error}. {FIRST_RUN}") from error
        is_file = name.endswith(".json")
        why = f"there is no file {name}" if is_file else f"the store has no run '{name}'"
        return BaselineReference(why=why, skip=True)
    baseline = Baseline(run, every or [cell.id for cell in cells], model)
    notices = check_baseline(
        baseline, cells, judge_set, registry=registry, name=name, allow_changed=allow_changed
    )
    return BaselineReference(baseline, skip=allow_missing, notices=tuple(notices))


def check_baseline(
    baseline: Baseline,
    cells: Sequence[Cell],
    judge_set: JudgeSet,
    *,
    registry: Registry = BUILT_IN,
    name: str = "",
    allow_changed: bool = False,
) -> list[str]:
    """Refuse a baseline that was measured on something else than these cells.

    Compared are the rows of the data, the hashes of what the suite declares besides its gates, of
    each prompt with its examples, of each metric of the project's own and of each rubric, and the
    names of the judges. Rows may have come or gone, and what both have is compared; rows that both
    have must be the same. registry: where metrics are looked up. Raises UsageError saying what
    changed; not with ``allow_changed``: then rows that differ are left out. What a baseline does
    not say (a file of an older version) is not compared. Returns what a reader must know: which
    cells of other names are compared, and on how much of the data.
    """
    changes: dict[str, None] = {}
    notices: dict[str, None] = {}
    rows: dict[str, Mapping[str, str]] = {}
    for cell in cells:
        other = baseline.find(*cell.id)
        record = baseline.run.suites.get(cell.suite.suite)
        if other is None:
            continue
        if (other.model, other.prompt) != cell.id[1:]:
            notices[f"{cell.suite.suite}: {cell.model}/{cell.variant.name} is compared with the"
                    f" baseline's {other.model}/{other.prompt}"] = None  # fmt: skip
        if record is None:
            continue
        found = list(_changes(record, other, cell, judge_set, registry))
        if record.data_hash and record.data_hash != cell.dataset.hash:
            now = rows.setdefault(cell.suite.suite, _digests(cell))
            drift = _drift(record, other, cell, now)
            found += drift.problems
            if drift.notice:
                notices[f"{cell.suite.suite}: {drift.notice}"] = None
        for what in found:
            changes[f"{cell.suite.suite}: {what}"] = None
    if changes and not allow_changed:
        raise UsageError(
            f"the baseline {name or baseline.run.id} does not match: {'; '.join(changes)}. Save a"
            " new baseline (--eval-save NAME, or --eval-json FILE), or compare anyway with"
            " --eval-baseline-changed=allow"
        )
    return list(notices)


@dataclass(frozen=True, slots=True)
class _Drift:
    """How data differ from those of a baseline: problems forbid a comparison."""

    problems: list[str]
    notice: str = ""


def _digests(cell: Cell) -> dict[str, str]:
    """The digest of each row of a suite's data, by id."""
    return {one.id: digest_of(one.fields, one.targets) for one in cell.loaded.dataset.samples}


def _drift(record: SuiteRecord, other: CellRecord, cell: Cell, now: Mapping[str, str]) -> _Drift:
    before = {one.id: row_digest(one) for one in other.samples}
    if not before:
        return _Drift(["the data have changed, and the baseline does not record its rows"])
    rows = match_rows(before, now)
    if rows.changed:
        many, both = len(rows.changed), len(rows.same) + len(rows.changed)
        return _Drift(
            [f"the data have changed: the row or the target of {many:,} of {both:,} samples"
             f" differs (first: '{rows.changed[0]}')"]
        )  # fmt: skip
    shared = len(set(rows.same.values()).intersection(one.id for one in cell.dataset.samples))
    least = min(len(before), len(cell.dataset.samples))
    if 2 * shared < least:
        what = f"only {shared:,} of {least:,} samples are" if shared else "no sample is"
        return _Drift([f"the data have changed: {what} in both"])
    if not rows.gone and not rows.new:
        return _Drift([])
    whole = record.limit is None and len(before) == record.total
    new = _is_or_are(len(rows.new), "new" if whole else "not in the baseline")
    message = f"compared with the baseline on the {shared:,} samples that both have"
    return _Drift([], f"{message}; {new}, {_is_or_are(len(rows.gone), 'gone')}")


def _is_or_are(count: int, what: str) -> str:
    return f"{count:,} {'is' if count == 1 else 'are'} {what}"


def _changes(
    record: SuiteRecord, other: CellRecord, cell: Cell, judge_set: JudgeSet, registry: Registry
) -> Iterator[str]:
    prompt = cell.variant.name
    then = "" if other.prompt == prompt else f" (there: '{other.prompt}')"
    was = record.prompt_hashes.get(other.prompt)
    compared = (
        ("the suite's settings have changed", record.settings_hash, cell.suite.settings_hash),
        (f"prompt '{prompt}'{then} has changed", was, cell.variant.hash),
        *(
            (f"rubric '{e.score}' has changed", record.rubric_hashes.get(e.score), e.rubric.hash)
            for e in cell.loaded.judged
        ),
    )
    for what, before, now in compared:
        if before and before != now:
            yield what
    for metric, before in record.metric_hashes.items():
        if (now := registry.fingerprint(metric)) and now != before:
            yield f"the function of metric '{metric}' has changed"
    for entry in cell.loaded.judged:
        graded = record.judges.get(entry.score)
        judges = [judge.name for judge in judge_set.of(entry)]
        if graded and judges and graded != judges:
            by = f"{', '.join(judges)} instead of {', '.join(graded)}"
            yield f"'{entry.score}' is graded by {by}"
