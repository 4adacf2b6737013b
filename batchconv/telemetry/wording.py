"""A look at a run in words, for people."""

from __future__ import annotations

import math
from collections.abc import Iterator

from batchconv.errors import count_of
from batchconv.model import Result
from batchconv.sending.durations import show_duration
from batchconv.telemetry.run_snapshot import RunSnapshot

ALWAYS = (Result.ACCEPTED, Result.REJECTED, Result.FAILED, Result.INVALID)
"""What is reported even when there are none."""


def rows(snapshot: RunSnapshot, about: str = "about ") -> str:
    """`22,800 of about 40,000 rows`; a guess has three digits that count."""
    expected = snapshot.expected
    if expected is None:
        return f"{snapshot.done:,} rows"
    if isinstance(expected, int):
        return f"{snapshot.done:,} of {expected:,} rows"
    total = max(round(float(f"{expected:.3g}")), snapshot.done)
    return f"{snapshot.done:,} of {about}{total:,} rows"


def left(seconds: float) -> str:
    """`14 min 3 s left`."""
    return f"{f'{math.ceil(seconds)} s' if seconds < 60 else show_duration(seconds)} left"


def percent(snapshot: RunSnapshot) -> str:
    """`57%`, and 100% only when all is done; empty when nobody can tell."""
    share = snapshot.share
    return "" if share is None else f"{math.floor(share * 100)}%"


def outcomes(snapshot: RunSnapshot) -> Iterator[tuple[Result, str]]:
    """`accepted 22,780` and so on."""
    for result in Result:
        count = snapshot.books.results[result]
        if count or result in ALWAYS:
            yield result, f"{result.value} {count:,}"


def others(snapshot: RunSnapshot) -> Iterator[str]:
    """`31 retries`, `20 in flight`, `p50 88 ms`, `p95 167 ms`."""
    traffic = snapshot.traffic
    yield count_of(traffic.retries, "retry", "retries")
    yield f"{snapshot.in_flight:,} in flight"
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        seconds = snapshot.latencies.quantile(share)
        if seconds is not None:
            yield f"{name} {show_duration(seconds)}"
    workers = snapshot.workers
    if workers is not None:
        yield f"{workers.up} of {count_of(workers.wanted, 'worker')}"
    if traffic.waiting:
        yield f"{traffic.waiting:,} waiting for a retry"
    if snapshot.books.settled:
        yield f"already settled {snapshot.books.settled:,}"


def state(snapshot: RunSnapshot) -> str | None:
    """What the run waits for when it waits; None when it is at work."""
    if snapshot.stops:
        rest = f"; {snapshot.in_flight:,} still in flight" if snapshot.in_flight else ""
        return f"stopping: {snapshot.stops[0].why}{rest}"
    pause = snapshot.pause
    if pause is not None:
        what = "next probe" if pause.why == "outage" else "next request"
        then = f"{what} in {show_duration(pause.left)}" if pause.left else f"{what} is under way"
        return f"{pause.why} for {show_duration(pause.lasted)}; {then}"
    if snapshot.workers is not None and not snapshot.workers.up and snapshot.exit_code is None:
        why = snapshot.workers.why
        return f"no worker is running: {why}" if why else "workers are starting"
    return "waiting for input" if snapshot.starved else None
