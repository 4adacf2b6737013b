"""Quantiles of many durations in little memory."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from math import exp, floor, log

_STEPS = 50  # buckets for each factor of e: a bucket is 2 % wide


class LatencyHistogram:
    """Durations, each known to 1 %.

    Attributes:
        longest: of them, in seconds.
    """

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.longest = 0.0

    @property
    def count(self) -> int:
        """How many there are."""
        return self._buckets.total()

    def add(self, seconds: float, times: int = 1) -> None:
        """Count a duration."""
        self._buckets[floor(log(seconds or 1e-6) * _STEPS)] += times
        if seconds > self.longest:  # noqa: PLR1730 - every row comes past here; max() is a call
            self.longest = seconds

    def absorb(self, other: LatencyHistogram) -> None:
        """Count all that *other* has counted, too."""
        self._buckets.update(other._buckets)
        self.longest = max(self.longest, other.longest)

    def buckets(self) -> list[tuple[float, float, int]]:
        """From how many seconds, to how many, and how many durations; the shortest first."""
        return [
            (exp(bucket / _STEPS), exp((bucket + 1) / _STEPS), count)
            for bucket, count in sorted(self._buckets.items())
        ]

    def copy(self) -> LatencyHistogram:
        """The same, at this moment."""
        copied = LatencyHistogram()
        copied._buckets = self._buckets.copy()
        copied.longest = self.longest
        return copied

    def up_to(self, bounds: Sequence[float]) -> list[int]:
        """For each of *bounds* (seconds, ascending), how many durations do not exceed it."""
        counts = [0] * len(bounds)
        for bucket, count in self._buckets.items():
            at = bisect_left(bounds, _middle(bucket))
            if at < len(counts):
                counts[at] += count
        return list(accumulate(counts))

    @property
    def total(self) -> float:
        """Seconds of all of them together, right to 1 %."""
        return sum(_middle(bucket) * count for bucket, count in self._buckets.items())

    def quantile(self, share: float) -> float | None:
        """Seconds that *share* of all durations do not exceed; None when there are none."""
        wanted = share * self.count
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return min(_middle(bucket), self.longest)
        return None


def _middle(bucket: int) -> float:
    return exp((bucket + 0.5) / _STEPS)
