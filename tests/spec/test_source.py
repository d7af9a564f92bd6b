"""YAML as plain data with lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import SpecError
from evalkit.spec.source import as_source, parse_yaml

from .loading import read_yaml


def message(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        parse_yaml(text, "f.yaml")
    return str(caught.value)


def test_lines_of_keys_elements_and_absent_keys(loader: str) -> None:
    text = """\
# a comment
suite: x

data:
  file: a.csv
  rows:
    - {a: 1}

    - a: 2
      b: 3
"""
    found = parse_yaml(text, "f.yaml")
    assert found.line("suite") == 2
    assert found.line("data") == 4
    assert found.line("data", "file") == 5
    assert found.line("data", "rows", 1) == 9
    assert found.line("data", "rows", 1, "b") == 10
    assert found.line("data", "target") == 4, "the nearest parent"
    assert found.line("data", "rows", 7, "b") == 6
    assert found.line() == 2


def test_lines_inside_block_texts() -> None:
    found = parse_yaml('a: 1\nuser: |\n  first\n\n  third\nplain: "x"\n', "f")
    assert found.text_line(("user",), 1) == 3
    assert found.text_line(("user",), 3) == 5
    assert found.text_line(("plain",), 2) == 6, "an escaped line feed has no line of its own"


def test_merge_keys_and_anchors(loader: str) -> None:
    text = "base: &b {a: 1, b: 2}\none: {<<: *b, b: 3}\ntwo: {b: 4, <<: [{c: 5, a: 6}, *b]}\n"
    value = parse_yaml(text, "f").value
    assert value["one"] == {"a": 1, "b": 3}
    assert value["two"] == {"c": 5, "a": 6, "b": 4}


def test_a_merge_of_something_else_is_an_error() -> None:
    assert "'<<' must be a mapping" in message("a: {<<: [1]}")


def test_duplicate_keys_are_reported_with_both_lines(loader: str) -> None:
    text = "a: 1\nb: {c: 1, d: 2,\n  c: 3}\na: 4\n"
    found = parse_yaml(text, "f.yaml")
    assert [str(problem) for problem in found.problems] == [
        "f.yaml:3: b: 'c' is written twice, here and in line 2; keep one",
        "f.yaml:4: 'a' is written twice, here and in line 1; keep one",
    ]
    assert found.value == {"a": 1, "b": {"c": 1, "d": 2}}


def test_an_anchor_bomb_is_rejected(loader: str) -> None:
    lines = ["a: &a [" + ", ".join(["x"] * 10) + "]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [" + ", ".join([f"*{before}"] * 10) + "]")
    assert "expand to too many values" in message("\n".join(lines))


def test_a_recursive_anchor_is_rejected(loader: str) -> None:
    assert "contains a reference (*) to itself" in message("a: &a [1, *a]")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_depth_is_bounded(loader: str, opening: str) -> None:
    assert "f.yaml:1: nested deeper than 100 levels" in message(opening * 20_000)


def test_ninety_levels_are_fine(loader: str) -> None:
    value = parse_yaml("[" * 90 + "]" * 90, "f").value
    for _ in range(89):
        value = value[0]
    assert value == []


@pytest.mark.parametrize(
    ("text", "line", "advice"),
    [
        ("a: 1\n\tb: 2\n", 2, "indent with spaces"),
        ("a: 1\nuser: Review: {{ text }}\n", 2, "a text that contains ': ' needs quotes"),
        ("a: 1\nuser: {{ text }} please\n", 2, 'needs quotes: "{{ text }}"'),
        ("a: 1\nuser: {{ text }}\n", 2, 'needs quotes: "{{ text }}"'),
        ('a: 1\nb: "never closed\nc: 2\n', 0, "the quote opened in line 2 is never closed"),
        ("a: 1\nb: @x\n", 2, "needs quotes"),
        ('a: 1\nregex: "\\d+"\n', 2, "use single quotes"),
        ("a: 1\nb: *x\n", 2, "define the anchor first"),
        ("a: 1\n---\nb: 2\n", 0, "keep one document per file"),
        ("a:\n  b: 1\n c: 2\n", 3, "check the indentation"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "is not allowed: these files are plain"),
        ("a: !secret x\n", 1, "the tag '!secret' is not allowed"),
        ("a: !!int twelve\n", 1, "'twelve' is not a valid int"),
        ("a: 1\nb: \x07\n", 2, "remove the character"),
    ],
)
def test_syntax_errors_have_a_line_and_advice(
    loader: str, text: str, line: int, advice: str
) -> None:
    found = message(text)
    assert advice in found
    if line:
        assert found.startswith(f"f.yaml:{line}: ")


def test_a_tag_runs_nothing(tmp_path: Path) -> None:
    target = tmp_path / "made"
    text = f"a: !!python/object/apply:pathlib.Path.mkdir [{target}]"
    message(text)
    assert not target.exists()


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes("\ufeffa: é\n".encode())
    assert read_yaml(path).value == {"a": "é"}
    path.write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(SpecError, match=r"f\.yaml:2: this line is not UTF-8"):
        read_yaml(path)
    with pytest.raises(SpecError, match="cannot be read: No such file"):
        read_yaml(tmp_path / "none.yaml")
    path.write_bytes(b"a: 1\na: 2\n")
    with pytest.raises(SpecError, match="written twice"):
        read_yaml(path)


def test_an_empty_file_is_nothing() -> None:
    assert parse_yaml("", "f").value is None
    assert parse_yaml("# only a comment\n", "f").value is None


def test_a_value_without_a_file_has_no_lines() -> None:
    given_value = {"a": [1, {"b": 2}]}
    found = as_source(given_value)
    assert found.line("a", 1) == 0
    assert found.where("a", 1, "b") == "a[1].b"
    found.value["a"].append(3)
    assert given_value == {"a": [1, {"b": 2}]}, "a copy"


plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inner),
    max_leaves=15,
)


@given(st.dictionaries(st.text("xyz", min_size=1), plain_values, min_size=1))
def test_yaml_of_another_writer_is_parsed(value: dict[str, Any]) -> None:
    """JSON is YAML: the output of json.dumps parses to the same value."""
    import json

    written = json.dumps(value, ensure_ascii=False)  # YAML has no escapes for pairs of surrogates
    assert parse_yaml(written, "f").value == value
