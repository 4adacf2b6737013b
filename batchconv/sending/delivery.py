"""One conversion on its way, and the outcome that it comes to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Self

from batchconv.model import Conversion, Outcome, Result
from batchconv.vonage.verdicts import Judged, Verdict, explain

_RESULTS = {
    Verdict.ACCEPT: Result.ACCEPTED,
    Verdict.REJECT: Result.REJECTED,
    Verdict.AGAIN: Result.FAILED,
}


@dataclass(slots=True, eq=False)
class Delivery:
    """One conversion on its way: its holder settles it or counts it as unsent.

    Attributes:
        order: its place among all that were taken.
        task: who holds it; None while an outage keeps it back.
        alone: its trouble is its own: each exchange is an attempt, and none shows an outage.
            So with rows that failed in an earlier run, or before and after an outage.
        exchanges: made so far.
        attempts: those of them that count.
        settled: its outcome has been written.
        unknown: the API may have taken it although no answer says so.
        unheard: it was written and no answer has come, or one whose line is not written.
        repeated: it was sent again all the same.
        lost: its last connection was lost.
        worker_lost: the worker that sent it last was lost: the server is not to blame.
        judged: the first attempt, until tenacity has heard of it.
    """

    conversion: Conversion
    order: int
    task: asyncio.Task[Any] | None = None
    alone: bool = False
    exchanges: int = 0
    attempts: int = 0
    settled: bool = False
    unknown: bool = False
    unheard: bool = False
    repeated: bool = False
    lost: bool = False
    worker_lost: bool = False
    judged: Judged | None = None

    @classmethod
    def of(cls, conversion: Conversion, order: int) -> Self:
        """A conversion that was just taken; one that failed in an earlier run is on its own."""
        earlier = conversion.row.earlier
        alone = (
            earlier is not None and earlier.outcome is Result.FAILED and earlier.corrects is None
        )
        return cls(conversion, order, alone=alone)

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
        result = _RESULTS.get(verdict)
        if result is None:
            return None
        reason, detail = None, None
        if result is not Result.ACCEPTED:
            reason, detail = explain(reply, self.exchanges)
        row = self.conversion.row
        return Outcome(
            row,
            self.conversion,
            result,
            reply.status,
            self.exchanges,
            reply.elapsed,
            reason,
            detail,
        )
