"""A suite as it ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalkit.exchange import Generation


@dataclass(slots=True)
class SuiteRecord:
    """A suite's own declaration, with what that does not say: its data, prompts and graders."""

    declared: dict[str, Any]
    """Every key of the suite in its long form, defaults included, as JSON values. Inline rows are
    left out: ``data_hash`` stands for them."""
    path: str
    """Its file, as seen from the project."""
    suite_hash: str
    """Of all that it declares."""
    data_hash: str
    """Of its rows."""
    total: int
    """Samples in the data."""
    limit: int | None
    """Samples taken, where not all were."""
    prompts: dict[str, str] = field(default_factory=dict)
    """Template text by variant, as written."""
    metrics: list[str] = field(default_factory=list)
    """Names, those of the task where the suite lists none."""
    gates: list[str] = field(default_factory=list)
    """Rules, each in its short form."""
    settings_hash: str = ""
    """Hash of what determines the scores besides data and prompts; "" if unknown."""
    prompt_hashes: dict[str, str] = field(default_factory=dict)
    """Of each prompt with its examples."""
    metric_hashes: dict[str, str] = field(default_factory=dict)
    """Of the function of each metric of the project, where its source could be read."""
    rubric_hashes: dict[str, str] = field(default_factory=dict)
    """Of the rubric of each judged score."""
    judges: dict[str, list[str]] = field(default_factory=dict)
    """Who graded, by judged score."""

    @property
    def name(self) -> str:
        """The suite's name."""
        return str(self.declared["suite"])

    @property
    def task(self) -> str:
        """What the model predicts."""
        return str(self.declared["task"])

    @property
    def description(self) -> str:
        """What it measures, for people."""
        return str(self.declared.get("description", ""))

    @property
    def licence(self) -> str:
        """Licence of the suite and its data."""
        return str(self.declared.get("licence", ""))

    @property
    def tags(self) -> list[str]:
        """pytest markers of its tests."""
        return list(self.declared.get("tags", ()))

    @property
    def labels(self) -> list[str]:
        """The labels of a classification suite, in order."""
        return list(self.declared.get("labels", ()))

    @property
    def groups(self) -> list[str]:
        """Columns that samples are grouped by."""
        return list(self._data.get("group", ()))

    @property
    def source(self) -> str | None:
        """Column with the text that is summarised."""
        return self._data.get("source")

    @property
    def cluster(self) -> str | None:
        """Column that says which samples belong together."""
        return self._data.get("cluster")

    @property
    def pair(self) -> str | None:
        """Column that two samples share which differ in one thing."""
        return self._data.get("pair")

    def column(self, key: str) -> str | None:
        """The column that a key of its task names, or None."""
        named = self._data.get(key)
        return next(iter(named), None) if isinstance(named, list | tuple) else named

    @property
    def generation(self) -> Generation:
        """How responses are generated."""
        return Generation.from_json(self.declared.get("generation", {}))

    @property
    def answer(self) -> str:
        """How answers are taken, such as ``choice``."""
        return str(self._answer.get("method", ""))

    @property
    def which(self) -> str:
        """Of several numbers or labels in an answer, the one that is read: ``first``, ``last``."""
        return str(self._answer.get("which", ""))

    @property
    def metric_settings(self) -> dict[str, dict[str, Any]]:
        """Settings by metric, where it has some."""
        listed = self.declared.get("metrics", ())
        return {one["name"]: one["settings"] for one in listed if one.get("settings")}

    @property
    def on_unparsed(self) -> str:
        """What a response without an answer counts as: ``wrong`` or ``exclude`` it."""
        return str(self.declared.get("on_unparsed", "wrong"))

    @property
    def repeats(self) -> int:
        """How often each question is asked."""
        return int(self.declared.get("repeats", 1))

    @property
    def max_errors(self) -> int:
        """How many samples may have no answer."""
        return int(self.declared.get("max_errors", 0))

    @property
    def _data(self) -> Mapping[str, Any]:
        data: Mapping[str, Any] = self.declared.get("data", {})
        return data

    @property
    def _answer(self) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self.declared.get("answer", {})
        return answer
