"""Match the samples of two runs whose data may have grown or shrunk in between."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class MatchedRows:
    """The samples of b beside those of a, by id.

    same: from the id of a sample in a to that of the same row in b, in the order of a. changed:
    ids that both have, for rows that differ. gone: only in a. new: only in b.
    """

    same: Mapping[str, str]
    changed: Sequence[str]
    gone: Sequence[str]
    new: Sequence[str]


def match_rows(a: Mapping[str, str], b: Mapping[str, str]) -> MatchedRows:
    """Match two sets of samples, each given as digests of rows by id.

    A sample is matched by its id, and if the row under that id differs, by its content: rows
    without an id are numbered, so an inserted row moves all below it. (A column of
    ids is part of the row, so that rows with ids of their own never match another id.) Among
    equal rows, the first matches the first.
    """
    found = {one: one for one, digest in a.items() if b.get(one) == digest}
    free: dict[str, deque[str]] = defaultdict(deque)
    for one, digest in b.items():
        if one not in found:
            free[digest].append(one)
    for one, digest in a.items():
        if one not in found and free.get(digest):
            found[one] = free[digest].popleft()
    same = {one: found[one] for one in a if one in found}
    taken = set(same.values())
    left_a = [one for one in a if one not in same]
    left_b = [one for one in b if one not in taken]
    both = set(left_a).intersection(left_b)
    return MatchedRows(
        same=same,
        changed=[one for one in left_a if one in both],
        gone=[one for one in left_a if one not in both],
        new=[one for one in left_b if one not in both],
    )


def digest_of(fields: Mapping[str, Any], targets: Sequence[str]) -> str:
    """Twelve hexadecimal digits that identify a row and its accepted answers."""
    content = [fields, list(targets)]
    text = json.dumps(content, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12]
