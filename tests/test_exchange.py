"""What passes between the rooms: requests, responses and their statuses."""

from __future__ import annotations

import math

import pytest

from evalkit.exchange import (
    Generation,
    Request,
    Response,
    Status,
    is_answered,
    lead,
    softmax,
    unanswered,
)


def test_generation_survives_json() -> None:
    settings = Generation(max_new_tokens=7, temperature=0.5, stop=("\n", "END"), seed=3)
    assert Generation.from_json(settings.to_json()) == settings


@pytest.mark.parametrize("status", Status)
def test_errors_and_overflows_are_no_answers(status: Status) -> None:
    lost = status in (Status.ERROR, Status.OVERFLOW)
    assert is_answered(str(status)) is not lost
    assert Response(status, "x").answered is not lost


def test_what_was_lost_is_counted_by_status() -> None:
    counts = {"ok": 5, "error": 2, "overflow": 1, "truncated": 4}
    assert unanswered(counts) == {"error": 2, "overflow": 1}


def test_probabilities_of_likelihoods_sum_to_one_however_small() -> None:
    assert softmax([math.log(3), 0.0]) == pytest.approx([0.75, 0.25])
    assert sum(softmax([-2000.0, -2001.0, -1999.5])) == pytest.approx(1)
    assert lead([-3.0, -1.0, -1.5]) == pytest.approx(0.5)


def test_a_request_knows_its_kind() -> None:
    kinds = {Request("a").kind, Request("a", choices=("b", "c")).kind}
    assert len(kinds) == 2
