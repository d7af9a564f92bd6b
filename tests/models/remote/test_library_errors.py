"""Failures of client libraries, by the libraries' own exceptions."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from evalkit.errors import ModelError
from evalkit.models.remote.failures import (
    Advice,
    MissingError,
    RequestRejectedError,
    TemporaryError,
    error_from_exception,
)

ADVICE = Advice("see to the key", "see to the model", "start it")


def temporary(error: Exception) -> tuple[bool, bool]:
    """Whether a temporary failure means a busy server, and whether the connection was refused."""
    failure = error_from_exception(error, ADVICE)
    assert isinstance(failure, TemporaryError), repr(failure)
    return failure.busy, failure.unreachable


TIMEOUT, UNREACHABLE, DISCONNECTED = (True, False), (False, True), (False, False)


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_httpx(name: str) -> None:
    library: Any = pytest.importorskip(name)
    request = library.Request("GET", "http://127.0.0.1/")
    for kind, meaning in (
        ("ConnectError", UNREACHABLE),
        ("ConnectTimeout", UNREACHABLE),
        ("ReadTimeout", TIMEOUT),
        ("WriteTimeout", TIMEOUT),
        ("PoolTimeout", TIMEOUT),
        ("ReadError", DISCONNECTED),
        ("WriteError", DISCONNECTED),
        ("CloseError", DISCONNECTED),
        ("RemoteProtocolError", DISCONNECTED),
    ):
        assert temporary(getattr(library, kind)("it failed", request=request)) == meaning, kind
    reply = library.Response(429, headers={"Retry-After": "7"}, request=request)
    failure = error_from_exception(
        library.HTTPStatusError("busy", request=request, response=reply), ADVICE
    )
    assert isinstance(failure, TemporaryError)
    assert (failure.busy, failure.wait) == (True, 7.0)


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_openai(name: str) -> None:
    openai: Any = pytest.importorskip("openai")
    httpx: Any = pytest.importorskip(name)
    request = httpx.Request("POST", "http://127.0.0.1/v1/chat/completions")
    assert temporary(openai.APITimeoutError(request=request)) == TIMEOUT
    assert temporary(openai.APIConnectionError(request=request)) == DISCONNECTED
    refused = openai.APIConnectionError(request=request)
    refused.__cause__ = httpx.ConnectError("refused", request=request)
    assert temporary(refused) == UNREACHABLE

    def of(kind: str, status: int, said: str = "no", **headers: str) -> Exception:
        reply = httpx.Response(status, headers=headers, request=request)
        return error_from_exception(getattr(openai, kind)(said, response=reply, body=None), ADVICE)

    limited = of("RateLimitError", 429, **{"retry-after": "3"})
    assert isinstance(limited, TemporaryError)
    assert limited.wait == 3.0
    assert isinstance(of("InternalServerError", 503), TemporaryError)
    assert isinstance(of("NotFoundError", 404), MissingError)
    unauthorised = of("AuthenticationError", 401)
    assert isinstance(unauthorised, ModelError)
    assert "see to the key" in str(unauthorised)
    too_long = of("BadRequestError", 400, "maximum context length is 8 tokens")
    assert isinstance(too_long, RequestRejectedError)
    assert too_long.overflow


def test_hugging_face() -> None:
    errors: Any = pytest.importorskip("huggingface_hub.errors")
    family = errors.HfHubHTTPError.__mro__[1].__module__.partition(".")[0]
    http: Any = pytest.importorskip(family)
    request = http.Request("POST", "http://127.0.0.1/")
    late = errors.InferenceTimeoutError("timed out")
    late.__cause__ = http.ReadTimeout("timed out", request=request)
    assert temporary(late) == TIMEOUT
    reply = http.Response(503, request=request)
    busy = errors.HfHubHTTPError("busy", response=reply)
    assert temporary(busy)[0]
    overloaded = errors.OverloadedError("too many")
    overloaded.__cause__ = busy
    assert temporary(overloaded)[0]
    gone = errors.HfHubHTTPError("none", response=http.Response(404, request=request))
    assert isinstance(error_from_exception(gone, ADVICE), MissingError)


def test_ollama() -> None:
    ollama: Any = pytest.importorskip("ollama")

    def asked(url: str) -> Exception:
        with pytest.raises(Exception) as caught:
            asyncio.run(ollama.AsyncClient(host=url).chat(model="m", messages=[]))
        return caught.value

    assert temporary(asked("http://127.0.0.1:9")) == UNREACHABLE  # its own words for it
    assert temporary(ollama.ResponseError("loading", 503))[0]
    assert isinstance(
        error_from_exception(ollama.ResponseError("no model", 404), ADVICE), MissingError
    )
    broken = ollama.ResponseError("the model stopped")  # in the middle of an answer: no status
    assert isinstance(error_from_exception(broken, ADVICE), RequestRejectedError)


def test_python() -> None:
    assert temporary(ConnectionRefusedError(111, "refused")) == UNREACHABLE
    assert temporary(ConnectionResetError(104, "reset")) == DISCONNECTED
    assert temporary(TimeoutError()) == TIMEOUT
    assert temporary(asyncio.TimeoutError()) == TIMEOUT
    with pytest.raises(ValueError, match="Expecting") as caught:
        json.loads("<html>")
    assert temporary(caught.value) == DISCONNECTED


def test_a_class_name_alone_is_not_classified() -> None:
    class ConnectionTimeoutSettingsError(Exception):
        """An application's own mistake, whatever it is called."""

    failure = error_from_exception(ConnectionTimeoutSettingsError("wrong"), ADVICE)
    assert isinstance(failure, RequestRejectedError)


def test_a_wrapped_exception_is_classified_by_its_cause() -> None:
    class ClientError(Exception):
        """As Anthropic's and others have it."""

    wrapped = ClientError("the request failed")
    assert isinstance(error_from_exception(wrapped, ADVICE), RequestRejectedError)
    wrapped.__cause__ = TimeoutError()
    assert temporary(wrapped) == TIMEOUT
