"""When rows were settled, and how long their exchanges took: a history in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from batchconv.telemetry.latency_histogram import LatencyHistogram

TICKS = 8
"""Ticks a second: the width of the first buckets is one tick."""


class Slice(NamedTuple):
    """A stretch of a run.

    Attributes:
        begin: Unix seconds.
        seconds: how long it is; at the run's two ends only the part that belongs to it.
        outcomes: of the rows that were settled in it.
        latencies: of their last exchanges.
    """

    begin: float
    seconds: float
    outcomes: Counter[str]
    latencies: LatencyHistogram


class _Bucket:
    __slots__ = ("latencies", "outcomes")

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.latencies = LatencyHistogram()


class Timeline:
    """Outcomes and latencies in buckets of equal width, which doubles when there are too many.

    Args:
        most: buckets from the first row to the last one, at most; an even number.
    """

    def __init__(self, most: int = 320) -> None:
        self._most = most
        self._width = 1  # ticks
        self._buckets: dict[int, _Bucket] = {}
        self.first = self.last = 0  # ticks, when there are any

    def add(self, tick: int, outcome: str, elapsed: float | None, times: int = 1) -> None:
        """Count rows that were settled at a tick of Unix time; *elapsed* in seconds."""
        if not self._buckets:
            self.first = self.last = tick
        elif tick < self.first or tick > self.last:
            self.first, self.last = min(self.first, tick), max(self.last, tick)
            while self.last // self._width - self.first // self._width >= self._most:
                self._double()
        bucket = self._buckets.get(tick // self._width)
        if bucket is None:
            bucket = self._buckets[tick // self._width] = _Bucket()
        bucket.outcomes[outcome] += times
        if elapsed is not None:
            bucket.latencies.add(elapsed, times)

    def _double(self) -> None:
        self._width *= 2
        buckets: dict[int, _Bucket] = {}
        for number, bucket in self._buckets.items():
            into = buckets.setdefault(number // 2, bucket)
            if into is not bucket:
                into.outcomes.update(bucket.outcomes)
                into.latencies.absorb(bucket.latencies)
        self._buckets = buckets

    def latencies(self) -> LatencyHistogram:
        """Those of all buckets together."""
        together = LatencyHistogram()
        for bucket in self._buckets.values():
            together.absorb(bucket.latencies)
        return together

    def slices(self) -> Iterator[Slice]:
        """The buckets in order, from the first row to the last one, the empty ones too."""
        if not self._buckets:
            return
        nothing = _Bucket()
        for number in range(self.first // self._width, self.last // self._width + 1):
            bucket = self._buckets.get(number, nothing)
            begin = max(self.first, number * self._width)
            end = min(self.last + 1, (number + 1) * self._width)
            yield Slice(begin / TICKS, (end - begin) / TICKS, bucket.outcomes, bucket.latencies)


def even(slices: Sequence[Slice], most: int, least_rows: float = 12.0) -> list[Slice]:
    """The slices put together so that a picture of them is readable.

    Args:
        slices: that follow each other.
        most: how many there may be then.
        least_rows: how many rows each should have on average, so that it shows more than noise.
    """
    if not slices:
        return []
    rows = sum(one.outcomes.total() for one in slices)
    wanted = max(1, min(most, int(rows / least_rows)))
    together = -(-len(slices) // wanted)
    merged = [
        _merged(slices[begin : begin + together]) for begin in range(0, len(slices), together)
    ]
    if len(merged) > 1 and merged[-1].seconds < merged[0].seconds / 2:
        merged[-2:] = [_merged(merged[-2:])]  # a short end would stand out by chance
    return merged


def _merged(slices: Sequence[Slice]) -> Slice:
    outcomes: Counter[str] = Counter()
    latencies = LatencyHistogram()
    for one in slices:
        outcomes.update(one.outcomes)
        latencies.absorb(one.latencies)
    return Slice(slices[0].begin, sum(one.seconds for one in slices), outcomes, latencies)
