"""The questions of one cell, shared with other processes that ask the same ones on one store."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from evalkit.respond.recorder import Recorder

POLL = 0.25
"""Seconds between two looks at what another process has answered."""
PATIENCE = 600.0
"""Seconds without an answer from another process after which its questions are asked here too."""
QUICK, SLOW = 0.1, 1.0
"""Seconds in which a group of claimed questions is asked: below, the next is larger; above,
smaller."""
LARGEST = 256


class SharedQuestions:
    """The open questions of a batch, by key. Each is claimed before it is asked.

    ``answered`` are keys that another process has answered meanwhile.
    """

    def __init__(self, recorder: Recorder, keys: Sequence[str]) -> None:
        self.answered: set[str] = set()
        self._recorder = recorder
        self._open = list(keys)
        self._size = 1
        self._waited = 0.0

    def rounds(self) -> Iterator[None]:
        """One round after the other, until nothing is open. In each, take what is to be asked.

        Between rounds this waits for the answers of other processes.
        """
        while self._open:
            before = len(self._open)
            yield
            if len(self._open) < before:
                self._waited = 0.0
            elif self._open:
                time.sleep(POLL)
                self._waited += POLL

    @property
    def waiting(self) -> int:
        """The number of questions that another process is asking."""
        return len(self._open)

    def take_all(self) -> list[str]:
        """Claim every open question; those of other processes stay open."""
        mine, self._open = self._claim(self._open)
        return mine

    def take_each(self) -> Iterator[str]:
        """Claim the open questions in small groups, as they are asked."""
        todo, self._open = self._open, []
        while todo:
            started = time.monotonic()
            group, todo = todo[: self._size], todo[self._size :]
            mine, theirs = self._claim(group)
            self._open += theirs
            yield from mine
            took = time.monotonic() - started
            if took < QUICK:
                self._size = min(2 * self._size, LARGEST)
            elif took > SLOW:
                self._size = max(self._size // 2, 1)

    def _claim(self, keys: Sequence[str]) -> tuple[list[str], list[str]]:
        claimed = self._recorder.claim(keys, force=self._waited >= PATIENCE)
        self.answered |= claimed.answered
        return claimed.mine, claimed.theirs
