"""One attempt: through the gates, one exchange, one verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from batchconv.model import Conversion, Outcome, Reply, Row
from batchconv.sending.limits import AdmissionGate
from batchconv.sending.limits.admission import Admission
from batchconv.sending.stops import Stop, account_stop
from batchconv.sending.traffic import Traffic
from batchconv.sending.transport import NotWritten, Turn
from batchconv.vonage.verdicts import Judged, Verdict, outcome_unknown

TellAttempt = Callable[[Row, int, Reply, str], None]
"""Row, number of the attempt, what came back, and the verdict on it."""

TurnAway = Callable[[Conversion], Outcome | None]
"""The outcome of a row that is not to be sent; None for one that is."""


class TurnedAway(Exception):  # noqa: N818 - no error: it has an outcome
    """A row is not to be sent any more.

    Attributes:
        outcome: its outcome.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


@dataclass(slots=True, eq=False)
class Delivery:
    """One conversion on its way: whoever holds it settles it or counts it as unsent.

    Attributes:
        task: who holds it.
        attempts: exchanges made.
        settled: its outcome has been written.
        unknown: the last attempt may have reached the API although no answer says so.
        judged: the first attempt, until tenacity has heard of it.
    """

    conversion: Conversion
    task: asyncio.Task[None] | None = None
    attempts: int = 0
    settled: bool = False
    unknown: bool = False
    judged: Judged | None = None


class Attempts:
    """Makes attempts.

    Args:
        send: one conversion, one exchange; never raises for anything the network does.
        gate: the gates.
        traffic: where requests are counted.
        judge: what to do about a reply.
        turn_away: asked about each row when it is about to be written; its outcome when it is
            not to be sent any more.
        stop: called when the account or the address refuses.
        tell_attempt: told of every exchange that was not accepted.

    Attributes:
        stopping: what is to be tried again is left as it is.
        exchanging: the tasks that have a request in flight.
    """

    def __init__(
        self,
        send: Callable[[Conversion, Turn], Awaitable[Reply]],
        gate: AdmissionGate,
        traffic: Traffic,
        *,
        judge: Callable[[Reply], Judged],
        turn_away: TurnAway,
        stop: Callable[[Stop], None],
        tell_attempt: TellAttempt,
    ) -> None:
        self.stopping = False
        self.exchanging: set[asyncio.Task[None] | None] = set()
        self._send = send
        self._gate = gate
        self._traffic = traffic
        self._stop = stop
        self._tell_attempt = tell_attempt
        self._judge = judge
        self._turn_away = turn_away

    async def make(self, delivery: Delivery) -> Judged:
        """One exchange that counts as an attempt; those that do not are made again here.

        That is one that was throttled, or met an outage.

        Raises:
            TurnedAway: the row is not to be sent any more.
        """
        gate = self._gate
        while True:
            admission = gate.enter_at_once() or await gate.enter()
            try:
                judged = await self._exchange(delivery, admission)
            except NotWritten:
                continue
            finally:
                self.exchanging.discard(delivery.task)
                gate.leave(admission)
            verdict = judged.verdict
            if verdict is Verdict.ACCEPT or self.stopping:
                return judged
            if verdict is not Verdict.SLOW_DOWN and not (verdict is Verdict.AGAIN and gate.outage):
                return judged

    async def _exchange(self, delivery: Delivery, admission: Admission) -> Judged:
        conversion, gate = delivery.conversion, self._gate

        async def turn(usable: Callable[[], bool]) -> None:
            await gate.turn(admission, usable)
            if (outcome := self._turn_away(conversion)) is not None:
                raise TurnedAway(outcome)
            self._count(delivery)

        reply = await self._send(conversion, turn)
        if admission.written is None:
            self._count(delivery)  # it came to nothing before it could be written
        judged = self._judge(reply)
        if judged.verdict is not Verdict.ACCEPT:
            delivery.unknown = outcome_unknown(reply)
            self._note(judged, delivery)
        gate.replied(conversion.row, admission, judged, retried=delivery.attempts > 1)
        return judged

    def _count(self, delivery: Delivery) -> None:
        traffic = self._traffic
        traffic.requests += 1
        if delivery.attempts:
            traffic.retries += 1
            traffic.unknown_repeats += delivery.unknown
        delivery.attempts += 1
        self.exchanging.add(delivery.task)

    def _note(self, judged: Judged, delivery: Delivery) -> None:
        row, reply = delivery.conversion.row, judged.reply
        self._tell_attempt(row, delivery.attempts, reply, judged.verdict.value)
        if judged.verdict is Verdict.STOP:
            self._stop(account_stop(reply))
