"""The ways in which a request to a server can fail.

There are three: a temporary failure, which is retried; a request that the server rejects, which
fails alone; and ModelError, which means that no request can succeed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from evalkit.errors import ModelError
from evalkit.models.remote.library_errors import FailureKind, failure_kind, status_of

MAX_QUOTED = 300
"""The most characters of a server's reply that an error message quotes."""

_OVERFLOW = re.compile(
    r"context.{0,3}length|context.{0,3}(size|window)|maximum context|max_model_len"
    r"|(prompt|input|request).{0,40}(is |are )?too (long|large)|too many (input )?tokens"
    r"|exceeds? .{0,40}(context|maximum (number|length)|token limit)|reduce the length",
    re.IGNORECASE | re.DOTALL,
)
_NO_CREDIT = re.compile(r"insufficient_quota|exceeded your current quota|billing", re.IGNORECASE)
_MODERATED = re.compile(r"moderation|flagged|content.{0,3}(policy|filter)", re.IGNORECASE)
_TEMPORARY = {408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529}
_BUSY = {408, 429, 503, 504, 529}


class TemporaryError(Exception):
    """A failure that may pass.

    wait: the seconds that the server asks to wait, or None. busy: whether the server is overloaded.
    unreachable: whether no server listens at the address.
    """

    def __init__(
        self,
        message: str,
        *,
        wait: float | None = None,
        busy: bool = False,
        unreachable: bool = False,
    ) -> None:
        super().__init__(message)
        self.wait = wait
        self.busy = busy
        self.unreachable = unreachable


class RequestRejectedError(Exception):
    """The server rejects this request because of its content.

    overflow: whether its prompt is too long. moderated: whether a content filter stopped it.
    """

    def __init__(self, message: str, *, overflow: bool = False, moderated: bool = False) -> None:
        super().__init__(message)
        self.overflow = overflow
        self.moderated = moderated


class MissingError(ModelError):
    """The model or the endpoint does not exist at this address."""


class UnreachableError(ModelError):
    """No server answers at the address, so the identity of its model is unknown."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do if the key is rejected, the model is missing, or no server answers."""

    unauthorised: str
    missing: str
    unreachable: str


def error_from_status(
    status: int, body: str, headers: Mapping[str, str], advice: Advice
) -> Exception:
    """The failure that an HTTP status of 300 or more means. body: the body of the reply."""
    message = f"the server answered {status}" + (f": {shorten(body)}" if body.strip() else "")
    moderated = _MODERATED.search(body) is not None
    if status == 403 and moderated:  # it is about this prompt; the key is valid
        return RequestRejectedError(message, moderated=True)
    if status in (401, 403):
        return ModelError(f"{message}. {advice.unauthorised}")
    if status == 404:
        return MissingError(f"{message}. {advice.missing}")
    if status < 400:  # of one server behind a balancer, perhaps
        target = headers.get("location", "another address")
        return TemporaryError(f"{message}: it redirects to {shorten(target)}")
    if status in (402, 429) and _NO_CREDIT.search(body):
        return ModelError(f"{message}. The account has no credit left")
    if status in _TEMPORARY and not (status == 500 and _OVERFLOW.search(body)):
        wait = retry_after(headers.get("retry-after"))
        return TemporaryError(message, wait=wait, busy=status in _BUSY)
    overflow = status == 413 or bool(_OVERFLOW.search(body))
    return RequestRejectedError(message, overflow=overflow, moderated=moderated)


def error_from_exception(error: Exception, advice: Advice) -> Exception:
    """The failure behind an exception of a client library (see ``library_errors``)."""
    if isinstance(error, TemporaryError | RequestRejectedError | ModelError):
        return error
    status, headers = status_of(error)
    if status is not None and status >= 300:
        return error_from_status(status, str(error), headers, advice)
    message = f"{type(error).__name__}: {shorten(str(error))}".rstrip(": ")
    kind = failure_kind(error)
    if kind is None:
        return RequestRejectedError(message, overflow=bool(_OVERFLOW.search(str(error))))
    if kind is FailureKind.INVALID_JSON:
        return TemporaryError(f"the server's reply is not valid JSON ({message})")
    return TemporaryError(
        message, busy=kind is FailureKind.TIMEOUT, unreachable=kind is FailureKind.UNREACHABLE
    )


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds of a ``Retry-After`` header, given as a number or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        seconds = (moment - (now or datetime.now(timezone.utc))).total_seconds()
    return max(seconds, 0.0) if seconds < float("inf") else None


def shorten(text: str) -> str:
    """A server's message on one line, shortened."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_QUOTED else f"{line[:MAX_QUOTED]}… ({len(line)} characters)"
