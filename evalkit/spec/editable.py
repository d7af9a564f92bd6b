"""A declaration under repair: invalid parts are removed so that the rest can be checked."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from evalkit.spec.source import Place, Source

Path = tuple[Any, ...]


class Draft:
    """Edits the value of a Source together with its places, so that line numbers stay correct.

    The Source is changed in place, so it must belong to the draft.
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    def reach(self, path: Path) -> Path:
        """The longest prefix of a path that exists in the value; short forms omit steps."""
        value: Any = self.source.value
        for i, step in enumerate(path):
            try:
                value = value[step] if isinstance(value, (dict, list)) else {}[step]
            except (KeyError, IndexError, TypeError):
                return path[:i]
        return path

    def remove(self, path: Path) -> None:
        """Remove a key or list element (later elements move up)."""
        value, places = self._parents(path)
        del value[path[-1]]
        if places is not None:
            del places[path[-1]]

    def rename(self, path: Path, key: str) -> None:
        """Rename a key; its place keeps the name as written."""
        value, places = self._parents(path)
        value[key] = value.pop(path[-1])
        if places is not None:
            places[key] = places.pop(path[-1])

    def put(self, key: str, value: Any) -> None:
        """Set a top-level key that the file does not have."""
        self.source.value[key] = value

    def name_single_prompt(self) -> None:
        """``prompt: …`` as ``prompts: {default: …}``."""
        value = self.source.value
        if "prompt" not in value or "prompts" in value:
            return
        value["prompts"] = {"default": value.pop("prompt")}
        places = self.source.root.children
        if isinstance(places, dict) and "prompt" in places:
            place = places.pop("prompt")
            inner = Place(
                place.line, None, place.text, place.content, place.literal, place.children
            )
            places["prompts"] = Place(place.line, "prompt", children={"default": inner})

    def list_judges(self, keys: Collection[str]) -> None:
        """``judges: {NAME: …}`` as a list of entries with names. keys: those of an entry.

        An entry without a rubric applies the one of its name.
        """
        named = self.source.value.get("judges")
        if not isinstance(named, dict) or not named or all(key in keys for key in named):
            return
        entries: list[Any] = []
        for name, value in named.items():
            given = {"rubric": value} if isinstance(value, str) else value
            if isinstance(given, dict) or given is None:
                given = {"name": name, "rubric": name, **(given or {})}
            entries.append(given)
        self.source.value["judges"] = entries
        place = self.source.places(("judges",))[-1]
        if isinstance(place.children, dict):
            place.children = [place.children.get(name, Place(place.line)) for name in named]

    def spell_out_labels(self) -> None:
        """Restore labels that YAML parses as numbers or booleans to the text as written."""
        labels = self.source.value.get("labels")
        if isinstance(labels, list):
            for i, label in enumerate(labels):
                if isinstance(label, (bool, int, float)):
                    labels[i] = self.source.text("labels", i) or label
        elif isinstance(labels, dict):
            for label, ways in labels.items():
                for i, way in enumerate(ways if isinstance(ways, list) else ()):
                    if isinstance(way, (bool, int, float)):
                        ways[i] = self.source.text("labels", label, i) or way

    def _parents(self, path: Path) -> tuple[Any, Any]:
        """The container a path ends in, and the container of its places (None if unknown)."""
        value: Any = self.source.value
        for step in path[:-1]:
            value = value[step]
        found = self.source.places(path)
        return value, found[-2].children if len(found) == len(path) + 1 else None
