"""The gates in a row, with the waiting between them: the one place that every request passes."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from functools import partial
from math import inf

from batchconv.model import Reply, Row
from batchconv.retry_after import retry_after
from batchconv.sending.delivery import Delivery
from batchconv.sending.limits.adaptive_concurrency import AdaptiveConcurrency
from batchconv.sending.limits.admission import Admission
from batchconv.sending.limits.alarms import Alarms
from batchconv.sending.limits.circuit_breaker import CircuitBreaker
from batchconv.sending.limits.pacing import Pacing
from batchconv.sending.limits.resizable_semaphore import ResizableSemaphore
from batchconv.sending.limits.retry_budget import RetryBudget
from batchconv.sending.limits.throttling import Throttling
from batchconv.sending.stops import Stop, outage_stop, throttled_stop
from batchconv.sending.traffic import Limits, Pause, Traffic
from batchconv.sending.transport import NotWritten
from batchconv.vonage.verdicts import Judged, Verdict, describe, says_nothing

_ACCEPT, _AGAIN, _SLOW_DOWN = Verdict.ACCEPT, Verdict.AGAIN, Verdict.SLOW_DOWN
_SOON = 0.0002  # seconds that are not worth a timer
_LOOK_AGAIN = 0.25  # seconds
_SPARE = 1.05  # connections for each request in flight, when their number goes up and down
_TOLD = 10  # replies that are reported when an outage ends the run
_LEAD = 0.5  # seconds before its moment at which a request is let in: time to open a connection


class AdmissionGate:
    """Lets requests out: no more at once, and no faster, than user and server allow.

    A request comes in by `enter`, which waits for a place and until its moment is near. It gets
    a connection then, and waits in `wait_for_turn` until it may be `written`: rate and throttling
    are kept there. The reply is passed to `replied`, and its place is given back
    by `leave`.

    Args:
        limits: what the user allows.
        rate: requests a second that the user allows; None for no limit.
        traffic: where pauses are noted.
        give_up: called when an outage or throttling has outlasted the user's patience.
        keep: called with how many connections are of use whenever that changes.
        clock: monotonic seconds.
        wall: Unix seconds.

    Attributes:
        open: nothing but a lack of places keeps a request back.
        in_flight: requests that are written and have no reply.
    """

    def __init__(
        self,
        limits: Limits,
        rate: float | None,
        traffic: Traffic,
        give_up: Callable[[Stop], None],
        *,
        keep: Callable[[int], None],
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        most, fixed = limits.most_in_flight, limits.concurrency is not None
        self._width = None if fixed else AdaptiveConcurrency(most)
        self._places = ResizableSemaphore(self._width.limit if self._width else most)
        self._rate = rate
        self.open = rate is None
        self._throttling = Throttling(random.uniform)
        self._pacing = Pacing(rate, self._throttling)
        self._outage = CircuitBreaker()
        self._budget = RetryBudget()
        self._patience = limits.patience
        self._traffic = traffic
        self._keep = keep
        self._clock = clock
        self._wall = wall
        self._line, self._writers = asyncio.Lock(), asyncio.Lock()  # those to be let in; written
        self._told = asyncio.Event()  # set when a request ends
        self._preparing = 0  # let in, and not written yet
        self._refusal = ""
        self._next_probe = 0.0  # monotonic seconds
        self._last_troubles: deque[str] = deque(maxlen=_TOLD)
        self._alarms = Alarms(limits.patience, give_up)
        self._outage_began = 0.0  # Unix seconds
        self.in_flight = 0

    @property
    def width(self) -> int:
        """Requests that may be in flight now."""
        return self._places.limit

    @property
    def outage(self) -> bool:
        """Whether the server is down; what is sent to it now is not an attempt."""
        return self._outage.since is not None

    @property
    def pause(self) -> Pause | None:
        """Why nothing leaves just now, but for probes; None when something may."""
        now = self._clock()
        if self._outage.since is not None:
            left = max(0.0, self._next_probe - now)
            return Pause("outage", now - self._outage.since, left, self._last_troubles[-1])
        if (since := self._throttling.since) is not None:
            left = self._throttling.wait(now)
            return Pause("throttled", now - since, left if left < inf else 0.0, self._refusal)
        return None

    async def afford_retry(self) -> None:
        """Wait until the budget allows one more retry."""
        await self._budget.spend(idle=self._idle)

    def enter_at_once(self) -> Admission | None:
        """Let one more request in if it may leave now: what there is to do in good times."""
        if self.open and self._places.take_at_once():
            self._preparing += 1
            return Admission(self._clock())
        return None

    async def enter(self, *, probe: bool = False) -> Admission | None:
        """Wait until one more request may get a connection; None while there is an outage.

        Args:
            probe: it is to find out whether the outage is over.
        """
        await self._places.take()
        admission = None
        try:
            admission = await self._let_in(probe=probe)
        finally:
            if admission is None:
                self._places.give_back()
        if admission is not None:
            self._preparing += 1
        return admission

    async def wait_for_probe(self, seconds: float) -> None:
        """Wait so long before the next probe of an outage."""
        self._next_probe = self._clock() + seconds
        await asyncio.sleep(seconds)

    def written(self, admission: Admission) -> None:
        """A request is written now: nothing holds it back, or it has waited for its turn."""
        now = admission.written = self._clock()
        self._preparing -= 1
        self.in_flight += 1
        admission.beside = self.in_flight
        self._throttling.written(now)
        if self._width is not None:
            self._width.entered(now, self.in_flight)

    def leave(self, admission: Admission) -> None:
        """A request has ended, however it did."""
        written = admission.written
        if written is None:
            self._preparing -= 1
        else:
            self.in_flight -= 1
            self._throttling.ended(written)
            self._told.set()
        self._places.give_back()
        if self._budget.queue and self._idle:
            self._budget.let_one_go()

    @property
    def _idle(self) -> bool:
        """So few are in flight that a retry more does no harm."""
        return self.in_flight < max(1, self.width // 10)

    async def _let_in(self, *, probe: bool) -> Admission | None:
        self.open = self._nothing_hinders
        if self.open:
            return Admission(self._clock())
        async with self._line:
            while True:
                now = self._clock()
                delay = self._pacing.until(now) + self._preparing * self._pacing.interval - _LEAD
                if self.outage and not probe:
                    return None
                if delay <= _SOON:
                    return Admission(now, probe=probe)
                await self._wait(delay)

    async def wait_for_turn(self, admission: Admission, usable: Callable[[], bool]) -> None:
        """Wait for the moment at which a request may be written; `written` follows at once.

        Args:
            admission: what `enter` gave.
            usable: whether its connection can still be used.

        Raises:
            NotWritten: the connection was lost, or the server is down.
        """
        async with self._writers:
            while True:
                now = self._clock()
                if not usable() or (self.outage and not admission.probe):
                    raise NotWritten
                delay = self._pacing.until(now)
                if delay <= _SOON:
                    self._pacing.reserve(now)
                    return
                await self._wait(delay)

    async def _wait(self, seconds: float) -> None:
        """Wait so long, or for a while: the pace may have grown by then; or for a reply."""
        if seconds < inf:
            await asyncio.sleep(min(seconds, _LOOK_AGAIN))
        else:
            self._told.clear()
            await self._told.wait()

    @property
    def _nothing_hinders(self) -> bool:
        return self._rate is None and not self.outage and self._throttling.quiet

    def replied(self, delivery: Delivery, admission: Admission, judged: Judged) -> None:
        """Take in what came of a request.

        Args:
            delivery: what was sent.
            admission: what `enter` gave.
            judged: the reply and what to do about it.
        """
        reply, verdict = judged
        if verdict is not _ACCEPT and says_nothing(reply):
            return
        now, written, throttling = self._clock(), admission.written, self._throttling
        if verdict is _SLOW_DOWN:
            self._refusal = describe(reply)
            self._refused(admission, now, reply)
            return
        # A worker is handed a row at its turn: whether it was written then, only the reply says.
        if written is not None and reply.written:
            if throttling.since is not None:
                self._alarms.cancel("throttled")
            throttling.passed(written, now, admission.beside)
        if verdict is _AGAIN:
            if delivery.telling:
                self._troubled(delivery.conversion.row, reply, now)
        else:
            self._outage.final()
            if admission.probe and self.outage:
                self._end_outage()
            if verdict is _ACCEPT:
                self._budget.earn(retried=delivery.exchanges > 1)
        width = self._width
        if width is not None and width.reply(admission.left, now, trouble=verdict is _AGAIN):
            self._resize(width)

    def _refused(self, admission: Admission, now: float, reply: Reply) -> None:
        """A 429, which is about the account: nothing leaves until the server wants more."""
        self.open = False
        self._traffic.throttled += 1
        if self._throttling.since is None:
            self._alarms.set(
                "throttled", partial(throttled_stop, self._patience, proxy=reply.proxy)
            )
        wall, left, beside = self._wall(), admission.left, admission.beside
        asked = retry_after(reply.retry_after, wall)
        if admission.written is None:
            self._throttling.never_written(left)
        meaning = self._throttling.refused(left, now, asked, beside, self._width)
        silence, admission.row_waits = meaning
        if silence:
            self._traffic.paused(wall, wall + silence, "throttled")
        if self._width is not None:
            self._resize(self._width)

    def _resize(self, width: AdaptiveConcurrency) -> None:
        self._places.resize(width.limit)
        self._keep(int(width.lasting * _SPARE))

    def _troubled(self, row: Row, reply: Reply, now: float) -> None:
        self._last_troubles.append(describe(reply))
        if self._outage.troubled((row.source, row.number), now):
            self.open = False
            self._outage_began = self._wall()
            self._alarms.set("outage", lambda: outage_stop(self._patience, self._last_troubles))

    def _end_outage(self) -> None:
        self._outage.over()
        self._traffic.paused(self._outage_began, self._wall(), "outage")
        self._alarms.cancel("outage")

    def close(self) -> None:
        """The run is over."""
        if self.outage:
            self._traffic.paused(self._outage_began, self._wall(), "outage")
        self._alarms.close()
