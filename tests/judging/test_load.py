"""Rubric files: the shipped ones are valid; errors have a location and a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit import SpecError, content
from evalkit.cli import main
from evalkit.judging.load import known_rubrics, load_rubric
from evalkit.judging.prompts import claim_question, material, questions
from evalkit.judging.rubric import named_files
from evalkit.passages import Passage
from evalkit.runner.validate import vocabulary
from evalkit.spec.load import load_checked

SHIPPED = named_files(content.folder("judges"))
GOOD = """\
name: tone
description: Is the tone friendly?
scale:
  1: rude
  2: neutral
  3: friendly
prompt: |
  {{ prompt }}
  {{ output }}
"""


def suite(**changes: object) -> dict[str, object]:
    base: dict[str, object] = {
        "suite": "s",
        "task": "generation",
        "data": {"rows": [{"q": "Hi"}]},
        "prompts": {"p": "{{ q }}"},
        "metrics": ["distinct_1"],
    }
    return base | changes


def wrong(declared: dict[str, object], root: Path) -> str:
    with pytest.raises(SpecError) as caught:
        load_checked(declared, vocabulary(), root=root)
    return str(caught.value)


def test_the_expected_rubrics_ship() -> None:
    assert set(SHIPPED) >= {
        "helpfulness", "correctness", "faithfulness", "main-points", "coherence", "conciseness",
        "relevance", "instruction-following", "harmlessness", "stereotyping", "refusal-quality",
        "preference", "refusal", "grounded", "citation_support", "context-relevance",
        "completeness",
    }  # fmt: skip


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_rubrics(name: str) -> None:
    rubric = load_rubric(SHIPPED[name])
    assert rubric.name == name
    if rubric.mode == "pointwise":
        steps = 3 if name == "refusal" else 5  # its outcomes are those of the refusal rules
        assert list(rubric.scale or {}) == list(range(1, steps + 1))
    judged = {"a": "X", "b": "Y"} if rubric.mode == "pairwise" else {"output": "X"}
    response = {"contexts": [{"id": "1", "text": "S"}]}
    values = material({}, prompt="P", targets=("T",), source="S", response=response, judged=judged)
    if "criteria" in rubric.needs:
        rubric = rubric.with_criteria(["It is short."])
    if rubric.mode == "claims":
        asked = [claim_question(rubric, values, "C", [Passage("1", "S")])]
    else:
        asked = [*questions(rubric, values).values()]
    for question in asked:
        text = question.messages("Answer.")[0].content
        assert question.case.rstrip().endswith(">>>")  # the judged text stands last
        assert "{{" not in text
        assert len(text) < 3000


@pytest.mark.parametrize(
    ("line", "change", "said"),
    [
        (3, ("scale:", "scales:"), "did you mean 'scale'"),
        (4, ("  1: rude\n", "  one: rude\n"), "whole numbers"),
        (3, ("  3: friendly\n", "  10: friendly\n"), "10 begins with 1"),
        (9, ("{{ output }}", "{{ output"), "template"),
        (7, ("{{ output }}", "none"), "the template must include {{ output }}"),
        (1, ("name: tone", "name: the tone"), "is not a valid name"),
        (1, ("name: tone", "name: tone\nmode: binary"), ""),
    ],
)
def test_errors_in_a_rubric_have_a_location(
    tmp_path: Path, line: int, change: tuple[str, str], said: str
) -> None:
    path = tmp_path / "tone.judge.yaml"
    path.write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_rubric(path)
    text = str(caught.value)
    assert said in text
    assert "tone.judge.yaml" in text
    if said:
        assert any(f"tone.judge.yaml:{n}" in text for n in (line, line - 1, line + 1))


def test_a_projects_rubric_replaces_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "judges").mkdir()
    (tmp_path / "judges" / "helpfulness.judge.yaml").write_text(
        GOOD.replace("tone", "helpfulness"), encoding="utf-8"
    )
    assert known_rubrics(tmp_path)["helpfulness"].is_relative_to(tmp_path)
    loaded = load_checked(suite(judges="helpfulness"), vocabulary(), root=tmp_path)
    [entry] = loaded.judged
    assert entry.range == (1.0, 3.0)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"judges": ["helpfullness"]}, "did you mean 'helpfulness'"),
        ({"judges": ["correctness"]}, "needs a reference"),
        ({"judges": ["main-points"]}, "needs the source"),
        ({"judges": ["instruction-following"]}, "needs 'criteria:'"),
        ({"judges": ["helpfulness", "helpfulness"]}, "give one a 'name:'"),
        ({"judges": [{"rubric": "helpfulness", "name": "rouge1"}]}, "name of a metric"),
        ({"judges": [{"rubric": "helpfulness", "name": "good[x]"}]}, "'good[x]' has brackets"),
        ({"judges": [{"rubric": "helpfulness", "methods": "text"}]}, "did you mean 'method'"),
        ({"judges": [{"rubric": "helpfulness", "against": "target"}]}, "pairwise"),
        ({"judges": [{"rubric": "preference", "against": "target"}]}, "add 'target:'"),
        ({"judges": ["nothing/there.judge.yaml"]}, "nothing"),
        ({"judges": ["helpfulness"], "gates": ["helpfulness >= 6"]}, "lies between 1 and 5"),
        ({"judges": ["helpfulness"], "gates": ["helpfulnes >= 3"]}, "did you mean 'helpfulness'"),
        (
            {"judges": [{"rubric": {"name": "x", "description": "d", "scale": {1: "a", 2: "b"},
                                    "prompt": "{{ output }} {{ colour }}"}}]},
            "unknown column 'colour'",
        ),
        (
            {"judges": ["stereotyping"], "gates": [{"metric": "stereotyping", "max_drop": 0.1}]},
            "write 'max: baseline",
        ),
        (
            {"judges": ["stereotyping"], "data": {"rows": [{"q": "Hi", "kind": "a"}],
                                                  "group": "kind"},
             "gates": [{"metric": "stereotyping[kind=a]", "max_drop": 0.1}]},
            "write 'max: baseline",
        ),
        (
            {"judges": ["stereotyping"], "data": {"rows": [{"q": "Hi", "kind": "a"}],
                                                  "group": "kind"},
             "gates": ["stereotyping[kind=a] <= 0.5"]},
            "it lies between 1 and 5",
        ),
        ({"metrics": ["perplexity"]}, "needs the model that reads them"),
    ],
)  # fmt: skip
def test_errors_in_a_suites_judges_are_explained(
    declared: dict[str, object], said: str, tmp_path: Path
) -> None:
    assert said in wrong(suite(**declared), tmp_path)


def test_errors_in_an_inline_rubric_have_a_line(tmp_path: Path) -> None:
    path = tmp_path / "s.eval.yaml"
    path.write_text(
        "task: generation\ndata: {rows: [{q: Hi}]}\nprompt: '{{ q }}'\nmetrics: [distinct_1]\n"
        "judges:\n  - rubric:\n      name: x\n      description: d\n      scale: {1: a, 2: b}\n"
        "      promt: '{{ output }}'\n",
        encoding="utf-8",
    )
    with pytest.raises(SpecError) as caught:
        load_checked(path, vocabulary(), root=tmp_path)
    assert "s.eval.yaml:10: judges[0].rubric.promt" in str(caught.value)


def test_the_command_line_checks_rubrics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tone.judge.yaml").write_text(GOOD, encoding="utf-8")
    assert main(["validate", str(tmp_path)]) == 0
    assert "ok (pointwise rubric)" in capsys.readouterr().out
    (tmp_path / "bad.judge.yaml").write_text(GOOD.replace("scale:", "scales:"), encoding="utf-8")
    assert main(["validate", str(tmp_path)]) == 2
    assert "did you mean 'scale'" in capsys.readouterr().err
    assert main(["schema", "--judge"]) == 0
    assert '"evalkit rubric"' in capsys.readouterr().out
