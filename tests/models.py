"""Servers as calculations, on a clock that jumps: what they allow, and what they saw."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from batchconv.model import NO_FIELDS, Conversion, Outcome, Reply, Row
from batchconv.sending.retry import Backoff
from batchconv.sending.traffic import Limits
from batchconv.sending.transport import Turn, at_once
from batchconv.sending.worker_pool import Pool
from batchconv.vonage.verdicts import ReplyJudge
from tests import warp

OK = Reply(200, 0.01)
REFUSAL = Reply(429, 0.0)


@dataclass
class Bucket:
    """A token bucket: *rate* a second, *burst* at once; another rate from a moment on."""

    rate: float
    burst: float
    then: tuple[float, float] | None = None
    tokens: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def takes(self, now: float) -> bool:
        rate = self.then[1] if self.then and now >= self.then[0] else self.rate
        self.tokens = min(
            max(1, self.burst * rate / self.rate), self.tokens + (now - self.at) * rate
        )
        self.at = now
        if self.tokens < 1 - 1e-9:
            return False
        self.tokens -= 1
        return True


@dataclass
class Window:
    """So many requests in each second of the clock, or (sliding) in any second."""

    rate: float
    sliding: bool = False
    then: tuple[float, float] | None = None
    taken: deque[float] = field(default_factory=deque)

    def takes(self, now: float) -> bool:
        rate = self.then[1] if self.then and now >= self.then[0] else self.rate
        begin = now - 1 if self.sliding else float(int(now)) - 1e-12
        while self.taken and self.taken[0] <= begin:
            self.taken.popleft()
        if len(self.taken) >= rate:
            return False
        self.taken.append(now)
        return True


@dataclass
class Server:
    """Answers after *latency*; what it does not take it refuses at once."""

    takes: Callable[[float], bool] = lambda _: True
    latency: float = 0.01
    spread: Callable[[], float] = lambda: 0.0
    most_at_once: int = 10**9
    refusal: Reply = REFUSAL
    down: tuple[float, float] = (0.0, 0.0)
    cpu: float = 0.0  # seconds that one request keeps the one core busy
    replies: list[tuple[float, int]] = field(default_factory=list)
    in_flight: int = 0
    busy_until: float = 0.0

    async def send(self, conversion: Conversion, turn: Turn = at_once, **_: object) -> Reply:
        await turn(lambda: True)
        now = asyncio.get_running_loop().time()
        reply = await self._reply(now)
        self.replies.append((now, reply.status or 0))
        return reply

    async def _reply(self, now: float) -> Reply:
        if self.down[0] <= now < self.down[1]:
            await asyncio.sleep(self.latency)
            return Reply(503, self.latency)
        if self.in_flight >= self.most_at_once or not self.takes(now):
            await asyncio.sleep(0.001)
            return self.refusal
        self.in_flight += 1
        try:
            self.busy_until = max(self.busy_until, now) + self.cpu
            await asyncio.sleep(self.latency + self.spread() + self.busy_until - now)
        finally:
            self.in_flight -= 1
        return OK

    def count(self, begin: float, end: float) -> Counter[int]:
        """Replies by status of requests that came in between."""
        return Counter(status for at, status in self.replies if begin <= at < end)

    def accepted(self, begin: float, end: float) -> float:
        """Rows a second taken in between."""
        return self.count(begin, end)[200] / (end - begin)

    def refused(self, begin: float = 0.0, end: float = 1e9) -> float:
        """The share of requests that was not taken."""
        counted = self.count(begin, end)
        return 1 - counted[200] / max(1, counted.total())


@dataclass
class Sending:
    """A pool that sends *rows* rows to a server, or as many as it can in *seconds*."""

    server: Server
    limits: Limits = field(default_factory=Limits)
    rate: float | None = None
    rows: int = 10**9
    seconds: float = 1e9
    events: list[tuple[float, Callable[[Pool], None]]] = field(default_factory=list)
    keep: Callable[[int], None] = lambda _: None
    wall: Callable[[], float] | None = None
    outcomes: list[Outcome] = field(default_factory=list)

    def run(self) -> Sending:
        return warp.run(self._run())

    async def _run(self) -> Sending:
        loop = asyncio.get_running_loop()
        self.taken = 0
        self.pool = Pool(
            self.server.send,
            self._settle,
            judge=ReplyJudge(),
            limits=self.limits,
            rate=self.rate,
            keep=self.keep,
            backoff=Backoff(1.0, 30.0, self.wall or loop.time),
            clock=loop.time,
            wall=self.wall or loop.time,
        )
        for at, event in self.events:
            loop.call_later(at, event, self.pool)
        await self.pool.run(self._take)
        self.ended = loop.time()
        return self

    def _settle(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    async def _take(self) -> Conversion | None:
        if self.taken >= self.rows or asyncio.get_running_loop().time() >= self.seconds:
            return None
        self.taken += 1
        row = Row("a.csv", self.taken, self.taken + 1, NO_FIELDS, None, None, None)
        return Conversion(row, f"id{self.taken}", True, None, "sms")
