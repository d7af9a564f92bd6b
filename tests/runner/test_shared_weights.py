"""One model at several precisions and with several adapters: what is shared and what is not."""

from __future__ import annotations

import gc
import importlib.util
import json
import weakref
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from evalkit import evaluate
from evalkit.models.transformers import TransformersModel

SUITE: dict[str, Any] = {
    "suite": "foxes",
    "task": "qa",
    "data": {
        "target": "answer",
        "rows": [{"q": "the quick brown", "answer": "fox"}, {"q": "the lazy", "answer": "dog"}],
    },
    "prompts": {"plain": {"text": "{{ q }}"}},
    "generation": {"max_new_tokens": 3},
    "metrics": ["exact_match"],
}


@pytest.fixture
def adapters(tmp_path: Path, tiny_folder: Path) -> list[str]:
    """Two adapters of random weights."""
    peft = pytest.importorskip("peft")
    import torch
    from transformers import AutoModelForCausalLM

    made = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        base = AutoModelForCausalLM.from_pretrained(tiny_folder)
        config = peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
        peft.get_peft_model(base, config).save_pretrained(tmp_path / f"lora{seed}")
        made.append(f"./lora{seed}")
    return made


def declare(root: Path, **models: dict[str, Any]) -> None:
    # JSON is YAML
    common = {"backend": "transformers", "device": "cpu"}
    declared = {name: {**common, **options} for name, options in models.items()}
    (root / "evalkit.yaml").write_text(json.dumps({"models": declared}))


def cached(root: Path, **options: Any) -> int:
    """Answers of a model called ``mine`` that came from the cache."""
    declare(root, mine=options)
    run = evaluate(SUITE, models="mine", root=root)
    (cell,) = run.record.cells
    assert not cell.error
    assert cell.statuses.get("error", 0) == 0
    return cell.cached


def test_one_name_never_shares_answers_between_precisions_or_adapters(
    tmp_path: Path, tiny_folder: Path, adapters: list[str]
) -> None:
    base = {"model": str(tiny_folder)}
    ways: list[dict[str, Any]] = [
        {},
        {"dtype": "bfloat16"},
        {"adapter": adapters[0]},
        {"adapter": adapters[1]},
        {"adapter": adapters[0], "dtype": "bfloat16"},
    ]
    if importlib.util.find_spec("bitsandbytes"):
        ways += [
            {"quantization": {"bits": 8}},
            {"quantization": {"bits": 4}},
            {"quantization": {"bits": 4, "double": True}},
            {"quantization": {"bits": 4}, "adapter": adapters[0]},
        ]
    for way in ways:
        assert cached(tmp_path, **base, **way) == 0, way
    for way in ways:
        assert cached(tmp_path, **base, **way) == 2, "each finds its own again"


def test_a_run_loads_weights_once_for_all_that_use_them(
    tmp_path: Path, tiny_folder: Path, adapters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []
    alive: list[Any] = []
    read = TransformersModel._read_weights

    def counted(self: TransformersModel) -> Any:
        gc.collect()
        assert all(ref() is None for ref in alive), "other weights are freed first"
        loads.append(self.name)
        loaded = read(self)
        alive.append(weakref.ref(loaded.model))
        return loaded

    monkeypatch.setattr(TransformersModel, "_read_weights", counted)
    base = {"model": str(tiny_folder)}
    declare(
        tmp_path,
        plain=base,
        half={**base, "dtype": "bfloat16"},
        one={**base, "adapter": adapters[0]},
        two={**base, "adapter": adapters[1]},
    )
    judged = {**SUITE, "judges": [{"rubric": "correctness", "by": "half"}]}
    names = ["plain", "half", "one", "two"]
    run = evaluate(judged, models=names, root=tmp_path)
    assert loads == ["plain", "half"], "weights that judge are worked with last, and kept for it"
    assert [cell.model for cell in run.record.cells] == names, "reports keep the declared order"
    assert list(run.record.models)[:4] == names
    assert {cell.cached for cell in run.record.cells} == {0}
    gc.collect()
    assert all(ref() is None for ref in alive)
    evaluate(judged, models=names, root=tmp_path)
    assert len(loads) == 2, "everything is known: nothing is loaded"


def test_a_model_that_also_judges_is_loaded_once(
    tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evalkit.engine import packed

    did: list[str] = []
    load, close, trial = TransformersModel.load, TransformersModel.close, packed.why_not_packable

    def counted_load(self: TransformersModel) -> None:
        if self._lm is None:
            did.append(f"load {self.name}")
        load(self)

    def counted_close(self: TransformersModel) -> None:
        if self._lm is not None:
            did.append(f"close {self.name}")
        close(self)

    def counted_trial(lm: Any) -> str:
        did.append("trial")
        return trial(lm)

    monkeypatch.setattr(TransformersModel, "load", counted_load)
    monkeypatch.setattr(TransformersModel, "close", counted_close)
    monkeypatch.setattr(packed, "why_not_packable", counted_trial)
    base = {"model": str(tiny_folder)}
    half = {**base, "dtype": "bfloat16"}
    declare(tmp_path, judging=base, tested=half, other={**base, "context_length": 255})
    judges = [{"rubric": "correctness", "by": name} for name in ("other", "judging")]
    judges[1]["name"] = "again"
    run = evaluate({**SUITE, "judges": judges}, models=["judging", "tested"], root=tmp_path)
    assert {cell.error for cell in run.record.cells} == {""}
    one = ["load {}", "trial", "close {}"]
    expected = [step.format(name) for name in ("tested", "judging", "other") for step in one]
    assert did == expected
    did.clear()
    evaluate({**SUITE, "judges": judges}, models=["judging", "tested"], root=tmp_path)
    assert not did, "everything is known: nothing is loaded, nothing closed"
