"""Stored answers of a model whose server is down: used only on request."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import Run, evaluate
from evalkit.store import Store
from tests.models.serving import Answer, Reply, chat, serve

pytest.importorskip("httpx")

ROWS = [{"text": "What a film!", "label": "good"}, {"text": "Meh.", "label": "bad"}]


def suite(rows: list[dict[str, str]] = ROWS) -> dict[str, Any]:
    return {
        "suite": "films",
        "task": "classification",
        "data": {"rows": rows, "target": "label"},
        "labels": ["good", "bad"],
        "prompts": {"plain": "{{ text }}"},
        "answer": "text",
        "metrics": ["accuracy"],
        "gates": ["accuracy >= 0.5"],
    }


def server_with(root: str) -> Answer:
    """A server with one model, whose weights are called ``root``."""

    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        if path.endswith("/models"):
            return Reply({"data": [{"id": "m", "root": root}]})
        return chat("good")

    return answer


Evaluate = Callable[..., Run]


@pytest.fixture
def ask(tmp_path: Path) -> Evaluate:
    """``ask(url, …)``: evaluate the model at an address with one store."""

    def run(url: str, rows: list[dict[str, str]] = ROWS, options: str = "", **more: Any) -> Run:
        declared = f"{{backend: openai, model: m, base_url: '{url}/v1', retries: 0{options}}}"
        (tmp_path / "evalkit.yaml").write_text(f"models: {{hosted: {declared}}}\n")
        return evaluate(suite(rows), models="hosted", root=tmp_path, progress=False, **more)

    return run


def test_an_unreachable_server_is_an_error_with_advice(ask: Evaluate) -> None:
    with serve(server_with("one")) as server:
        assert ask(server.url).record.cells[0].gates[0].verdict == "pass"
    (cell,) = ask(server.url).record.cells
    assert cell.gates[0].verdict == "error"
    assert "Start the server, or correct base_url" in cell.error
    assert "--eval-stored" in cell.error


def test_stored_answers_are_used_on_request_and_reported(ask: Evaluate) -> None:
    with serve(server_with("one")) as server:
        before = ask(server.url)
    record = ask(server.url, stored=True).record
    assert record.cells[0].gates[0].verdict == "pass"
    assert record.cells[0].cached == len(ROWS)
    (notice,) = record.notices
    assert notice.startswith("the server of hosted is unreachable: its cached responses are used")
    model = record.models["hosted"]
    assert model.fingerprint == before.record.models["hosted"].fingerprint
    assert model.described["answers"] == "stored responses only; the server was down"


def test_missing_answers_are_not_invented(ask: Evaluate) -> None:
    with serve(server_with("one")) as server:
        ask(server.url)
    more = [*ROWS, {"text": "Never seen.", "label": "good"}]
    (cell,) = ask(server.url, more, stored=True).record.cells
    assert cell.gates[0].verdict in ("fail", "error")
    assert "not stored, and no server answers at" in cell.error


@pytest.mark.parametrize("options", [", extra_body: {a: 1}", ", version: 2", ", accepts: [top_k]"])
def test_another_declaration_has_no_stored_answers(ask: Evaluate, options: str) -> None:
    with serve(server_with("one")) as server:
        ask(server.url)
    (cell,) = ask(server.url, options=options, stored=True).record.cells
    assert "nobody" in cell.error or "Start the server" in cell.error
    assert "--eval-stored" not in cell.error


def test_a_model_is_assumed_to_be_the_last_reported_one(ask: Evaluate, tmp_path: Path) -> None:
    now = ["one"]
    with serve(lambda *call: server_with(now[0])(*call)) as server:
        for now[0] in ("one", "two", "one"):
            ask(server.url)
    fingerprint = ask(server.url, stored=True).record.models["hosted"].fingerprint
    assert fingerprint is not None
    assert fingerprint["served"]["root"] == "one"
    with Store(tmp_path / ".evalkit") as store:
        assert [seen["served"]["root"] for _, _, seen in store.seen()] == ["one", "two"]


def test_pytest_has_the_option(ask: Evaluate, pytester: pytest.Pytester) -> None:
    with serve(server_with("one")) as server:
        ask(server.url, store=pytester.path / ".evalkit")
    declared = f"{{backend: openai, model: m, base_url: '{server.url}/v1', retries: 0}}"
    (pytester.path / "evalkit.yaml").write_text(f"models: {{hosted: {declared}}}\n")
    (pytester.path / "films.eval.yaml").write_text(json.dumps(suite()))
    down = pytester.runpytest_inprocess("films.eval.yaml", "--eval-model=hosted")
    down.assert_outcomes(errors=1)
    told = pytester.runpytest_inprocess("films.eval.yaml", "--eval-model=hosted", "--eval-stored")
    told.assert_outcomes(passed=1)
    told.stdout.fnmatch_lines(
        ["*the server of hosted is unreachable: its cached responses are used*"]
    )


def test_a_reachable_server_is_used(ask: Evaluate) -> None:
    with serve(server_with("one")) as server:
        ask(server.url)
        calls = len(server.calls)
        record = ask(server.url, stored=True).record
        assert [path for path, _, _ in server.calls[calls:]] == ["/v1/models"]
    assert record.notices == []
