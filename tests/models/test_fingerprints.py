"""Every option of every backend is part of the cache key, or states why it is not."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import evalkit.models
from evalkit.models import hardware
from evalkit.models.fingerprints import OPTIONS
from evalkit.models.in_memory import as_model
from evalkit.models.options import Options
from evalkit.models.quantization import Quantization
from evalkit.models.registry import resolve
from evalkit.store.keys import digest
from tests.models.serving import Answer, Reply, serve

Declare = Callable[..., Any]


def kinds() -> dict[str, type[Options]]:
    """The classes that check declarations, of every backend of evalkit."""
    for module in pkgutil.walk_packages(evalkit.models.__path__, "evalkit.models."):
        import_module(module.name)
    found, waiting = {}, [Options]
    while waiting:
        kind = waiting.pop()
        found[kind.__name__] = kind
        waiting += [k for k in kind.__subclasses__() if k.__module__.startswith("evalkit.models.")]
    return found


KINDS = kinds()
"""Two of them are not declared themselves: what all have, and what all behind a server have."""


class Case(NamedTuple):
    """Declarations that differ in one option."""

    after: dict[str, Any]
    before: dict[str, Any] = {}  # noqa: RUF012


def of(**values: Any) -> dict[str, Case]:
    """Cases in which an option gets another value and nothing else is declared."""
    return {option: Case({option: value}) for option, value in values.items()}


ALL = of(thinking={"keep": True})
SERVER = {
    **ALL,
    **of(max_concurrency=3, timeout=9.0, deadline=99.0, retries=1, backoff=0.1, max_wait=7.0),
    **of(prices={"input": 1, "output": 2}, version=2, cache=False),
}
TIMED = {**ALL, **of(timeout=9, deadline=9)}
WEIGHTS = of(dtype="bfloat16", device="cuda", trust_remote_code=True) | {
    "revision": Case({"model": "org/name", "revision": "v2"}, {"model": "org/name"}),
}
BASES: dict[str, tuple[str, dict[str, Any]]] = {
    "TransformersOptions": ("transformers", {"model": "one", "device": "cpu"}),
    "HeadOptions": ("transformers", {"model": "head", "device": "cpu"}),
    "CallableOptions": ("callable", {"model": "app_of_keys:answer"}),
    "OpenAIOptions": ("openai", {"model": "m", "base_url": "SERVER/v1"}),
    "OllamaOptions": ("ollama", {"model": "tiny", "base_url": "SERVER"}),
    "LangChainOptions": ("langchain", {"model": "langchain_ollama.ChatOllama"}),
    "InferenceOptions": ("hf-inference", {"model": "org/name"}),
    "VllmOptions": ("vllm", {"model": "one"}),
}
CASES: dict[str, dict[str, Case]] = {
    "TransformersOptions": {
        **TIMED,
        **WEIGHTS,
        **of(model="two", attn_implementation="eager", context_length=9, engine="plain"),
        **of(chat_template="own.jinja", quantization={"bits": 4}, adapter="adapter"),
        **of(batch_tokens=9, batch_rows=9, head="causal-lm"),
        "device_map": Case({"device_map": "auto", "device": "auto"}, {"device": "auto"}),
        "gguf_file": Case({"model": "ggufs", "gguf_file": "b.gguf"}, {"model": "ggufs/a.gguf"}),
        "adapter_revision": Case(
            {"adapter": "org/adapter", "adapter_revision": "v2"}, {"adapter": "org/adapter"}
        ),
    },
    "HeadOptions": {
        **TIMED,
        **WEIGHTS,
        "revision": Case({"model": "org/head", "revision": "v2"}, {"model": "org/head"}),
        **of(model="head2", head="fill-mask", attn_implementation="eager", context_length=9),
        **of(batch_tokens=9, batch_rows=9, labels={"LABEL_0": "good"}, max_answer_tokens=9),
        **of(n_best=2, no_answer=False, no_answer_threshold=1.0, window=99, overlap=9, top_k=3),
        **of(pooling="cls", label_template="It is {}", temperature=0.1),
    },
    "CallableOptions": {
        **ALL,
        **of(model="app_of_keys:other", choose="app_of_keys:compare", parameters={"a": 1}),
        **of(
            batch=True, concurrency=3, version=2, cache=False, timeout=9, deadline=9, isolate=True
        ),
    },
    "OpenAIOptions": {
        **SERVER,
        **of(model="n", base_url="OTHER/v1", api_key_env="KEY_OF_TESTS", choices="first-token"),
        **of(max_tokens_field="max_completion_tokens", accepts=["top_k"], omit=["seed"]),
        **of(extra_body={"a": 1}),
    },
    "OllamaOptions": {
        **SERVER,
        **of(model="small", base_url="OTHER", num_ctx=9, keep_alive="1m", reasoning=True),
        **of(parameters={"num_gpu": 1}),
    },
    "LangChainOptions": {
        **SERVER,
        **of(model="langchain_openai.ChatOpenAI", arguments={"a": 1}, parameters={"seed": None}),
        **of(api_key_env="KEY_OF_TESTS", api_key_argument="token"),
    },
    "InferenceOptions": {
        **SERVER,
        **of(model="org/other", provider="auto", extra_body={"a": 1}, api_key_env="KEY_OF_TESTS"),
    },
    "VllmOptions": {
        **TIMED,
        "revision": WEIGHTS["revision"],
        **of(model="two", dtype="bfloat16", quantization="awq", tensor_parallel_size=2),
        **of(gpu_memory_utilization=0.5, context_length=9, arguments={"seed": 1}),
        **of(chat_template="{{ messages }}", trust_remote_code=True),
    },
}


def listing(digest_of: str) -> Answer:
    """A server that lists models, for the protocols of OpenAI and of Ollama."""

    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        if path == "/api/tags":
            names = ("tiny", "small")
            return Reply({"models": [{"model": n, "digest": f"{digest_of} {n}"} for n in names]})
        return Reply({"version": "1", "data": [{"id": "m"}, {"id": "n"}]})

    return answer


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    with serve(listing("one")) as server, serve(listing("two")) as other:
        yield {"SERVER": server.url, "OTHER": other.url}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints, adapters and an application in the project's root; a hub; a GPU."""
    writes, classifies = ["LlamaForCausalLM"], ["BertForSequenceClassification"]
    for name, made in (("one", writes), ("two", writes), ("head", classifies)):
        checkpoint(tmp_path / name, name, made)
    checkpoint(tmp_path / "head2", "head2", classifies)
    (tmp_path / "adapter").mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (tmp_path / "adapter" / name).write_text("{}")
    (tmp_path / "ggufs").mkdir()
    for name in ("a", "b"):
        (tmp_path / "ggufs" / f"{name}.gguf").write_text(f"GGUF {name}")
    (tmp_path / "own.jinja").write_text("{{ messages }}")
    (tmp_path / "app_of_keys.py").write_text("def answer(prompt): ...")
    for model, made in (("name", writes), ("head", classifies), ("adapter", writes)):
        for revision, commit in (("main", "a" * 40), ("v2", "b" * 40)):
            folder = tmp_path / "hub" / f"models--org--{model}"
            (folder / "refs").mkdir(parents=True, exist_ok=True)
            (folder / "refs" / revision).write_text(commit)
            checkpoint(folder / "snapshots" / commit, commit, made)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("KEY_OF_TESTS", "key-of-the-tests")
    monkeypatch.setattr(hardware, "has_cuda", lambda: True)
    monkeypatch.setattr(hardware, "fast_bfloat16", lambda device: False)


