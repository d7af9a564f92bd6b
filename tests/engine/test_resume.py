"""An interrupted run in low precision continues as if it had not been interrupted."""

from __future__ import annotations

import copy
from typing import Any

import pytest

pytest.importorskip("transformers")

from evalkit.engine.local import prepare, respond
from evalkit.exchange import Generation, Request, Response

SHOTS = "a film review is positive, negative or neutral. the lazy dog: negative. "
REQUESTS = [
    *(Request(f"{SHOTS}the {k} fox jumps", choices=("positive", "negative")) for k in range(9)),
    *(Request(f"{SHOTS * (k % 3)}fox {k}", Generation(max_new_tokens=9)) for k in range(9)),
]


@pytest.mark.parametrize("engine", ["auto", "plain"])
@pytest.mark.parametrize("answered", [{0}, {3, 12}, set(range(0, 18, 2)), set(range(9))])
def test_the_rest_of_an_interrupted_run_is_identical(
    tiny_model: Any, tiny_tokenizer: Any, engine: str, answered: set[int]
) -> None:
    import torch

    model = copy.deepcopy(tiny_model).to(torch.bfloat16)
    lm = prepare(model, tiny_tokenizer, engine=engine)

    def run(done: frozenset[int]) -> dict[int, Response]:
        return {i: r for batch in respond(lm, REQUESTS, done) for i, r in batch}

    whole, rest = run(frozenset()), run(frozenset(answered))
    assert set(rest) == set(range(len(REQUESTS))) - answered
    for index, response in rest.items():
        assert response.text == whole[index].text
        assert response.logprobs == whole[index].logprobs
