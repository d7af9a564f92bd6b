"""A model on several devices; two numbered CPUs stand in for two GPUs."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("transformers")

from evalkit.errors import ModelError, SpecError
from evalkit.exchange import Generation, Request, Response, Status
from evalkit.models.registry import resolve
from evalkit.models.replicas import Replicas, share_out

Declare = Callable[..., Any]
ASK = [
    *(Request("the fox " * n, Generation(max_new_tokens=6)) for n in range(1, 9)),
    *(Request("the dog " * n, choices=("positive", "a fox")) for n in range(1, 5)),
    *(Request("a", Generation(max_new_tokens=5, temperature=1.0), repeat=k) for k in range(3)),
    Request("the fox ", Generation(max_new_tokens=6), repeat=1),
]


def answers(model: Any, answered: frozenset[int] = frozenset()) -> dict[int, tuple[Any, ...]]:
    found: dict[int, tuple[Any, ...]] = {}
    for batch in model.respond(ASK, answered):
        for index, response in batch:
            assert index not in found
            found[index] = (response.text, response.finish, response.prompt_tokens)
    return found


def test_two_replicas_answer_like_one(declare: Declare, tiny_folder: Path) -> None:
    one = resolve(declare("transformers", model=str(tiny_folder), device="cpu"))
    two = resolve(declare("transformers", model=str(tiny_folder), device=["cpu:0", "cpu:1"]))
    assert two.fingerprint() == one.fingerprint()
    expected = answers(one)
    assert sorted(expected) == list(range(len(ASK)))
    assert answers(two) == expected
    first, second = two._replicas
    assert first._lm.model is not second._lm.model
    assert two.describe()["device"] == "cpu:0, cpu:1"
    answered = frozenset({0, 3, 9})
    assert answers(two, answered) == {i: r for i, r in expected.items() if i not in answered}
    one.close()
    two.close()
    assert first._lm is second._lm is None


@given(
    st.lists(st.sampled_from(ASK), max_size=40),
    st.integers(1, 5),
)
def test_every_request_is_assigned_once_with_its_equals(
    requests: list[Request], count: int
) -> None:
    shares = share_out(requests, count)
    assert len(shares) == count
    assert sorted(i for share in shares for i in share) == list(range(len(requests)))
    where = {i: n for n, share in enumerate(shares) for i in share}
    owners: dict[Request, set[int]] = {}
    for i, request in enumerate(requests):
        owners.setdefault(replace(request, repeat=0), set()).add(where[i])
    assert all(len(who) == 1 for who in owners.values())


def test_shares_are_about_equal() -> None:
    requests = [Request("x" * n, choices=("a", "b")) for n in range(1, 101)]
    weights = [sum(i + 1 for i in share) for share in share_out(requests, 4)]
    assert max(weights) - min(weights) <= 100


class Stub:
    """A replica with scripted behaviour."""

    capabilities = None

    def __init__(self, fails: bool) -> None:
        self.fails, self.loaded = fails, False

    def load(self) -> None:
        self.loaded = True

    def close(self) -> None:
        self.loaded = False

    def respond(self, requests: list[Request], answered: frozenset[int]) -> Any:
        for k, _ in enumerate(requests):
            if self.fails:
                raise ModelError("the device is gone")
            yield [(k, Response(Status.OK, text="fine"))]


def stubs(declare: Declare, fails: list[bool]) -> Replicas:
    left = list(fails)
    devices = [f"cuda:{k}" for k in range(len(fails))]
    made = declare("transformers", model="x", device=devices)
    return Replicas(made, lambda declaration: Stub(left.pop(0)))  # type: ignore[arg-type, return-value]


def test_a_failing_replica_fails_the_model(declare: Declare) -> None:
    before = threading.active_count()
    with pytest.raises(ModelError, match="the device is gone"):
        list(stubs(declare, [False, True]).respond(ASK))
    assert threading.active_count() == before


@pytest.mark.parametrize("by", [ModelError("the device is gone"), KeyboardInterrupt()])
def test_the_batches_in_work_are_not_lost(declare: Declare, by: BaseException) -> None:
    """One replica fails, or Ctrl-C is pressed, while another computes a batch."""
    model = stubs(declare, [False, False])
    computing = threading.Event()

    def slow(requests: list[Request], answered: frozenset[int]) -> Any:
        computing.set()
        time.sleep(0.5)
        yield [(0, Response(Status.OK, text="late"))]

    def failing(requests: list[Request], answered: frozenset[int]) -> Any:
        computing.wait()
        if isinstance(by, KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            return
        raise by
        yield

    model._replicas[0].respond, model._replicas[1].respond = slow, failing  # type: ignore[method-assign]
    batches, kept = model.respond(ASK), []
    with pytest.raises(type(by)):
        kept.extend(pair for batch in batches for pair in batch)
    assert [response.text for _, response in kept] == ["late"]


def test_closing_the_iterator_leaves_no_thread(declare: Declare) -> None:
    before = threading.active_count()
    batches = stubs(declare, [False, False]).respond(ASK)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_devices_must_be_of_one_kind(declare: Declare) -> None:
    # float32 on one and bfloat16 on the other would share a key of the cache
    with pytest.raises(SpecError, match="devices of one kind"):
        resolve(declare("transformers", model="x", device=["cuda:0", "cpu"]))


@pytest.mark.parametrize("devices", [[], ["cuda:0", "cuda:0"], ["auto", "cpu"]])
def test_devices_must_be_distinct(declare: Declare, devices: list[str]) -> None:
    with pytest.raises(SpecError, match=r"expected distinct devices, such as"):
        resolve(declare("transformers", model="x", device=devices))
