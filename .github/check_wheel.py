"""Run a suite and render its report with an installed wheel, without a model or a network."""

import tempfile
from pathlib import Path

from evalkit import evaluate

suite = {
    "task": "qa",
    "data": {"rows": [{"question": "What is 1 + 1?", "answer": "2"}], "target": "answer"},
    "prompt": "{{ question }}",
    "gates": ["exact_match >= 1"],
}
with tempfile.TemporaryDirectory() as folder:
    run = evaluate(suite, models={"two": lambda prompt: "2"}, root=folder)
    run.to_html(Path(folder) / "report.html")
    run.to_json(Path(folder) / "run.json")
assert run.passed, run.scores
print(run.scores)
