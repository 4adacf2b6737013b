"""What can be seen of a run at one moment: all that observers are shown."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from batchconv.journal.books import OUTSTANDING, Books
from batchconv.sending.stops import Stop
from batchconv.sending.traffic import Pause, Traffic, WorkerCounts
from batchconv.telemetry.latency_histogram import LatencyHistogram
from batchconv.telemetry.summary import Summary

if TYPE_CHECKING:
    from batchconv.reading.prefetch import Prefetcher
    from batchconv.sending.limits import AdmissionGate

Expectation = Callable[[int], float | None]
"""Rows read so far → rows in all: a whole number where it is known, a float where it is a guess,
None when nobody can tell."""


class RunSnapshot(NamedTuple):
    """A run at one moment; nothing in it changes afterwards.

    Attributes:
        run: its id.
        started, at: Unix seconds: of the run's beginning and of this moment.
        books: as far as they are written; `unsent` is known at the end only.
        traffic: what went over the line so far.
        latencies: of the rows' last requests.
        reasons: rows, by why they were not accepted.
        outstanding: rows of the job that were not accepted so far, by outcome.
        starved: all that was read has been sent, and more is to come.
        expected: rows in all, an int where that is not a guess; None when nobody can tell.
        in_flight, width: requests, and how many of them there may be.
        pause: why nothing leaves just now, or None.
        ended_in: why nothing left when the run ended; None where it had been over before.
        workers: how they are, where the run has any.
        stops: why the run ends before its time; empty when it does not.
        exit_code: None while the run lasts.
    """

    run: str
    started: float
    at: float
    books: Books
    traffic: Traffic
    latencies: LatencyHistogram
    reasons: Mapping[str, int]
    outstanding: Mapping[str, int] = MappingProxyType({})
    starved: bool = False
    expected: float | None = None
    in_flight: int = 0
    width: int = 0
    pause: Pause | None = None
    ended_in: str | None = None
    workers: WorkerCounts | None = None
    stops: Sequence[Stop] = ()
    exit_code: int | None = None

    @property
    def seconds(self) -> float:
        """Since the run started."""
        return max(0.0, self.at - self.started)

    @property
    def done(self) -> int:
        """Rows that have an outcome, of this run or of an earlier one."""
        return self.books.settled + self.books.results.total()

    @property
    def share(self) -> float | None:
        """The part of all rows that is done, from 0 to 1; None when nobody can tell."""
        return None if self.expected is None else self.done / max(self.expected, self.done, 1)

    @property
    def paused(self) -> Mapping[str, float]:
        """Seconds of all pauses so far, by why."""
        seconds = dict(self.traffic.paused_for)
        if self.traffic.pauses:
            _, end, why = self.traffic.pauses[-1]
            seconds[why] -= max(0.0, end - self.at)  # what of it is still to come
        if self.pause is not None and self.pause.why == "outage":  # noted when it is over
            seconds["outage"] = seconds.get("outage", 0.0) + self.pause.lasted
        return seconds


def take_snapshot(
    summary: Summary,
    gate: AdmissionGate | None,
    feed: Prefetcher[Any] | None,
    stops: Sequence[Stop],
    expect: Expectation | None,
    *,
    workers: WorkerCounts | None = None,
) -> RunSnapshot:
    """What can be seen of a run now.

    Args:
        summary: what it has counted.
        gate: what its requests pass; None before the first one.
        feed: what its rows come from; None before the first one.
        stops: why it ends before its time.
        expect: tells how many rows there are.
        workers: how they are, where it has any.
    """
    finished = bool(summary.finished)
    books, traffic = summary.books, summary.traffic
    expected: float | None = None
    starved = False
    if feed is not None:
        ended = feed.ended  # before `ahead`: nothing is read any more then
        read = books.read + feed.ahead
        guessed = expect(read) if expect is not None else None
        expected = read if ended and not stops else guessed and max(guessed, read)
        starved = not (ended or feed.ahead or traffic.waiting)
    in_flight = gate.in_flight if gate else 0
    pause = gate.pause if gate else None
    return RunSnapshot(
        summary.run,
        summary.started,
        summary.finished or time.time(),
        dataclasses.replace(books, results=books.results.copy()),
        dataclasses.replace(
            traffic, pauses=traffic.pauses.copy(), paused_for=traffic.paused_for.copy()
        ),
        summary.latencies.copy(),
        summary.reasons.copy(),
        {result.value: summary.outstanding[result] for result in OUTSTANDING},
        starved and not in_flight and not finished,
        expected,
        in_flight,
        gate.width if gate else 0,
        None if finished else pause,
        pause.why if finished and pause else None,
        workers,
        tuple(stops),
        summary.exit_code if finished else None,
    )
