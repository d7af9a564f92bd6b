"""Checks before any model is called: gates on missing groups, constant prompts."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

import evalkit.judging.load as rubrics
from evalkit import evaluate, gates
from evalkit.cli import main
from evalkit.errors import SpecError
from evalkit.runner.validate import vocabulary
from evalkit.spec.load import LoadedSuite, load_checked

SUITE = """\
task: qa
data:
  rows:
    - {{id: 1, q: one, a: x, genre: western, new: true}}
    - {{id: 2, q: two, a: y, genre: war}}
  target: a
  group: [genre, new]
prompts:
  asked: "{prompt}"
metrics: [exact_match]
gates:
  - {gate}
"""


def load(folder: Path, gate: str = "exact_match >= 0", prompt: str = "{{ q }}") -> LoadedSuite:
    path = folder / "s.eval.yaml"
    path.write_text(SUITE.format(gate=gate, prompt=prompt))
    return load_checked(path, vocabulary())


@pytest.mark.parametrize("group", ["genre=western", "genre=war", "new=true", "new="])
def test_a_gate_on_a_group_of_the_data(tmp_path: Path, group: str) -> None:
    assert load(tmp_path, f"exact_match[{group}] >= 0.5").doubts == ()


def test_a_gate_on_a_group_that_the_data_lack(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load(tmp_path, "exact_match >= 0 and exact_match[genre=westren] >= 0.5")
    (problem,) = caught.value.problems
    assert problem.line == 12
    assert "unknown value of genre 'westren'; did you mean 'western'?" in problem.message


def test_a_prompt_without_columns_causes_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (doubt,) = load(tmp_path, prompt="What is it?").doubts
    assert doubt.line == 9
    assert "every sample gets the same prompt" in doubt.message
    assert "{{ q }}" in doubt.message
    assert main(["validate", str(tmp_path / "s.eval.yaml")]) == 0
    assert "every sample gets the same prompt" in capsys.readouterr().err


def test_a_single_sample_may_have_a_constant_prompt(tmp_path: Path) -> None:
    path = tmp_path / "s.eval.yaml"
    path.write_text("task: generation\ndata: {rows: [{id: 1}]}\nprompts: {p: Write a poem.}\n")
    assert load_checked(path, vocabulary()).doubts == ()


def test_gates_and_rubrics_are_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regardless of the number of cells, checks and judges."""
    reads: list[tuple[str, object]] = []

    def counted(module: ModuleType, name: str) -> None:
        original = getattr(module, name)

        def wrapper(first: object, *rest: object) -> object:
            reads.append((name, first))
            return original(first, *rest)

        monkeypatch.setattr(module, name, wrapper)

    counted(gates, "parse")
    counted(rubrics, "load_rubric")
    declared = {
        "suite": "s",
        "task": "qa",
        "data": {"rows": [{"q": "a", "a": "b"}, {"q": "c", "a": "d"}], "target": "a"},
        "prompts": {"one": "{{ q }}", "two": "{{ q }}?"},
        "judges": [{"rubric": "helpfulness", "by": "judge", "method": "text"}],
        "gates": ["exact_match >= 0", "helpfulness >= 1"],
    }
    models = {"m": lambda prompt: "b", "n": lambda prompt: "d"}
    run = evaluate(declared, models, loaded={"judge": lambda prompt: "Rating: 3"}, root=tmp_path)
    assert [gate.verdict for cell in run.record.cells for gate in cell.gates] == ["pass"] * 8
    assert sorted(name for name, _ in reads) == ["load_rubric", "parse", "parse"]
