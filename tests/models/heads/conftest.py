"""Tiny checkpoints with task heads and random weights, and transformers asked directly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.exchange import Inputs, Request, Response

Declare = Callable[..., Any]
Make = Callable[..., Path]
LABELS = ["negative", "neutral", "positive"]


@pytest.fixture(autouse=True)
def _quiet_and_small(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    torch.set_num_threads(1)


def direct(folder: Path, loader: str) -> tuple[Any, Any]:
    """The model and its tokenizer, loaded by transformers."""
    import transformers

    model = getattr(transformers, loader).from_pretrained(folder).eval()
    return model, transformers.AutoTokenizer.from_pretrained(folder)


def read(task: str, *texts: str, labels: Any = (), choices: Any = ()) -> Request:
    """A request, as the planner creates it."""
    ways = tuple((label, (label,)) for label in labels) if labels else ()
    return Request("shown", choices=tuple(choices), inputs=Inputs(task, texts, ways))


def answers(model: Any, requests: list[Request]) -> list[Response]:
    found = [pair for batch in model.respond(requests) for pair in batch]
    assert sorted(index for index, _ in found) == list(range(len(requests))), "each exactly once"
    return [response for _, response in sorted(found, key=lambda pair: pair[0])]


@pytest.fixture(scope="module")
def three(checkpoint: Make) -> Path:
    return checkpoint(
        "BertForSequenceClassification", id2label={0: "Positive", 1: "NEGATIVE", 2: "neutral"}
    )
