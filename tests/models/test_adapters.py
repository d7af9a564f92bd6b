"""Adapters share a base model and leave it alone."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import ModelError
from evalkit.models.registry import resolve
from evalkit.models.transformers import TransformersModel
from evalkit.models.weight_cache import share_weights
from tests.models.test_in_memory import needs_peft
from tests.models.test_quantization import (
    CHOOSE,
    FOUR,
    WRITE,
    Declare,
    answers,
    needs_bitsandbytes,
    plain_logprobs,
)

pytest.importorskip("transformers")


def two_and_base(declare: Declare, folder: Path, lora: Callable[[int], Path]) -> list[Any]:
    common = {"model": str(folder), "device": "cpu"}
    adapters: list[dict[str, Any]] = [{}, {"adapter": str(lora(1))}, {"adapter": str(lora(2))}]
    models = [resolve(declare("transformers", **common, **more)) for more in adapters]
    share_weights(models)
    return models


@needs_peft
def test_adapters_share_a_base_without_changing_it(
    declare: Declare,
    tiny_folder: Path,
    tiny_tokenizer: Any,
    lora: Callable[[int], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base, one, two = two_and_base(declare, tiny_folder, lora)
    alone = answers(base, CHOOSE)
    base.close()
    loads = []
    read = TransformersModel._read_weights
    monkeypatch.setattr(
        TransformersModel, "_read_weights", lambda self: loads.append(1) or read(self)
    )
    for model in (one, base, two):
        model.load()
    assert loads == [1]
    assert base._lm.model is one._lm.model is two._lm.model
    # one answer at a time, each from another of the three
    streams = [model.respond(CHOOSE + WRITE) for model in (one, base, two)]
    found: list[dict[int, Any]] = [{}, {}, {}]
    while streams:
        for k, stream in reversed(list(enumerate(streams))):
            batch = next(stream, None)
            if batch is None:
                streams.pop(k) if all(len(f) == 8 for f in found) else None
            else:
                found[k].update({i: r.logprobs or r.text for i, r in batch})
    assert [found[1][i] for i in range(4)] == alone, "bit for bit"
    for k, seed in ((0, 1), (2, 2)):
        plain = AutoModelForCausalLM.from_pretrained(tiny_folder)
        plain = PeftModel.from_pretrained(plain, lora(seed)).eval()
        for i, request in enumerate(CHOOSE):
            wanted = plain_logprobs(plain, tiny_tokenizer, request)
            assert found[k][i] == pytest.approx(wanted, abs=1e-4)
            assert wanted != pytest.approx(alone[i], abs=1e-2)
    one.close()
    two.close()
    assert answers(base, CHOOSE) == alone
    base.close()


@needs_peft
def test_shared_weights_are_freed_after_their_last_user(
    declare: Declare, tiny_folder: Path, lora: Callable[[int], Path]
) -> None:
    base, one, _ = two_and_base(declare, tiny_folder, lora)
    base.load()
    one.load()
    seen = weakref.ref(base._lm.model)
    assert one.describe()["parameters"] == base.describe()["parameters"]
    base.close()
    base.close()
    assert seen() is not None
    assert any("lora" in name for name, _ in seen().named_parameters())
    one.close()
    gc.collect()
    assert seen() is None


@needs_peft
@needs_bitsandbytes
def test_an_adapter_on_quantised_weights(
    declare: Declare, tiny_folder: Path, tiny_tokenizer: Any, lora: Callable[[int], Path]
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    model = resolve(
        declare("transformers", model=str(tiny_folder), quantization=FOUR, adapter=str(lora(1)))
    )
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
    )
    plain = AutoModelForCausalLM.from_pretrained(
        tiny_folder, quantization_config=config, device_map={"": "cpu"}
    )
    plain = PeftModel.from_pretrained(plain, lora(1)).eval()
    for request, found in zip(CHOOSE, answers(model, CHOOSE), strict=True):
        assert found == pytest.approx(plain_logprobs(plain, tiny_tokenizer, request), abs=1e-4)
    model.close()


@needs_peft
def test_an_adapter_of_another_model_is_an_error(
    declare: Declare, tiny_folder: Path, tmp_path: Path, lora: Callable[[int], Path]
) -> None:
    def load(adapter: Path, model: Path = tiny_folder) -> None:
        broken = resolve(declare("transformers", model=str(model), adapter=str(adapter)))
        try:
            broken.load()
        finally:
            assert not broken.weight_cache, "no weights stay behind"

    with pytest.raises(ModelError, match="no adapter folder"):
        load(tmp_path / "absent")
    with pytest.raises(ModelError, match=r"adapter_config\.json is missing"):
        load(tiny_folder)
    with pytest.raises(ModelError, match=r"declare 'model: .*' and 'adapter: "):
        load(lora(1), model=lora(1))
    from tests.conftest import make_model, make_tokenizer

    other = tmp_path / "gpt2"
    make_model("gpt2").save_pretrained(other)
    make_tokenizer().save_pretrained(other)
    with pytest.raises(ModelError, match="cannot be attached to this model"):
        load(lora(1), model=other)


@needs_peft
def test_an_adapter_is_identified_by_content(
    declare: Declare, tiny_folder: Path, tmp_path: Path, lora: Callable[[int], Path]
) -> None:
    import shutil

    copy = shutil.copytree(lora(1), tmp_path / "copy")
    (copy / "README.md").write_text("another text")

    def print_of(adapter: Path | None) -> str:
        options = {"adapter": str(adapter)} if adapter else {}
        model = resolve(declare("transformers", model=str(tiny_folder), **options))
        return json.dumps(model.fingerprint(), sort_keys=True)

    assert print_of(copy) == print_of(lora(1))
    assert len({print_of(None), print_of(lora(1)), print_of(lora(2))}) == 3
