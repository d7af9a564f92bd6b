"""evalkit.yaml, and models on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import SpecError, UsageError
from evalkit.spec.files import project_root
from evalkit.spec.project import ModelDeclaration, find_project, parse_model, read_project, secrets
from tests.spec.conftest import Write


def wrong(path: Path) -> list[str]:
    with pytest.raises(SpecError) as caught:
        read_project(path)
    return [str(problem) for problem in caught.value.problems]


def test_a_project_file(write: Write, project: Path) -> None:
    write(
        "evalkit.yaml",
        """\
        default: tuned
        models:
          smollm2: {backend: transformers, model: HuggingFaceTB/SmolLM2-135M-Instruct}

          tuned:
            backend: transformers
            model: ./base
            adapter: ../my-lora
            quantization: {bits: 4, type: nf4}
          app: callable:my_app:answer?batch=true
          hosted: {backend: openai, model: m, base_url: "http://x/v1", api_key_env: MY_KEY}
        judges:
          main: {model: smollm2}
        metrics: {mine: "my_metrics:f"}
        """,
    )
    (project / "suites" / "deep").mkdir(parents=True)
    found = find_project(project / "suites" / "deep")
    root = project.resolve()
    assert (found.root, found.file) == (root, root / "evalkit.yaml")
    assert found.default == ("tuned",)
    assert list(found.models) == ["smollm2", "tuned", "app", "hosted"]
    assert found.models["tuned"] == ModelDeclaration(
        name="tuned",
        backend="transformers",
        options={
            "model": str(root / "base"),
            "adapter": str(root.parent / "my-lora"),
            "quantization": {"bits": 4, "type": "nf4"},
        },
        file="evalkit.yaml",
        line=5,
        root=root,
    )
    assert found.models["app"].backend == "callable"
    assert found.models["app"].options == {"model": "my_app:answer", "batch": True}
    assert found.models["smollm2"].options["model"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert found.judges == {"main": {"model": "smollm2"}}
    assert found.metrics == {"mine": "my_metrics:f"}


def test_the_nearest_project_file_is_used(write: Write, project: Path) -> None:
    write("evalkit.yaml", "default: outer\n")
    write("inner/evalkit.yaml", "default: [a, b]\n")
    suite = write("inner/suites/x.eval.yaml", "")
    assert find_project(suite).default == ("a", "b")
    assert find_project(project).default == ("outer",)


def test_no_project_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "a" / "b").mkdir(parents=True)
    found = find_project(tmp_path / "a" / "b")
    assert (found.root, found.file, dict(found.models)) == (tmp_path.resolve(), None, {})
    assert project_root(tmp_path / "a") == tmp_path.resolve()


def test_all_errors_are_reported_at_once(write: Write) -> None:
    path = write(
        "evalkit.yaml",
        """\
        modls: {}
        default: [1]
        judges: 5
        models:
          a: {model: x}
          b: 7
          "c d": {backend: x}
          e: no-backend
          f: {backend: openai, model: org/my-model, api_key: sk-abc}
          g:
            backend: openai
            headers: {Authorization: Bearer abcdefghijk}
        """,
    )
    found = wrong(path)
    assert [message.split(": ", 2)[0] + ": " + message.split(": ", 2)[1] for message in found] == [
        "evalkit.yaml:1: modls",
        "evalkit.yaml:2: default",
        "evalkit.yaml:3: judges",
        "evalkit.yaml:5: models.a",
        "evalkit.yaml:6: models.b",
        "evalkit.yaml:7: models.c d",
        "evalkit.yaml:8: models.e",
        "evalkit.yaml:9: models.f.api_key",
        "evalkit.yaml:12: models.g.headers.Authorization",
    ]
    assert "did you mean 'models'?" in found[0]
    assert "no backend: add 'backend:'" in found[3]
    assert found[7].endswith("e.g. api_key_env: OPENAI_API_KEY")
    assert not any("sk-abc" in message or "abcdefghijk" in message for message in found)


def test_an_empty_project_file_declares_nothing(write: Write) -> None:
    assert read_project(write("evalkit.yaml", "")).models == {}
    assert wrong(write("evalkit.yaml", "- 1\n"))[0].startswith("evalkit.yaml:1: expected a mapping")


@pytest.mark.parametrize(
    ("text", "backend", "options"),
    [
        ("ollama:llama3.2:1b", "ollama", {"model": "llama3.2:1b"}),
        ("transformers:org/name", "transformers", {"model": "org/name"}),
        (
            "transformers:base?dtype=bfloat16&quantization.bits=4&quantization.double=true",
            "transformers",
            {
                "model": "base",
                "dtype": "bfloat16",
                "quantization": {"bits": 4, "double": True},
            },
        ),
        (
            "openai:m?base_url=http://localhost:8000/v1?a=1&temperature=1e-1&stop=no&x=",
            "openai",
            {
                "model": "m",
                "base_url": "http://localhost:8000/v1?a=1",
                "temperature": 0.1,
                "stop": "no",
                "x": None,
            },
        ),
        ("openai:m?base_url=http://h/%26", "openai", {"model": "m", "base_url": "http://h/&"}),
        (r"transformers:C:\models\x", "transformers", {"model": r"C:\models\x"}),
        (
            "callable:my_app:answer?batch=true",
            "callable",
            {"model": "my_app:answer", "batch": True},
        ),
        ("hf-inference:?model=a", "hf-inference", {"model": "a"}),
    ],
)
def test_models_on_the_command_line(text: str, backend: str, options: dict[str, Any]) -> None:
    found = parse_model(text)
    assert (found.name, found.backend, found.options) == (text, backend, options)
    assert found.line == 0


def test_a_relative_path_starts_where_the_command_does(project: Path) -> None:
    assert parse_model("transformers:./m").options == {"model": str(project.resolve() / "m")}
    elsewhere = parse_model("transformers:../m?adapter=./a", project / "x")
    root = project.resolve()
    assert elsewhere.options == {"model": str(root / "m"), "adapter": str(root / "x" / "a")}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("smollm", "unknown model 'smollm': declare it in evalkit.yaml, or write backend:name"),
        ("transformers:", "unknown model"),
        ("http://localhost:8000", "for a server, write openai:NAME?base_url=http://localhost:8000"),
        (r"C:\models\x", r"for a folder, write transformers:C:\models\x"),
        ("./models:x", "no backend in"),
        ("a:b?c", "'c' in 'a:b?c' is not an option; write key=value"),
        ("a:b?c=1&c=2", "'c' is given twice"),
        ("a:b?c=1&c.d=2", "'c' already has the value 1"),
        ("a:b?model=c", "'model' is given twice"),
        ("a:b?api_key=xyz", "'api_key' looks like a secret"),
        ("a:b?x.token=xyz", "'x.token' looks like a secret"),
    ],
)
def test_invalid_models_are_errors(text: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_model(text)
    assert reason in str(caught.value)
    assert "xyz" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "secret"),
    [
        ("api_key", "abc", True),
        ("apiKey", "abc", True),
        ("API-KEY", "abc", True),
        ("hf_token", "abc", True),
        ("token", "abc", True),
        ("client_secret", "abc", True),
        ("password", "abc", True),
        ("anything", "sk-abcdefghijklmnopqrstuv", True),
        ("anything", "hf_abcdefghijklmnopqrstuv", True),
        ("base_url", "https://user:pass@host/v1", True),
        ("api_key_env", "MY_KEY", False),
        ("token", True, False),
        ("api_key", "", False),
        ("pad_token", "<pad>", False),
        ("eos_token", "</s>", False),
        ("max_tokens", "12", False),
        ("tokenizer", "org/name", False),
        ("model", "org/monkey", False),
        ("base_url", "http://localhost:8000/v1", False),
    ],
)
def test_secrets_are_detected(key: str, value: Any, secret: bool) -> None:
    assert bool(list(secrets({"outer": {key: value}}))) is secret
    assert bool(list(secrets({"tools": ["x", {"headers": {key: value}}]}))) is secret


def test_secrets_in_lists_are_found() -> None:
    headers = {"extra": ["plain", "Bearer abcdefgh1234"]}
    assert list(secrets(headers)) == [("extra", 1)]
