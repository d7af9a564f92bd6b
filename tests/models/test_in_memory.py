"""Models that are in memory already."""

from __future__ import annotations

import copy
import importlib.util
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import ModelError
from evalkit.exchange import Request
from evalkit.models.in_memory import as_model
from evalkit.models.registry import resolve
from tests.models.test_transformers import Declare, texts

pytest.importorskip("transformers")

needs_peft = pytest.mark.skipif(not importlib.util.find_spec("peft"), reason="needs peft")


@needs_peft
def test_a_model_in_memory_is_identified_by_its_active_adapter(
    tiny_folder: Path, tiny_tokenizer: Any, lora: Callable[[int], Path]
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(tiny_folder)
    model = PeftModel.from_pretrained(base, lora(1), adapter_name="one")
    model.load_adapter(lora(2), adapter_name="two")
    seen = {}
    for name in ("one", "two"):
        model.set_adapter(name)
        handed = as_model("m", (model, tiny_tokenizer))
        assert not handed.capabilities.inputs  # it writes, whatever PEFT's class is called
        seen[name] = handed.fingerprint()
    assert seen["one"] != seen["two"]
    model.set_adapter("one")
    assert as_model("m", (model, tiny_tokenizer)).fingerprint() == seen["one"]


def test_a_model_in_memory_is_identified_by_its_templates_date(
    tiny_folder: Path, tiny_tokenizer: Any
) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_folder)
    dated = copy.deepcopy(tiny_tokenizer)
    dated.chat_template = "{{ strftime_now('%Y') }}" + dated.chat_template
    assert "date" not in as_model("m", (model, tiny_tokenizer)).fingerprint()
    assert as_model("m", (model, dated)).fingerprint()["date"] == date.today().isoformat()


pytest.importorskip("transformers")


def test_models_in_memory_answer_like_the_same_weights_on_disk(
    declare: Declare, tiny_folder: Path, tiny_model: Any, tiny_tokenizer: Any
) -> None:
    from transformers import pipeline

    if type(tiny_model).__name__ != "LlamaForCausalLM":
        pytest.skip("the folder holds the Llama")
    ways = [
        (tiny_model, tiny_tokenizer),
        {"model": tiny_model, "tokenizer": tiny_tokenizer},
        pipeline("text-generation", model=tiny_model, tokenizer=tiny_tokenizer),
    ]
    on_disk = resolve(declare("transformers", model=str(tiny_folder), device="cpu"))
    expected = texts(on_disk)
    on_disk.close()
    prints = []
    for way in ways:
        model = as_model("mine", way)
        assert texts(model) == expected
        prints.append(model.fingerprint())
        model.close()
        assert texts(model) == expected, "whoever made the model owns it"
    assert prints[0] == prints[1] == prints[2]
    json.dumps(prints[0])


def test_the_fingerprint_of_weights_in_memory_changes_with_them(
    tiny_model: Any, tiny_tokenizer: Any
) -> None:
    import copy

    import torch

    model = copy.deepcopy(tiny_model)
    first = as_model("mine", (model, tiny_tokenizer)).fingerprint()
    with torch.no_grad():
        next(model.parameters())[0, 0] += 1e-3
    assert as_model("mine", (model, tiny_tokenizer)).fingerprint() != first
    assert as_model("mine", (model.to(torch.bfloat16), tiny_tokenizer)).fingerprint() != first


def test_functions_and_other_objects_from_python() -> None:
    def shout(prompt: str) -> str:
        return prompt.upper()

    model = as_model("mine", shout)
    assert texts(model, [Request("a")]) == ["A"]
    assert model.fingerprint() is None
    shout.evalkit_fingerprint = "v1"  # type: ignore[attr-defined]
    assert as_model("mine", shout).fingerprint() == {"backend": "handed", "function": "v1"}
    assert as_model("again", model) is model
    with pytest.raises(ModelError, match="is a int"):
        as_model("mine", 3)
