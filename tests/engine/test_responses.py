"""Responses made of the engine's results."""

from __future__ import annotations

import math

import pytest

from evalkit.engine.choice_logprobs import ChoiceLogprobs
from evalkit.engine.responses import choice_response
from evalkit.exchange import Status
from tests.engine.test_choice_logprobs import REQUEST


def test_a_tie_is_recorded_in_the_response() -> None:
    tied = choice_response(REQUEST, ChoiceLogprobs((-1.0, -1.1), noise=0.125), 0.0)
    assert (tied.status, tied.text) == (Status.OK, "x")
    assert tied.tie
    assert tied.details == {"margin": pytest.approx(0.1), "noise": 0.125}
    clear = choice_response(REQUEST, ChoiceLogprobs((-1.0, -2.0), noise=0.125), 0.0)
    assert (clear.tie, clear.details) == (False, {})
    assert (
        choice_response(REQUEST, ChoiceLogprobs((-1.0, math.nan), noise=0.1), 0.0).status
        is Status.ERROR
    )
