"""The protocol of models. A backend is one file of this package with a class that satisfies it.

Importing a backend must be cheap: import torch, transformers and other heavy libraries in the
methods that need them. Declarations are checked before any model is loaded, and a run whose
responses are all cached loads none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from evalkit.exchange import Request, Response

Batch = list[tuple[int, Response]]
"""Responses that arrive together, each with the index of its request."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The kinds of requests that a model answers."""

    choices: bool = True
    """Log-likelihoods of given continuations (``answer: choice``)."""
    chat: bool = True
    """Prompts made of messages."""
    text: bool = True
    """Raw text prompts."""
    reading: bool = True
    """The log-likelihood of a whole text (``task: language-modelling``)."""
    inputs: tuple[str, ...] = ()
    """The tasks whose samples the model takes directly instead of prompts (models with a task
    head). Such a model has one cell per suite, whatever the number of prompts."""
    entailment: bool = False
    """Whether one text follows from another, as a sequence-classification head says."""


@runtime_checkable
class Model(Protocol):
    """A model that can be evaluated.

    Methods are called in this order: ``fingerprint`` (at any time, without loading), ``load``,
    ``respond`` any number of times, ``close``. ``load`` must work again after ``close``.

    A model made from a declaration keeps it as ``declaration`` (with ``backend`` and ``options``)
    for the record of the run.
    """

    name: str
    capabilities: Capabilities

    def fingerprint(self) -> Mapping[str, Any] | None:
        """Everything besides the request that determines an answer, as JSON values.

        This includes the weights (by revision or content hash), quantisation, adapter, dtype, kind
        of device, chat template and versions of the libraries that compute; a name alone is never
        enough. It must be cheap and load nothing heavy.

        Returns None if the identity of the model is unknown; its answers are then not cached.
        Raises ModelError if the model does not exist, such as for a missing file.
        """
        ...

    def load(self) -> None:
        """Make the model ready to answer. Raises ModelError with advice on what to do."""
        ...

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Answer requests in any order, a batch at a time.

        requests: all requests of a cell. answered: indices that need no response.

        Yields every other index exactly once. The layout of batches must depend on ``requests``
        alone, so that a resumed run has the same batches: indices in ``answered`` keep their place,
        and a batch of only such indices is skipped. A request that fails yields a response with
        status ``error`` or ``overflow``, and the others go on.

        Raises ModelError only if the model itself is broken.
        """
        ...

    def describe(self) -> Mapping[str, Any]:
        """Facts for the report: device, dtype, context length, parameters, load time."""
        ...

    def close(self) -> None:
        """Free all memory. It must be safe to call twice, and without ``load``."""
        ...


class InProgress(NamedTuple):
    """What a model is computing. messages: everything it decided so far that a user should know."""

    tokens: int
    messages: Sequence[str] = ()


@runtime_checkable
class Reporting(Model, Protocol):
    """A model that reports its progress between batches."""

    def in_progress(self) -> InProgress:
        """The tokens that are computed but in no response yet; called in another thread."""
        ...


@runtime_checkable
class Recalling(Model, Protocol):
    """A model whose fingerprint includes facts that its server reports.

    While the server is down, ``fingerprint`` raises UnreachableError
    (``evalkit.models.remote.failures``).
    """

    recalled: bool

    def recall(self, fingerprint: Mapping[str, Any] | None) -> None:
        """Use the server's facts of an earlier fingerprint; None: ask the server again.

        While a fingerprint is recalled, ``load`` raises ModelError: only stored responses are
        available.
        """
        ...


@runtime_checkable
class OneByOne(Model, Protocol):
    """A model whose requests have nothing to do with each other, as those to a server.

    Several processes that share a store then share the requests as they go. A model without this
    answers all that one process claims of a cell.
    """

    one_by_one: bool
    """Whether ``respond_each`` may be called."""

    def respond_each(self, requests: Sequence[Request], indices: Iterator[int]) -> Iterator[Batch]:
        """Answer the requests with these indices, as ``respond`` does.

        indices: taken one after the other, each when its request is about to be sent.
        """
        ...


def unanswered(requests: Sequence[Request], answered: frozenset[int]) -> Iterator[int]:
    """The indices of the requests that need a response."""
    return (index for index in range(len(requests)) if index not in answered)
