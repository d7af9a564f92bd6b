"""vLLM in process, against a module that mimics its documented interface around transformers."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from evalkit.errors import ModelError
from evalkit.exchange import Generation, Request, Status
from evalkit.messages import Message
from evalkit.models.registry import resolve


class FakeLLM:
    """The used part of ``vllm.LLM``: greedy generation and prompt log-probabilities."""

    def __init__(self, model: str, dtype: str, max_model_len: int | None, **others: Any) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        assert set(others) == {
            "revision",
            "quantization",
            "tensor_parallel_size",
            "gpu_memory_utilization",
            "trust_remote_code",
        }
        self.model = AutoModelForCausalLM.from_pretrained(model).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(model)
        config = SimpleNamespace(max_model_len=max_model_len or 256)
        self.llm_engine = SimpleNamespace(model_config=config)

    def get_tokenizer(self) -> Any:
        return self.tokenizer

    def generate(self, inputs: list[Any], parameters: list[Any], use_tqdm: bool) -> list[Any]:
        assert len(inputs) == len(parameters)
        return [
            self._one(i["prompt_token_ids"], p) for i, p in zip(inputs, parameters, strict=True)
        ]

    def _one(self, ids: list[int], parameters: Any) -> Any:
        import torch

        with torch.inference_mode():
            logprobs = self.model(torch.tensor([ids])).logits[0].log_softmax(-1)
            told = None
            if getattr(parameters, "prompt_logprobs", None) is not None:
                pairs = zip(ids[1:], logprobs, strict=False)
                told = [None, *({t: SimpleNamespace(logprob=float(r[t]))} for t, r in pairs)]
            new = self.model.generate(
                torch.tensor([ids]), max_new_tokens=parameters.max_tokens, do_sample=False
            )[0, len(ids) :].tolist()
        ended = new[-1] in self.model.generation_config.eos_token_id
        written = SimpleNamespace(
            text=self.tokenizer.decode(new, skip_special_tokens=True),
            token_ids=new,
            finish_reason="stop" if ended else "length",
            stop_reason=None,
        )
        return SimpleNamespace(prompt_logprobs=told, outputs=[written])


@pytest.fixture
def _vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("vllm")
    module.LLM = FakeLLM  # type: ignore[attr-defined]
    module.SamplingParams = SimpleNamespace  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", module)


def answers(model: Any, requests: list[Request]) -> list[Any]:
    pairs = [pair for batch in model.respond(requests) for pair in batch]
    return [response for _, response in sorted(pairs, key=lambda pair: pair[0])]


@pytest.mark.usefixtures("_vllm")
def test_choices_are_compared_as_with_transformers(declare: Any, tiny_folder: Path) -> None:
    chat = (Message("system", "Label."), Message("user", "a film review"))
    requests = [
        Request(chat, choices=("positive", "negative", "neutral")),
        Request("The capital of France is", choices=("Paris", "the lazy dog")),
    ]
    ours = answers(resolve(declare("vllm", model=str(tiny_folder))), requests)
    theirs = answers(
        resolve(declare("transformers", model=str(tiny_folder), dtype="float32", device="cpu")),
        requests,
    )
    for a, b in zip(ours, theirs, strict=True):
        assert a.logprobs == pytest.approx(b.logprobs, abs=1e-4)
        assert (a.text, a.sent, a.choice_tokens) == (b.text, b.sent, b.choice_tokens)


@pytest.mark.usefixtures("_vllm")
def test_answers_equal_transformers(declare: Any, tiny_folder: Path) -> None:
    requests = [Request(f"numbers {i}", Generation(6)) for i in range(6)]
    requests.append(Request("x " * 400, Generation(6)))
    ours = answers(resolve(declare("vllm", model=str(tiny_folder))), requests)
    theirs = answers(
        resolve(declare("transformers", model=str(tiny_folder), dtype="float32", device="cpu")),
        requests,
    )
    assert [(r.text, r.status) for r in ours] == [(r.text, r.status) for r in theirs]
    assert ours[-1].status is Status.OVERFLOW


@pytest.mark.usefixtures("_vllm")
def test_cached_responses_are_reused(declare: Any, tiny_folder: Path) -> None:
    requests = [Request(f"numbers {i}", Generation(2)) for i in range(4)]
    model = resolve(declare("vllm", model=str(tiny_folder)))
    batches = list(model.respond(requests, frozenset({0, 2})))
    assert [i for batch in batches for i, _ in batch] == [1, 3]


def test_a_template_with_the_date_is_cached_for_a_day(declare: Any, tiny_folder: Path) -> None:
    dated = "{{ strftime_now('%d') }}"
    model = resolve(declare("vllm", model=str(tiny_folder), chat_template=dated))
    assert model.fingerprint()["date"] == date.today().isoformat()  # type: ignore[index]
    plain = resolve(declare("vllm", model=str(tiny_folder)))
    assert "date" not in plain.fingerprint()  # type: ignore[operator]


def test_without_vllm_the_error_says_what_to_install(declare: Any, tiny_folder: Path) -> None:
    if "vllm" in sys.modules:
        pytest.skip("vLLM is installed here")
    model = resolve(declare("vllm", model=str(tiny_folder)))
    with pytest.raises(ModelError, match=r'pip install "pytest-evalkit\[vllm\]"'):
        model.load()


@pytest.mark.usefixtures("_vllm")
def test_beams_are_rejected(declare: Any, tiny_folder: Path) -> None:
    model = resolve(declare("vllm", model=str(tiny_folder)))
    with pytest.raises(ModelError, match="num_beams: 4"):
        answers(model, [Request("x", Generation(2, num_beams=4))])
