"""An unexpected failure of a model does not affect the others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.exchange import Request, Response, Status
from evalkit.models.base import Batch, Capabilities
from evalkit.models.weight_cache import LoadedModels
from evalkit.respond.client import OneOffClient
from evalkit.respond.progress import Silent
from evalkit.store import Store

SUITE: dict[str, Any] = {
    "suite": "s",
    "task": "qa",
    "data": {"rows": [{"q": f"say {i}", "a": "x"} for i in range(4)], "target": "a"},
    "prompts": {"p": "{{ q }}", "other": "Please {{ q }}"},
    "metrics": ["exact_match"],
    "gates": ["exact_match >= 0.5"],
}


class Breaking:
    """A model whose library raises another exception than ModelError."""

    capabilities = Capabilities()

    def __init__(self, where: str) -> None:
        self.name = "breaking"
        self._where = where

    def fingerprint(self) -> Mapping[str, Any]:
        if self._where == "fingerprint":
            raise PermissionError("config.json")
        return {"weights": self._where}

    def load(self) -> None:
        if self._where == "load":
            raise KeyError("lm_head")
        if self._where == "key":
            raise KeyError(f"refused: {os.environ['SOME_API_KEY']}")

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        for index in set(range(len(requests))) - answered:
            if index == 2:
                raise IndexError("index out of range in self")
            yield [(index, Response(Status.OK, "x"))]

    def describe(self) -> Mapping[str, Any]:
        return {}

    def close(self) -> None:
        pass


def test_keys_in_library_errors_are_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "very-secret-9")
    run = evaluate(SUITE, models={"breaking": Breaking("key")}, store=tmp_path)
    assert "'breaking' failed: KeyError: 'refused:" in run.record.cells[0].error
    assert "very-secret-9" not in repr(run.record)


def test_a_failing_judge_gives_error_replies(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        client = OneOffClient(
            "judge", Breaking("fingerprint"), store, "run", Silent(), True, LoadedModels()
        )
        (answered,) = client.send([Request("x")])
    assert answered.response.status is Status.ERROR
    assert "PermissionError: config.json" in answered.response.error


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("fingerprint", "'breaking' failed: PermissionError: config.json (test_broken_models.py:"),
        ("load", "'breaking' failed: KeyError: 'lm_head' (test_broken_models.py:"),
        (
            "respond",
            "'breaking' failed: IndexError: index out of range in self (test_broken_models",
        ),
    ],
)
def test_a_library_error_fails_only_its_model(tmp_path: Path, where: str, said: str) -> None:
    models = {"breaking": Breaking(where), "good": lambda prompt: "x"}
    run = evaluate(SUITE, models=models, store=tmp_path)
    cells = {(cell.model, cell.prompt): cell for cell in run.record.cells}
    assert run.record.status == "finished"
    for prompt in ("p", "other"):
        broken, good = cells["breaking", prompt], cells["good", prompt]
        assert said in broken.error
        assert [gate.verdict for gate in broken.gates] == ["error"]
        assert (good.statuses, [gate.verdict for gate in good.gates]) == ({"ok": 4}, ["pass"])
    kept = 2 if where == "respond" else 0  # what was answered before stays
    assert cells["breaking", "p"].statuses.get("ok", 0) == kept


@pytest.mark.parametrize("where", ["fingerprint", "load", "respond"])
def test_a_failing_judge_loses_only_its_grades(tmp_path: Path, where: str) -> None:
    graded = {**SUITE, "judges": [{"rubric": "relevance", "method": "text", "by": "breaking"}]}
    run = evaluate(
        graded, {"good": lambda prompt: "x"}, loaded={"breaking": Breaking(where)}, root=tmp_path
    )
    assert run.record.status == "finished"
    for cell in run.record.cells:
        assert [gate.verdict for gate in cell.gates] == ["pass"]
        assert cell.scores["relevance"].n < 4
    assert "'breaking' failed" in repr(run.record.cells[0].samples[3].judgments)
