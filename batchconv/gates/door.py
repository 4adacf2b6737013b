"""The gates in a row, with the sleeping between them: the one place that every request passes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from batchconv.gates.rate import Pacer
from batchconv.gates.throttle import Throttle
from batchconv.retry import Backoff, retry_after
from batchconv.traffic import Traffic


class Door:
    """Lets requests out at the pace that user and server allow.

    Args:
        pacer: the user's rate.
        backoff: how long a 429 without `Retry-After` holds everything back.
        traffic: where pauses are noted.
        clock: monotonic seconds.
        wall: Unix seconds.
    """

    def __init__(
        self,
        pacer: Pacer,
        backoff: Backoff,
        traffic: Traffic,
        *,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._pacer = pacer
        self._throttle = Throttle()
        self._backoff = backoff
        self._traffic = traffic
        self._clock = clock
        self._wall = wall

    async def admitted(self) -> float:
        """Wait until one more request may leave; the moment at which it does."""
        while True:
            while delay := self._throttle.wait(self._clock()):
                await asyncio.sleep(delay)
            if delay := self._pacer.reserve(self._clock()):
                await asyncio.sleep(delay)
            now = self._clock()
            if not self._throttle.wait(now):
                return now

    def passed(self) -> None:
        """A request got another answer than 429."""
        self._throttle.passed()

    def refused(self, left: float, asked: str | None) -> float:
        """A request that *left* at that moment got a 429, which is about the account.

        Nothing leaves until the server wants more: for as long as the `Retry-After` in *asked*
        says, or a growing while.

        Returns:
            Seconds for which there has been nothing but 429.
        """
        self._traffic.throttled += 1
        now = self._clock()
        if self._throttle.refused(left, now):
            seconds = retry_after(asked, self._wall())
            pause = self._backoff.throttled(self._throttle.times) if seconds is None else seconds
            self._throttle.close(now + pause)
            self._traffic.paused(self._wall(), self._wall() + pause, "throttled")
        return now - (self._throttle.since or now)
