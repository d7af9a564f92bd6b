"""Batches: in any order, of any size, and what is wrong with one stops no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit.exchange import Request, Status
from evalkit.models.registry import resolve
from tests.models.conftest import CORPUS

from .conftest import LABELS, Declare, answers, read


def test_long_and_missing_inputs_affect_no_other(declare: Declare, three: Path) -> None:
    model = resolve(declare("transformers", model=str(three)))
    requests = [
        read("classification", "dog " * 100, labels=LABELS),
        Request("a prompt"),
        read("classification", CORPUS[0], labels=LABELS),
    ]
    long, prompt, fine = answers(model, requests)
    assert long.status is Status.OVERFLOW
    assert "tokens, more than the model's context of 64" in long.error
    assert "takes inputs, not prompts" in prompt.error
    assert fine.status is Status.OK


def test_batches_do_not_depend_on_cached_answers(declare: Declare, three: Path) -> None:
    model = resolve(declare("transformers", model=str(three), batch_rows=2))
    requests = [read("classification", text, labels=LABELS) for text in CORPUS]
    requests.append(requests[0])
    whole = answers(model, requests)
    assert whole[5].logprobs == whole[0].logprobs
    known = frozenset([0, 2, 5])
    rest = dict(pair for batch in model.respond(requests, known) for pair in batch)
    assert set(rest) == {1, 3, 4}
    assert all(rest[i].logprobs == whole[i].logprobs for i in rest)


def test_running_out_of_memory_halves_batches(
    declare: Declare, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = resolve(declare("transformers", model=str(three)))
    requests = [read("classification", text, labels=LABELS) for text in CORPUS]
    expected = [r.logprobs for r in answers(model, requests)]
    forward = model._runner._checkpoint.model.forward
    sizes = []

    def tight(*args: Any, input_ids: Any, **kwargs: Any) -> Any:
        sizes.append(len(input_ids))
        if len(input_ids) > 2:
            raise RuntimeError("CUDA out of memory")
        return forward(*args, input_ids=input_ids, **kwargs)

    monkeypatch.setattr(model._runner._checkpoint.model, "forward", tight)
    found = [r.logprobs for r in answers(model, requests)]
    assert max(sizes) > 2
    assert all(a == pytest.approx(b, abs=1e-4) for a, b in zip(found, expected, strict=True))
