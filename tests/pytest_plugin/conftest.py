"""A small project with a suite and a model that is a Python function."""

from __future__ import annotations

import textwrap

import pytest

SUITE = """
suite: capitals
task: qa
tags: [geo]
data:
  target: answer
  rows:
    - {id: fr, question: capital of France, answer: Paris, area: europe}
    - {id: es, question: capital of Spain, answer: Madrid, area: europe}
    - {id: jp, question: capital of Japan, answer: Tokyo, area: asia}
    - {id: kr, question: capital of Korea, answer: Seoul, area: asia}
  group: area
prompts:
  plain: "{{ question }}"
  polite: "Please: {{ question }}"
metrics: [exact_match, token_f1]
gates:
  - exact_match >= 0.70
  - exact_match[area=europe] >= 0.9
  - token_f1 >= 0.99
"""

APP = """
    import os, pathlib
    ANSWERS = {"France": "Paris", "Spain": "Madrid", "Japan": "Tokyo", "Korea": "Busan"}

    def answer(prompt):
        log = pathlib.Path(os.environ.get("ASKED", "asked.txt"))
        with log.open("a") as stream:
            stream.write(prompt[-1]["content"] + "\\n")
        return ANSWERS[prompt[-1]["content"].split()[-1]]
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with evalkit.yaml, suites/capitals.eval.yaml and app.py."""
    pytester.makefile(".yaml", evalkit="models:\n  app: {backend: callable, model: 'app:answer'}\n")
    pytester.mkdir("suites").joinpath("capitals.eval.yaml").write_text(SUITE)
    pytester.path.joinpath("app.py").write_text(textwrap.dedent(APP))
    return pytester


def asked(project: pytest.Pytester) -> list[str]:
    """What the app was asked so far."""
    log = project.path / "asked.txt"
    return log.read_text().splitlines() if log.exists() else []
