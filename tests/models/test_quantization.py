"""Quantised weights, adapters, and weights that several models share."""

from __future__ import annotations

import copy
import gc
import importlib.util
import json
import weakref
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from evalkit.errors import ModelError, SpecError
from evalkit.exchange import Generation, Request
from evalkit.messages import Message
from evalkit.models import quantization
from evalkit.models.in_memory import as_model
from evalkit.models.registry import Declared, resolve
from evalkit.models.transformers import TransformersModel
from evalkit.models.weight_cache import share_weights, weights_key

Declare = Callable[..., Declared]
CHOOSE = [
    Request(f"{text} is", choices=(" positive", " negative", " neutral"))
    for text in ("the quick brown fox", "a film review", "numbers 0 1 2 3 4 5", "the capital")
]
WRITE = [Request(choose.prompt, Generation(max_new_tokens=6)) for choose in CHOOSE]
FOUR = {"bits": 4, "type": "nf4", "double": True}
needs_peft = pytest.mark.skipif(not importlib.util.find_spec("peft"), reason="needs peft")
needs_bitsandbytes = pytest.mark.skipif(
    not importlib.util.find_spec("bitsandbytes"), reason="needs bitsandbytes"
)


def answers(model: Any, requests: list[Request]) -> list[Any]:
    found = {i: r for batch in model.respond(requests) for i, r in batch}
    assert all(found[i].answered for i in range(len(requests))), found
    return [found[i].logprobs or found[i].text for i in range(len(requests))]


def plain_logprobs(model: Any, tokenizer: Any, request: Request) -> list[float]:
    """Each choice on its own, by transformers alone."""
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


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Callable[[int], Path]:
    """``lora(seed)``: a folder with an adapter of random weights for the tiny Llama."""
    peft = pytest.importorskip("peft")
    import torch
    from transformers import AutoModelForCausalLM

    made: dict[int, Path] = {}

    def make(seed: int) -> Path:
        if seed not in made:
            made[seed] = tmp_path_factory.mktemp(f"lora{seed}")
            torch.manual_seed(seed)
            base = AutoModelForCausalLM.from_pretrained(tiny_folder)
            config = peft.LoraConfig(
                r=2, target_modules=["q_proj", "down_proj"], init_lora_weights=False
            )
            peft.get_peft_model(base, config).save_pretrained(made[seed])
        return made[seed]

    return make


@needs_bitsandbytes
@pytest.mark.parametrize(
    "spec", [FOUR, {"bits": 4, "type": "fp4"}, {"bits": 8, "threshold": 0}], ids=str
)
def test_quantised_weights_answer_as_in_transformers(
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
def test_each_quantisation_has_a_fingerprint_of_its_own(
    declare: Declare, tiny_folder: Path
) -> None:
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


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quantization": {"bits": 3}}, "quantization.bits"),
        ({"quantization": {"bits": 8, "type": "nf4"}}, "8 bits have no type"),
        ({"quantization": {"bits": 4, "threshold": 1}}, "4 bits have no threshold"),
        ({"quantization": {"bits": 4, "kind": "nf4"}}, "kind"),
        ({"quantization": {"bits": 4}, "model": "a.gguf"}, "GGUF file is quantised already"),
        ({"device_map": "auto", "device": "cpu"}, "remove device"),
        ({"adapter_revision": "main"}, "adapter_revision needs adapter"),
    ],
)
def test_options_that_make_no_sense(declare: Declare, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        resolve(declare("transformers", **{"model": "a/b", **options}))


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


def two_and_base(declare: Declare, folder: Path, lora: Callable[[int], Path]) -> list[Any]:
    common = {"model": str(folder), "device": "cpu"}
    adapters: list[dict[str, Any]] = [{}, {"adapter": str(lora(1))}, {"adapter": str(lora(2))}]
    models = [resolve(declare("transformers", **common, **more)) for more in adapters]
    share_weights(models)
    return models


@needs_peft
def test_adapters_share_a_base_and_leave_it_alone(
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
def test_shared_weights_are_freed_with_their_last_user(
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
def test_what_is_no_adapter_of_this_model(
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
def test_an_adapter_is_known_by_content(
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


def test_a_device_map_is_passed_on(declare: Declare, tiny_folder: Path) -> None:
    plain = resolve(declare("transformers", model=str(tiny_folder), device="cpu"))
    mapped = resolve(declare("transformers", model=str(tiny_folder), device_map={"": "cpu"}))
    assert answers(mapped, CHOOSE) == answers(plain, CHOOSE)
    assert mapped.fingerprint() != plain.fingerprint()
    plain.close()
    mapped.close()


@pytest.mark.parametrize("beams", [2, 4])
def test_beams_are_those_of_transformers(
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
def test_fit_agrees_with_what_is_in_memory(
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


@needs_peft
def test_a_handed_model_is_known_by_the_adapter_in_use(
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


def test_a_handed_model_is_known_by_the_date_that_its_template_writes(
    tiny_folder: Path, tiny_tokenizer: Any
) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_folder)
    dated = copy.deepcopy(tiny_tokenizer)
    dated.chat_template = "{{ strftime_now('%Y') }}" + dated.chat_template
    assert "date" not in as_model("m", (model, tiny_tokenizer)).fingerprint()
    assert as_model("m", (model, dated)).fingerprint()["date"] == date.today().isoformat()
