"""Backends, heads and encoders on a CUDA device, which is pretended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("transformers")

import torch

from evalkit.exchange import Generation, Inputs, Request, Response
from evalkit.models.in_memory import as_model
from evalkit.models.registry import resolve
from evalkit.runner.memory import Peaks
from tests.models.conftest import CORPUS, Make
from tests.pretended_cuda import Card, pretended_cuda

Declare = Callable[..., Any]
LABELS = ["negative", "neutral", "positive"]
ASK = [
    Request("the quick brown fox", Generation(max_new_tokens=5)),
    Request("a film review is", choices=("positive", "negative")),
]


@pytest.fixture
def card() -> Iterator[Card]:
    with pretended_cuda() as card:
        yield card


def answers(model: Any, requests: list[Request] = ASK) -> list[Response]:
    found = dict(pair for batch in model.respond(requests) for pair in batch)
    return [found[i] for i in range(len(requests))]


def read(task: str, *texts: str) -> Request:
    ways = tuple((label, (label,)) for label in LABELS) if task == "classification" else ()
    return Request("shown", inputs=Inputs(task, texts, ways))


def test_auto_is_the_card_and_closing_frees_it(
    card: Card, declare: Declare, tiny_folder: Path
) -> None:
    on_cpu = answers(resolve(declare("transformers", model=str(tiny_folder), device="cpu")))
    model = resolve(declare("transformers", model=str(tiny_folder)))
    peaks = Peaks()
    assert [r.text for r in answers(model)] == [r.text for r in on_cpu]
    assert model.describe()["device"] == "cuda"
    assert model.describe()["engine"].startswith("packed")
    assert peaks.found()["cuda"] == card.peak > 4 * model.describe()["parameters"]
    model.close()
    assert card.allocated == 0
    assert card.reserved == 0, "other processes may use the card"


def test_bfloat16_stays_bfloat16(
    card: Card, declare: Declare, tiny_folder: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    loaded = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.bfloat16)
    loaded.save_pretrained(tmp_path / "half")
    AutoTokenizer.from_pretrained(tiny_folder).save_pretrained(tmp_path / "half")
    model = resolve(declare("transformers", model=str(tmp_path / "half")))
    assert all(r.answered for r in answers(model))
    assert model.describe()["dtype"] == "bfloat16"
    model.close()


def test_adapters_share_weights_on_the_card(
    card: Card, declare: Declare, tiny_folder: Path, lora: Callable[[int], Path]
) -> None:
    adapter = str(lora(1))
    options = {"model": str(tiny_folder), "adapter": adapter}
    expected = answers(resolve(declare("transformers", device="cpu", **options)))
    model = resolve(declare("transformers", **options))
    found = answers(model)
    assert [r.text for r in found] == [r.text for r in expected]
    assert found[1].logprobs == pytest.approx(expected[1].logprobs, abs=1e-3)
    model.close()
    assert card.allocated == 0


def test_a_model_in_memory(card: Card, tiny_model: Any, tiny_tokenizer: Any) -> None:
    import copy

    on_cpu = as_model("cpu", (tiny_model, tiny_tokenizer))
    moved = as_model("cuda", (copy.deepcopy(tiny_model).to("cuda"), tiny_tokenizer))
    assert [r.text for r in answers(moved)] == [r.text for r in answers(on_cpu)]
    assert moved.fingerprint()["weights"] == on_cpu.fingerprint()["weights"]
    assert moved.fingerprint()["device"] == "cuda"


@pytest.mark.parametrize(
    ("architecture", "options", "requests"),
    [
        (
            "BertForSequenceClassification",
            {},
            [read("classification", text) for text in CORPUS],
        ),
        (
            "BertForTokenClassification",
            {},
            [read("token-classification", *text.split()) for text in CORPUS],
        ),
        ("BertForQuestionAnswering", {}, [read("extractive-qa", "who ?", t) for t in CORPUS]),
        ("BertForMaskedLM", {}, [read("fill-mask", f"{t} [MASK] a [MASK]") for t in CORPUS]),
        *(
            ("BertModel", {"pooling": pooling}, [read("classification", t) for t in CORPUS])
            for pooling in ("mean", "cls", "last")
        ),
    ],
)
def test_heads(
    card: Card,
    declare: Declare,
    checkpoint: Make,
    architecture: str,
    options: dict[str, Any],
    requests: list[Request],
) -> None:
    labels = {"BertForSequenceClassification": LABELS, "BertForTokenClassification": ["O", "B-X"]}
    names = labels.get(architecture)
    config = {"id2label": dict(enumerate(names))} if names else {}
    folder = str(checkpoint(architecture, **config))
    expected = answers(
        resolve(declare("transformers", model=folder, device="cpu", **options)), requests
    )
    model = resolve(declare("transformers", model=folder, **options))
    found = answers(model, requests)
    assert [(r.status, r.text) for r in found] == [(r.status, r.text) for r in expected]
    assert all(r.answered for r in found), found
    for one, other in zip(found, expected, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)
    assert model._runner._checkpoint.model.device.type == "cuda"
    model.close()
    assert card.allocated == 0


def test_bertscore(card: Card, checkpoint: Make) -> None:
    pytest.importorskip("bert_score")
    from evalkit.encoders.bertscore import BertScorer
    from evalkit.encoders.source import EncoderSource

    source = EncoderSource(str(checkpoint("BertModel")), "tiny")
    scores = [
        BertScorer(source, 1, "float32", device).score(CORPUS, CORPUS[::-1])
        for device in ("cpu", "auto")
    ]
    assert np.allclose(scores[0], scores[1], atol=1e-5)
    assert scores[0].std() > 0


def test_embeddings(card: Card, checkpoint: Make) -> None:
    pytest.importorskip("sentence_transformers")
    from evalkit.encoders.sentences import Embedder
    from evalkit.encoders.source import EncoderSource

    source = EncoderSource(str(checkpoint("BertModel")), "tiny")
    here, there = (Embedder(source, device).embed(CORPUS) for device in ("cpu", "auto"))
    assert np.allclose(here, there, atol=1e-5)
