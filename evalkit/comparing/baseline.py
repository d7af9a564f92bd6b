"""Pair each cell of a run with a cell of an earlier run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evalkit.errors import UsageError, unknown
from evalkit.records import CellRecord, RunRecord

CellName = tuple[str, str, str]
"""Suite, model and prompt of a cell."""


class Baseline:
    """An earlier run beside a run with these cells.

    A model is compared with the model of its name; where a suite has one model in each run,
    these two are compared. Prompts likewise. ``model`` names the baseline's model
    that every model of the run is compared with.
    """

    def __init__(self, run: RunRecord, cells: Iterable[CellName], model: str = "") -> None:
        """Raises UsageError when the run has no such model."""
        self.run = run
        self._model = model
        self._ours = list(cells)
        self._theirs = {(c.suite, c.model, c.prompt): c for c in run.cells}
        if model and model not in (known := _distinct(c.model for c in run.cells)):
            raise UsageError(f"the baseline {run.id}: {unknown('model', model, known)}")

    def has(self, suite: str) -> bool:
        """Whether the baseline has the suite at all."""
        return any(cell[0] == suite for cell in self._theirs)

    def find(self, suite: str, model: str, prompt: str) -> CellRecord | None:
        """The cell that a cell of the run is compared with; None where ``of`` would raise."""
        try:
            return self.of(suite, model, prompt)
        except UsageError:
            return None

    def of(self, suite: str, model: str, prompt: str) -> CellRecord:
        """The cell that a cell of the run is compared with.

        Raises UsageError, listing what the baseline has, if there is none or the choice is
        ambiguous.
        """
        run_cells = [cell for cell in self._ours if cell[0] == suite]
        baseline_cells = [cell for cell in self._theirs if cell[0] == suite]
        if not baseline_cells:
            known = _distinct(cell[0] for cell in self._theirs)
            raise UsageError(f"the baseline has no suite '{suite}' (it has: {', '.join(known)})")
        missing = f"the baseline has no cell {model}/{prompt} of suite {suite}"
        models = _distinct(cell[1] for cell in baseline_cells)
        other = self._model or _counterpart(model, _distinct(cell[1] for cell in run_cells), models)
        if other is None:
            raise UsageError(
                f"{missing}; its models are {', '.join(models)}: choose the one to compare with,"
                " --eval-baseline-model NAME (from Python: baseline_model=)"
            )
        prompts = [cell[2] for cell in baseline_cells if cell[1] == other]
        own_prompts = _distinct(cell[2] for cell in run_cells if cell[1] == model)
        same = _counterpart(prompt, own_prompts, prompts)
        if same is None:
            raise UsageError(f"{missing} (prompts of {other}: {', '.join(prompts) or 'none'})")
        return self._theirs[suite, other, same]


def beside(baseline: RunRecord | None, run: RunRecord, model: str = "") -> Baseline | None:
    """The baseline of a completed run, or None."""
    cells = [(cell.suite, cell.model, cell.prompt) for cell in run.cells]
    return None if baseline is None else Baseline(baseline, cells, model)


def _counterpart(name: str, run_names: Sequence[str], baseline_names: Sequence[str]) -> str | None:
    """The same name, else the only one if both sides have one."""
    if name in baseline_names:
        return name
    return baseline_names[0] if len(run_names) == len(baseline_names) == 1 else None


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
