"""Quantised weights, adapters, and weights that several models share."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from evalkit.errors import ModelError
from evalkit.exchange import Generation, Request
from evalkit.messages import Message
from evalkit.models import quantization
from evalkit.models.registry import Declared, resolve
from evalkit.models.weight_cache import weights_key

Declare = Callable[..., Declared]
CHOOSE = [
    Request(f"{text} is", choices=(" positive", " negative", " neutral"))
    for text in ("the quick brown fox", "a film review", "numbers 0 1 2 3 4 5", "the capital")
]
WRITE = [Request(choose.prompt, Generation(max_new_tokens=6)) for choose in CHOOSE]
FOUR = {"bits": 4, "type": "nf4", "double": True}
needs_bitsandbytes = pytest.mark.skipif(
    not importlib.util.find_spec("bitsandbytes"), reason="needs bitsandbytes"
)


def answers(model: Any, requests: list[Request]) -> list[Any]:
    found = {i: r for batch in model.respond(requests) for i, r in batch}
    assert all(found[i].answered for i in range(len(requests))), found
    return [found[i].logprobs or found[i].text for i in range(len(requests))]


def plain_logprobs(model: Any, tokenizer: Any, request: Request) -> list[float]:
    """Each choice by itself, with plain transformers."""
    import torch

    prompt = tokenizer(request.prompt)["input_ids"]
    found = []
    for choice in request.choices:
        ids = tokenizer(request.prompt + choice)["input_ids"]
        assert ids[: len(prompt)] == prompt
        with torch.inference_mode():
            logits = model(torch.tensor([ids])).logits[0].float().log_softmax(-1)
        found.append(sum(float(logits[i - 1, ids[i]]) for i in range(len(prompt), len(ids))))
    return found


@needs_bitsandbytes
@pytest.mark.parametrize(
    "spec", [FOUR, {"bits": 4, "type": "fp4"}, {"bits": 8, "threshold": 0}], ids=str
)
def test_quantised_weights_answer_like_transformers(
    declare: Declare, tiny_folder: Path, tiny_tokenizer: Any, spec: dict[str, Any]
) -> None:
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    model = resolve(declare("transformers", model=str(tiny_folder), quantization=spec))
    found = answers(model, CHOOSE)
    described = model.describe()
    assert described["engine"] == "packed"
    assert described["quantization"].startswith(f"{spec['bits']}-bit")
    settings: dict[str, Any] = {"load_in_8bit": True, "llm_int8_threshold": 0.0}
    if spec["bits"] == 4:
        settings = {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": spec["type"],
            "bnb_4bit_use_double_quant": spec.get("double", False),
            "bnb_4bit_compute_dtype": torch.float32,
        }
    plain = AutoModelForCausalLM.from_pretrained(
        tiny_folder, quantization_config=BitsAndBytesConfig(**settings), device_map={"": "cpu"}
    )
    exact = AutoModelForCausalLM.from_pretrained(tiny_folder)
    assert described["parameters"] == exact.num_parameters()
    for request, logprobs in zip(CHOOSE, found, strict=True):
        wanted = plain_logprobs(plain, tiny_tokenizer, request)
        # 8 bits multiply in float16
        assert logprobs == pytest.approx(wanted, abs=1e-4 if spec["bits"] == 4 else 2e-2)
        assert logprobs != pytest.approx(plain_logprobs(exact, tiny_tokenizer, request), abs=1e-3)
    model.close()


@needs_bitsandbytes
def test_each_quantisation_has_its_own_fingerprint(declare: Declare, tiny_folder: Path) -> None:
    specs = [
        None,
        {"bits": 8},
        {"bits": 8, "threshold": 0},
        {"bits": 4},
        {"bits": 4, "type": "fp4"},
        {"bits": 4, "double": True},
        {"bits": 4, "compute_dtype": "bfloat16"},
    ]
    models = [
        resolve(declare("transformers", model=str(tiny_folder), device="cpu", quantization=spec))
        for spec in specs
    ]
    prints = [json.dumps(model.fingerprint(), sort_keys=True) for model in models]
    assert len(set(prints)) == len(specs)
    assert len({weights_key(model) for model in models}) == len(specs)
    spelled = resolve(
        declare(
            "transformers",
            model=str(tiny_folder),
            device="cpu",
            quantization={"bits": 4, "type": "nf4", "double": False, "compute_dtype": "float32"},
        )
    )
    assert json.dumps(spelled.fingerprint(), sort_keys=True) == prints[3], "defaults spelled out"
    assert models[6].fingerprint()["dtype"] == "bfloat16", "all of it, where dtype is auto"


def test_missing_packages_are_named(
    declare: Declare, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantization.importlib.util, "find_spec", lambda name: None)
    four = resolve(declare("transformers", model=str(tiny_folder), quantization=FOUR))
    with pytest.raises(ModelError, match="package bitsandbytes"):
        four.load()
    folder = tmp_path / "awq"
    folder.mkdir()
    config = {"model_type": "llama", "quantization_config": {"quant_method": "awq"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="quantised with awq, which needs the package gptqmodel"):
        resolve(declare("transformers", model=str(folder), device="cpu")).load()
    twice = resolve(declare("transformers", model=str(folder), device="cpu", quantization=FOUR))
    with pytest.raises(ModelError, match="quantised already"):
        twice.load()


def test_a_device_map_is_passed_on(declare: Declare, tiny_folder: Path) -> None:
    plain = resolve(declare("transformers", model=str(tiny_folder), device="cpu"))
    mapped = resolve(declare("transformers", model=str(tiny_folder), device_map={"": "cpu"}))
    assert answers(mapped, CHOOSE) == answers(plain, CHOOSE)
    assert mapped.fingerprint() != plain.fingerprint()
    plain.close()
    mapped.close()


@pytest.mark.parametrize("beams", [2, 4])
def test_beams_equal_transformers(
    declare: Declare, tiny_folder: Path, tiny_tokenizer: Any, beams: int
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(tiny_folder)
    asked = [Request(r.prompt, Generation(max_new_tokens=8, num_beams=beams)) for r in WRITE]
    asked.append(Request((Message("user", "the lazy dog"),), asked[0].generation))
    model = resolve(declare("transformers", model=str(tiny_folder), device="cpu"))
    found = answers(model, asked)
    for request, text in zip(asked, found, strict=True):
        if isinstance(request.prompt, str):
            ids = tiny_tokenizer(request.prompt)["input_ids"]
        else:
            turns = [{"role": m.role, "content": m.content} for m in request.prompt]
            shown = tiny_tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True
            )
            ids = tiny_tokenizer(shown, add_special_tokens=False)["input_ids"]
        output = plain.generate(
            torch.tensor([ids]), num_beams=beams, do_sample=False, max_new_tokens=8
        )
        written = [t for t in output[0, len(ids) :].tolist() if t not in model._lm.eos]
        assert text == tiny_tokenizer.decode(written, skip_special_tokens=True)
    assert found[:4] != answers(model, WRITE), "beams find other texts than greedy search"
    model.close()


@needs_bitsandbytes
@pytest.mark.parametrize(
    ("row", "spec"), [("bfloat16", None), ("8-bit", {"bits": 8}), ("4-bit", FOUR)]
)
def test_fit_agrees_with_the_loaded_model(
    declare: Declare, tiny_folder: Path, row: str, spec: dict[str, Any] | None
) -> None:
    model = resolve(
        declare("transformers", model=str(tiny_folder), dtype="bfloat16", quantization=spec)
    )
    told = {each.precision: each.weights for each in model.estimate_memory()}
    model.load()
    # the scales of 4-bit weights, which the estimate counts, are not parameters
    assert model._lm.model.get_memory_footprint() == pytest.approx(told[row], rel=0.03)
    model.close()
