"""A project with scripted judges, people's labels, and suites that demand a certificate."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit import Run, evaluate
from evalkit.cli import main
from evalkit.judging.certificate import Certificate, read_certificate

RUBRIC = """\
name: good
description: Is it good?
scale: {1: bad, 2: fair, 3: good}
prompt: "{{ question }} {{ output }}"
"""


BINARY = """\
name: polite
description: Is it polite?
mode: binary
criteria: {thanks: It says thank you.}
prompt: "{{ output }}"
"""


PAIRS = """\
name: better
description: Which is better?
mode: pairwise
prompt: "{{ a }} {{ b }}"
"""


LONG = """\
name: long
description: Is it good?
scale: {1: a, 2: b, 3: c, 4: d, 5: e, 6: f, 7: g, 8: h, 9: i}
prompt: "{{ output }}"
"""


JUDGE = '''\
import hashlib
import pathlib
import re

CALLS = pathlib.Path(__file__).with_name("calls")

def seen(prompt):
    with open(CALLS, "a") as f:
        f.write("x")
    return prompt[-1]["content"]

def fair(prompt):
    """Says the grade that stands in the text."""
    return "Rating: " + re.search(r"worth (\\d)", seen(prompt))[1]

def harsh(prompt):
    return "Rating: " + str(max(1, int(re.search(r"worth (\\d)", seen(prompt))[1]) - 1))

def mute(prompt):
    return "I had rather not."

def thankful(prompt):
    return "Verdict: " + ("Yes" if "said yes" in seen(prompt) else "No")

def first(prompt):
    return "Verdict: A"

def mostly_first(prompt):
    """The first in 70 % of all cases, whatever they are."""
    draw = int(hashlib.sha256(seen(prompt).encode()).hexdigest(), 16) % 100
    return "Verdict: A" if draw < 70 else "Verdict: B"

def careful(prompt):
    """Right about what the passage says, and never finds a contradiction."""
    said = seen(prompt)
    claim = said.split("The claim to be checked:")[1].split("\\n")[2]
    known = claim.split()[-1] in said.split("checked:")[0]
    return "Verdict: " + ("Supported" if known else "Not found")

def wordy(prompt):
    """Half a point more for a hundred words, on the average of the whole numbers it says."""
    text = seen(prompt)
    grade = int(re.search(r"worth (\\d)", text)[1]) + 0.5 * text.count("word") / 100
    draw = int(hashlib.sha256(text.encode()).hexdigest(), 16) % 1000 / 1000
    return f"Rating: {int(grade + draw)}"
'''


NAMES = ("fair", "harsh", "mute", "thankful", "first", "mostly_first", "careful", "wordy")


def labels(project: Path, rows: Sequence[Mapping[str, Any]], name: str = "human.csv") -> str:
    with open(project / name, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return name


def graded(n: int = 24) -> list[dict[str, Any]]:
    return [
        {"question": f"q{i}", "output": f"worth {1 + i % 3} " + "w " * i, "rating": 1 + i % 3}
        for i in range(n)
    ]


def calibrate(rubric: str, judge: str, *more: str) -> int:
    return main(["judge", "calibrate", rubric, "--judge", judge, "--labels", "human.csv", *more])


def only(project: Path) -> Certificate:
    [path] = (project / "judges").glob("*.certificate.yaml")
    return read_certificate(path)


def run(project: Path, judge: str, gate: Any, rubric: Any = "good", **options: Any) -> Run:
    rows = [{"id": str(i), "question": f"q{i}", "a": "x"} for i in range(6)]
    suite = {
        "suite": "s", "task": "qa", "data": {"rows": rows, "target": "a"},
        "prompts": {"p": "{{ question }}"}, "metrics": ["exact_match"],
        "judges": [rubric], "gates": [gate],
    }  # fmt: skip
    answer: Callable[[Any], str] = options.pop("answer", lambda prompt: "worth 2")
    return evaluate(suite, {"m": answer}, judges=[judge], root=project, **options)


def verdict(done: Run) -> tuple[str, str]:
    [gate] = done.record.cells[0].gates
    return gate.verdict, gate.reason


DEMAND = {"metric": "good", "min": 1.5, "certified": {"kappa": 0.5}}
