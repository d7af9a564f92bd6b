"""The keys of cached responses: digests of everything that determines a response."""

from __future__ import annotations

import hashlib
import json

from evalkit.exchange import Request
from evalkit.messages import canonical


def digest(value: object) -> str:
    """SHA-256 (hex) of a JSON value in canonical form: sorted keys, no spaces."""
    return hashlib.sha256(_CANONICAL.encode(value).encode()).hexdigest()


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def response_key(fingerprint: str, request: Request, salt: str = "") -> str:
    """The cache key of a request: a digest of everything that determines its response.

    The seed counts only for sampling, generation parameters only for generation.

    fingerprint: the digest of the model's fingerprint. salt: not empty if the response must not be
    shared with other runs (``--eval-no-cache``, models of unknown identity).
    """
    generation = request.generation
    parts: list[object] = [fingerprint, canonical(request.prompt), request.repeat, salt]
    if request.inputs is not None:
        inputs = request.inputs
        parts.append(["inputs", inputs.task, inputs.texts, inputs.labels])
        if inputs.optional or inputs.windowed:
            parts.append([inputs.optional, inputs.windowed])
    if request.reading is not None:
        parts.append(["reading", request.reading.window, request.reading.stride])
    elif request.choices:
        parts.append(request.choices)
    else:
        parameters = generation.to_json()
        if generation.temperature == 0:
            for unused in ("seed", "top_k", "top_p"):
                parameters.pop(unused)
        parts.append(parameters)
    if request.json_schema:
        parts.append(["json_schema", request.json_schema])
    if request.tools:
        parts.append(["tools", request.tools])
    return digest(parts)
