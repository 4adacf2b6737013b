"""The budget of retries: a server in trouble is not drowned in second attempts."""

from __future__ import annotations

import asyncio
from collections import deque

_MOST = 100.0
_EARNED = 0.2


class RetryBudget:
    """A retry costs one, a row accepted at its first attempt earns a fifth back.

    A retry that succeeds is given its cost back. One that the budget refuses waits until there
    is enough, or until hardly anything else is in flight: it is never failed for it. So in the
    long run a fifth as many retries leave as rows are accepted at once.

    Attributes:
        queue: the retries that wait for it.
    """

    def __init__(self) -> None:
        self._left = _MOST
        self.queue: deque[asyncio.Future[None]] = deque()

    async def spend(self, *, idle: bool) -> None:
        """Wait until one more retry may leave; *idle* when hardly any is in flight."""
        if not self.queue and (self._left >= 1 or idle):
            self._left = max(0.0, self._left - 1)
            return
        turn = asyncio.get_running_loop().create_future()
        self.queue.append(turn)
        await turn

    def earn(self, *, retried: bool) -> None:
        """A row was accepted."""
        if self._left < _MOST:
            self._left = min(_MOST, self._left + (1.0 if retried else _EARNED))
            if self.queue and self._left >= 1:
                self.let_one_go()

    def let_one_go(self) -> None:
        """The one that has waited longest may leave, even when nothing is left."""
        while self.queue:
            turn = self.queue.popleft()
            if not turn.done():
                self._left = max(0.0, self._left - 1)
                turn.set_result(None)
                return
