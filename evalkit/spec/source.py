"""YAML as plain data with line numbers.

Safe by construction: a file yields only mappings, lists, text, numbers, true/false and null
(``scalars``). A duplicate key is an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from evalkit.errors import Problem, SpecError
from evalkit.spec.scalars import LOADER, MAX_DEPTH, TAG, TooDeepError, plain
from evalkit.spec.values import is_frame, rows_of_frame

_MAX_FROM_ALIASES = 200_000
"""How many values anchors may add to those written out; an anchor bomb adds billions."""


@dataclass(slots=True)
class Place:
    """The place of a value in a file.

    line: of its key or list element. step: its key or index as written (None: omitted in a short
    form). text: a number, boolean or null as written. content: the line where its text begins;
    literal: whether the text is a block that keeps its lines (``|``).
    """

    line: int
    step: Any = None
    text: str | None = None
    content: int = 0
    literal: bool = False
    children: dict[Any, Place] | list[Place] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A declaration read from a file, or passed as a value (without lines).

    value: plain Python. file: the name to show. problems: problems of the YAML that do not prevent
    further checks (duplicate keys). labels: the index of rows passed as a DataFrame, by the path of
    the rows.
    """

    value: Any
    file: str
    problems: tuple[Problem, ...] = ()
    root: Place = field(default_factory=lambda: Place(0), repr=False)
    labels: Mapping[tuple[Any, ...], Sequence[str]] = field(default_factory=dict, repr=False)

    def places(self, path: tuple[Any, ...]) -> list[Place]:
        """The places along a path, from the root; fewer if the path does not exist."""
        found = [self.root]
        for step in path:
            children = found[-1].children
            try:
                found.append(children[step])  # type: ignore[index]
            except (KeyError, IndexError, TypeError):
                break
        return found

    def line(self, *path: Any) -> int:
        """The line (from 1) of a key or list element; of its nearest parent if it is missing."""
        return self.places(path)[-1].line

    def text_line(self, path: tuple[Any, ...], line: int) -> int:
        """The line in the file of a line (from 1) inside a text; exact for ``|`` blocks."""
        place = self.places(path)[-1]
        if not place.content:
            return place.line
        return place.content + line - 1 if place.literal else place.content

    def text(self, *path: Any) -> str | None:
        """A number, boolean or null as it was written (``1.50``); None for anything else."""
        places = self.places(path)
        return places[-1].text if len(places) == len(path) + 1 else None

    def where(self, *path: Any) -> str:
        """A path as written in the file, for a Problem: ``prompts.few-shot.shots.count``."""
        if not self.root.line:
            return dotted(path)
        steps = [place.step for place in self.places(path)[1:]]
        return dotted(tuple(step for step in steps if step is not None))

    def problem(self, path: tuple[Any, ...], message: str) -> Problem:
        """A Problem at a path, with its place in the file."""
        return Problem(self.file, self.line(*path), self.where(*path), message)


def display(path: Path) -> str:
    """A path for display: relative to the working directory if inside it."""
    absolute = Path(os.path.abspath(path))
    try:
        return absolute.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(absolute)


