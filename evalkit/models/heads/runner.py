"""Computes requests to task heads in batches of similar length."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from evalkit.engine.batching import make_batches
from evalkit.engine.language_model import context_length_of
from evalkit.engine.memory import Backoff, OutOfMemory
from evalkit.exchange import Request, Response, Status
from evalkit.models.base import Batch
from evalkit.models.heads.options import HeadOptions

if TYPE_CHECKING:
    import torch

_POSITIONS_FROM_TWO = (
    "roberta",
    "xlm-roberta",
    "xlm-roberta-xl",
    "camembert",
    "longformer",
    "mpnet",
)
"""Models whose positions begin with 2."""


class UnsupportedInputError(Exception):
    """A request that a head does not support. The message is for the author of the suite."""

    status = Status.ERROR


class InputTooLongError(UnsupportedInputError):
    """A text that exceeds the model's context."""

    status = Status.OVERFLOW


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One input sequence. types: the segment of each token; () if the model has no segments."""

    ids: tuple[int, ...]
    types: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class HeadRequest:
    """A request as rows: one, or several windows of a long text. notes: for the head itself."""

    request: Request
    rows: Sequence[TokenRow]
    sent: str
    notes: Any = None


@dataclass(frozen=True, slots=True)
class LoadedCheckpoint:
    """A transformers model in evaluation mode, with its tokenizer.

    batch_tokens, batch_rows: the most tokens and rows of a batch. pooling: of token states into an
    embedding.
    """

    model: Any
    tokenizer: Any
    options: HeadOptions
    batch_tokens: int
    batch_rows: int
    pooling: str = "mean"

    @property
    def context_length(self) -> int | None:
        """The most tokens of a row; None: unlimited."""
        if self.options.context_length is not None:
            return self.options.context_length
        stated = context_length_of(self.model.config, self.tokenizer)
        positions = getattr(self.model.config, "max_position_embeddings", None)
        if self.model.config.model_type in _POSITIONS_FROM_TWO and stated == positions and stated:
            return stated - 2
        return stated

    def row(self, *texts: str) -> TokenRow:
        """One text, or two as a pair, with the tokenizer's special tokens.

        Raises InputTooLongError if it exceeds the context.
        """
        encoded = self.tokenizer(*texts, verbose=False)
        return self.fitting(TokenRow(tuple(encoded["input_ids"]), self.types(encoded)))

    def windows(self, first: str, second: str) -> list[TokenRow]:
        """A pair of texts, with the first in overlapping windows if both do not fit the context.

        Windows overlap by half of the room that the second text leaves. Raises InputTooLongError
        if it leaves none.
        """
        limit = self.context_length
        whole = self.tokenizer(first, second, verbose=False)
        if limit is None or len(whole["input_ids"]) <= limit:
            return [TokenRow(tuple(whole["input_ids"]), self.types(whole))]
        room = limit - len(self.tokenizer("", second, verbose=False)["input_ids"])
        if room < 2:
            raise InputTooLongError(
                f"the second text leaves no room for the first in the model's context of {limit}"
            )
        encoded = self.tokenizer(
            first,
            second,
            truncation="only_first",
            max_length=limit,
            stride=room // 2,
            return_overflowing_tokens=True,
            verbose=False,
        )
        segments = encoded.get("token_type_ids") or [()] * len(encoded["input_ids"])
        return [
            TokenRow(tuple(ids), tuple(types))
            for ids, types in zip(encoded["input_ids"], segments, strict=True)
        ]

    def fitting(self, row: TokenRow) -> TokenRow:
        """The row itself. Raises InputTooLongError if it exceeds the context."""
        limit = self.context_length
        if limit is not None and len(row.ids) > limit:
            message = (
                f"the text has {len(row.ids)} tokens, more than the model's context of {limit}"
            )
            raise InputTooLongError(message)
        return row

    def types(self, encoded: Mapping[str, Any]) -> tuple[int, ...]:
        """The segment of each token of an encoding."""
        return tuple(encoded.get("token_type_ids", ()))

    def sent(self, row: TokenRow) -> str:
        """The text of a row, special tokens included."""
        return str(self.tokenizer.decode(list(row.ids), clean_up_tokenization_spaces=False))

    def forward(self, rows: Sequence[TokenRow]) -> tuple[Any, torch.Tensor]:
        """The model's output for rows, and the mask of their tokens, shape (rows, longest)."""
        import torch

        width = max(len(row.ids) for row in rows)
        device = self.model.device

        def padded(columns: Sequence[Sequence[int]], fill: int) -> torch.Tensor:
            filled = [[*column, *[fill] * (width - len(column))] for column in columns]
            return torch.tensor(filled, device=device)

        inputs = {"input_ids": padded([row.ids for row in rows], self.pad)}
        mask = padded([[1] * len(row.ids) for row in rows], 0)
        inputs["attention_mask"] = mask
        if rows[0].types:
            inputs["token_type_ids"] = padded([row.types for row in rows], 0)
        with torch.inference_mode():
            return self.model(**inputs), mask

    @property
    def pad(self) -> int:
        """The token id of padding."""
        pad = self.model.config.pad_token_id if self.pads else None
        return int(pad) if pad is not None else int(self.tokenizer.pad_token_id or 0)

    @property
    def pads(self) -> bool:
        """False if rows of different lengths cannot share a batch.

        A decoder with a classification head finds the end of a row by its padding.
        """
        return getattr(self.model.config, "pad_token_id", None) is not None


