"""A declaration keeps its lines while it is repaired."""

from __future__ import annotations

import pytest

from evalkit.spec.editable import Draft
from evalkit.spec.source import parse_yaml

TEXT = """\
task: qa
promt: "{{ q }}"
labels: [1, yes, "no"]
gates:
  - a >= 1
  - b >= 2
"""


@pytest.fixture
def draft() -> Draft:
    return Draft(parse_yaml(TEXT, "s.eval.yaml"))


def test_later_elements_keep_their_lines_when_one_is_removed(draft: Draft) -> None:
    draft.remove(("gates", 0))
    assert draft.source.value["gates"] == ["b >= 2"]
    assert draft.source.line("gates", 0) == 6


def test_a_renamed_key_keeps_its_line(draft: Draft) -> None:
    draft.rename(("promt",), "prompt")
    assert "promt" not in draft.source.value
    assert draft.source.line("prompt") == 2
    draft.name_single_prompt()
    assert draft.source.value["prompts"] == {"default": "{{ q }}"}
    assert draft.source.line("prompts", "default") == 2


def test_labels_are_restored_as_written(draft: Draft) -> None:
    draft.spell_out_labels()
    assert draft.source.value["labels"] == ["1", "yes", "no"]


def test_a_path_is_followed_as_long_as_it_exists(draft: Draft) -> None:
    assert draft.reach(("gates", 1)) == ("gates", 1)
    assert draft.reach(("gates", 7, "min")) == ("gates",)
    assert draft.reach(("data", "rows", 0)) == ()
    draft.put("suite", "s")
    assert draft.reach(("suite",)) == ("suite",)