def checkpoint(folder: Path, weights: str, architectures: list[str]) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"architectures": architectures}))
    (folder / "model.safetensors").write_text(weights)


def test_every_option_has_a_role() -> None:
    assert {kind: set(table) for kind, table in OPTIONS.items()} == {
        name: set(kind.model_fields) for name, kind in KINDS.items()
    }


def test_every_kind_of_model_is_covered() -> None:
    assert set(KINDS) - set(BASES) == {"Options", "RemoteOptions", "TimedOptions"}


def test_every_option_says_why() -> None:
    assert all(role.why for table in OPTIONS.values() for role in table.values())


@pytest.mark.parametrize(
    ("kind", "option"),
    [(name, o) for name in KINDS if name in BASES for o in KINDS[name].model_fields],
)
def test_the_key_changes_only_with_options_that_change_answers(
    declare: Declare, addresses: dict[str, str], kind: str, option: str
) -> None:
    backend, base = BASES[kind]
    case = CASES[kind][option]

    def key_of(options: dict[str, Any]) -> str | None:
        told = json.dumps({**base, **options})
        for name, url in addresses.items():
            told = told.replace(f'"{name}', f'"{url}')
        model: Any = resolve(declare(backend, **json.loads(told)))
        assert type(model.options).__name__ == kind
        made = model.fingerprint()
        return None if made is None else digest(dict(made))

    before, after = key_of(case.before), key_of(case.after)
    assert before is not None
    if option == "cache":
        assert after is None
    elif OPTIONS[kind][option].part is None:
        assert after == before
    else:
        assert after not in (before, None)


@pytest.mark.parametrize("option", Quantization.model_fields)
def test_every_part_of_a_quantisation_counts(declare: Declare, option: str) -> None:
    eight = {"bits": 8}
    other = {
        "bits": ({"bits": 4}, eight),
        "type": ({"bits": 4, "type": "fp4"}, {"bits": 4}),
        "double": ({"bits": 4, "double": True}, {"bits": 4}),
        "compute_dtype": ({"bits": 4, "compute_dtype": "float16"}, {"bits": 4}),
        "threshold": ({"bits": 8, "threshold": 1}, eight),
    }
    one, two = (
        resolve(declare("transformers", model="one", dtype="float32", quantization=q)).fingerprint()
        for q in other[option]
    )
    assert one != two


def test_equal_ollama_files_are_the_same_model_at_any_address(declare: Declare) -> None:
    with serve(listing("one")) as server, serve(listing("one")) as copy:
        here, there = (
            resolve(declare("ollama", model="tiny", base_url=s.url)).fingerprint()
            for s in (server, copy)
        )
    assert here == there


def test_devices_of_one_kind_share_answers(declare: Declare) -> None:
    for model in ("one", "head"):
        first, second = (
            resolve(declare("transformers", model=model, device=f"cuda:{i}")).fingerprint()
            for i in (0, 1)
        )
        assert first == second


def test_a_custom_chat_model_is_identified_by_its_source(declare: Declare, tmp_path: Path) -> None:
    file = tmp_path / "chats_of_keys.py"
    file.write_text("class Mine: ...")
    declared = declare("langchain", model="chats_of_keys.Mine")
    first = resolve(declared).fingerprint()
    file.write_text("class Mine: reply = 'other'")
    assert resolve(declared).fingerprint() != first


@pytest.mark.parametrize("tiny_model", ["llama"], indirect=True)
def test_a_model_in_memory_is_identified_by_its_end_tokens_and_context(
    tiny_model: Any, tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def key() -> str:
        return digest(dict(as_model("m", (tiny_model, tiny_tokenizer)).fingerprint() or {}))

    seen = [key()]
    assert key() == seen[0]
    monkeypatch.setattr(tiny_model.generation_config, "eos_token_id", [2, 7])
    seen.append(key())
    monkeypatch.setattr(tiny_tokenizer, "model_max_length", 16)
    seen.append(key())
    assert len(set(seen)) == 3
