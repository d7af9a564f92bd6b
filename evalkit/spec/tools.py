"""``tools:`` of a suite: a list, a file with one, or functions of the project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evalkit.errors import ModelError, Problem, SpecError, shortened
from evalkit.modules import import_object
from evalkit.spec.editable import Draft
from evalkit.spec.files import locate
from evalkit.spec.source import scan_yaml
from evalkit.tools import tools_of

_FORMS = "expected a list of tools, a .yaml or .json file with one, or 'module:name' of functions"


def listed(value: Any) -> list[dict[str, Any]]:
    """Tools in OpenAI's form, as a suite keeps them. Raises ValueError."""
    if isinstance(value, str):
        raise ValueError(f"{_FORMS}, found {shortened(value)}")
    return [tool.plain() for tool in tools_of(value)]


def spell_out_tools(draft: Draft, folder: Path, root: Path, allow_outside: bool) -> list[Problem]:
    """Replace the name of a file or of functions by the tools; remove the key if that fails."""
    named = draft.source.value.get("tools")
    if not isinstance(named, str):
        return []
    try:
        draft.source.value["tools"] = _read(named, folder, root, allow_outside)
    except SpecError as error:
        draft.remove(("tools",))
        return list(error.problems)
    except (ValueError, ModelError) as error:
        problem = draft.source.problem(("tools",), str(error))
        draft.remove(("tools",))
        return [problem]
    return []


def _read(named: str, folder: Path, root: Path, allow_outside: bool) -> list[dict[str, Any]]:
    if named.endswith((".yaml", ".yml", ".json")):
        return _of_file(locate(named, folder, root, allow_outside=allow_outside))
    if not all(named.partition(":")[::2]):
        raise ValueError(f"{_FORMS}, found '{named}'")
    from evalkit.tools.functions import tools_in

    return listed(_called(tools_in(import_object(named, root))))


def _called(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not tools:
        raise ValueError("there are no functions in it")
    return tools


def _of_file(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".json":
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"'{path.name}' is not JSON: {error}") from None
    else:
        source = scan_yaml(path)
        if source.problems:
            raise SpecError(source.problems)
        value = source.value
    try:
        return listed(value)
    except ValueError as error:
        raise ValueError(f"'{path.name}': {error}") from None
