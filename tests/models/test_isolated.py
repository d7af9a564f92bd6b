"""Applications that hang, exit, or end their process: errors of their samples, and nothing else."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import ModelError
from evalkit.exchange import Request, Response, Status
from evalkit.messages import Message
from evalkit.models.registry import Declared, resolve

APP = """
import ctypes, os, sys, time
import pytest

class Own(BaseException):
    pass

ENDS = {
    "skip": lambda: pytest.skip("not today"),
    "importorskip": lambda: pytest.importorskip("no_such_module_at_all"),
    "exit": lambda: pytest.exit("bye", returncode=0),
    "own": lambda: (_ for _ in ()).throw(Own("mine")),
    "generator": lambda: (_ for _ in ()).throw(GeneratorExit()),
    "sys.exit": lambda: sys.exit(0),
    "os._exit": lambda: os._exit(0),
    "os._exit 256": lambda: os._exit(256),
    "exec": lambda: os.execv(sys.executable, [sys.executable, "-c", ""]),
}

def ends(prompt):
    return ENDS[prompt]() if prompt in ENDS else "fine"

def dies(prompt):
    if prompt == "0":
        ctypes.CDLL(None)._exit(0)
    if prompt == "7":
        os._exit(7)
    if prompt == "kill":
        os.kill(os.getpid(), 9)
    if prompt == "child":  # which holds the output open
        if os.fork() == 0:
            time.sleep(30)
        ctypes.CDLL(None)._exit(0)
    return f"{prompt} from {os.getpid()}"

def many_die(prompts):
    return [dies(prompt) for prompt in prompts]

def slow(prompt):
    if "hang" in prompt:
        time.sleep(60)
    return f"{prompt} {os.getpid()}"

async def slow_async(prompt):
    return slow(prompt)

def slow_list(prompts):
    return [slow(prompt) for prompt in prompts]

def rich(prompt, max_new_tokens, tone, seed, **rest):
    print("printed by the application")
    input_is_empty = sys.stdin.read() == ""
    return {"text": f"{prompt!r} {max_new_tokens} {tone} {input_is_empty} \\ud800",
            "finish": "length", "prompt_tokens": 3, "details": {"a": [1, None]}}

def likely(prompt, choices, tone):
    return [-float("inf"), *[-1.0 * len(c) for c in choices[1:]]]
