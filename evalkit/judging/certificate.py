"""Certificates: how well one judge grades by one rubric, and what gates require of it.

A certificate is for one rubric (its hash), one judge (what its answers depend on, machines and
library versions aside) and one way of asking. It is a YAML file beside the rubric.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.answers.refusal_rules import RULES
from evalkit.errors import EvalkitError, SpecError
from evalkit.exchange import Generation
from evalkit.files import write_file
from evalkit.gates.certified import AT_MOST

SUFFIX = ".certificate.yaml"
_MACHINE = frozenset({
    "versions", "device", "device_map", "engine", "attn_implementation", "date",
})  # fmt: skip
"""Parts of a fingerprint that change at most the last digits of a probability."""


VERSION = 2
"""Version of how the figures are computed; certificates of other versions do not count."""
LEAST_CASES = 20
"""Labelled cases below which a certificate meets no demand and corrects nothing."""


class Figure(NamedTuple):
    """A number with its interval; NaN where undefined. n: cases it is over. why: undefined."""

    value: float
    low: float
    high: float
    n: int
    why: str = ""


_NUMBERS = ("value", "low", "high", "n")


@dataclass(frozen=True, slots=True)
class Grader:
    """Who grades: a judge model, or the refusal rules."""

    name: str
    backend: str
    model: str


@dataclass(frozen=True, slots=True)
class Asking:
    """How a judge is asked; a certificate is for one way of asking."""

    method: str
    """``choice``, ``structured``, ``text``; ``rules`` of the refusal rules."""
    reasoning: bool
    """Whether it reasons before it grades."""
    wording: str = ""
    """Digest of everything it reads beside the case."""
    generation: Generation | None = None
    """How it writes; None if it only chooses."""
    rules: str = ""
    """Identity of the refusal rules, if the judge grades only what these are not sure of."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values; what does not apply is left out."""
        generation = self.generation.to_json() if self.generation else None
        body = {"wording": self.wording, "generation": generation, "rules": self.rules}
        given = {name: value for name, value in body.items() if value}
        return {"method": self.method, "reasoning": self.reasoning, **given}


