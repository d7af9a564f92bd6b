"""Keys go to the server they are for and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import ModelError, SpecError
from evalkit.exchange import Request
from evalkit.models.registry import Declared, resolve
from tests.models.remote.test_likelihood import LABELS, opened
from tests.models.serving import Reply, chat, serve
from tests.models.test_openai import CHAT, asked

pytest.importorskip("httpx")


def test_the_api_key_goes_only_to_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    from evalkit import evaluate

    secret = "q7-very-secret-0123456789"
    monkeypatch.setenv("MY_SERVICE_KEY", secret)

    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        if path == "/v1/models":
            return Reply({"data": []})
        if "bad" in json.dumps(body):
            return Reply({"error": f"request refused for key {secret}"}, 400)
        return chat("positive")

    suite = {
        "suite": "s",
        "task": "classification",
        "data": {"rows": [{"t": "good", "y": "positive"}, {"t": "bad", "y": "negative"}]},
        "labels": list(LABELS),
        "prompts": {"p": "What is {{ t }}?" + " " * 400},
        "answer": "text",
        "metrics": ["accuracy"],
    }
    suite["data"]["target"] = "y"  # type: ignore[index]
    with serve(answer) as server:
        options = {"model": "m", "base_url": f"{server.url}/v1", "api_key_env": "MY_SERVICE_KEY"}
        model = resolve(Declared("m", "openai", options, root=tmp_path))
        run = evaluate(suite, models={"m": model}, store=tmp_path / "store")
        run.to_html(tmp_path / "report.html")
        run.to_json(tmp_path / "run.json")
    assert {headers["authorization"] for _, _, headers in server.calls} == {f"Bearer {secret}"}
    assert "request refused for key [key]" in " ".join(run.samples["error"])
    printed = "".join(capfd.readouterr())
    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert {f.name for f in files} >= {"store.sqlite", "report.html", "run.json"}
    assert all(secret.encode() not in opened(f) for f in files)
    assert b"for key [key]" in opened(tmp_path / "report.html")
    assert b"What is good" in opened(tmp_path / "store" / "store.sqlite")
    assert secret not in printed + repr(vars(model)) + repr(run.record)


def test_a_missing_api_key_names_its_variable(
    declare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelError, match="OPENAI_API_KEY is not set"):
        resolve(declare("openai", model="m")).load()


def test_no_api_key_is_sent_to_other_addresses(
    declare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    _, server = asked(declare, lambda *call: chat("x"), [Request(CHAT)])
    assert all("authorization" not in headers for _, _, headers in server.calls)


def test_a_key_in_place_of_a_variables_name_is_not_repeated(declare: Any) -> None:
    with pytest.raises(SpecError) as error:
        resolve(declare("openai", model="m", api_key_env="abc-123-secret"))
    assert "expected the name of an environment variable" in str(error.value)
    assert "secret" not in str(error.value)
