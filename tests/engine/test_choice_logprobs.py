from __future__ import annotations

import math

import pytest

from evalkit.engine.choice_logprobs import sum_choice_logprobs
from evalkit.engine.tokenization import TokenizedRequest
from evalkit.exchange import Request

torch = pytest.importorskip("torch")

REQUEST = TokenizedRequest(Request("p", choices=("x", "yz")), (0,), "p", ((1,), (2, 3)))
# position 0 predicts the first token of both choices, position 1 the second of "yz"
LOGITS = torch.tensor([[0.0, 8.0, 7.9, 0.0], [0.0, 0.0, 0.0, 20.0]])


def log_softmax(values: list[float], at: int) -> float:
    return values[at] - math.log(sum(math.exp(v) for v in values))


def test_the_tokens_of_a_choice_are_summed() -> None:
    [found] = sum_choice_logprobs([REQUEST], LOGITS, [0, 0, 1], [1, 2, 3], torch.float32)
    first, second = LOGITS.tolist()
    assert found.logprobs[0] == pytest.approx(log_softmax(first, 1))
    assert found.logprobs[1] == pytest.approx(log_softmax(first, 2) + log_softmax(second, 3))


def test_a_lead_within_rounding_is_a_tie() -> None:
    places, targets = [0, 0, 1], [1, 2, 3]
    [exact] = sum_choice_logprobs([REQUEST], LOGITS, places, targets, torch.float32)
    [coarse] = sum_choice_logprobs([REQUEST], LOGITS.bfloat16(), places, targets, torch.bfloat16)
    assert exact.margin == pytest.approx(0.1, abs=1e-4)
    assert not exact.tie
    # bfloat16 has 8 bits: at 20, the largest logit, a step is 2**-7 * 16 = 0.125
    assert 0.1 < coarse.noise < 0.2
    assert coarse.tie
