"""A small project with a suite and a model that is a Python function."""

from __future__ import annotations

import sys
import textwrap

import pytest
import sklearn.metrics  # noqa: F401
import xdist.plugin  # noqa: F401

# pytester forgets the modules that a run inside this process imports, and NumPy, SciPy and
# scikit-learn cannot be imported twice: they are here before.
import evalkit.api
import evalkit.metrics.classification
import evalkit.metrics.qa
import evalkit.models.callable
import evalkit.pytest_plugin.nodes
import evalkit.reporting.html  # noqa: F401

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
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder with evalkit.yaml, suites/capitals.eval.yaml and app.py."""
    # Hypothesis's plugin takes longer to start than all of evalkit.
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:langsmith_plugin")
    # A test may change app.py twice within the second that a .pyc file tells times by.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    pytester.makefile(".yaml", evalkit="models:\n  app: {backend: callable, model: 'app:answer'}\n")
    pytester.mkdir("suites").joinpath("capitals.eval.yaml").write_text(SUITE)
    pytester.path.joinpath("app.py").write_text(textwrap.dedent(APP))
    return pytester


def asked(project: pytest.Pytester) -> list[str]:
    """The requests to the app so far."""
    log = project.path / "asked.txt"
    return log.read_text().splitlines() if log.exists() else []
