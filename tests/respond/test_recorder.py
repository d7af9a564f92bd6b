"""Responses are stored as they arrive: at the latest a second later, and at the end at once."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from evalkit.errors import StoreError
from evalkit.exchange import Response, Status
from evalkit.respond.recorder import Recorder
from evalkit.store import Store

OK = Response(Status.OK, "text")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_what_is_in_memory_is_stored_within_a_second(store: Store) -> None:
    with Recorder(store, "r") as recorder:
        recorder.add([("0", OK)])
        recorder.add([("1", OK)])  # right after a commit, so it waits in memory
        time.sleep(1)
        assert store.answered(["0", "1"]) == {"0", "1"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_whatever_ends_the_work_what_is_in_memory_is_stored(
    store: Store, error: type[BaseException]
) -> None:
    keys = [str(i) for i in range(100)]

    def work() -> None:
        with Recorder(store, "r") as recorder:
            for key in keys:
                recorder.add([(key, OK)])
            raise error

    with pytest.raises(error):
        work()
    assert store.answered(keys) == set(keys)


def test_an_interrupt_of_the_last_commit_loses_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, calls = store.add_responses, []

    def interrupted(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 1:
            raise KeyboardInterrupt
        add(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "add_responses", interrupted)
    with pytest.raises(KeyboardInterrupt), Recorder(store, "r") as recorder:
        recorder.add([("0", OK)])
    assert store.answered(["0"]) == {"0"}


def test_a_store_that_cannot_be_written_ends_the_work(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("database or disk is full")

    monkeypatch.setattr(store, "add_responses", full)
    recorder = Recorder(store, "r")

    def work() -> None:
        with recorder:
            recorder.add([("0", OK)])
            time.sleep(1)  # in which the thread tries to store it
            recorder.add([("1", OK)])

    with pytest.raises(StoreError, match="full"):
        work()


def test_signal_handlers_are_those_of_before(store: Store) -> None:
    before = signal.getsignal(signal.SIGTERM)
    mine = lambda number, frame: None  # noqa: E731
    with Recorder(store, "r"):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    signal.signal(signal.SIGTERM, mine)
    try:
        with Recorder(store, "r"):
            assert signal.getsignal(signal.SIGTERM) is mine  # the application has its own
    finally:
        signal.signal(signal.SIGTERM, before)
