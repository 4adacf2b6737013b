"""One attempt: through the gates, one exchange, one verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from batchconv.model import Conversion, Reply, Row
from batchconv.sending.limits import AdmissionGate
from batchconv.sending.stops import Stop, account_stop
from batchconv.sending.traffic import Traffic
from batchconv.vonage.verdicts import Judged, Verdict, outcome_unknown

TellAttempt = Callable[[Row, int, Reply, str], None]
"""Row, number of the attempt, what came back, and the verdict on it."""


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
        stop: called when the account or the address refuses.
        tell_attempt: told of every exchange that was not accepted.

    Attributes:
        stopping: what is to be tried again is left as it is.
        exchanging: the tasks that have a request in flight.
    """

    def __init__(
        self,
        send: Callable[[Conversion], Awaitable[Reply]],
        gate: AdmissionGate,
        traffic: Traffic,
        *,
        judge: Callable[[Reply], Judged],
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

    async def make(self, delivery: Delivery) -> Judged:
        """One exchange that counts as an attempt; those that do not are made again here.

        That is one that was throttled, or met an outage.
        """
        gate, traffic = self._gate, self._traffic
        while True:
            left = gate.enter_at_once()
            if left is None:
                left = await gate.enter()
            traffic.requests += 1
            if delivery.attempts:
                traffic.retries += 1
                traffic.unknown_repeats += delivery.unknown
            delivery.attempts += 1
            self.exchanging.add(delivery.task)
            try:
                reply = await self._send(delivery.conversion)
                judged = self._judge(reply)
                self._take_in(judged, delivery, left)
            finally:
                self.exchanging.discard(delivery.task)
                gate.leave()
            verdict = judged.verdict
            if verdict is Verdict.ACCEPT or self.stopping:
                return judged
            if verdict is not Verdict.SLOW_DOWN and not (verdict is Verdict.AGAIN and gate.outage):
                return judged

    def _take_in(self, judged: Judged, delivery: Delivery, left: float) -> None:
        if judged.verdict is not Verdict.ACCEPT:
            delivery.unknown = outcome_unknown(judged.reply)
            self._note(judged, delivery)
        self._gate.replied(delivery.conversion.row, left, judged, retried=delivery.attempts > 1)

    def _note(self, judged: Judged, delivery: Delivery) -> None:
        row, reply = delivery.conversion.row, judged.reply
        self._tell_attempt(row, delivery.attempts, reply, judged.verdict.value)
        if judged.verdict is Verdict.STOP:
            self._stop(account_stop(reply))
