"""Bounded workers: Conversions in, Outcomes out, one for one.

A worker takes a conversion, makes the first attempt and settles it. An attempt that is to be
made again becomes a task of its own, in which tenacity waits; a waiting retry holds no place
among the requests in flight. A row that ends without an outcome, whatever the cause, is counted
as unsent: the counting is done where the row is let go, not by subtraction, so that the books
can fail to balance if this room is wrong.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import cast

from tenacity import AsyncRetrying, retry_if_result, stop_after_attempt

from batchconv.errors import BatchconvError
from batchconv.events import tell_attempt
from batchconv.gates import Door
from batchconv.model import Conversion, Outcome, Reply, Result
from batchconv.retry import (
    Backoff,
    Judge,
    Judged,
    Verdict,
    explain,
    outcome_unknown,
)
from batchconv.stops import Stop, account_stop, defect_stop, file_stop
from batchconv.traffic import Limits, Traffic

GRACE = 5.0
"""Seconds that requests in flight are given when the run stops."""


@dataclass(slots=True, eq=False)
class _Delivery:
    """One conversion on its way: whoever holds it settles it or counts it as unsent."""

    conversion: Conversion
    attempts: int = 0
    settled: bool = False
    unknown: bool = False  # the last attempt may have reached the API
    judged: Judged | None = None  # of the first attempt, until tenacity has heard of it


class Pool:
    """Posts conversions concurrently.

    Args:
        send: one conversion, one exchange; never raises for anything the network does.
        settle: takes an outcome and writes it; raises OutputError when it cannot.
        drain: waited for after each outcome, for a settler that may fall behind.
        rate: requests a second, retries counted in; None for no limit.
        backoff: how long a retry waits.
        clock: monotonic seconds.
        wall: Unix seconds, for a `Retry-After` that is a date.
    """

    def __init__(
        self,
        send: Callable[[Conversion], Awaitable[Reply]],
        settle: Callable[[Outcome], None],
        *,
        limits: Limits,
        rate: float | None,
        backoff: Backoff,
        drain: Callable[[], Awaitable[None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.traffic = Traffic()
        self.stops: list[Stop] = []
        self._send = send
        self._settle = settle
        self._drain = drain
        self._limits = limits
        self._backoff = backoff
        self._door = Door(limits, rate, backoff, self.traffic, self.stop, clock=clock, wall=wall)
        self._workers = 0
        self._exhausted = False
        self._judge = Judge()
        self._room = asyncio.Event()  # fewer rows wait for a retry than may
        self._room.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._exchanging: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._grace: asyncio.TimerHandle | None = None

    @property
    def door(self) -> Door:
        """What all requests pass."""
        return self._door

    async def run(self, take: Callable[[], Awaitable[Conversion | None]]) -> None:
        """Send what *take* gives until it gives None or the pool is stopped."""
        self._take = take
        self._staff()
        try:
            if self._tasks:  # none when it was stopped before it began
                await self._idle.wait()
        finally:
            self._door.close()
            # Only when this task itself is cancelled is anything left.
            if self._grace is not None:
                self._grace.cancel()
            self.abort()
            if self._tasks:
                await asyncio.wait(self._tasks)

    def stop(self, stop: Stop, grace: float = GRACE) -> None:
        """Start nothing more; requests in flight get *grace* seconds to end."""
        first = not self.stops
        # What is in flight when the key is refused is refused as well: once is enough to tell.
        if stop.at_once or all(other.exit_code != stop.exit_code for other in self.stops):
            self.stops.append(stop)
        if not first:
            return
        for task in self._tasks - self._exchanging:
            task.cancel()
        self._grace = asyncio.get_running_loop().call_later(grace, self.abort)

    def send_also(self, conversion: Conversion) -> None:
        """Send a row that did not come from *take*; at a stop it is unsent."""
        delivery = _Delivery(conversion)
        if self.stops:
            self._let_go(delivery)
        else:
            self._start_waiting(delivery)

    def abort(self) -> None:
        """Cut off what is still in flight."""
        for task in self._tasks:
            task.cancel()

    def _start(
        self, coroutine: Coroutine[None, None, None], delivery: _Delivery | None = None
    ) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, delivery))

    def _ended(self, delivery: _Delivery | None, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if delivery is not None:
            # Here and not in the task: one that is cancelled before it begins runs no `finally`.
            self._let_go(delivery)
            self.traffic.waiting -= 1
            if self.traffic.waiting < self._limits.most_waiting:
                self._room.set()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, BatchconvError):
            self.stop(file_stop(error))
        elif error is not None:
            self.stop(defect_stop(error))
        if not self._tasks:
            self._idle.set()

    def _let_go(self, delivery: _Delivery) -> None:
        if not delivery.settled:
            self.traffic.unsent += 1

    def _staff(self) -> None:
        """Have as many workers as may be at work at once."""
        while self._workers < self._door.width and not (self._exhausted or self.stops):
            self._workers += 1
            self._start(self._work())

    async def _work(self) -> None:
        while not self.stops and (conversion := await self._take()) is not None:
            delivery = _Delivery(conversion)
            handed_over = False
            try:
                judged = await self._exchange(delivery)
                if judged.verdict is Verdict.AGAIN and self._may_try_again():
                    self._retry_later(delivery, judged)
                    handed_over = True
                else:
                    self._finish(delivery, judged)
            finally:
                if not handed_over:
                    self._let_go(delivery)
            if self._workers < self._door.width:
                self._staff()
            if self._drain is not None:
                await self._drain()
            await self._room.wait()
        self._exhausted = True

    def _may_try_again(self) -> bool:
        return self._limits.max_attempts > 1 and not self.stops

    def _retry_later(self, delivery: _Delivery, judged: Judged) -> None:
        delivery.judged = judged
        self._start_waiting(delivery)

    def _start_waiting(self, delivery: _Delivery) -> None:
        self.traffic.waiting += 1
        if self.traffic.waiting >= self._limits.most_waiting:
            self._room.clear()
        self._start(self._retry(delivery), delivery)

    async def _retry(self, delivery: _Delivery) -> None:
        """All attempts, with tenacity between them; the first may have been made already."""
        retrying = AsyncRetrying(
            retry=retry_if_result(
                lambda judged: judged.verdict is Verdict.AGAIN and not self.stops
            ),
            stop=stop_after_attempt(self._limits.max_attempts),
            wait=self._backoff,
            sleep=asyncio.sleep,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        self._finish(delivery, await retrying(self._next_attempt, delivery))

    async def _next_attempt(self, delivery: _Delivery) -> Judged:
        # tenacity counts from the first attempt, also where that was made before it was asked.
        judged, delivery.judged = delivery.judged, None
        if judged is not None:
            return judged
        if delivery.attempts:
            await self._door.afford_retry()
        return await self._exchange(delivery)

    def _finish(self, delivery: _Delivery, judged: Judged) -> None:
        reply, verdict = judged
        if verdict in (Verdict.STOP, Verdict.SLOW_DOWN) or (
            verdict is Verdict.AGAIN and self.stops
        ):
            return  # no outcome: the row is unsent, and a resume gives it its attempts
        result, reason, detail = Result.ACCEPTED, None, None
        if verdict is not Verdict.ACCEPT:
            result = Result.REJECTED if verdict is Verdict.REJECT else Result.FAILED
            reason, detail = explain(reply, delivery.attempts)
        self._settle(
            Outcome(
                delivery.conversion.row,
                delivery.conversion,
                result,
                reply.status,
                delivery.attempts,
                reply.elapsed,
                reason,
                detail,
            )
        )
        delivery.settled = True

    async def _exchange(self, delivery: _Delivery) -> Judged:
        """One exchange that counts as an attempt: others are made again here."""
        while True:
            left = await self._door.enter()
            try:
                judged = await self._send_once(delivery, left)
            finally:
                self._door.leave()
            verdict = judged.verdict
            uncounted = verdict is Verdict.SLOW_DOWN or (
                verdict is Verdict.AGAIN and self._door.outage
            )
            if self.stops or not uncounted:
                return judged

    async def _send_once(self, delivery: _Delivery, left: float) -> Judged:
        traffic = self.traffic
        traffic.requests += 1
        traffic.retries += delivery.attempts > 0
        traffic.unknown_repeats += delivery.unknown
        delivery.attempts += 1
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._exchanging.add(task)
        try:
            reply = await self._send(delivery.conversion)
        finally:
            self._exchanging.discard(task)
        delivery.unknown = outcome_unknown(reply)
        judged = self._judge(reply)
        if judged.verdict is not Verdict.ACCEPT:
            self._note(judged, delivery)
        self._door.replied(delivery.conversion.row, left, judged, retried=delivery.attempts > 1)
        return judged

    def _note(self, judged: Judged, delivery: _Delivery) -> None:
        row, reply = delivery.conversion.row, judged.reply
        tell_attempt(row, delivery.attempts, reply, judged.verdict.value)
        if judged.verdict is Verdict.STOP:
            self.stop(account_stop(reply))
