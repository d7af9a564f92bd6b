"""Fewer threads where they wait for each other, as a clock says that is not the machine's."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("torch")

from evalkit.engine.activity import Activity
from evalkit.engine.local import prepare, respond
from evalkit.engine.sequence import SequenceState
from evalkit.engine.threads import FIRST_HOLD, ROUNDS, WARM_UP, ThreadChoice
from evalkit.exchange import Generation, Request, Response

Step = Callable[[int], float]
"""The seconds of a step with so many threads."""


class Machine:
    """Runs steps on a fake clock."""

    def __init__(self, most: int, step: Step) -> None:
        self.choice, self.step, self.now = ThreadChoice(most), step, 0.0
        self.used: list[int] = []

    def run(self, steps: int, size: int = 8) -> int:
        """The number of threads after some steps."""
        for _ in range(steps):
            threads = self.choice.next_threads(size, self.now)
            self.used.append(threads)
            seconds = self.step(threads)
            self.now += seconds
            self.choice.record(seconds, self.now)
        return self.choice.threads_used


def waiting(threads: int) -> float:
    """Two threads take twenty times as long as one."""
    return 0.05 if threads == 1 else 1.0


def scaling(threads: int) -> float:
    return 0.05 / threads


def test_threads_that_wait_for_each_other_are_left_out() -> None:
    machine = Machine(2, waiting)
    assert machine.run(WARM_UP + 2 * ROUNDS) == 1
    assert machine.used == [2, 2, 2, 1, 2, 1, 2, 1]  # one after the other, twice the warm-up first
    machine.run(50)
    assert set(machine.used[8:]) == {1}
    assert machine.choice.times == (0.05, 1.0)


def test_threads_that_help_stay() -> None:
    machine = Machine(8, scaling)
    assert machine.run(60) == 8
    assert machine.used.count(4) == ROUNDS


def test_the_number_is_halved_until_it_no_longer_helps() -> None:
    machine = Machine(16, lambda threads: 0.05 * abs(threads - 4) + 0.01)
    assert machine.run(60) == 4
    assert set(machine.used) == {16, 8, 4, 2}


def test_one_slow_step_decides_nothing() -> None:
    steps = iter([9.0, 0.01, 0.01, 0.02, 9.0])  # two of them interrupted by other work
    machine = Machine(2, lambda threads: next(steps, 0.01 if threads == 2 else 0.02))
    assert machine.run(60) == 2


def test_it_is_checked_again_when_the_other_work_ends() -> None:
    machine = Machine(2, waiting)
    assert machine.run(20) == 1
    machine.step = scaling
    assert machine.run(int(FIRST_HOLD / 0.05) + 20) == 2


def test_it_is_checked_again_when_other_work_begins() -> None:
    machine = Machine(2, scaling)
    assert machine.run(20) == 2
    machine.step = waiting
    assert machine.run(20) == 1


def test_it_is_checked_again_when_batches_change() -> None:
    machine = Machine(2, scaling)
    machine.run(20, size=64)
    machine.step = waiting
    assert machine.run(2 * ROUNDS + 1, size=2) == 1


def test_checks_become_rare_while_nothing_changes() -> None:
    machine = Machine(2, scaling)
    machine.run(40_000)  # a thousand seconds
    assert machine.used.count(1) < 10 * ROUNDS


def test_a_hopeless_number_is_tried_once() -> None:
    machine = Machine(2, lambda threads: 1.0 / threads**4)
    machine.run(12)
    assert machine.used.count(1) == 1


def test_one_thread_is_never_timed() -> None:
    assert set(Machine(1, scaling).used) == set()
    machine = Machine(1, waiting)
    machine.run(100)
    assert set(machine.used) == {1}


# in the engine

REQUESTS = [
    *(Request(f"the {k} fox jumps", Generation(max_new_tokens=12)) for k in range(6)),
    *(Request(f"the {k} dog", choices=("positive", "negative")) for k in range(6)),
]


@pytest.fixture
def two_threads() -> Any:
    import torch

    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(usual)


def answers(lm: Any) -> dict[int, Response]:
    return {i: r for batch in respond(lm, REQUESTS) for i, r in batch}


@pytest.mark.parametrize("engine", ["auto", "plain"])
def test_the_engine_uses_fewer_threads_and_says_so(
    tiny_model: Any,
    tiny_tokenizer: Any,
    engine: str,
    two_threads: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    lm = prepare(copy.deepcopy(tiny_model).float(), tiny_tokenizer, engine=engine)
    usual = answers(prepare(copy.deepcopy(tiny_model).float(), tiny_tokenizer, engine=engine))
    now, asked, calls = 0.0, [], 0
    really = torch.set_num_threads

    def set_num_threads(number: int) -> None:
        asked.append(number)
        really(number)

    def clock() -> float:
        """Called before and after each pass."""
        nonlocal now, calls
        calls += 1
        if calls % 2 == 0:
            now += waiting(asked[0] if asked else 2)
        asked.clear()
        return now

    monkeypatch.setattr(torch, "set_num_threads", set_num_threads)
    monkeypatch.setattr("evalkit.engine.threads.perf_counter", clock)
    found = answers(lm)
    assert lm.threads.facts() == {"threads": "1 of 2 for decoding: more wait for each other"}
    assert lm.threads.messages == [
        "decoding with 1 thread of 2, which is 20.0 times as fast: more threads wait for each other"
    ]
    assert torch.get_num_threads() == 2
    assert {i: (r.text, r.status) for i, r in found.items()} == {
        i: (r.text, r.status) for i, r in usual.items()
    }


def test_low_precision_keeps_the_usual_number(
    tiny_model: Any, tiny_tokenizer: Any, two_threads: None
) -> None:
    import torch

    lm = prepare(copy.deepcopy(tiny_model).to(torch.bfloat16), tiny_tokenizer)
    answers(lm)
    assert not lm.threads._choices


def test_tokens_in_progress_are_counted(tiny_model: Any, tiny_tokenizer: Any) -> None:
    seen = []

    class Watched(Activity):
        def decoding(self, running: Sequence[SequenceState]) -> None:
            super().decoding(running)
            seen.append(self.tokens)

    lm = prepare(copy.deepcopy(tiny_model).float(), tiny_tokenizer)
    lm = replace(lm, activity=Watched())
    answers(lm)
    assert max(seen) > 6 * 3
    assert lm.activity.tokens == 0
