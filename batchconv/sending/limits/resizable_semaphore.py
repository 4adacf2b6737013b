"""ResizableSemaphore among the requests in flight: a semaphore whose size can change."""

from __future__ import annotations

import asyncio
from collections import deque


class ResizableSemaphore:
    """At most `limit` are taken, but for those taken before it was lowered.

    Attributes:
        limit: how many there are.
        taken: how many are taken.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    def take_at_once(self) -> bool:
        """Take a place if one is free and nobody waits for it."""
        if self.taken >= self.limit or self._queue:
            return False
        self.taken += 1
        return True

    async def take(self) -> None:
        """Wait for a place, in order of asking."""
        if self.take_at_once():
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()  # it was given just now, and nobody is left to use it
            raise

    def give_back(self) -> None:
        """Free a place."""
        self.taken -= 1
        if self._queue:
            self._hand_out()

    def resize(self, limit: int) -> None:
        """Have so many places from now on."""
        self.limit = limit
        self._hand_out()

    def _hand_out(self) -> None:
        while self._queue and self.taken < self.limit:
            turn = self._queue.popleft()
            if not turn.done():
                self.taken += 1
                turn.set_result(None)