class HeadAdapter(Protocol):
    """The protocol of heads. weight: the memory of one token, relative to an encoder's."""

    weight: int

    def encode(self, request: Request) -> HeadRequest:
        """The rows of a request. Raises UnsupportedInputError."""
        ...

    def compute(self, rows: Sequence[TokenRow]) -> Sequence[Any]:
        """The result of each row."""
        ...

    def response(self, item: HeadRequest, results: Sequence[Any]) -> Response:
        """The response to a request from the results of its rows."""
        ...


@dataclass(slots=True)
class _Pending:
    """A request whose rows are being computed."""

    item: HeadRequest
    results: dict[int, Any] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""

    def put(self, row: int, result: Any, seconds: float) -> None:
        self.seconds += seconds
        self.results[row] = result
        if isinstance(result, OutOfMemory):
            tokens = len(self.item.rows[row].ids)
            self.error = f"out of memory with this text alone ({tokens} tokens)"

    def response(self, head: HeadAdapter) -> Response | None:
        """The response; None while results are missing."""
        if len(self.results) < len(self.item.rows):
            return None
        if self.error:
            made = Response(Status.ERROR, error=self.error)
        else:
            made = head.response(self.item, [self.results[i] for i in sorted(self.results)])
        tokens = sum(len(row.ids) for row in self.item.rows)
        return replace(made, sent=self.item.sent, prompt_tokens=tokens, seconds=self.seconds)


def run_head(
    head: HeadAdapter,
    checkpoint: LoadedCheckpoint,
    requests: Sequence[Request],
    answered: frozenset[int],
) -> Iterator[Batch]:
    """Responses, a batch at a time. The batches depend on ``requests`` alone."""
    places = _places(requests)
    pending: list[tuple[_Pending, list[int]]] = []
    for request, where in places.items():
        waiting = [i for i in where if i not in answered]
        try:
            pending.append((_Pending(head.encode(request)), waiting))
        except UnsupportedInputError as error:
            yield [(i, Response(error.status, error=str(error))) for i in waiting]
    yield from _computed(head, checkpoint, pending)


def _computed(
    head: HeadAdapter, checkpoint: LoadedCheckpoint, pending: Sequence[tuple[_Pending, list[int]]]
) -> Iterator[Batch]:
    flat = [(of, waiting, k) for of, waiting in pending for k in range(len(of.item.rows))]
    rows = [of.item.rows[k] for of, _, k in flat]
    backoff = Backoff(lambda part: len(part) * max(len(rows[i].ids) for i in part))
    for batch in _layout(head, checkpoint, rows):
        if not any(flat[i][1] for i in batch):
            continue
        started = time.perf_counter()
        for part, results in backoff.run(batch, lambda b: head.compute([rows[i] for i in b])):
            now = time.perf_counter()
            seconds, started = (now - started) / len(part), now
            done: Batch = []
            for place, i in enumerate(part):
                of, waiting, k = flat[i]
                of.put(k, results if isinstance(results, OutOfMemory) else results[place], seconds)
                response = of.response(head)
                if response is not None:
                    done += [(index, response) for index in waiting]
            if done:
                yield done


def _places(requests: Sequence[Request]) -> dict[Request, list[int]]:
    """The indices of each distinct request; repeats are the same request."""
    places: dict[Request, list[int]] = {}
    for index, request in enumerate(requests):
        places.setdefault(replace(request, repeat=0), []).append(index)
    return places


def _layout(
    head: HeadAdapter, checkpoint: LoadedCheckpoint, rows: Sequence[TokenRow]
) -> list[list[int]]:
    most = checkpoint.batch_rows if checkpoint.pads else 1
    return make_batches([len(row.ids) * head.weight for row in rows], checkpoint.batch_tokens, most)
