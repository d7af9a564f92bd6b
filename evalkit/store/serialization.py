"""Records in the form in which they are stored: JSON, compressed if it is long.

What an answer shares with its response is stored once, in the response.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, asdict, fields
from typing import Any, TypeVar

from evalkit import provenance
from evalkit.exchange import Response, Status, unanswered
from evalkit.messages import call_of, from_openai, plain, to_openai
from evalkit.passages import passages_of
from evalkit.records import (
    Answer,
    CellRecord,
    CheckRecord,
    Choices,
    CodeRun,
    GateRecord,
    Likelihood,
    ModelRecord,
    RunRecord,
    SampleRecord,
    ScoreRecord,
    SuiteRecord,
    analyses,
    judgments,
)
from evalkit.records.older import upgraded_run, upgraded_sample, upgraded_suite


def pack(value: object) -> bytes:
    raw = _COMPACT.encode(value).encode()
    return raw if len(raw) < 400 else b"z" + zlib.compress(raw, 1)


_COMPACT = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))
_MOST_BYTES = 256 * 1024 * 1024
"""The most bytes of a record: far more than any, and less than a damaged one may unpack to."""


def unpack(body: bytes) -> dict[str, Any]:
    raw = _decompressed(body[1:]) if body[:1] == b"z" else body
    value = json.loads(raw.decode("utf-8", "surrogatepass"))
    if not isinstance(value, dict):
        raise ValueError(f"a record is a {type(value).__name__}")
    return value


def _decompressed(packed: bytes) -> bytes:
    decompressor = zlib.decompressobj()
    raw = decompressor.decompress(packed, _MOST_BYTES)
    if not decompressor.eof:
        raise ValueError(f"a record is cut off, or longer than {_MOST_BYTES // 2**20} MiB")
    return raw


_Record = TypeVar("_Record")
_AMONG_DETAILS = {
    "thinking": "thinking",
    "unfinished": "still_thinking",
    "tie": "tie",
    "candidates": "candidates",
}
"""Fields of a response that are stored among its details, by the names they have there."""
_RESPONSE_DEFAULTS = {
    f.name: f.default
    for f in fields(Response)
    if f.name not in ("status", "details", *_AMONG_DETAILS)
}


def from_response(response: Response) -> dict[str, Any]:
    """The stored form of a response: what is not the default."""
    body: dict[str, Any] = {"status": response.status.value}
    for name, default in _RESPONSE_DEFAULTS.items():
        value = getattr(response, name)
        if value != default:
            body[name] = _PLAIN[name](value) if name in _PLAIN else value
    details = dict(response.details)
    for name, stored in _AMONG_DETAILS.items():
        value = getattr(response, name)
        if value is not None and value is not False:
            details[stored] = value
    if details:
        body["details"] = details
    return body


_TEXTS = tuple(name for name, default in _RESPONSE_DEFAULTS.items() if isinstance(default, str))


def to_response(body: dict[str, Any]) -> Response:
    """A response from its stored form.

    A backend may give what has a field as a detail instead, and older versions did; a detail of
    that name and another type stays a detail.
    """
    body["status"] = Status(body["status"])
    for name in _TEXTS:
        if not isinstance(body.get(name, ""), str):
            raise ValueError(f"the {name} of a response is a {type(body[name]).__name__}")
    for name, made in _PARTS.items():
        if name in body:
            body[name] = made(body[name])
    details = body.get("details", {})
    for name, stored in _AMONG_DETAILS.items():
        if _IS_FIELD[name](details.get(stored)):
            value = details.pop(stored)
            body[name] = tuple(value) if isinstance(value, list) else value
    return Response(**body)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


_IS_FIELD: Mapping[str, Callable[[Any], bool]] = {
    "thinking": lambda value: isinstance(value, str),
    "unfinished": lambda value: isinstance(value, bool),
    "tie": lambda value: isinstance(value, bool),
    "candidates": _are_texts,
}


_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "contexts": lambda value: [passage.plain() for passage in value],
    "calls": lambda value: [asdict(call) for call in value],
    "messages": to_openai,
}
"""Parts of a response that are not JSON values, as such."""
_PARTS: Mapping[str, Callable[[Any], Any]] = {
    "logprobs": tuple,
    "choice_tokens": tuple,
    "contexts": passages_of,
    "calls": lambda value: tuple(map(call_of, value)),
    "messages": from_openai,
}
"""Makes the parts of a response from JSON values."""


def plain_fields(record: Any, without: Sequence[str] = ()) -> dict[str, Any]:
    """``dataclasses.asdict`` without some fields, which ``asdict`` would copy first."""
    body: dict[str, Any] = {}
    for field in fields(record):
        if field.name not in without:
            body[field.name] = _plain(getattr(record, field.name))
    return body


def _plain(value: Any) -> Any:
    if isinstance(value, str | float | int):
        return value
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def run_body(run: RunRecord) -> dict[str, Any]:
    body = plain_fields(run, without=("id", "started", "finished", "status", "provenance", "cells"))
    body["provenance"] = provenance.to_json(run.provenance)
    return body


def to_run(
    head: Sequence[Any], body: dict[str, Any], cells: Sequence[dict[str, Any]] = ()
) -> RunRecord:
    """A run from its columns, its body and the bodies of its cells."""
    identity, started, finished, status = head
    upgraded_run(body["suites"], cells)
    return RunRecord(
        id=identity,
        started=started,
        finished=finished,
        status=status,
        provenance=provenance.from_json(body["provenance"]),
        suites={name: to_suite(value) for name, value in body["suites"].items()},
        models={name: _known(ModelRecord, value) for name, value in body["models"].items()},
        cells=[to_cell(cell) for cell in cells],
        notices=body.get("notices", []),
    )


def to_suite(body: Mapping[str, Any]) -> SuiteRecord:
    """A suite from its body, of any version. Raises KeyError, TypeError for another thing."""
    return _known(SuiteRecord, upgraded_suite(body))


def _known(kind: type[_Record], body: Mapping[str, Any]) -> _Record:
    """A record from its known fields; a newer version may have stored more."""
    names = _NAMES[kind]
    return kind(**{key: value for key, value in body.items() if key in names})


_NAMES: Mapping[Any, frozenset[str]] = {
    kind: frozenset(field.name for field in fields(kind))
    for kind in (CellRecord, CheckRecord, CodeRun, GateRecord, ModelRecord, SampleRecord,
                 ScoreRecord, SuiteRecord)
}  # fmt: skip


def cell_body(cell: CellRecord) -> dict[str, Any]:
    """A cell without its samples."""
    body = plain_fields(cell, without=("samples", "analyses"))
    body["analyses"] = [analyses.to_json(one) for one in cell.analyses]
    return body


def to_cell(body: dict[str, Any]) -> CellRecord:
    body["scores"] = {name: _score(score) for name, score in body["scores"].items()}
    body["gates"] = [_known(GateRecord, gate) for gate in body["gates"]]
    found = (analyses.from_json(one) for one in body["analyses"])
    body["analyses"] = [one for one in found if one is not None]
    if "unanswered" not in body:  # of an older version, which counted answers
        body["unanswered"] = sum(unanswered(body["statuses"]).values())
    return _known(CellRecord, body)


def _score(body: dict[str, Any]) -> ScoreRecord:
    """A score. In an older store only its note states why it has no value."""
    record = _known(ScoreRecord, body)
    if record.value is None and "no_value" not in body:
        record.no_value = "failed" if record.note.startswith("failed") else "undefined"
    return record


# These fields of an answer are stored once, in its response. Status, error, details and calls stay
# with the answer, since scoring adds to them: calls may be read from the text.
_FROM_RESPONSE = (
    *("sent", "seconds", "prompt_tokens", "completion_tokens", "finish"),
    *("contexts", "messages", "cost"),
)
RESPONSE = "response"
"""The entry of an answer's body with the key of its response, if that is stored."""


