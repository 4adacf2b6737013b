"""A sender that meets a server on a virtual clock: only moments are computed, none is waited for.

The classes that decide are the real ones; so that minutes pass in a moment, there is no event
loop and no row.
"""

from __future__ import annotations

import heapq
import random
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from math import inf

from batchconv.retry_after import retry_after
from batchconv.sending.limits.adaptive_concurrency import AdaptiveConcurrency
from batchconv.sending.limits.pacing import Pacing
from batchconv.sending.limits.throttling import Throttling

_EVER = 10**9


@dataclass
class Server:
    """What a server does with a request.

    Attributes:
        seconds: how long it works on one.
        takes: whether one that arrives at a moment is let through.
        asks: the `Retry-After` of a refusal at a moment; None for none.
        refusal: status of those that are not let through.
        at_once: how many it lets in at the same time.
        cores: how many it works on at the same time; the others queue.
        network: seconds of the way there and back.
        travel: more seconds of the way back, that others do not wait for.
        errors: the share of those let through that get a 503.
    """

    seconds: Callable[[], float] = lambda: 0.005
    takes: Callable[[float], bool] = lambda _: True
    asks: Callable[[float], str | None] = lambda _: None
    refusal: int = 429
    at_once: int = _EVER
    cores: int = _EVER
    network: float = 0.0
    travel: Callable[[], float] = lambda: 0.0
    errors: float = 0.0

    def __post_init__(self) -> None:
        self._lot = random.Random(7)
        self._inside: list[float] = []  # when each that is inside will have left

    def answer(self, now: float) -> tuple[int, float, str | None]:
        """The status of a request that arrives now, when its reply is there, what it asks for."""
        inside = self._inside
        while inside and inside[0] <= now:
            heapq.heappop(inside)
        if len(inside) >= self.at_once or not self.takes(now):
            return self.refusal, now + self.network + 0.002, self.asks(now)
        begin = (
            now
            if len(inside) < self.cores
            else heapq.nsmallest(len(inside) - self.cores + 1, inside)[-1]
        )
        end = begin + self.seconds()
        heapq.heappush(inside, end)
        status = 503 if self.errors and self._lot.random() < self.errors else 200
        return status, end + self.network + self.travel(), None


@dataclass
class Sender:
    """Sends as much as it is allowed to.

    Attributes:
        concurrency: requests in flight at once; None for `auto`.
        seed: of what the sender leaves to chance.
        finder: what finds the pace.
        replies: when each request left, and whether it was accepted.
    """

    server: Server
    concurrency: int | None = 20
    seed: int = 1
    finder: type[Throttling] = Throttling
    replies: list[tuple[float, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._throttling = self.finder(random.Random(self.seed).uniform)
        self._pacing = Pacing(None, self._throttling)
        self._width = AdaptiveConcurrency(1000) if self.concurrency is None else None
        self._coming: list[tuple[float, int, float, int, int, str | None]] = []
        self._order = count()
        self._in_flight = 0

    def run(self, seconds: float, *events: tuple[float, Callable[[], None]]) -> Sender:
        """Send for so long; *events* are what happens, and when."""
        now, to_come = 0.0, list(events)
        while now < seconds:
            wait = self._wait(now)
            if wait <= 0:
                self._send(now)
                continue
            reply = self._coming[0][0] if self._coming else inf
            now = max(now, min(reply, now + wait, to_come[0][0] if to_come else inf))
            if to_come and to_come[0][0] <= now:
                to_come.pop(0)[1]()
            while self._coming and self._coming[0][0] <= now:
                self._take_in(now)
        return self

    def _wait(self, now: float) -> float:
        """Seconds until a request may leave; infinite until a reply comes."""
        limit = self.concurrency if self._width is None else self._width.limit
        if self._in_flight >= (limit or 1):
            return inf
        wait = self._pacing.until(now)
        return wait if wait > 1e-9 else 0.0

    def _send(self, now: float) -> None:
        self._pacing.reserve(now)
        self._throttling.written(now)
        self._in_flight += 1
        if self._width is not None:
            self._width.entered(now, self._in_flight)
        status, then, asks = self.server.answer(now)
        self.replies.append((now, status == 200))
        reply = (then, next(self._order), now, self._in_flight, status, asks)
        heapq.heappush(self._coming, reply)

    def _take_in(self, now: float) -> None:
        _, _, left, beside, status, asks = heapq.heappop(self._coming)
        self._in_flight -= 1
        if status == 429:
            self._throttling.refused(left, now, retry_after(asks, now), beside, self._width)
        else:
            self._throttling.passed(left, now, beside)
            if self._width is not None:
                self._width.reply(left, now, trouble=status != 200)

    def accepted(self, begin: float, end: float) -> float:
        """Requests a second that were accepted in between."""
        return sum(ok for _, ok in self._between(begin, end)) / (end - begin)

    def refused(self, begin: float, end: float) -> float:
        """The share of requests that was not accepted in between."""
        replies = self._between(begin, end)
        return 1 - sum(ok for _, ok in replies) / max(1, len(replies))

    def _between(self, begin: float, end: float) -> list[tuple[float, bool]]:
        first = bisect_left(self.replies, (begin, False))
        return self.replies[first : bisect_left(self.replies, (end, False))]