RULES_ASKED = Asking(RULES, reasoning=False)
"""The way of asking in a certificate of the refusal rules."""


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The labelled cases of a certificate."""

    file: str
    hash: str
    cases: int
    raters: int
    """The most people who labelled one case."""
    alpha: float | None = None
    """Krippendorff's alpha of several raters; None where undefined."""
    alpha_low: float | None = None
    """Lower end of its 95 % interval."""
    alpha_high: float | None = None
    """Its upper end."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """People's answers and the judge's, counted."""

    labels: tuple[str, ...]
    """The answers, from the lowest."""
    counts: Mapping[str, Sequence[Sequence[int]]]
    """By criterion (``grade`` for a whole rubric) and, of refusals, by kind of answer: people in
    rows, the judge in columns."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """How a judge's grades compare with people's.

    identity: digest of what the judge's answers depend on; "" when that cannot be known. statuses:
    how its replies could be read. labelled: of each case the people's grade and the judge's; shown:
    a digest of what the judge saw of it, in the same order. made: the date. version: of how the
    figures were computed.
    """

    rubric: str
    rubric_hash: str
    judge: Grader
    identity: str
    asked: Asking
    labels: LabelSet
    statuses: dict[str, int]
    figures: dict[str, Figure]
    confusion: Confusion
    labelled: tuple[tuple[float, float], ...]
    made: str
    confidence: float = 0.95
    shown: tuple[str, ...] = ()
    version: int = VERSION
    file: str = field(default="", compare=False)

    def fits(self, rubric_hash: str, identity: str, asked: Asking) -> bool:
        """Whether it is about this rubric, this judge and this way of asking."""
        same = self.rubric_hash == rubric_hash and self.identity == identity
        return same and self.asked == asked and self.version == VERSION


def identity_of(fingerprint: Mapping[str, Any] | None) -> str:
    """The digest that identifies a judge on any machine; "" if it has no fingerprint."""
    if fingerprint is None:
        return ""
    kept = {key: value for key, value in fingerprint.items() if key not in _MACHINE}
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of(case: str) -> str:
    """A digest that identifies what a judge saw of a case."""
    return hashlib.sha256(case.encode()).hexdigest()[:16]


def file_name(certificate: Certificate) -> str:
    """The file a certificate is written to: readable, and different for each judge and method."""
    judge = re.sub(r"[^\w.-]+", "-", certificate.judge.name).strip("-.")[:40] or "judge"
    how = {key: value for key, value in certificate.asked.to_json().items() if key != "wording"}
    digest = hashlib.sha256(json.dumps(how, sort_keys=True).encode()).hexdigest()[:4]
    parts = [certificate.rubric, judge, f"{certificate.asked.method}-{digest}"]
    return ".".join(parts) + SUFFIX


def write_certificate(certificate: Certificate, folder: Path) -> Path:
    """Write a certificate into a folder, in place of an earlier one; returns its path."""
    import yaml

    values = asdict(certificate)
    del values["file"]
    values["asked"] = certificate.asked.to_json()
    if certificate.labels.raters < 2:
        for name in ("alpha", "alpha_low", "alpha_high"):
            del values["labels"][name]
    values["figures"] = {
        name: {key: _number(getattr(figure, key)) for key in _NUMBERS}
        | ({"why": figure.why} if figure.why else {})
        for name, figure in certificate.figures.items()
    }
    values["labelled"] = [[_number(x) for x in pair] for pair in certificate.labelled]
    values["shown"] = list(certificate.shown)
    path = folder / file_name(certificate)
    text = yaml.safe_dump(
        values, sort_keys=False, default_flow_style=None, width=100, allow_unicode=True
    )
    write_file(path, f"# Made by evalkit judge calibrate.\n{text}")
    return path


def _number(value: float) -> float | int | None:
    if isinstance(value, int):
        return value
    return float(f"{value:.6g}") if value == value else None


def read_certificate(path: Path) -> Certificate:
    """A certificate from its file. Raises EvalkitError."""
    from evalkit.spec.source import scan_yaml

    try:
        source = scan_yaml(path)
        if source.problems:
            raise SpecError(source.problems)
        values = dict(source.value)
        values |= {
            "judge": Grader(**values["judge"]),
            "asked": _asking(values["asked"]),
            "labels": LabelSet(**values["labels"]),
            "confusion": _confusion(**values["confusion"]),
        }
        values["figures"] = {
            name: Figure(**{key: _read(one[key]) for key in _NUMBERS}, why=one.get("why", ""))
            for name, one in values["figures"].items()
        }
        values["labelled"] = tuple((float(a), float(b)) for a, b in values["labelled"])
        values["shown"] = tuple(map(str, values.get("shown", ())))
        values.setdefault("version", 1)
        return Certificate(**values, file=path.name)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        message = (
            f"{path}: not a valid certificate ({error}); create it again: evalkit judge calibrate"
        )
        raise EvalkitError(message) from None


def _asking(body: Mapping[str, Any]) -> Asking:
    """Raises TypeError for what this version does not know: the certificate is for another one."""
    values = dict(body)
    if generation := values.get("generation"):
        values["generation"] = Generation(**{**generation, "stop": tuple(generation["stop"])})
    return Asking(**values)


def _confusion(labels: Sequence[Any], counts: Mapping[str, Any]) -> Confusion:
    return Confusion(tuple(labels), counts)


def _read(value: Any) -> Any:
    return float("nan") if value is None else value


def certificates_in(folders: Iterable[Path]) -> list[Certificate]:
    """All certificates of some folders, newest first. Raises EvalkitError for a broken one."""
    paths = {
        path.resolve(): path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.glob(f"*{SUFFIX}"))
    }
    return sorted(map(read_certificate, paths.values()), key=lambda c: c.made, reverse=True)


def too_few(cases: int) -> str:
    """Why a certificate has too few labelled cases to be used; "" if it has enough."""
    if cases >= LEAST_CASES:
        return ""
    return f"{cases} labelled case{'s' if cases > 1 else ''}, fewer than {LEAST_CASES}"


def shortfalls(certificate: Certificate, required: Mapping[str, float]) -> list[str]:
    """The requirements that a certificate does not meet, one sentence each.

    The lower bound of a figure must reach the required number; of a bias, the bound that is
    farther from 0 must stay within it.
    """
    missing = []
    for name, bound in required.items():
        figure = certificate.figures.get(AT_MOST.get(name, name))
        if figure is None or figure.value != figure.value:
            why = f" ({figure.why})" if figure and figure.why else ""
            missing.append(f"{AT_MOST.get(name, name)} was not measured{why}")
            continue
        span = f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]"
        if name in AT_MOST:
            far = max(abs(figure.low), abs(figure.high))
            if not far <= bound:
                missing.append(f"{AT_MOST[name]} is {span}, the limit is {bound:g}")
        elif not figure.low >= bound:
            missing.append(f"{name} is {span}, its lower bound must be {bound:g}")
    return missing
