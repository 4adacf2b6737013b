"""What the pool keeps to, and what went over the line."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

MOST_FOUND = 1_000
"""Requests in flight that `--concurrency auto` comes to at most."""

ROWS_FOR_A_SHARE = 1_000
"""Settled rows from which on a percentage of errors is heeded."""


class Limits(NamedTuple):
    """What the pool keeps to.

    Attributes:
        concurrency: requests in flight at once; None to find out what is best.
        max_attempts: exchanges for one row, without throttled ones and those of an outage.
        patience: seconds of outage, or with nothing but 429, after which the run stops.
        most_found: what may be found to be best, at most.
    """

    concurrency: int | None = None
    max_attempts: int = 5
    patience: float = 900.0
    most_found: int = MOST_FOUND

    @property
    def most_in_flight(self) -> int:
        """Requests in flight at once, at most."""
        return self.most_found if self.concurrency is None else self.concurrency


def most_waiting(width: int) -> int:
    """Rows that may wait for a retry before reading pauses, with so many requests in flight."""
    return max(1_000, 10 * width)


MOST_PAUSES = 1_000
"""Pauses that a summary tells one by one: a run may go on for months."""

REJECTED_FROM_THE_START = 100
"""So many rejected rows, with none accepted before them, mean a wrong address or a wrong column."""


class ErrorLimit(NamedTuple):
    """How many rows may be rejected, failed or invalid (`--max-errors`).

    Attributes:
        most: rows, or percent of all settled ones.
        percent: which of the two.
    """

    most: float
    percent: bool = False

    def exceeded(self, bad: int, settled: int) -> bool:
        """Whether *bad* of *settled* rows are too many; a share says nothing of a few rows."""
        if self.percent:
            return settled >= ROWS_FOR_A_SHARE and bad * 100 > self.most * settled
        return bad > self.most

    def __str__(self) -> str:
        return "none" if self.most == math.inf else f"{self.most:g}{'%' * self.percent}"


NO_ERROR_LIMIT = ErrorLimit(math.inf)
"""Goes on whatever is rejected, also when nothing else happens from the start."""


class Pause(NamedTuple):
    """Why nothing leaves just now.

    Attributes:
        why: `throttled` or `outage`.
        lasted: seconds so far.
        left: seconds until the next request may leave.
        what: what came back last, in words.
    """

    why: str
    lasted: float
    left: float
    what: str = ""


class WorkerCounts(NamedTuple):
    """How the workers of a run are, where it has any.

    Attributes:
        wanted: how many there are to be.
        up: how many can be handed requests now.
        lost: how many ended before the run did.
        restarted: how many were started in place of those.
        failed_starts: how often one could not be started.
        why: of the last one that was lost or could not be started: which one, and why; or empty.
    """

    wanted: int
    up: int
    lost: int = 0
    restarted: int = 0
    failed_starts: int = 0
    why: str = ""


@dataclass(slots=True)
class Traffic:
    """What went over the line, counted as it goes.

    Attributes:
        pauses: from when to when (Unix seconds) nothing left, and why. When there are very many,
            neighbours are reported as one.
        paused_for: seconds of all of them, by why.
        result_unknown: rows among the unsent ones that the API may have accepted all the same.
    """

    requests: int = 0
    retries: int = 0
    throttled: int = 0
    unknown_repeats: int = 0
    unsent: int = 0
    result_unknown: int = 0
    waiting: int = 0
    pauses: list[tuple[float, float, str]] = field(default_factory=list)
    paused_for: dict[str, float] = field(default_factory=dict)

    def paused(self, begin: float, end: float, why: str) -> None:
        """Note that nothing left between two moments; pauses that touch become one."""
        counted_to = begin
        if self.pauses and self.pauses[-1][2] == why and begin <= self.pauses[-1][1]:
            begin, counted_to, _ = self.pauses.pop()
            end = max(end, counted_to)
        self.pauses.append((begin, end, why))
        self.paused_for[why] = self.paused_for.get(why, 0.0) + end - counted_to
        if len(self.pauses) > MOST_PAUSES:
            self.pauses = _coarser(self.pauses)


def _coarser(pauses: list[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """Every two neighbours of one kind as one; where no two are, the later half."""
    joined: list[tuple[float, float, str]] = []
    for first, second in zip_longest(pauses[::2], pauses[1::2]):
        if second is not None and first[2] == second[2]:
            joined.append((first[0], second[1], first[2]))
        else:
            joined += [first] if second is None else [first, second]
    return joined if len(joined) < len(pauses) else pauses[len(pauses) // 2 :]
