"""One attempt: through the gates, one exchange, one verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from batchconv.model import Conversion, Outcome, Reason, Reply, Row
from batchconv.sending.delivery import Delivery
from batchconv.sending.limits import AdmissionGate
from batchconv.sending.limits.admission import Admission
from batchconv.sending.stops import Stop, account_stop
from batchconv.sending.traffic import Traffic
from batchconv.sending.transport import NotWritten, Turn
from batchconv.vonage.verdicts import Judged, Verdict, outcome_unknown, says_nothing

# Every row comes past them, and to get a member from its enum costs as much as a call.
_ACCEPT, _AGAIN, _SLOW_DOWN = Verdict.ACCEPT, Verdict.AGAIN, Verdict.SLOW_DOWN
_CONNECTION_SPOILT = (Reason.CONNECTION_LOST, Reason.BAD_REPLY)  # and so may be others in use

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


class Send(Protocol):
    """A transport's `exchange`."""

    def __call__(
        self, conversion: Conversion, turn: Turn, *, fresh: bool = False
    ) -> Awaitable[Reply]:
        """One conversion, one exchange."""
        ...


class Attempts:
    """Makes attempts.

    Args:
        send: makes one exchange.
        gate: the gates.
        traffic: where requests are counted.
        judge: what to do about a reply.
        turn_away: asked about each row when it is about to be written; its outcome when it is
            not to be sent any more. None where all are.
        stop: called when the account or the address refuses.
        tell_attempt: called with every exchange that was not accepted.
        note_most: called with how many rows are in flight when they are to be more than ever

    Attributes:
        stopping: what is waiting for a retry is left as it is.
        exchanging: the tasks that have a request in flight.
    """

    def __init__(
        self,
        send: Send,
        gate: AdmissionGate,
        traffic: Traffic,
        *,
        judge: Callable[[Reply], Judged],
        turn_away: TurnAway | None,
        stop: Callable[[Stop], None],
        tell_attempt: TellAttempt,
        note_most: Callable[[int], None],
    ) -> None:
        self.stopping = False
        self.exchanging: set[asyncio.Task[Any] | None] = set()
        self._send = send
        self._gate = gate
        self._traffic = traffic
        self._stop = stop
        self._tell_attempt = tell_attempt
        self._judge = judge
        self._turn_away = turn_away
        self._note_most = note_most
        self._rows = self._most_rows = 0  # in flight

    async def make(self, delivery: Delivery, *, probe: bool = False) -> Judged | None:
        """One attempt; None when the row has to wait until an outage is over.

        An exchange that was throttled is made again, unless that is about the row alone. Neither
        it nor one in an outage counts.

        Args:
            delivery: what to send; its task is the one that calls.
            probe: it is to find out whether the outage is over.

        Raises:
            TurnedAway: the row is not to be sent any more.
        """
        gate = self._gate
        while True:
            admission = gate.enter_at_once() or await gate.enter(probe=probe)
            if admission is None:
                return None
            turn = partial(self._turn, delivery, admission)
            try:
                if delivery.lost or probe:  # a connection from before the outage may be dead
                    reply = await self._send(delivery.conversion, turn, fresh=True)
                else:
                    reply = await self._send(delivery.conversion, turn)
                judged = self._take_in(delivery, admission, reply)
            except NotWritten:
                continue
            finally:
                self.exchanging.discard(delivery.task)
                gate.leave(admission)
            verdict = judged.verdict
            if verdict is _AGAIN and not self.stopping:
                if gate.outage and not delivery.alone:
                    return None
                delivery.attempts += 1
            if verdict is not _SLOW_DOWN or admission.row_waits or self.stopping:
                return judged

    async def _turn(
        self, delivery: Delivery, admission: Admission, usable: Callable[[], bool]
    ) -> None:
        """Wait for the moment at which the request may be written: a transport's `Turn`."""
        gate = self._gate
        if not gate.open:
            await gate.wait_for_turn(admission, usable)
        elif not usable():
            raise NotWritten
        gate.written(admission)
        if self._turn_away is not None:
            outcome = self._turn_away(delivery.conversion)
            if outcome is not None:
                raise TurnedAway(outcome)
        self._count(delivery)
        if delivery.unknown and not delivery.repeated:
            delivery.repeated = True
            self._traffic.unknown_repeats += 1
        delivery.unheard = True

    def _take_in(self, delivery: Delivery, admission: Admission, reply: Reply) -> Judged:
        if admission.written is None:
            self._count(delivery)  # it was given up before it could be written
        judged = self._judge(reply)
        if judged.verdict is not _ACCEPT:
            delivery.unheard = False
            delivery.unknown = delivery.unknown or outcome_unknown(reply)
            delivery.lost = reply.trouble in _CONNECTION_SPOILT
            delivery.worker_lost = says_nothing(reply)
            self._note(judged, delivery)
        self._gate.replied(delivery, admission, judged)
        return judged

    def settled(self, delivery: Delivery) -> None:
        """The outcome of a row is written."""
        delivery.settled = True
        self._rows -= delivery.exchanges > 0

    def _count(self, delivery: Delivery) -> None:
        if not delivery.exchanges:
            if self._rows == self._most_rows:
                self._note_most(self._rows + 1)
                self._most_rows += 1
            self._rows += 1
        else:
            self._traffic.retries += 1
        self._traffic.requests += 1
        delivery.exchanges += 1
        self.exchanging.add(delivery.task)

    def _note(self, judged: Judged, delivery: Delivery) -> None:
        row, reply = delivery.conversion.row, judged.reply
        self._tell_attempt(row, delivery.exchanges, reply, judged.verdict.value)
        if judged.verdict is Verdict.STOP:
            self._stop(account_stop(reply))
