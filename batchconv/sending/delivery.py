"""One conversion on its way, and the outcome that it comes to."""

from __future__ import annotations

import asyncio
from typing import Any

from batchconv.model import Conversion, Outcome, Result, make
from batchconv.vonage.verdicts import Judged, Verdict, explain

_ACCEPT, _ACCEPTED = Verdict.ACCEPT, Result.ACCEPTED
_RESULTS = {
    Verdict.REJECT: Result.REJECTED,
    Verdict.AGAIN: Result.FAILED,
}


class Delivery:
    """One conversion on its way: its holder settles it or counts it as unsent.

    Args:
        conversion: that was just taken.
        order: its place among all that were taken.

    Attributes:
        task: who holds it; None while an outage keeps it back.
        alone: its trouble is its own: each exchange is an attempt, and none shows an outage.
            So with rows that failed in an earlier run, or before and after an outage.
        exchanges: made so far.
        attempts: those of them that count.
        settled: its outcome has been written.
        unknown: the API may have taken it although no answer says so.
        unheard: it was written and no answer has come, or one whose line is not written.
        repeated: it was sent again all the same.
        lost: its last connection was lost, or what came on it was not HTTP.
        worker_lost: the worker that sent it last was lost: the server is not to blame.
        judged: the first attempt, until tenacity has heard of it.
    """

    __slots__ = (
        "alone", "attempts", "conversion", "exchanges", "judged", "lost", "order", "repeated",
        "settled", "task", "unheard", "unknown", "worker_lost",
    )  # fmt: skip

    def __init__(self, conversion: Conversion, order: int) -> None:
        earlier = conversion.row.earlier
        self.conversion = conversion
        self.order = order
        self.task: asyncio.Task[Any] | None = None
        self.alone = (
            earlier is not None and earlier.outcome is Result.FAILED and earlier.corrects is None
        )
        self.exchanges = self.attempts = 0
        self.settled = self.unknown = self.unheard = False
        self.repeated = self.lost = self.worker_lost = False
        self.judged: Judged | None = None

    @property
    def telling(self) -> bool:
        """Whether the next reply tells something about the server.

        One to a retry does not: when others got through in between, it is the row that fails, and
        when none did, the row has been counted.
        """
        return not (self.alone or self.attempts)

    def outcome(self, judged: Judged) -> Outcome | None:
        """What *judged*, the last reply, makes of the row; None when it is left unsent."""
        reply, verdict = judged
        conversion, reason, detail = self.conversion, None, None
        if verdict is _ACCEPT:
            result = _ACCEPTED
        elif verdict in _RESULTS:
            result = _RESULTS[verdict]
            reason, detail = explain(reply, self.exchanges)
        else:
            return None
        status, elapsed, attempts = reply.status, reply.elapsed, self.exchanges
        return make(
            Outcome,
            (conversion.row, conversion, result, status, attempts, elapsed, reason, detail),
        )
