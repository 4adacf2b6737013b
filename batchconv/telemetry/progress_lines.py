"""Progress as a line a minute: for logs, mails and programs."""

from __future__ import annotations

import logging

from batchconv.sending.durations import show_duration
from batchconv.telemetry import wording as words
from batchconv.telemetry.events import tell
from batchconv.telemetry.run_snapshot import RunSnapshot
from batchconv.telemetry.speed import Speed

EVERY = 60.0  # seconds


class Plain:
    """Reports the run as the event `progress`."""

    def __init__(self) -> None:
        self.every = EVERY
        self._speed = Speed(self.every)

    def see(self, snapshot: RunSnapshot) -> None:
        self._speed.add(snapshot)
        if snapshot.seconds >= self.every / 2:  # the look at the beginning has nothing to tell
            rate, left = self._speed.rate, self._speed.left(snapshot)
            tell(
                logging.INFO, "progress", line(snapshot, rate, left), **fields(snapshot, rate, left)
            )

    def end(self, snapshot: RunSnapshot) -> None:
        pass  # the totals are shown anyway


def line(snapshot: RunSnapshot, rate: float | None, left: float | None) -> str:
    """How far a run is, in one line."""
    share = words.percent(snapshot)
    how_far = f"{words.rows(snapshot)} ({share})" if share else words.rows(snapshot)
    head = f"{how_far} after {show_duration(snapshot.seconds)}"
    if rate is not None:
        head += f", {rate:,.1f} a second"
    if left is not None:
        head += f", {words.left(left)}"
    counts = ", ".join(text for _, text in words.outcomes(snapshot))
    parts = [head, counts, *words.others(snapshot)]
    waiting = words.state(snapshot)
    return "; ".join([*parts, waiting] if waiting else parts)


def fields(snapshot: RunSnapshot, rate: float | None, left: float | None) -> dict[str, object]:
    """The same for programs."""
    books, traffic, workers = snapshot.books.counts(), snapshot.traffic, snapshot.workers
    del books["unsent"]  # the end tells
    median, high = snapshot.latencies.quantile(0.5), snapshot.latencies.quantile(0.95)
    return {
        **books,
        "expected": None if snapshot.expected is None else round(snapshot.expected),
        "rows_per_second": None if rate is None else round(rate, 3),
        "seconds": round(snapshot.seconds, 3),
        "seconds_left": None if left is None else round(left, 3),
        "requests": traffic.requests,
        "retries": traffic.retries,
        "throttled": traffic.throttled,
        "in_flight": snapshot.in_flight,
        "p50_ms": None if median is None else round(median * 1000, 1),
        "p95_ms": None if high is None else round(high * 1000, 1),
        "waiting_for": words.state(snapshot),
        **({} if workers is None else {"workers": workers.up, "workers_lost": workers.lost}),
    }
