"""Damaged suites, gates, projects, rubrics, baselines and data files: an error or a result."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalkit import EvalkitError, evaluate
from evalkit.cli import main
from evalkit.spec.project import find_project
from tests.drills import inputs
from tests.drills.tally import Tally

SECONDS = 5.0
MEGABYTES = 500
Case = Callable[[random.Random, Path], None]


def app(prompt: Any) -> str:
    return "It is good. (B) 4"


def write(path: Path, content: str | bytes) -> None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))


def dumped(document: Any) -> str:
    """A document as YAML, or as JSON, which is YAML too."""
    try:
        return yaml.dump(document, sort_keys=False, allow_unicode=True)
    except (ValueError, RecursionError):  # a number of thousands of digits, deep nesting
        sys.set_int_max_str_digits(0)
        try:
            return json.dumps(document, default=str)
        finally:
            sys.set_int_max_str_digits(4300)


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Fails if what is inside takes too long or too much memory."""

    def stop(number: int, frame: Any) -> None:
        raise TimeoutError(f"over {6 * SECONDS:g} s on the clock")

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    old = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 6 * SECONDS)  # others use the machine as well
    began = time.process_time()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert time.process_time() - began < SECONDS
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < MEGABYTES * 1024, f"{grown // 1024} MB"


def suite(chance: random.Random, folder: Path) -> None:
    """A suite as a mapping, or as a file that is damaged."""
    document = inputs.SUITES[chance.choice(list(inputs.SUITES))]
    if chance.random() < 0.6:
        document = inputs.mutated(document, chance)
        run(document if chance.random() < 0.5 else written(folder, dumped(document)), folder)
    else:
        text = yaml.safe_dump(document, sort_keys=False)
        run(written(folder, inputs.damaged(text, chance)), folder)


def written(folder: Path, content: str | bytes) -> Path:
    write(folder / "a.eval.yaml", content)
    return folder / "a.eval.yaml"


def run(declared: Any, folder: Path, **options: Any) -> Any:
    return evaluate(declared, {"app": app}, root=folder, store=folder / "store", **options)


def gate(chance: random.Random, folder: Path) -> None:
    """Rules of gates put together from pieces, and long forms."""
    pieces = [
        "accuracy", "macro_f1", "f1[good]", "f1[", "]", '"', ">=", ">", "==", "<", "0.5", "50%",
        "%", "and", "at", "95%", "baseline", "-", "+", "app/p", "app", "/", "1e400",
        inputs.DIGITS, "nan", "[t=x]",
        "accuracy[topic=t1]", "\n", "\x1b", "é", "(", "0x10", ".", ",", "[" * 500, "x" * 5000,
    ]  # fmt: skip
    rules: list[Any] = chance.sample(inputs.RULES, 2)
    if chance.random() < 0.5:
        rules = inputs.mutated(rules, chance)
    if chance.random() < 0.4:
        rules.append(" ".join(chance.choices(pieces, k=chance.randint(1, 9))))
    if chance.random() < 0.4:
        form = {
            "metric": "accuracy", "min": 0.5, "max": 1.0, "max_drop": 0.1, "confidence": 0.9,
            "certified": {"kappa": 0.6}, "tier": "x",
        }  # fmt: skip
        chosen = {name: form[name] for name in chance.sample(list(form), 3)}
        rules.append(inputs.mutated({"metric": "accuracy", **chosen}, chance))
    run({**inputs.SUITES["classification"], "gates": rules}, folder)


def project(chance: random.Random, folder: Path) -> None:
    """``evalkit.yaml``, with what its models and judges declare."""
    if chance.random() < 0.6:
        content: str | bytes = dumped(inputs.mutated(inputs.PROJECT, chance))
    else:
        content = inputs.damaged(yaml.safe_dump(inputs.PROJECT, sort_keys=False), chance)
    write(folder / "evalkit.yaml", content)
    here = os.getcwd()
    os.chdir(folder)
    try:
        assert main(["models"]) in (0, 2)
        find_project(folder)
        evaluate(inputs.SUITES["qa"], [], root=folder, store=folder / "store")
    finally:
        os.chdir(here)


def rubric(chance: random.Random, folder: Path) -> None:
    """A rubric of a suite's judges."""
    if chance.random() < 0.7:
        content: str | bytes = dumped(inputs.mutated(inputs.RUBRIC, chance))
    else:
        content = inputs.damaged(yaml.safe_dump(inputs.RUBRIC, sort_keys=False), chance)
    (folder / "judges").mkdir(exist_ok=True)
    write(folder / "judges" / "clear.judge.yaml", content)
    judges = inputs.mutated([{"rubric": "clear", "by": "app"}], chance)
    judged = {
        **inputs.SUITES["generation"],
        "judges": judges if chance.random() < 0.3 else ["clear"],
    }
    run(judged, folder, judges=["app"])


def baseline(chance: random.Random, folder: Path) -> None:
    """A file of ``--eval-json`` that gates compare with."""
    declared = {**inputs.SUITES["classification"], "gates": ["accuracy >= baseline - 0.1"]}
    kept = folder.parent / "baseline.json"
    if not kept.exists():
        run(inputs.SUITES["classification"], folder).to_json(kept)
    text = kept.read_text()
    if chance.random() < 0.7:
        content: str | bytes = json.dumps(inputs.mutated(json.loads(text), chance), default=repr)
    else:
        content = inputs.damaged(text, chance)
    write(folder / "was.json", content)
    run(declared, folder, baseline=str(folder / "was.json"))


def data_file(chance: random.Random, folder: Path) -> None:
    """A data file of each format."""
    kind = chance.choice(list(inputs.TABLES))
    text = inputs.TABLES[kind]
    if kind == "json" and chance.random() < 0.5:
        content: str | bytes = json.dumps(inputs.mutated(json.loads(text), chance), default=repr)
    else:
        content = inputs.damaged(text, chance)
    write(folder / f"rows.{kind}", content)
    file = f"rows.{kind}"
    run({
        "task": "classification", "labels": ["good", "bad"], "answer": "text",
        "data": {"file": file, "target": "label"}, "prompts": {"p": "{{ text }}"},
    }, folder)  # fmt: skip


@pytest.mark.parametrize("kind", [suite, gate, project, rubric, baseline, data_file])
@pytest.mark.filterwarnings("ignore")
def test_damaged_inputs_are_errors_or_results(
    kind: Case, full: bool, tmp_path: Path, tally: Tally, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = []
    for number in range(3000 if full else 60):
        seed = f"{kind.__name__} {number}"
        chance = random.Random(seed)
        folder = tmp_path / kind.__name__ / str(number % 20)
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.*"):
            left.unlink()
        try:
            with bounded(), contextlib.suppress(EvalkitError):
                kind(chance, folder)
            tally.tried(kind.__name__, True)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            tally.tried(kind.__name__, False)
            failed.append(f"{seed}: {type(error).__name__}: {str(error)[:200]}")
    assert not failed, "\n".join(failed)
