"""Quantiles of many durations in little memory."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

_STEPS = 50  # buckets for each factor of e: a bucket is 2 % wide


class Latencies:
    """Durations, each known to 1 %."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self._count = 0
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self._buckets[math.floor(math.log(max(seconds, 1e-6)) * _STEPS)] += 1
        self._count += 1
        self.longest = max(self.longest, seconds)

    def copy(self) -> Latencies:
        """The same, at this moment."""
        copied = Latencies()
        copied._buckets, copied._count = self._buckets.copy(), self._count
        copied.longest = self.longest
        return copied

    def up_to(self, bounds: Sequence[float]) -> list[int]:
        """How many durations none of *bounds* (seconds, ascending) is exceeded by, for each."""
        counts = [0] * len(bounds)
        for bucket, count in self._buckets.items():
            at = bisect_left(bounds, self._middle(bucket))
            if at < len(counts):
                counts[at] += count
        return list(accumulate(counts))

    @property
    def count(self) -> int:
        """How many durations."""
        return self._count

    @property
    def total(self) -> float:
        """Seconds of all of them together, right to 1 %."""
        return sum(self._middle(bucket) * count for bucket, count in self._buckets.items())

    @staticmethod
    def _middle(bucket: int) -> float:
        return math.exp((bucket + 0.5) / _STEPS)

    def quantile(self, share: float) -> float | None:
        """Seconds that *share* of all durations do not exceed; None when there are none."""
        wanted = share * self._count
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return min(self._middle(bucket), self.longest)
        return None
