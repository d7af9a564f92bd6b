"""An experiment: a project and options, from which a run is built.

pytest, Python and the command line build their runs here, so that a suite means the same to all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from evalkit.errors import SpecError, UsageError, project_errors
from evalkit.exit_guard import exits_refused
from evalkit.judging.judge_set import make_judge_set
from evalkit.metrics.custom import project_metrics
from evalkit.metrics.registry import Registry
from evalkit.models.base import Model
from evalkit.models.resolve import chosen_names, make_models
from evalkit.plan import Cell, CellId, Plan, cells_of, check_prompts
from evalkit.provenance import now, provenance
from evalkit.records import RunRecord
from evalkit.respond.offline import accepting_stored
from evalkit.respond.progress import Progress
from evalkit.runner.baseline import BaselineReference, reference
from evalkit.runner.execute import execute
from evalkit.runner.validate import vocabulary
from evalkit.spec.load import LoadedSuite, Vocabulary, load_checked
from evalkit.spec.project import Project, find_project
from evalkit.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineOptions:
    """Which earlier run gates compare with."""

    name: str | None = None
    """The name, id or JSON file of a run; None: no baseline."""
    model: str = ""
    """The baseline's model to compare with, if it has several and none of the same name."""
    allow_changed: bool = False
    """Whether its rows, suite or prompts may differ."""
    allow_missing: bool = False
    """Whether gates may lack a verdict where there is no such run yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run is asked to do."""

    models: Sequence[str] = ()
    """Names of models; (): the project's default."""
    prompts: Sequence[str] = ()
    """Names of prompt variants; (): all."""
    limit: int | None = None
    """At most so many samples of each suite, a seeded part."""
    judges: Sequence[str] = ()
    """Who grades where a suite names rubrics and no judge."""
    cache: bool = True
    """Whether to reuse stored responses."""
    stored: bool = False
    """Whether stored responses suffice where a model server is unreachable."""
    allow_code: str = ""
    """Whether programs may run: "" (no), ``sandbox`` or ``unsafe``."""
    allow_outside: bool = False
    """Whether suites may read files outside the project."""
    baseline: BaselineOptions = field(default_factory=BaselineOptions)
    """Which earlier run gates compare with."""


class Experiment:
    """Suites, models, judges, metrics and a baseline, each built once, when first needed.

    root: the folder of the project, or one below it. models: models in memory, by name. metrics:
    custom metrics by name, in addition to those of ``evalkit.yaml``.
    """

    def __init__(
        self,
        root: Path,
        options: RunOptions | None = None,
        *,
        models: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
    ) -> None:
        self.root = root
        self.options = options or RunOptions()
        self.in_memory = dict(models or {})
        self._metrics = dict(metrics or {})
        self._suites: list[LoadedSuite] = []
        self._by_name: dict[str, Path | Mapping[str, Any]] = {}
        self._seen: dict[CellId, None] = {}

    @cached_property
    def project(self) -> Project:
        """``evalkit.yaml`` at the root or above, if there is one. Raises SpecError."""
        return find_project(self.root)

    @cached_property
    def registry(self) -> Registry:
        """evalkit's metrics and the project's own. Raises SpecError, UsageError."""
        return project_metrics(self.project, self._metrics)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """What suites are checked against."""
        return vocabulary(self.project, self.registry)

    @cached_property
    def model_names(self) -> list[str]:
        """The models by name. Raises UsageError when several are declared and none is chosen."""
        return chosen_names(self.options.models, self.project, self.in_memory)

    @cached_property
    def models(self) -> Mapping[str, Model]:
        """The models, not loaded. Raises UsageError, SpecError."""
        return make_models(self.model_names, self.project, self.in_memory)

    @property
    def suites(self) -> list[LoadedSuite]:
        """The suites so far."""
        return list(self._suites)

    @property
    def planned(self) -> list[CellId]:
        """The cells of all suites so far, whether they are selected or not."""
        return list(self._seen)

    def load(self, suite: Path | Mapping[str, Any], root: Path | None = None) -> LoadedSuite:
        """Read and check a suite, once. Raises SpecError with every problem, and UsageError for a
        second suite of one name.

        root: the folder that its files may not leave; default: its project's.
        """
        for known in self._suites:
            if suite is self._by_name[known.suite.suite] or suite == known.suite.path:
                return known
        loaded = load_checked(
            suite, self.vocabulary, root=root, allow_outside=self.options.allow_outside
        )
        name = loaded.suite.suite
        if (other := self._by_name.get(name)) is not None:
            if not (isinstance(suite, Path) and isinstance(other, Path)):
                raise UsageError(f"two suites are called '{name}'; give one of them another name")
            message = f"the suite '{name}' is also in {other}; give one of them another name"
            raise SpecError([loaded.suite.problem(("suite",), message)])
        self._by_name[name] = suite
        self._suites.append(loaded)
        return loaded

    def cells(self, loaded: LoadedSuite) -> list[Cell]:
        """The cells of a suite under these models and prompts."""
        chosen, limit = self.options.prompts, self.options.limit
        cells = cells_of(loaded, self.model_names, chosen, limit, self.models)
        self._seen.update(dict.fromkeys(cell.id for cell in cells))
        return cells

    def skipped(self, loaded: LoadedSuite) -> str:
        """Which of the models a suite is not for, as a sentence; "" if it is for all."""
        suite = loaded.suite
        others = [name for name in self.model_names if not suite.is_for(name)]
        if not others:
            return ""
        return (
            f"suite '{suite.suite}' is for {', '.join(suite.models)}: {', '.join(others)} skipped"
        )

    def plan(self, cells: Sequence[Cell]) -> Plan:
        """What to do for some of the cells.

        Raises UsageError for a prompt that no suite has and a judge that nobody declares, and
        SpecError.
        """
        self.check_prompts()
        suites = list({cell.suite.suite: cell.loaded for cell in cells}.values())
        judges = make_judge_set(
            suites, self.options.judges, self.project, self.in_memory, self.models
        )
        return Plan(cells, self.models, self.options.allow_code, self.registry, judges)

    def check_prompts(self) -> None:
        """Raise UsageError for a requested prompt that no suite so far has."""
        check_prompts(self.suites, self.options.prompts, {cell.prompt for cell in self.planned})

    def reference(self, plan: Plan, store: Store, folder: Path | None = None) -> BaselineReference:
        """What gates compare with. Raises UsageError when it is not there or does not fit.

        folder: which a baseline's file is relative to; default: the working directory.
        """
        baseline = self.options.baseline
        return reference(
            baseline.name,
            store,
            plan.cells,
            plan.judge_set,
            registry=self.registry,
            folder=folder,
            every=self.planned,
            model=baseline.model,
            allow_changed=baseline.allow_changed,
            allow_missing=baseline.allow_missing,
        )

    def run(
        self,
        plan: Plan,
        store: Store,
        identity: str,
        compared: BaselineReference,
        progress: Progress | None = None,
    ) -> RunRecord:
        """Ask, score and decide everything, into the store. identity: the id of the run."""
        run = RunRecord(identity, now(), None, "running", provenance(self.root))
        run.notices += filter(None, map(self.skipped, self.suites))
        accepting = accepting_stored(plan, store, run) if self.options.stored else nullcontext()
        with accepting, exits_refused(), project_errors():
            return execute(
                plan,
                store,
                run,
                use_cache=self.options.cache,
                reference=compared,
                progress=progress,
            )