"""


@pytest.fixture
def app(tmp_path: Path) -> str:
    name = f"limits_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(APP)
    return name


def answers(model: Any, prompts: list[str]) -> list[Response]:
    found: dict[int, Response] = {}
    try:
        for batch in model.respond([Request(prompt) for prompt in prompts]):
            found.update(batch)
    finally:
        model.close()
    return [found[i] for i in range(len(prompts))]


@pytest.mark.parametrize("concurrency", [1, 2])
def test_whatever_ends_a_call_is_an_error_of_its_sample(
    declare: Callable[..., Declared], app: str, concurrency: int
) -> None:
    from evalkit.exit_guard import exits_refused

    ends = {
        "skip": "Skipped: not today", "importorskip": "Skipped: ", "exit": "Exit: bye",
        "own": "Own: mine", "generator": "GeneratorExit", "sys.exit": "SystemExit: 0",
        "os._exit": "os._exit(0) would end", "os._exit 256": "os._exit(256) would end",
        "exec": "os.execv",
    }  # fmt: skip
    with exits_refused():
        model = resolve(declare("callable", model=f"{app}:ends", concurrency=concurrency))
        got = answers(model, [*ends, "x"])
    assert [one.status for one in got] == [Status.ERROR] * len(ends) + [Status.OK]
    for response, said in zip(got, ends.values(), strict=False):
        assert said in response.error
    assert os._exit.__module__ == "posix"


@pytest.mark.skipif(os.name == "nt", reason="forks")
def test_children_and_other_statuses_exit_while_exits_are_refused() -> None:
    from evalkit.exit_guard import exits_refused

    with exits_refused():
        if (child := os.fork()) == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        if (child := os.fork()) == 0:
            os.execv(sys.executable, [sys.executable, "-c", "raise SystemExit(3)"])
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3


@pytest.mark.skipif(os.name == "nt", reason="signals and forks")
def test_a_process_that_ends_is_an_error_of_its_sample_and_is_replaced(
    declare: Callable[..., Declared], app: str
) -> None:
    model = resolve(declare("callable", model=f"{app}:dies", isolate=True))
    got = answers(model, ["a", "b", "0", "c", "7", "kill", "child", "d"])
    assert [str(one.status) for one in got] == [
        "ok", "ok", "error", "ok", "error", "error", "error", "ok"
    ]  # fmt: skip
    ended = "the application ended its process during this call (exit status "
    assert got[2].error == f"{ended}0)"
    assert got[4].error == f"{ended}7)"
    assert got[5].error == "the application's process was ended by SIGKILL during this call"
    assert got[6].error == f"{ended}0)"
    processes = [one.text.split()[-1] for one in got if one.answered]
    assert processes[0] == processes[1] != processes[2] != processes[3]
    assert str(os.getpid()) not in processes
    lists = resolve(declare("callable", model=f"{app}:many_die", batch=True, isolate=True))
    assert {one.error for one in answers(lists, ["a", "7"])} == {f"{ended}7)"}


def test_an_isolated_application_gets_and_returns_what_another_does(
    declare: Callable[..., Declared], app: str
) -> None:
    options = {"model": f"{app}:rich", "choose": f"{app}:likely", "parameters": {"tone": "kind"}}
    requests = [
        Request("raw"),
        Request((Message("system", "s \ud800"), Message("user", "u"))),
        Request("x", choices=("b", "long one")),
    ]
    model = resolve(declare("callable", isolate=True, concurrency=2, **options))
    got = dict(one for batch in model.respond(requests) for one in batch)
    model.close()
    assert got[0].text == "'raw' 256 kind True \ud800"
    assert (got[0].status, got[0].prompt_tokens) == (Status.TRUNCATED, 3)
    assert got[0].details == {"a": [1, None]}
    assert "{'role': 'user', 'content': 'u'}" in got[1].text
    assert (got[2].text, got[2].logprobs) == ("long one", (-float("inf"), -8.0))
    plain = resolve(declare("callable", **options))
    assert plain.fingerprint() == model.fingerprint()
    assert {"isolate": True}.items() <= dict(model.describe()).items()


def test_an_isolated_application_that_cannot_be_imported(
    declare: Callable[..., Declared], app: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="did you mean 'dies'"):
        resolve(declare("callable", model=f"{app}:diez", isolate=True)).load()
    (tmp_path / "ends_at_once.py").write_text("import ctypes\nctypes.CDLL(None)._exit(0)\n")
    with pytest.raises(ModelError, match=r"cannot be imported: .*\(exit status 0\)"):
        resolve(declare("callable", model="ends_at_once:answer", isolate=True)).load()


@pytest.mark.parametrize(
    ("function", "options"),
    [
        ("slow", {}),
        ("slow", {"concurrency": 3}),
        ("slow_async", {}),
        ("slow", {"isolate": True}),
        ("slow", {"isolate": True, "concurrency": 2}),
    ],
)
def test_a_call_that_hangs_is_an_error_of_its_sample(
    declare: Callable[..., Declared], app: str, function: str, options: dict[str, Any]
) -> None:
    model = resolve(declare("callable", model=f"{app}:{function}", timeout=1.0, **options))
    model.load()
    started = time.monotonic()
    got = answers(model, ["a", "hang", "b", "hang too", "c"])
    assert time.monotonic() - started < 12
    assert [one.answered for one in got] == [True, False, True, False, True]
    assert got[1].error.startswith("no answer within 1 s")


def test_a_list_that_hangs_is_an_error_of_its_samples(
    declare: Callable[..., Declared], app: str
) -> None:
    model = resolve(declare("callable", model=f"{app}:slow_list", batch=True, timeout=0.5))
    assert {one.error for one in answers(model, ["a", "hang"])} == {"no answer within 0.5 s"}


@pytest.mark.parametrize("options", [{}, {"concurrency": 2}, {"isolate": True}])
def test_the_deadline_ends_the_cell(
    declare: Callable[..., Declared], app: str, options: dict[str, Any]
) -> None:
    model = resolve(declare("callable", model=f"{app}:slow", deadline=1.0, **options))
    model.load()
    started = time.monotonic()
    got = answers(model, ["a", "hang", "hang", "hang", "b", "c"])
    assert time.monotonic() - started < 8
    assert got[0].answered
    assert not any(one.answered for one in got[4:])
    assert "deadline of 1 s" in got[5].error


def test_a_stuck_call_does_not_keep_the_process_alive(
    declare: Callable[..., Declared], app: str
) -> None:
    model = resolve(declare("callable", model=f"{app}:slow", timeout=0.3, concurrency=2))
    answers(model, ["hang", "a"])
    stuck = [thread for thread in threading.enumerate() if thread.name == "evalkit-call"]
    assert stuck
    assert all(thread.daemon for thread in stuck)
