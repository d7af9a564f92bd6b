"""bubblewrap is the first choice where it works."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evalkit.sandbox import bubblewrap, isolation_problem
from evalkit.sandbox.run import described, isolation, problem_of


def test_bubblewrap_is_preferred_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalkit.sandbox.bubblewrap.version", lambda: "bubblewrap 9.9")
    monkeypatch.setattr("evalkit.sandbox.cgroups.version", lambda: 2)
    problems: dict[str, str | None] = {"bubblewrap": None, "namespaces": None}
    monkeypatch.setattr("evalkit.sandbox.run.problem_of", lambda kind: problems[kind])
    assert (isolation(), described("sandbox")) == (
        "bubblewrap",
        "bubblewrap 9.9; memory: cgroup v2",
    )
    problems["bubblewrap"] = "not installed"
    assert isolation() == "namespaces"
    own = "namespaces of evalkit's own (bubblewrap: not installed); memory: "
    assert described("sandbox") == own + "cgroup v2"
    monkeypatch.setattr("evalkit.sandbox.cgroups.version", lambda: 0)
    assert described("sandbox").startswith(own + "RLIMIT_AS")
    problems["namespaces"] = "forbidden"
    assert isolation() == ""
    assert isolation_problem() == "bubblewrap: not installed; namespaces: forbidden"
    assert described("unsafe") == (
        "none: only limits on time and memory; memory: RLIMIT_AS of each process"
    )


@pytest.mark.parametrize(
    ("script", "told"),
    [("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "No permissions"),
     ("exit 1", "did not start")],
)  # fmt: skip
def test_a_bubblewrap_that_fails_is_not_used(
    script: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bwrap"
    program.write_text(f"#!/bin/sh\ncase $1 in --version) echo bubblewrap 9.9;; *) {script};; esac")
    program.chmod(0o755)
    monkeypatch.setattr("evalkit.sandbox.run._user", dict)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    problem_of.cache_clear()
    bubblewrap.version.cache_clear()
    try:
        assert told in str(problem_of("bubblewrap"))
    finally:
        problem_of.cache_clear()
        bubblewrap.version.cache_clear()
