"""Every way to run code, and every sandbox that works here."""

from __future__ import annotations

import pytest

from evalkit.sandbox.run import KINDS, problem_of


@pytest.fixture(params=[*KINDS, "unsafe"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "unsafe":
        return "unsafe"
    return isolate(request.param, monkeypatch)


@pytest.fixture(params=KINDS)
def sandbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(request.param, monkeypatch)


def isolate(kind: str, monkeypatch: pytest.MonkeyPatch) -> str:
    if problem := problem_of(kind):
        pytest.skip(f"no sandbox by {kind} here: {problem}")
    monkeypatch.setattr("evalkit.sandbox.run.isolation", lambda: kind)
    return "sandbox"
