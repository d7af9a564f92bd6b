"""A model in this process that hangs, or takes longer than a cell may."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import ModelError
from evalkit.exchange import Request, Response, Status
from evalkit.models import time_limits
from evalkit.models.base import Batch
from evalkit.models.registry import Declared, resolve
from evalkit.models.time_limits import TimedOptions, TimeLimits

REQUESTS = [Request(str(i)) for i in range(6)]


def batches(seconds: list[float]) -> Iterator[Batch]:
    for i, pause in enumerate(seconds):
        time.sleep(pause)
        yield [(i, Response(Status.OK, text=str(i)))]


def applied(options: TimedOptions, seconds: list[float]) -> dict[int, Response]:
    limits = TimeLimits("m", options)
    found = limits.apply(lambda: batches(seconds), REQUESTS[: len(seconds)], frozenset())
    return dict(one for batch in found for one in batch)


def test_what_is_missing_past_a_limit_is_an_error() -> None:
    late = applied(TimedOptions(timeout=0.3), [0, 0, 0.8, 0])
    assert [str(late[i].status) for i in range(4)] == ["ok", "ok", "error", "error"]
    assert late[2].error == "no answer within 0.3 s"
    over = applied(TimedOptions(deadline=0.5), [0.2] * 6)
    assert [over[i].answered for i in (0, 1, 4, 5)] == [True, True, False, False]
    assert over[5].error == "no answer before the deadline of 0.5 s"
    for options in (TimedOptions(timeout=5), TimedOptions(deadline=5), TimedOptions()):
        assert all(one.answered for one in applied(options, [0.01] * 6).values())


def test_a_model_that_still_hangs_takes_no_further_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time_limits, "GRACE", 0.05)
    goes_on = threading.Event()

    def hangs() -> Iterator[Batch]:
        goes_on.wait(20)
        yield []

    limits = TimeLimits("m", TimedOptions(timeout=0.2))
    ((_, response),) = next(iter(limits.apply(hangs, REQUESTS[:1], frozenset())))
    assert response.status is Status.ERROR
    with pytest.raises(ModelError, match="'m' still computes a batch"):
        next(iter(limits.apply(hangs, REQUESTS[:1], frozenset())))
    goes_on.set()


def test_errors_of_the_model_pass() -> None:
    def breaks() -> Iterator[Batch]:
        yield [(0, Response(Status.OK))]
        raise ModelError("broken")

    found = TimeLimits("m", TimedOptions(timeout=5)).apply(breaks, REQUESTS, frozenset())
    assert next(found)
    with pytest.raises(ModelError, match="broken"):
        next(found)


@pytest.mark.parametrize("limits", [{"timeout": 60}, {"deadline": 0.0001}])
def test_a_local_model_has_them(tiny_folder: Path, tmp_path: Path, limits: dict[str, Any]) -> None:
    options = {"model": str(tiny_folder), "device": "cpu", "dtype": "float32"}
    plain = resolve(Declared("mine", "transformers", options, root=tmp_path))
    limited = resolve(Declared("mine", "transformers", options | limits, root=tmp_path))
    requests = [Request("the quick brown fox")]
    got = [dict(one for b in m.respond(requests) for one in b)[0] for m in (plain, limited)]
    assert plain.fingerprint() == limited.fingerprint()
    if "timeout" in limits:
        assert got[0].text == got[1].text
    else:
        assert "deadline" in got[1].error
    for model in (plain, limited):
        model.close()
