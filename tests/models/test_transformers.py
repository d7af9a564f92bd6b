from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from evalkit.errors import ModelError
from evalkit.exchange import Generation, Request, Status
from evalkit.messages import Message
from evalkit.models.in_memory import as_model
from evalkit.models.registry import resolve

Declare = Callable[..., Any]
ASK = [
    Request("the quick brown fox", Generation(max_new_tokens=5)),
    Request((Message("user", "the lazy dog"),), Generation(max_new_tokens=5)),
    Request("a film review is", choices=("positive", "negative")),
]


def texts(model: Any, requests: list[Request] = ASK) -> list[str]:
    found = {i: r for batch in model.respond(requests) for i, r in batch}
    assert all(found[i].answered for i in range(len(requests))), found
    return [found[i].text for i in range(len(requests))]


def test_load_answer_close_and_load_again(declare: Declare, tiny_folder: Path) -> None:
    model = resolve(declare("transformers", model=str(tiny_folder), device="cpu"))
    before = model.describe()
    assert before["device"] == "cpu"
    model.load()
    first = texts(model)
    described = model.describe()
    assert described["architecture"] == "LlamaForCausalLM"
    assert described["context_length"] == 256
    assert described["parameters"] == sum(p.numel() for p in model._lm.model.parameters())
    assert described["engine"] == "packed"
    json.dumps(described)
    model.close()
    model.close()
    assert texts(model) == first
    model.close()


def test_closing_frees_the_weights(declare: Declare, tiny_folder: Path) -> None:
    import weakref

    model = resolve(declare("transformers", model=str(tiny_folder)))
    seen = []
    for _ in range(3):
        texts(model)
        seen.append(weakref.ref(model._lm.model))
        model.close()
        gc.collect()
        assert all(ref() is None for ref in seen)


def test_the_fingerprint_covers_what_determines_an_answer(
    declare: Declare, tiny_folder: Path, tmp_path: Path
) -> None:
    def fingerprint(folder: Path = tiny_folder, **options: Any) -> Any:
        return resolve(declare("transformers", model=str(folder), **options)).fingerprint()

    first = fingerprint(device="cpu")
    json.dumps(first)
    assert first == fingerprint(device="cpu")
    assert first["dtype"] == "float32"
    copy = tmp_path / "copy"
    shutil.copytree(tiny_folder, copy)
    assert fingerprint(copy, device="cpu") == first, "the place of the weights does not matter"
    different = [
        fingerprint(device="cpu", dtype="bfloat16"),
        fingerprint(device="cpu", chat_template="{{ messages }}"),
        fingerprint(device="cpu", context_length=100),
        fingerprint(device="cpu", attn_implementation="eager"),
    ]
    (copy / "tokenizer_config.json").write_text("{}")
    different.append(fingerprint(copy, device="cpu"))
    assert all(other != first for other in different)
    dated = fingerprint(device="cpu", chat_template="{{ strftime_now('%Y') }}")
    assert len(dated["date"]) == 10


def test_a_template_file_and_a_shorter_context(
    declare: Declare, tiny_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "plain.jinja").write_text("Q: {{ messages[0]['content'] }} A:")
    model = resolve(
        declare(
            "transformers",
            model=str(tiny_folder),
            chat_template="plain.jinja",
            context_length=12,
        )
    )
    chat = Request((Message("user", "a"),), Generation(max_new_tokens=2))
    long = Request((Message("user", "the quick brown fox " * 4),), Generation(max_new_tokens=2))
    found = {i: r for batch in model.respond([chat, long]) for i, r in batch}
    assert found[0].sent == "Q: a A:"
    assert found[1].status is Status.OVERFLOW
    model.close()
    missing = resolve(declare("transformers", model=str(tiny_folder), chat_template="no.jinja"))
    with pytest.raises(ModelError, match=r"no\.jinja"):
        missing.fingerprint()


def test_a_model_without_template_rejects_only_chats(
    tiny_model: Any, tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny_tokenizer, "chat_template", None)
    model = as_model("mine", (tiny_model, tiny_tokenizer))
    found = {i: r for batch in model.respond(ASK) for i, r in batch}
    assert found[1].status is Status.ERROR
    assert "no chat template" in found[1].error
    assert found[0].answered
