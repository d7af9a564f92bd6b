"""evalkit from Python: evaluate suites, load and compare runs."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.comparing.baseline import beside
from evalkit.comparing.baseline_file import read_run
from evalkit.comparing.cells import CellComparison, compare_cells
from evalkit.comparing.select import select
from evalkit.errors import EvalkitError, UsageError, unknown
from evalkit.experiment import BaselineOptions, Experiment, RunOptions
from evalkit.metrics.custom import project_metrics
from evalkit.metrics.registry import BUILT_IN, Registry
from evalkit.provenance import new_run_id
from evalkit.records import CellRecord, RunRecord
from evalkit.reporting import tables
from evalkit.reporting.progress import TerminalProgress
from evalkit.runner.allow_code import code_mode
from evalkit.runner.explain import explain
from evalkit.scoring.scorer import is_failed
from evalkit.spec.load import LoadedSuite
from evalkit.spec.project import find_project
from evalkit.store import Store
from evalkit.written.printable import block

if TYPE_CHECKING:
    import pandas as pd

SuiteLike = str | os.PathLike[str] | Mapping[str, Any]


class Run:
    """A finished run: its scores, verdicts and samples, and methods that write reports."""

    def __init__(
        self, record: RunRecord, store: Store | None = None, registry: Registry | None = None
    ) -> None:
        self.record = record
        self.store = store
        self._registry = registry

    @property
    def registry(self) -> Registry:
        """The metrics that comparisons compute: those the run was evaluated with; for a loaded
        run, evalkit's and those of the project in the working directory."""
        if self._registry is None:
            self._registry = _registry_here()
        return self._registry

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} {name}" for name, n in self.record.verdicts.items() if n)
        return f"<evalkit run {self.id}: {len(self.record.cells)} cells, gates: {counts or 'none'}>"

    @property
    def id(self) -> str:
        """The name of the run in its store."""
        return self.record.id

    @property
    def passed(self) -> bool:
        """Whether every gate passed, every suite with gates has a verdict, every response satisfies
        its checks, and every cell has answers (without gates, also grades and scores), except for
        as many errors as its suite allows."""
        counts = self.record.verdicts
        all_pass = sum(counts.values()) == counts["pass"] and not self.record.undecided
        return all_pass and not any(
            cell.error
            or (not cell.gates and (cell.distrust or any(map(is_failed, cell.scores.values()))))
            or any(cell.checks.values())
            or (cell.n and not cell.scored)
            or self._lost(cell)
            for cell in self.record.cells
        )

    def _lost(self, cell: CellRecord) -> bool:
        """Whether more samples of a cell have no answer than its suite allows."""
        suite = self.record.suites.get(cell.suite)
        return cell.unanswered > (suite.max_errors if suite else 0)

    @property
    def scores(self) -> pd.DataFrame:
        """One row per cell and score: suite, model, prompt, score, value, low, high, n, …"""
        return tables.scores(self.record)

    @property
    def gates(self) -> pd.DataFrame:
        """One row per cell and gate: suite, model, prompt, rule, verdict, value, reason, …"""
        return tables.gates(self.record)

    @property
    def samples(self) -> pd.DataFrame:
        """One row per sample and cell: id, target, output, prediction, status, scores, …

        Columns of the data come as ``field.NAME``, per-sample scores as ``score.NAME``.
        """
        return tables.samples(self.record)

    @property
    def judgments(self) -> pd.DataFrame:
        """One row per judgment: id (of the sample), score, judge, value, answer, reply, …

        ``asked`` is the judge's prompt.
        """
        return tables.judgments(self.record)

    def to_html(
        self,
        path: str | os.PathLike[str],
        *,
        baseline: RunRecord | None = None,
        baseline_model: str = "",
    ) -> None:
        """Write the report: one self-contained HTML file.

        baseline: an earlier run; the report shows the changes since. baseline_model: as for
        ``evaluate``.
        """
        from evalkit.reporting.html import write_html

        since = beside(baseline, self.record, baseline_model)
        write_html(self.record, Path(path), since, self.registry)

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write scores, verdicts and provenance as JSON (``docs/results.schema.json``)."""
        from evalkit.reporting.document import write_json

        write_json(self.record, Path(path))

    def export(
        self, path: str | os.PathLike[str], what: str = "samples", *, raw: bool = False
    ) -> None:
        """Write ``samples``, ``scores``, ``gates`` or ``judgments`` as a table.

        The file's extension selects the format: ``.csv``, ``.parquet``, ``.json``. Raises
        UsageError for any other. raw: write texts to CSV as they are; by default an apostrophe
        precedes those that a spreadsheet would compute, such as ``=1+1``.
        """
        from evalkit.reporting.export import write_table

        if what not in tables.TABLES:
            raise UsageError(unknown("table", what, list(tables.TABLES)))
        write_table(tables.TABLES[what](self.record), Path(path), raw=raw)

    def to_markdown(
        self,
        path: str | os.PathLike[str],
        *,
        baseline: RunRecord | None = None,
        baseline_model: str = "",
    ) -> None:
        """Write a short summary, for a pull request for instance.

        baseline, baseline_model: as for ``to_html``.
        """
        from evalkit.reporting.markdown import write_markdown

        since = beside(baseline, self.record, baseline_model)
        write_markdown(self.record, Path(path), since, self.registry)


def evaluate(
    suite: SuiteLike | Sequence[SuiteLike],
    models: Sequence[str] | Mapping[str, Any] | str | None = None,
    *,
    prompts: Sequence[str] | str = (),
    limit: int | None = None,
    store: Store | str | os.PathLike[str] | None = None,
    cache: bool = True,
    stored: bool = False,
    baseline: str | None = None,
    baseline_model: str = "",
    allow_changed_baseline: bool = False,
    allow_missing_baseline: bool = False,
    loaded: Mapping[str, Any] | None = None,
    root: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    allow_code: bool | str = False,
    metrics: Mapping[str, Any] | None = None,
    judges: Sequence[str] | str = (),
) -> Run:
    """Evaluate models on one suite or several.

    Args:
        suite: The path of a suite file, a suite as a dict (its files relative to ``root``), or a
            list of these.
        models: Names (declared in ``evalkit.yaml``, built in, or ``backend:name?key=value``), or a
            dict of names to models in memory. Default: as under pytest.
        prompts: Only these prompt variants.
        limit: Maximum number of samples of each suite: a random subset, always the same.
        store: The folder of the store. Default: ``.evalkit`` under ``root``.
        cache: Whether to reuse stored responses.
        stored: Whether stored responses suffice if a model server is unreachable. The run says so.
        baseline: The name, id or JSON file of a run that gates compare with, on the samples both
            have.
        baseline_model: The baseline's model to compare with. Default: the one of the same name, or
            the only one.
        allow_changed_baseline: Whether the baseline's rows, suite or prompts may differ.
        allow_missing_baseline: Whether the baseline may not exist yet; gates against it then have
            no verdict.
        loaded: Models in memory, by name, for names in ``models``.
        root: The project's folder. Default: the working directory.
        progress: Whether to show progress on stderr. Default: only if stderr is a terminal.
        allow_code: Whether to run generated code (task ``code``): ``True`` in a sandbox,
            ``"unsafe"`` without one.
        metrics: Custom metrics by name, in addition to those of ``evalkit.yaml``.
        judges: The judges of suites that name rubrics but no judge: names as in ``models``, or of
            judges in ``evalkit.yaml``. Several form a panel.

    Returns:
        The finished run. If a model cannot be loaded, its cells carry the error, and their gates
        are errors.

    Raises:
        SpecError: A suite or ``evalkit.yaml`` is invalid. No model was called.
        UsageError: An argument is invalid, or the baseline does not fit.
        StoreError: The store cannot be read or written.

    Warns:
        UserWarning: A suite is valid but probably not what you intended.
    """
    base = Path(root) if root is not None else Path.cwd()
    listed = [suite] if isinstance(suite, str | os.PathLike | Mapping) else list(suite)
    if not listed:
        raise UsageError("there is no suite to evaluate: the list is empty")
    if isinstance(models, Mapping):
        loaded, models = {**(loaded or {}), **models}, list(models)
    options = RunOptions(
        models=_model_names(models),
        prompts=[prompts] if isinstance(prompts, str) else prompts,
        limit=limit,
        judges=[judges] if isinstance(judges, str) else judges,
        cache=cache,
        stored=stored,
        allow_code=code_mode(allow_code),
        baseline=BaselineOptions(
            name=baseline,
            model=baseline_model,
            allow_changed=allow_changed_baseline,
            allow_missing=allow_missing_baseline,
        ),
    )
    experiment = Experiment(base, options, models=loaded, metrics=metrics)
    suites = [_load(experiment, one, Path(root) if root is not None else None) for one in listed]
    for doubt in (doubt for one in suites for doubt in one.doubts):
        warnings.warn(block(str(doubt)), UserWarning, stacklevel=2)
    plan = experiment.plan([cell for one in suites for cell in experiment.cells(one)])
    opened = store if isinstance(store, Store) else Store(Path(store or base / ".evalkit"))
    compared = experiment.reference(plan, opened, base)
    drawn = sys.stderr.isatty() if progress is None else progress
    line = TerminalProgress.on(sys.stderr) if drawn else None
    with line.beside() if line else nullcontext():
        record = experiment.run(plan, opened, new_run_id(), compared, line)
    return Run(opened.run(record.id), opened, experiment.registry)


def _load(experiment: Experiment, suite: SuiteLike, root: Path | None) -> LoadedSuite:
    path = suite if isinstance(suite, Mapping) else Path(suite)
    before = experiment.suites
    loaded = experiment.load(path, root)
    if any(loaded is one for one in before):
        raise UsageError(f"the suite '{loaded.suite.suite}' is listed twice")
    return loaded


def load_run(name: str = "last", store: str | os.PathLike[str] = ".evalkit") -> Run:
    """Load a run from a store.

    Args:
        name: The id of the run, the name it was saved under, or ``last``.
        store: The folder of the store.

    Raises:
        UsageError: There is no store in this folder, or no such run in it.
    """
    opened = open_store(store)
    return Run(opened.run(name), opened)


def compare(
    *names: str,
    store: str | os.PathLike[str] = ".evalkit",
    suites: Sequence[str] = (),
    metrics: Sequence[str] = (),
    confidence: float = 0.95,
    baseline_model: str = "",
) -> list[CellComparison]:
    """Compare cells on the samples that both have; the first name is the reference.

    Args:
        names: Several runs (an id, a label, ``last``, or a file of ``--eval-json``), or cells
            (``model/prompt``), prompts or models of one run. That run may come first; default: the
            last one.
        store: The folder of the store.
        suites: Only these suites.
        metrics: Names of scores, or ``all``. Default: the main score of each suite.
        confidence: The level of the intervals, between 0 and 1.
        baseline_model: The first run's model that all others are compared with.

    Returns:
        One comparison per pair of cells, with intervals and p-values per score.

    Raises:
        UsageError: There is nothing to compare.
    """

    def load(name: str) -> RunRecord | None:
        if Path(name).suffix == ".json" or Path(name).is_file():
            return read_run(Path(name))
        try:
            return open_store(store).run(name)
        except UsageError:
            if name == "last" or not (Path(store) / "store.sqlite").exists():
                raise
            return None

    pairs = select(names, load, suites, baseline_model)
    return compare_cells(pairs, metrics, registry=_registry_here(), confidence=confidence)


def _registry_here() -> Registry:
    """The metrics of the project in the working directory; only evalkit's if those are invalid."""
    try:
        return project_metrics(find_project(Path.cwd()))
    except EvalkitError:
        return BUILT_IN


def open_store(folder: str | os.PathLike[str] = ".evalkit") -> Store:
    """An existing store; one that cannot be written can still be read.

    Raises UsageError if there is none.
    """
    path = Path(folder)
    if not (path / "store.sqlite").exists():
        raise UsageError(f"{path}: no run store here (expected {path / 'store.sqlite'})")
    return Store(path, to_read=True)


def explain_cache(
    suite: str | os.PathLike[str],
    models: Sequence[str],
    store: Store,
    *,
    limit: int | None = None,
) -> Iterator[str]:
    """How much of a suite the cache answers, and why it does not answer the rest, as lines."""
    experiment = Experiment(Path(suite).resolve().parent, RunOptions(models=models, limit=limit))
    cells = experiment.cells(experiment.load(Path(suite)))
    for name, model in experiment.models.items():
        yield from explain([cell for cell in cells if cell.model == name], model, store)


def _model_names(models: Any) -> list[str]:
    names = [models] if isinstance(models, str) else models or []
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        return list(names)
    raise UsageError(
        f"models: expected a name, names, or a dict of names to loaded models, found {models!r};"
        " give a model a name: models={'mine': model}"
    )
