"""Matching the labels of a head with those of a suite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evalkit.errors import ModelError
from evalkit.exchange import Inputs


def label_names(config: Any, renamed: Mapping[str, str]) -> list[str]:
    """The head's labels in the order of its logits, with their declared names.

    Raises ModelError if a declared name is not a label of the head.
    """
    own = [str(config.id2label[i]) for i in range(int(config.num_labels))]
    known = {name.casefold() for name in own}
    strays = [name for name in renamed if name.casefold() not in known]
    if strays:
        raise ModelError(
            f"'labels' of the model's declaration names {_listed(strays)}, but the labels of the"
            f" head are {_listed(own)}"
        )
    by_name = {name.casefold(): new for name, new in renamed.items()}
    return [by_name.get(name.casefold(), name) for name in own]


def match_labels(own: Sequence[str], inputs: Inputs) -> dict[str, list[int]]:
    """For each label of the suite, the indices of the head's labels that mean it.

    A name matches a label if it equals the label or one of its spellings, ignoring case.
    """
    ways = {way.casefold(): label for label, written in inputs.labels for way in (*written, label)}
    found: dict[str, list[int]] = {label: [] for label, _ in inputs.labels}
    for place, name in enumerate(own):
        label = ways.get(name.casefold())
        if label is not None:
            found[label].append(place)
    return found


def label_mismatch(own: Iterable[str], inputs: Inputs, missing: Sequence[str]) -> ModelError:
    """The error for labels of a suite that the head does not have."""
    first = next(iter(own), "LABEL_0")
    return ModelError(
        f"the labels of the suite and of the model's head differ: the suite has"
        f" {_listed(label for label, _ in inputs.labels)}, the head {_listed(own)}, without"
        f" {_listed(missing)}. Map the head's labels in the model's declaration:"
        f" 'labels: {{{first}: {missing[0]}}}'"
    )


def _listed(some: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in some)
