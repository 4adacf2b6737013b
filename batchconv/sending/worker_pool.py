"""Bounded workers: Conversions in, Outcomes out, one for one.

A worker takes a conversion, makes the first attempt and settles it. An attempt that is to be
made again becomes a task of its own, in which tenacity waits; it holds no place among the
requests in flight. In an outage rows are kept back, but for one now and then. A row that ends
without an outcome is counted as unsent where it is given up, so that wrong books do not balance.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count

from batchconv.model import Conversion, Outcome, Reply
from batchconv.sending.attempts import Attempts, Send, TellAttempt, TurnAway, TurnedAway
from batchconv.sending.delivery import Delivery
from batchconv.sending.held_rows import HeldRows
from batchconv.sending.limits import AdmissionGate
from batchconv.sending.limits.circuit_breaker import probe_waits
from batchconv.sending.retry import Backoff, retry_loop
from batchconv.sending.stops import Stop, error_stop
from batchconv.sending.task_set import TaskSet
from batchconv.sending.traffic import Limits, Traffic, most_waiting
from batchconv.vonage.verdicts import Judged, Verdict

_AGAIN, _SLOW_DOWN = Verdict.AGAIN, Verdict.SLOW_DOWN  # every row comes past them

GRACE = 5.0
"""Seconds that requests in flight are given when the run stops."""


class Pool:
    """Posts conversions concurrently.

    Args:
        send: a transport's `exchange`.
        settle: writes an outcome's line; raises OutputError when it cannot be written.
        judge: what to do about a reply.
        turn_away: asked about each row when it is about to be written; its outcome when it is
            not to be sent any more. None where all are.
        tell_attempt: called with every exchange that was not accepted.
        note_most: called with how many rows are in flight when they are to be more than ever
        keep: called with how many connections are of use whenever that changes.
        rate: requests a second, retries counted in; None for no limit.
        backoff: how long a retry waits.
        clock, wall: monotonic seconds; Unix seconds, for a `Retry-After` that is a date.

    Attributes:
        gate: what all requests pass.
    """

    def __init__(
        self,
        send: Send,
        settle: Callable[[Outcome], None],
        *,
        limits: Limits,
        rate: float | None,
        backoff: Backoff,
        judge: Callable[[Reply], Judged],
        turn_away: TurnAway | None = None,
        keep: Callable[[int], None] = lambda _: None,
        tell_attempt: TellAttempt = lambda *_: None,
        note_most: Callable[[int], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.traffic = Traffic()
        self.stops: list[Stop] = []
        self._settle = settle
        self._limits, self._backoff = limits, backoff
        self.gate = AdmissionGate(
            limits, rate, self.traffic, self.stop, keep=keep, clock=clock, wall=wall
        )
        self._attempts = Attempts(
            send,
            self.gate,
            self.traffic,
            judge=judge,
            turn_away=turn_away,
            stop=self.stop,
            tell_attempt=tell_attempt,
            note_most=note_most,
        )
        self._workers = 0
        self._retrying = 0  # tasks, one for each row that is waiting for a retry
        self._orders = count()
        self._held = HeldRows()
        self._probing = self._exhausted = False
        self._room = asyncio.Event()  # set while fewer rows wait for a retry than may
        self._room.set()
        self._tasks = TaskSet(lambda error: self.stop(error_stop(error)))
        self._grace: asyncio.TimerHandle | None = None

    async def run(
        self,
        take: Callable[[], Awaitable[Conversion | None]],
        take_at_once: Callable[[], Conversion | None] = lambda: None,
    ) -> None:
        """Send what *take* gives, or *take_at_once* where it can, until *take* gives None."""
        self._take, self._take_at_once = take, take_at_once
        self._staff()
        try:
            await self._tasks.wait_until_idle()
        finally:
            self._attempts.stopping = True  # a row that is being settled brings on no other
            self.gate.close()
            # Only when this task itself is cancelled is anything left.
            if self._grace is not None:
                self._grace.cancel()
            self._abandon_held()
            self.abort()
            await self._tasks.wait()

    def stop(self, stop: Stop, grace: float = GRACE) -> None:
        """Start nothing more; requests in flight get *grace* seconds to end."""
        self._attempts.stopping = True
        # What is in flight when the key is refused is refused as well: once is enough to tell.
        if stop.at_once or all(other.exit_code != stop.exit_code for other in self.stops):
            self.stops.append(stop)
        if self._grace is None:
            self._abandon_held()
            self._tasks.cancel(self._attempts.exchanging)
            self._grace = asyncio.get_running_loop().call_later(grace, self.abort)

    def send_also(self, conversion: Conversion) -> None:
        """Send a row that did not come from *take*; at a stop it is unsent."""
        delivery = Delivery(conversion, next(self._orders))
        if self._attempts.stopping:
            self._let_go(delivery)
        else:
            self._start_waiting(delivery)

    def abort(self) -> None:
        """Cut off what is still in flight."""
        self._tasks.cancel()

    def _abandon_held(self) -> None:
        for delivery in self._held.abandon():
            self._let_go(delivery)
        self._count_waiting()

    def _let_go(self, delivery: Delivery) -> None:
        if not delivery.settled:
            self.traffic.unsent += 1
            self.traffic.result_unknown += delivery.unknown or delivery.unheard

    def _staff(self) -> None:
        """Have as many workers as may be at work at once."""
        while not (self._exhausted or self._attempts.stopping) and self._workers < self.gate.width:
            self._workers += 1
            self._tasks.start(self._work())

    async def _work(self) -> None:
        me, gate = asyncio.current_task(), self.gate
        try:
            while (delivery := self._next_at_once() or await self._next()) is not None:
                delivery.task = me
                await self._send_one(delivery)
                del delivery  # one that waits for its next row holds none
                if self._workers != gate.width:
                    if self._workers > gate.width:
                        return  # there are fewer places now: one less to queue for them
                    self._staff()
                if not self._room.is_set():
                    await self._room.wait()
        finally:
            self._workers -= 1

    def _next_at_once(self) -> Delivery | None:
        """The next row in good times; None when `_next` has to be asked."""
        if not self.gate.open or self._attempts.stopping:
            return None
        conversion = self._take_at_once()
        return None if conversion is None else Delivery(conversion, next(self._orders))

    async def _next(self) -> Delivery | None:
        """The next row that has not been tried; None when there is nothing to do for a worker.

        In an outage rows are read on and kept, up to a bound: its probes want them fresh.
        """
        while not self._attempts.stopping:
            kept = len(self._held.fresh) + self.traffic.waiting
            if self._exhausted or (self.gate.outage and kept >= most_waiting(self.gate.width)):
                return None
            conversion = await self._take()
            if conversion is None:
                self._exhausted = True
                continue
            delivery = Delivery(conversion, next(self._orders))
            if not (self.gate.outage or self._attempts.stopping):
                return delivery
            if not self._hold(delivery):
                self._let_go(delivery)
        return None

    async def _send_one(self, delivery: Delivery, *, probe: bool = False) -> None:
        """The first attempt, or a probe, in the delivery's task: it is settled or handed over."""
        handed_over = False
        try:
            judged = await self._attempts.make(delivery, probe=probe)
            if judged is None:
                handed_over = self._hold(delivery)
            elif self._to_be_tried_again(delivery, judged):
                handed_over = True
                delivery.judged = judged
                self._start_waiting(delivery)
            else:
                self._finish(delivery, judged)
        except TurnedAway as turned_away:
            self._settle_delivery(delivery, turned_away.outcome)
        finally:
            if not (handed_over or delivery.settled):
                self._let_go(delivery)

    def _to_be_tried_again(self, delivery: Delivery, judged: Judged | None) -> bool:
        if judged is None or self._attempts.stopping:
            return False
        verdict = judged.verdict
        left = delivery.attempts < self._limits.max_attempts
        return (left and verdict is _AGAIN) or verdict is _SLOW_DOWN

    def _hold(self, delivery: Delivery) -> bool:
        """Keep a row back until the outage is over; False when the run stops instead."""
        if not self._attempts.stopping:
            self._held.add(delivery)
            self._count_waiting()
        if not (self._probing or self._attempts.stopping):
            self._probing = True
            self._tasks.start(self._probe())
        return not self._attempts.stopping

    async def _probe(self) -> None:
        """Send one row now and then, until one gets through; then all go on."""
        for seconds in probe_waits():
            await self.gate.wait_for_probe(seconds)
            probe = self._held.next_probe()
            self._count_waiting()
            if probe is not None:
                probe.task = asyncio.current_task()
                await self._send_one(probe, probe=True)
            if not self.gate.outage:
                break
        self._probing = False
        # All workers may be waiting for rows to be read, for which these make space.
        for delivery in self._held.release():
            self._start_waiting(delivery)
        self._staff()

    def _start_waiting(self, delivery: Delivery) -> None:
        self._retrying += 1
        self._count_waiting()
        delivery.task = self._tasks.start(self._retry(delivery), partial(self._retried, delivery))

    def _retried(self, delivery: Delivery, task: asyncio.Task[None]) -> None:
        # Called and not a `finally` of the task: one that is cancelled unbegun runs none.
        if delivery.task is task:
            self._let_go(delivery)
        self._retrying -= 1
        self._count_waiting()

    def _count_waiting(self) -> None:
        self.traffic.waiting = self._retrying + len(self._held.tried)
        if self.traffic.waiting < most_waiting(self.gate.width):
            self._room.set()
        else:
            self._room.clear()

    async def _retry(self, delivery: Delivery) -> None:
        """All attempts, with tenacity between them; the first may have been made already."""
        retrying = retry_loop(self._backoff, partial(self._to_be_tried_again, delivery))
        try:
            judged: Judged | None = await retrying(self._next_attempt, delivery)
            if judged is None:
                self._hold(delivery)
            else:
                self._finish(delivery, judged)
        except TurnedAway as turned_away:
            self._settle_delivery(delivery, turned_away.outcome)

    async def _next_attempt(self, delivery: Delivery) -> Judged | None:
        judged, delivery.judged = delivery.judged, None
        if judged is not None:
            return judged
        if delivery.exchanges and not delivery.worker_lost:
            await self.gate.afford_retry()
        return await self._attempts.make(delivery)

    def _finish(self, delivery: Delivery, judged: Judged) -> None:
        if self._attempts.stopping and judged.verdict is _AGAIN:
            return  # no outcome: the row is unsent, and a resume gives it its attempts
        if (outcome := delivery.outcome(judged)) is not None:
            self._settle_delivery(delivery, outcome)

    def _settle_delivery(self, delivery: Delivery, outcome: Outcome) -> None:
        self._settle(outcome)
        self._attempts.settled(delivery)
