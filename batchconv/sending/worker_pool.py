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
from functools import partial
from typing import cast

from tenacity import AsyncRetrying, retry_if_result, stop_after_attempt

from batchconv.errors import BatchconvError
from batchconv.model import Conversion, Outcome, Reply, Result
from batchconv.sending.attempts import Attempts, Delivery, TellAttempt, TurnAway, TurnedAway
from batchconv.sending.limits import AdmissionGate
from batchconv.sending.retry import Backoff
from batchconv.sending.stops import Stop, defect_stop, file_stop
from batchconv.sending.traffic import Limits, Traffic
from batchconv.sending.transport import Turn
from batchconv.vonage.verdicts import Judged, Verdict, explain

GRACE = 5.0
"""Seconds that requests in flight are given when the run stops."""


class Pool:
    """Posts conversions concurrently.

    Args:
        send: a transport's `exchange`.
        settle: takes an outcome; what it gives is done when the outcome's line is written, and
            raises OutputError when it cannot be.
        judge: what to do about a reply.
        turn_away: asked about each row when it is about to be written; its outcome when it is
            not to be sent any more.
        drain: asked after each outcome for something to wait for before more is taken; None
            when there is nothing.
        tell_attempt: told of every exchange that was not accepted.
        keep: told how many connections are of use whenever that changes.
        rate: requests a second, retries counted in; None for no limit.
        backoff: how long a retry waits.
        clock: monotonic seconds.
        wall: Unix seconds, for a `Retry-After` that is a date.
    """

    def __init__(
        self,
        send: Callable[[Conversion, Turn], Awaitable[Reply]],
        settle: Callable[[Outcome], Awaitable[None]],
        *,
        limits: Limits,
        rate: float | None,
        backoff: Backoff,
        judge: Callable[[Reply], Judged],
        turn_away: TurnAway = lambda _: None,
        drain: Callable[[], Awaitable[None] | None] = lambda: None,
        keep: Callable[[int], None] = lambda _: None,
        tell_attempt: TellAttempt = lambda *_: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.traffic = Traffic()
        self.stops: list[Stop] = []
        self._settle = settle
        self._drain = drain
        self._limits = limits
        self._backoff = backoff
        self._gate = AdmissionGate(
            limits, rate, backoff, self.traffic, self.stop, keep=keep, clock=clock, wall=wall
        )
        self._attempts = Attempts(
            send,
            self._gate,
            self.traffic,
            judge=judge,
            turn_away=turn_away,
            stop=self.stop,
            tell_attempt=tell_attempt,
        )
        self._workers = 0
        self._exhausted = False
        self._room = asyncio.Event()  # fewer rows wait for a retry than may
        self._room.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._settling: set[asyncio.Task[None] | None] = set()
        self._idle = asyncio.Event()
        self._grace: asyncio.TimerHandle | None = None

    @property
    def gate(self) -> AdmissionGate:
        """What all requests pass."""
        return self._gate

    async def run(self, take: Callable[[], Awaitable[Conversion | None]]) -> None:
        """Send what *take* gives until it gives None or the pool is stopped."""
        self._take = take
        self._staff()
        try:
            if self._tasks:  # none when it was stopped before it began
                await self._idle.wait()
        finally:
            self._gate.close()
            # Only when this task itself is cancelled is anything left.
            if self._grace is not None:
                self._grace.cancel()
            self.abort()
            if self._tasks:
                await asyncio.wait(self._tasks)

    def stop(self, stop: Stop, grace: float = GRACE) -> None:
        """Start nothing more; requests in flight get *grace* seconds to end."""
        first = not self.stops
        self._attempts.stopping = True
        # What is in flight when the key is refused is refused as well: once is enough to tell.
        if stop.at_once or all(other.exit_code != stop.exit_code for other in self.stops):
            self.stops.append(stop)
        if not first:
            return
        for task in self._tasks - self._attempts.exchanging - self._settling:
            task.cancel()
        self._grace = asyncio.get_running_loop().call_later(grace, self.abort)

    def send_also(self, conversion: Conversion) -> None:
        """Send a row that did not come from *take*; at a stop it is unsent."""
        delivery = Delivery(conversion)
        if self.stops:
            self._let_go(delivery)
        else:
            self._start_waiting(delivery)

    def abort(self) -> None:
        """Cut off what is still in flight; a line that is being written is not."""
        for task in self._tasks - self._settling:
            task.cancel()

    def _start(
        self, coroutine: Coroutine[None, None, None], delivery: Delivery | None = None
    ) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, delivery))

    def _ended(self, delivery: Delivery | None, task: asyncio.Task[None]) -> None:
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

    def _let_go(self, delivery: Delivery) -> None:
        if not delivery.settled:
            self.traffic.unsent += 1

    def _staff(self) -> None:
        """Have as many workers as may be at work at once."""
        while self._workers < self._gate.width and not (self._exhausted or self.stops):
            self._workers += 1
            self._start(self._work())

    async def _work(self) -> None:
        task = _this_task()
        while not self.stops and (conversion := await self._take()) is not None:
            delivery = Delivery(conversion, task)
            handed_over = False
            try:
                judged = await self._attempts.make(delivery)
                if judged.verdict is Verdict.AGAIN and self._may_try_again():
                    self._retry_later(delivery, judged)
                    handed_over = True
                else:
                    await self._finish(delivery, judged)
            except TurnedAway as turned_away:
                await self._settle_delivery(delivery, turned_away.outcome)
            finally:
                if not handed_over:
                    self._let_go(delivery)
            if self._workers < self._gate.width:
                self._staff()
            elif self._workers > self._gate.width:
                self._workers -= 1  # there are fewer places now: one less to queue for them
                return
            if (waiting := self._drain()) is not None:
                await waiting
            if not self._room.is_set():
                await self._room.wait()
        self._exhausted = True

    def _may_try_again(self) -> bool:
        return self._limits.max_attempts > 1 and not self.stops

    def _retry_later(self, delivery: Delivery, judged: Judged) -> None:
        delivery.judged = judged
        self._start_waiting(delivery)

    def _start_waiting(self, delivery: Delivery) -> None:
        self.traffic.waiting += 1
        if self.traffic.waiting >= self._limits.most_waiting:
            self._room.clear()
        self._start(self._retry(delivery), delivery)

    async def _retry(self, delivery: Delivery) -> None:
        """All attempts, with tenacity between them; the first may have been made already."""
        delivery.task = _this_task()
        retrying = AsyncRetrying(
            retry=retry_if_result(
                lambda judged: judged.verdict is Verdict.AGAIN and not self.stops
            ),
            stop=stop_after_attempt(self._limits.max_attempts),
            wait=self._backoff,
            sleep=asyncio.sleep,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        try:
            judged: Judged = await retrying(self._next_attempt, delivery)
        except TurnedAway as turned_away:
            await self._settle_delivery(delivery, turned_away.outcome)
        else:
            await self._finish(delivery, judged)

    async def _next_attempt(self, delivery: Delivery) -> Judged:
        # tenacity counts from the first attempt, also where that was made before it was asked.
        judged, delivery.judged = delivery.judged, None
        if judged is not None:
            return judged
        if delivery.attempts:
            await self._gate.afford_retry()
        return await self._attempts.make(delivery)

    async def _finish(self, delivery: Delivery, judged: Judged) -> None:
        reply, verdict = judged
        if verdict in (Verdict.STOP, Verdict.SLOW_DOWN) or (
            verdict is Verdict.AGAIN and self.stops
        ):
            return  # no outcome: the row is unsent, and a resume gives it its attempts
        result, reason, detail = Result.ACCEPTED, None, None
        if verdict is not Verdict.ACCEPT:
            result = Result.REJECTED if verdict is Verdict.REJECT else Result.FAILED
            reason, detail = explain(reply, delivery.attempts)
        outcome = Outcome(
            delivery.conversion.row,
            delivery.conversion,
            result,
            reply.status,
            delivery.attempts,
            reply.elapsed,
            reason,
            detail,
        )
        await self._settle_delivery(delivery, outcome)

    async def _settle_delivery(self, delivery: Delivery, outcome: Outcome) -> None:
        self._settling.add(delivery.task)
        try:
            await self._settle(outcome)
        finally:
            self._settling.discard(delivery.task)
        delivery.settled = True


def _this_task() -> asyncio.Task[None]:
    return cast("asyncio.Task[None]", asyncio.current_task())