def scan_yaml(path: Path | str) -> Source:
    """Read a YAML file. Duplicate keys are in its ``problems``; the first one counts.

    Raises SpecError (with file, line and what to do) if it cannot be read, is not YAML, or contains
    a tag or an anchor bomb.
    """
    path = Path(path)
    file = display(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise _failure(file, 0, f"cannot be read: {error.strerror or error}") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _failure(file, line, "this line is not UTF-8; save the file as UTF-8") from error
    return parse_yaml(text, file)


def parse_yaml(text: str, file: str) -> Source:
    """YAML text as a Source; ``file`` is the name that errors show."""
    try:
        loader = LOADER(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        raise _failure(file, line, _explain(error, text, line)) from error
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position) + 1
        reason = (
            str(getattr(error, "reason", error))
            or "it contains a character that YAML does not allow"
        )
        raise _failure(file, line, f"not valid YAML: {reason}; remove the character") from error
    except TooDeepError as error:
        raise _failure(file, error.args[0], f"nested deeper than {MAX_DEPTH} levels") from error
    if node is None:
        return Source(None, file, (), Place(1))
    builder = _Builder(file, budget=2 * len(text) + _MAX_FROM_ALIASES)
    value, place = builder.build(node, ())
    return Source(value, file, tuple(builder.problems), place)


def _failure(file: str, line: int, message: str) -> SpecError:
    return SpecError([Problem(file, line, "", message)])


class _Builder:
    """Builds plain values and their places from YAML nodes, within bounds."""

    def __init__(self, file: str, budget: int) -> None:
        self.file = file
        self.budget = budget
        self.problems: list[Problem] = []
        self._open: set[int] = set()

    def build(self, node: yaml.Node, path: tuple[Any, ...]) -> tuple[Any, Place]:
        line = node.start_mark.line + 1
        self.budget -= 1
        if self.budget < 0:
            raise _failure(self.file, line, "its anchors (&, *) expand to too many values")
        if id(node) in self._open:
            raise _failure(self.file, line, "an anchor (&) contains a reference (*) to itself")
        if len(self._open) > MAX_DEPTH:
            raise _failure(self.file, line, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                self._expect_tag(node, "seq", path)
                built = [self.build(child, (*path, i)) for i, child in enumerate(node.value)]
                for i, (_, place) in enumerate(built):
                    place.step = i
                return [v for v, _ in built], Place(line, children=[p for _, p in built])
            assert isinstance(node, yaml.MappingNode)
            self._expect_tag(node, "map", path)
            values, places = self._mapping(node, path)
            return values, Place(line, children=places)
        finally:
            self._open.discard(id(node))

    def _scalar(self, node: yaml.ScalarNode, path: tuple[Any, ...]) -> tuple[Any, Place]:
        line = node.start_mark.line + 1
        kind = node.tag.removeprefix(TAG)
        if kind == "merge":
            kind = "str"
        try:
            value = plain(kind, node.value)
        except KeyError:
            raise self._bad_tag(node, path) from None
        except ValueError:
            raise _failure(self.file, line, f"'{node.value}' is not a valid {kind}") from None
        literal = node.style == "|"
        written = None if isinstance(value, str) else node.value
        content = line + 1 if literal else line
        return value, Place(line, text=written, content=content, literal=literal)

    def _mapping(
        self, node: yaml.MappingNode, path: tuple[Any, ...]
    ) -> tuple[dict[Any, Any], dict[Any, Place]]:
        """Values and places of a mapping; its own keys override merged ones (``<<``)."""
        values: dict[Any, Any] = {}
        places: dict[Any, Place] = {}
        own: dict[Any, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == TAG + "merge":
                merged, merged_places = self._merge(value_node, path)
                values = {**merged, **values}
                places = {**merged_places, **places}
                continue
            key = self._key(key_node, path)
            line = key_node.start_mark.line + 1
            if key in own:
                message = f"'{key}' is written twice, here and in line {own[key]}; keep one"
                self.problems.append(Problem(self.file, line, dotted(path), message))
                continue
            own[key] = line
            values.pop(key, None)
            values[key], place = self.build(value_node, (*path, key))
            place.line, place.step = line, "null" if key is None else key
            places[key] = place
        return values, places

    def _merge(
        self, node: yaml.Node, path: tuple[Any, ...]
    ) -> tuple[dict[Any, Any], dict[Any, Place]]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        values: dict[Any, Any] = {}
        places: dict[Any, Place] = {}
        for part in parts:
            value, place = self.build(part, path)
            if not isinstance(value, dict) or not isinstance(place.children, dict):
                message = "'<<' must be a mapping or a list of mappings"
                raise _failure(self.file, part.start_mark.line + 1, message)
            values = {**value, **values}
            places = {**place.children, **places}
        return values, places

    def _key(self, node: yaml.Node, path: tuple[Any, ...]) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)[0]
        message = (
            'a key must be a word or a text; a value that begins with {{ needs quotes: "{{ text }}"'
        )
        raise SpecError([Problem(self.file, node.start_mark.line + 1, dotted(path), message)])

    def _expect_tag(self, node: yaml.Node, kind: str, path: tuple[Any, ...]) -> None:
        if node.tag != TAG + kind:
            raise self._bad_tag(node, path)

    def _bad_tag(self, node: yaml.Node, path: tuple[Any, ...]) -> SpecError:
        tag = node.tag.replace(TAG, "!!")
        message = f"the tag '{tag}' is not allowed: these files are plain data; remove it"
        return SpecError([Problem(self.file, node.start_mark.line + 1, dotted(path), message)])


def dotted(path: tuple[Any, ...]) -> str:
    """A path in dotted form: ``prompts.few-shot.shots.rows[2]``."""
    text = ""
    for step in path:
        text += f"[{step}]" if type(step) is int else f".{step}" if text else str(step)
    return text


def _explain(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    """A message for a YAML syntax error: the cause and the fix."""
    problem = error.problem or "syntax error"
    lines = text.splitlines()
    here = lines[line - 1] if 0 < line <= len(lines) else ""
    around = " ".join(lines[max(0, line - 2) : line])
    if "\t" in here[: len(here) - len(here.lstrip())] or "'\\t'" in problem or "tab" in problem:
        advice = "indent with spaces; YAML does not allow tabs"
    elif "expected a single document" in str(error):
        advice = "keep one document per file; '---' starts another"
    elif "undefined alias" in problem:
        advice = "a text that begins with * needs quotes; or define the anchor first"
    elif "mapping values are not allowed" in problem:
        advice = "a text that contains ': ' needs quotes; otherwise check the indentation"
    elif "escape" in problem:
        advice = r"a \ begins an escape in double quotes; use single quotes: '\d+'"
    elif re.search(r"[:\-]\s*\{\{", around):
        advice = 'a value that begins with {{ needs quotes: "{{ text }}"'
    elif "unexpected end of stream" in problem or "quoted scalar" in str(error.context):
        start = error.context_mark.line + 1 if error.context_mark else line
        advice = f"the quote opened in line {start} is never closed"
    elif "cannot start any token" in problem:
        advice = "a text that begins with @, ` or % needs quotes"
    elif "block end" in problem or "expected ':'" in problem or "block" in str(error.context):
        advice = "check the indentation, and that every key ends with ': '"
    else:
        advice = "check the indentation and the quotes"
    return f"not valid YAML: {problem}; {advice}"


def as_source(value: Mapping[str, Any], file: str = "<suite>") -> Source:
    """A Source of a value that does not come from a file: a copy, with DataFrames as lists of rows.

    Raises SpecError if two columns of a DataFrame have the same name.
    """
    labels: dict[tuple[Any, ...], list[str]] = {}
    return Source(_copied(value, file, (), labels), file, labels=labels)


def _copied(value: Any, file: str, path: tuple[Any, ...], labels: dict[Any, list[str]]) -> Any:
    """A deep copy in plain mappings and lists; ``labels`` receives the index of DataFrames."""
    if isinstance(value, Mapping):
        return {key: _copied(item, file, (*path, key), labels) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copied(item, file, (*path, i), labels) for i, item in enumerate(value)]
    if is_frame(value):
        rows, labels[path] = rows_of_frame(value, file, dotted(path))
        return rows
    return value.tolist() if hasattr(value, "tolist") else value  # NumPy's