def sample_body(sample: SampleRecord, keys: Sequence[str | None]) -> dict[str, Any]:
    """The body of a sample. keys: of each answer's response; None if it is not stored."""
    body: dict[str, Any] = {
        "id": sample.id,
        "index": sample.index,
        "fields": sample.fields,
        "targets": sample.targets,
        "prompt": plain(sample.prompt),
        "scores": sample.scores,
        "answers": [_answer_body(*pair) for pair in zip(sample.answers, keys, strict=True)],
    }
    if sample.shown:
        body["shown"] = sample.shown
    return body


def _answer_body(answer: Answer, key: str | None) -> dict[str, Any]:
    body: dict[str, Any] = {} if key is None else {RESPONSE: key}
    for name, default in _ANSWER_DEFAULTS.items():
        value = getattr(answer, name)
        if value != default and not (key is not None and name in _FROM_RESPONSE):
            body[name] = _WRITTEN.get(name, _plain)(value)
    if key is not None and answer.thinking is None:
        body.pop("output", None)  # it is the response's text
    else:
        body["output"] = answer.output
    return body


_WRITTEN: Mapping[str, Callable[[Any], Any]] = {
    "judgments": lambda value: [judgments.to_json(one) for one in value],
    **_PLAIN,
}
_ANSWER_DEFAULTS = {
    f.name: f.default if f.default_factory is MISSING else f.default_factory()
    for f in fields(Answer)
}


def response_keys(body: Mapping[str, Any]) -> list[str]:
    """The keys of the responses that a sample's body refers to."""
    return [answer[RESPONSE] for answer in body.get("answers", ()) if RESPONSE in answer]


def to_sample(
    body: dict[str, Any], responses: Mapping[str, Mapping[str, Any]], old: str | None
) -> SampleRecord:
    """A sample from its body.

    responses: those that it refers to, by key. old: the response key of a body of an older version.
    """
    if "answers" not in body:
        body = upgraded_sample(body, old)
    body["prompt"] = from_openai(body["prompt"])
    body["answers"] = [_to_answer(answer, responses) for answer in body["answers"]]
    return _known(SampleRecord, body)


def _to_answer(body: dict[str, Any], responses: Mapping[str, Mapping[str, Any]]) -> Answer:
    kept = responses.get(body.get(RESPONSE, ""))
    if kept is not None:
        body.setdefault("output", kept.get("text", ""))
        body.update((name, kept[name]) for name in _FROM_RESPONSE if name in kept)
        if "calls" in kept:
            body.setdefault("calls", kept["calls"])
    known: dict[str, Any] = {}
    for name, value in body.items():
        if name in _ANSWER_DEFAULTS:
            made = _MADE.get(name)
            known[name] = value if made is None or value is None else made(value)
    return Answer(**known)


_MADE: Mapping[str, Callable[[Any], Any]] = {
    "checks": lambda value: tuple(_known(CheckRecord, check) for check in value),
    "choices": lambda value: Choices(*map(tuple, value)),
    "likelihood": lambda value: Likelihood(*value),
    "candidates": tuple,
    "judgments": lambda value: tuple(map(judgments.from_json, value)),
    **{name: _PARTS[name] for name in ("contexts", "calls", "messages")},
    "tests": lambda value: _known(CodeRun, value),
}
