"""Conversations of a cell in rounds: the requests of a turn exist once the turn before is answered.

A round holds the same turn of every conversation, so that a model's batches stay full, and the
batches of a round depend on the cell alone. Turns answered before, in this run or another, are not
asked again: a run that was killed goes on in the round that it reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from evalkit.errors import SpecError
from evalkit.exchange import Request, Response, Status
from evalkit.messages import Message
from evalkit.plan import Cell, request_of
from evalkit.respond.batch import CellRequests, RequestBatch
from evalkit.spec.data import Sample

ReadResponses = Callable[[Sequence[str]], Mapping[str, Response]]


@dataclass
class _Conversation:
    """The turns that are asked, and the answers so far. lost: why the next ones are not asked."""

    turns: tuple[Sample, ...]
    answers: list[tuple[Message, ...]] = field(default_factory=list)
    lost: str = ""


class ConversationRequests(CellRequests):
    """The requests of a cell whose turns follow the model's own answers."""

    def __init__(
        self,
        cell: Cell,
        key_of: Callable[[Request], str],
        answered: Callable[[Sequence[str]], set[str]],
        responses: ReadResponses,
    ) -> None:
        """key_of: the key of a request's response. answered: which keys the store has.

        responses: the stored responses of keys, without what a model thought.
        """
        super().__init__(cell)
        self._key_of, self._answered, self._responses = key_of, answered, responses
        last: dict[str, Sample] = {}
        for sample in cell.dataset.samples:
            assert sample.turn is not None
            last[sample.turn.conversation] = sample
        self._conversations = [
            _Conversation((*(one.turn.earlier if one.turn else ()), one)) for one in last.values()
        ]
        self._keys: dict[str, str] = {}
        self._asked: list[tuple[_Conversation, Sample, str]] = []
        self._round = RequestBatch()
        self._place()
        self._next_round()
        while self._asked and not self._round.missing:
            self._take_round()

    @property
    def upcoming(self) -> list[Request]:
        """For each turn after the present round, the request of its conversation in this round."""
        waiting: list[Request] = []
        for conversation, _, key in self._asked:
            if key in self._round.distinct:
                later = len(conversation.turns) - len(conversation.answers) - 1
                waiting += [self._round.distinct[key]] * later
        return waiting

    def rounds(self) -> Iterator[RequestBatch]:
        """The rounds that are not answered yet; each exists once the one before is answered."""
        while self._asked:
            yield self._round
            if self._round.error:
                self._merge_round()
                return
            self._take_round()

    def _next_round(self) -> None:
        """Make the requests of the next turn of every conversation."""
        self._round, self._asked = RequestBatch(), []
        for conversation in self._conversations:
            place = len(conversation.answers)
            if conversation.lost or place == len(conversation.turns):
                continue
            sample = conversation.turns[place]
            request = request_of(self.cell, sample, conversation.answers)
            if isinstance(request, SpecError):
                self._lose(conversation, place, str(request))
                continue
            later = place + 1 < len(conversation.turns)
            key = self._key_of(request)
            earlier = self._round.distinct.get(key)
            later = later or (earlier is not None and earlier.continued)
            request = replace(request, continued=later)
            self._round.distinct[key] = self.distinct[key] = request
            self._keys[sample.id] = key
            self._asked.append((conversation, sample, key))
        self._round.known = self._answered(list(self._round.distinct))
        self.known |= self._round.known
        self._place()

    def _take_round(self) -> None:
        """Add the answers of a round to their conversations, and prepare the next one."""
        self._merge_round()
        found = self._responses([key for _, _, key in self._asked])
        for conversation, sample, key in self._asked:
            response = found.get(key) or self._round.failures.get(key)
            if response is not None and response.answered:
                conversation.answers.append(_said(response))
                continue
            reason = f"{response.status}: {response.error}" if response else "no response"
            number = sample.turn.number if sample.turn else 0
            why = f"turn {number} of the conversation has no answer ({reason}), so this turn"
            self._lose(conversation, len(conversation.answers) + 1, f"{why} was not asked")
        self._next_round()

    def _lose(self, conversation: _Conversation, first: int, why: str) -> None:
        """Ask no more of a conversation. first: the place of the first turn that is not asked."""
        conversation.lost = why
        for sample in conversation.turns[first:]:
            self.failures[f"unasked {sample.id}"] = Response(Status.ERROR, error=why)

    def _merge_round(self) -> None:
        self.known |= self._round.known
        self.failures |= self._round.failures
        self.seconds += self._round.seconds
        self.error = self.error or self._round.error

    def _place(self) -> None:
        """The key of each sample; that of a turn which is not asked is none of the store's."""
        samples = self.cell.dataset.samples
        self.keys = [self._keys.setdefault(one.id, f"unasked {one.id}") for one in samples]


def _said(response: Response) -> tuple[Message, ...]:
    """The messages of an answer: those that an application returned, and the text last.

    Without such messages, the text's message has the calls.
    """
    messages = response.messages
    if not messages:
        return (Message("assistant", response.text, response.calls),)
    if messages[-1].role == "assistant" and messages[-1].text == response.text:
        return messages
    return (*messages, Message("assistant", response.text))
