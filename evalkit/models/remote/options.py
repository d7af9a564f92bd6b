"""Options that all backends for servers share."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from evalkit.models.options import Options


def _variable(name: str) -> str:
    # the value may be the key itself, so it is not repeated (see evalkit.models.options)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError("expected the name of an environment variable")
    return name


def _address(url: str) -> str:
    if not re.fullmatch(r"https?://[^@?#\s]+", url):
        raise ValueError("expected http(s)://host… without a key, user or query")
    return url.rstrip("/")


Variable = Annotated[str, AfterValidator(_variable)]
"""The name of an environment variable with an API key."""
Address = Annotated[str, AfterValidator(_address)]
"""The base URL of a server, without a trailing slash."""


class Prices(BaseModel):
    """Prices per million tokens.

    input: the price of prompt tokens. output: the price of answer tokens. currency: of both prices.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    currency: str = "USD"


class RemoteOptions(Options):
    """Options of every backend for a server."""

    model: str = Field(min_length=1)
    """The name of the model on the server."""
    max_concurrency: int = Field(default=16, ge=1, le=1024)
    """Maximum number of concurrent requests; the actual number adapts to the server."""
    timeout: float = Field(default=120.0, gt=0, allow_inf_nan=False)
    """Seconds for one attempt."""
    deadline: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Seconds for all requests of a cell together."""
    retries: int = Field(default=6, ge=0)
    """Further attempts after a temporary failure."""
    backoff: float = Field(default=0.5, ge=0, allow_inf_nan=False)
    """Seconds before the first retry; they double with each further one."""
    max_wait: float = Field(default=120.0, gt=0, allow_inf_nan=False)
    """Maximum wait before an attempt, in seconds, even if the server asks for more."""
    prices: Prices | None = None
    """Prices per million tokens."""
    version: str | int | float | None = None
    """Any value that distinguishes two states of the service; part of the cache key."""
    cache: bool = True
    """``false`` sends every request again."""
