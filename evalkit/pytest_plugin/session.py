"""The evaluations of one pytest session: planned and run once, then looked up by items."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from evalkit.api import Run
from evalkit.comparing.baseline import beside
from evalkit.errors import StoreError, UnknownRunError, UsageError, project_errors, stated
from evalkit.exit_guard import hold_exits, release_exits
from evalkit.experiment import BaselineOptions, Experiment, RunOptions
from evalkit.models.resolve import fallback_notice
from evalkit.plan import Cell, CellId, Plan
from evalkit.provenance import new_run_id
from evalkit.pytest_plugin.ids import WholeNames
from evalkit.pytest_plugin.outcomes import Outcomes
from evalkit.pytest_plugin.stash import SESSION
from evalkit.records import CellRecord, RunRecord, SampleRecord
from evalkit.reporting.progress import TerminalProgress
from evalkit.respond.direct import DirectModel
from evalkit.runner.baseline import find_baseline, load_baseline
from evalkit.spec.files import project_root
from evalkit.spec.load import LoadedSuite
from evalkit.store import Store, check_label
from evalkit.written.printable import one_line

ENDINGS = {"report": (".html", ".htm"), "json": (".json",)}
"""File suffixes by output option. The Markdown summary may have any suffix."""

__all__ = ["DirectModel", "EvalSession", "session_of", "share_run"]


def session_of(config: pytest.Config) -> EvalSession:
    """The evaluations of a pytest session, created on first use."""
    if SESSION not in config.stash:
        config.stash[SESSION] = EvalSession(config)
        config.pluginmanager.register(WholeNames(config))
        config.pluginmanager.register(config.stash[SESSION].outcomes)
    return config.stash[SESSION]


def share_run(node: Any) -> None:
    """Give an xdist worker the id and the folder of the run that all workers share."""
    session = session_of(node.config)
    node.workerinput["evalkit_run"] = session.run_id
    node.workerinput["evalkit_root"] = str(session.root)


def _root(config: pytest.Config) -> Path:
    """The project's root: pytest's rootdir, unless no settings file determines it.

    Without a settings file pytest derives it from every existing path on the command line, even
    that of an existing report.
    """
    here = config.invocation_params.dir
    settled = config.inipath or config.getoption("rootdir")
    if settled or not here.is_relative_to(config.rootpath):
        return config.rootpath
    return project_root(here)


class EvalSession:
    """State of the evaluations under one ``pytest.Config``."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._planned: dict[CellId, Cell] = {}
        self._records: dict[CellId, CellRecord] | None = None
        self._failure: Exception | None = None
        self._samples: dict[CellId, list[SampleRecord]] = {}
        self._written: list[str] = []
        self.outcomes = Outcomes()
        self.exit_status = 0
        hold_exits()
        config.add_cleanup(lambda: release_exits(self.exit_status))
        worker = getattr(config, "workerinput", None)
        self.is_worker = worker is not None
        self.run_id: str = worker["evalkit_run"] if worker else new_run_id()
        self.root = Path(worker["evalkit_root"]) if worker else _root(config)

    def _option(self, name: str) -> Any:
        return self._config.getoption(f"eval_{name}")

    @property
    def inconclusive_warns(self) -> bool:
        """Whether an inconclusive gate only warns."""
        return bool(self._option("inconclusive") == "warn")

    def _from_hook(self, hook: str) -> dict[str, Any]:
        provided: dict[str, Any] = {}
        try:
            with project_errors(hook):
                returned = getattr(self._config.hook, hook)(config=self._config)
        except pytest.exit.Exception as error:  # would end pytest, with any status
            raise UsageError(f"{hook} raised {stated(error)}") from error
        for given in returned:
            if given is not None and not isinstance(given, Mapping):
                found = type(given).__name__
                raise UsageError(f"{hook} must return a dict by name, not a {found}")
            provided.update(given or {})
        return provided

    @cached_property
    def hook_models(self) -> dict[str, Any]:
        """Loaded models that the project provides."""
        return self._from_hook("pytest_evalkit_models")

    @cached_property
    def hook_metrics(self) -> dict[str, Any]:
        """Metrics that the project provides."""
        return self._from_hook("pytest_evalkit_metrics")

    @cached_property
    def experiment(self) -> Experiment:
        """The experiment that the session's options describe. Raises SpecError, UsageError."""
        options = RunOptions(
            models=self._option("model"),
            prompts=self._option("prompt"),
            limit=self._option("limit"),
            judges=self._option("judge"),
            cache=not self._option("no_cache"),
            stored=self._option("stored"),
            allow_code=self._option("allow_code") or "",
            allow_outside=self._option("allow_outside"),
            baseline=BaselineOptions(
                name=self._option("baseline"),
                model=self._option("baseline_model"),
                allow_changed=self._option("baseline_changed") == "allow",
                allow_missing=self._option("baseline_missing") == "skip",
            ),
        )
        return Experiment(self.root, options, models=self.hook_models, metrics=self.hook_metrics)

    @cached_property
    def run_plan(self) -> Plan:
        """The plan of the selected items. Raises UsageError, SpecError."""
        return self.experiment.plan(list(self._planned.values()))

    @cached_property
    def store(self) -> Store:
        """The run store."""
        return Store(self._store_folder)

    @property
    def _store_folder(self) -> Path:
        option = self._option("store")
        if option:
            return Path(self._config.invocation_params.dir / option)
        return self.root / ".evalkit"

    # collecting

    def load(self, path: Path) -> LoadedSuite:
        """Read and check a suite. Raises SpecError with every problem."""
        root = self.root if path.is_relative_to(self.root) else None
        return self.experiment.load(path, root)

    def cells(self, loaded: LoadedSuite) -> list[Cell]:
        """The cells of a suite under this session's models and prompts."""
        return self.experiment.cells(loaded)

    def plan(self, cells: Iterable[Cell]) -> None:
        """Plan the whole cells of the items that are selected. Raises UsageError."""
        for option, target in self._outputs():
            if target.is_dir():
                raise UsageError(f"--eval-{option} {target}: is a folder; expected a file")
            if target.suffix not in ENDINGS.get(option, target.suffix):
                raise UsageError(
                    f"--eval-{option} {target.name}: expected a file ending in"
                    f" {' or '.join(ENDINGS[option])} (--eval-report writes HTML, --eval-json JSON,"
                    " --eval-markdown Markdown)"
                )
        if self._option("save") is not None:
            check_label(self._option("save"))
        if "experiment" in vars(self):  # else no suite was readable; their items report it
            self.experiment.check_prompts()
        for cell in cells:
            self._planned.setdefault(cell.id, cell)
        if self._planned:
            assert self.run_plan is not None  # an unknown judge is an error now, not later
        if self._option("baseline") and self._planned:
            missing = self._option("baseline_missing")
            with contextlib.suppress(StoreError):  # the items report it
                find_baseline(self._option("baseline"), self.store, missing=missing)

    # running

    def record(self, cell: CellId) -> CellRecord:
        """The scored cell; the first call does all the work of the session."""
        if self._failure is not None:
            raise self._failure
        if self._records is None:
            try:
                run = self._run_all()
            except Exception as error:  # every item reports it; none starts over
                self._failure = error
                raise
            self._records = {CellId(c.suite, c.model, c.prompt): c for c in run.cells}
        return self._records[cell]

    def samples(self, cell: CellId) -> list[SampleRecord]:
        """The samples of a scored cell, in the order of the data."""
        if cell not in self._samples:
            self._samples[cell] = self.store.samples(self.run_id, cell)
        return self._samples[cell]

    def _run_all(self) -> RunRecord:
        if not self.is_worker:
            return self._execute()
        # The first worker does all the work; the others wait and read the results.
        # Runs have a lock each, of a few: another session on this store shares the work instead.
        with self.store.lock(f"lock-{crc32(self.run_id.encode()) % 16}"):
            if self.store.run_status(self.run_id) == "finished":
                return self.store.run(self.run_id, samples=False)
            return self._execute()

    def _execute(self) -> RunRecord:
        compared = self.experiment.reference(self.run_plan, self.store)
        with self._terminal() as progress:
            return self.experiment.run(self.run_plan, self.store, self.run_id, compared, progress)

    @contextlib.contextmanager
    def _terminal(self) -> Iterator[TerminalProgress | None]:
        """Progress on the real terminal, past pytest's capture."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        if reporter is None or self._config.get_verbosity() < -1:
            yield None
            return
        suspended = capture.global_and_fixture_disabled() if capture else contextlib.nullcontext()
        with suspended:
            if self.is_worker:
                # a worker has no terminal, but it shares the standard error of the main process
                progress = TerminalProgress(sys.stderr, live=False, sparse=True)
            else:
                reporter.ensure_newline()
                writer = reporter._tw
                progress = TerminalProgress(
                    writer._file, live=writer.hasmarkup, width=writer.fullwidth - 1
                )
            with progress.beside():
                yield progress

    # after the last item

    def _run_status(self) -> str | None:
        """Status of this session's run; None without a run or a readable store."""
        opened = "store" in vars(self)  # its file may be deleted by now but is still readable
        there = opened or (self._store_folder / "store.sqlite").exists()
        if self.is_worker or not there:
            return None
        try:
            return self.store.run_status(self.run_id)
        except StoreError:  # the items have reported it
            return None

    def finish(self) -> bool:
        """Name the run and write the requested outputs; an interrupted run gets no report.

        False when the run did not finish, or something could not be written; the summary says what.
        """
        status = self._run_status()
        if status != "finished":
            return status is None
        from evalkit.reporting.html import write_html
        from evalkit.reporting.markdown import append_summary, write_markdown

        run = Run(self.store.run(self.run_id), self.store, self.experiment.registry)
        outputs, summary = self._outputs(), os.environ.get("GITHUB_STEP_SUMMARY")
        # Before the run is named: it may take over the name of its baseline.
        name = self._option("baseline") if outputs or summary else None
        baseline = self._loaded(name) if name else None
        if self._option("save"):
            self.store.label_run(self.run_id, self._option("save"))
        since = beside(baseline, run.record, self._option("baseline_model"))
        writers: dict[str, Callable[[Path], Any]] = {
            "report": partial(write_html, run.record, baseline=since, registry=run.registry),
            "json": run.to_json,
            "markdown": partial(write_markdown, run.record, baseline=since, registry=run.registry),
            "summary": partial(append_summary, run.record, baseline=since, registry=run.registry),
        }
        if summary:
            outputs.append(("summary", Path(summary)))
        written = True
        for option, target in outputs:
            try:
                writers[option](target)
                self._written.append(f"{option}: {target}")
            except OSError as error:
                written = False
                self._written.append(
                    f"{option}: cannot write {target}: {error.strerror or error}. The run is kept:"
                    f" evalkit report {self.run_id} --store {self.store.path.parent} -o FILE"
                )
        return written

    def _loaded(self, name: str) -> RunRecord | None:
        """The baseline for the outputs; None if it is missing and may be."""
        try:
            return load_baseline(name, self.store)
        except UnknownRunError:
            return None

    def _outputs(self) -> list[tuple[str, Path]]:
        """The requested output files, by option."""
        folder = self._config.invocation_params.dir
        requested = [(name, self._option(name)) for name in ("report", "json", "markdown")]
        return [(name, Path(folder / target)) for name, target in requested if target]

    def summarise(self, reporter: pytest.TerminalReporter) -> None:
        """The cells' scores and verdicts, in the terminal."""
        from evalkit.reporting.terminal import summary_lines

        status = self._run_status()
        if status is None:
            return
        reporter.section("evalkit", sep="=")
        if status != "finished":
            reporter.write_line("The run was interrupted. Completed responses are kept in")
            advice = "the same command resumes from there."
            if self._option("no_cache"):
                advice = "with --eval-no-cache the same command starts over."
            reporter.write_line(f"{self.store.path}: {advice}")
            return
        names, project = self._option("model"), self.experiment.project
        if notice := fallback_notice(names, project, self.hook_models):
            reporter.write_line(one_line(notice))
        for line in summary_lines(self.store.run(self.run_id, samples=False)):
            reporter.write_line(line)
        for line in self._written:
            reporter.write_line(one_line(line))
        for file in self.outcomes.undecided:
            why = "none of its gates has a verdict, so the run does not count as passed"
            reporter.write_line(one_line(f"{file}: {why}"))

    # fixtures

    def evaluate(self, suite: Any, models: Sequence[str] | None = None, **options: Any) -> Run:
        """:func:`evalkit.evaluate` with this session's models, store and options as defaults."""
        from evalkit.api import evaluate

        options.setdefault("limit", self._option("limit"))
        options.setdefault("cache", not self._option("no_cache"))
        options.setdefault("stored", self._option("stored"))
        options.setdefault("metrics", self.hook_metrics)
        options.setdefault("judges", self._option("judge"))
        options.setdefault("allow_code", self._option("allow_code") or False)
        options.setdefault("root", self.root)
        return evaluate(
            suite,
            models=list(models) if models is not None else self.experiment.model_names,
            store=self.store,
            loaded=self.hook_models,
            **options,
        )

    @contextlib.contextmanager
    def direct_model(self, name: str) -> Iterator[DirectModel]:
        """A model of this session, loaded while in use."""
        with DirectModel(self.experiment.models[name]) as model:
            yield model
