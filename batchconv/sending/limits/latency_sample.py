"""Requests that left one after the other, and how long the server took for them."""

from __future__ import annotations

from math import inf

_SHORTEST = 0.02  # seconds
_ANSWERED = 0.75  # the share of its requests that is waited for
_BELIEF = 30  # replies that weigh as much as all that is believed already
_MOST = 0.4  # the weight of one sample, however many its replies


class LatencySample:
    """Some requests that left one after the other; done when most of them were answered.

    If it were made of the replies that come first, the quick ones would stand for all.

    Args:
        skip: requests that are left out before it begins.
        size: how many it takes at least; more when that many leave within 20 ms.
    """

    def __init__(self, skip: int, size: int) -> None:
        self._skip = skip
        self._size = size
        self._count = 0
        self._first = self._last = inf  # when its first request left, and its last
        self._answered = 0
        self._latencies: list[float] = []

    def left(self, moment: float) -> None:
        """A request left at *moment*, monotonic seconds."""
        if self._last < inf:
            return
        if self._skip:
            self._skip -= 1
            return
        if not self._count:
            self._first = moment
        self._count += 1
        if self._count >= self._size and moment - self._first >= _SHORTEST:
            self._last = moment

    def answered(self, left: float, now: float, *, trouble: bool) -> bool:
        """The request that left at *left* was answered *now*; True when the sample is done."""
        if self._first <= left <= self._last:
            self._answered += 1
            if not trouble:
                self._latencies.append(now - left)
        return self._last < inf and self._answered >= _ANSWERED * self._count

    @property
    def usable(self) -> int:
        """How many replies count for the latency."""
        return len(self._latencies)

    def latency(self) -> float:
        """Seconds that the quicker of its requests took: their first quartile."""
        return sorted(self._latencies)[len(self._latencies) // 4]


class Latency:
    """What is believed of a latency, after some samples.

    Attributes:
        seconds: infinite before the first.
    """

    def __init__(self) -> None:
        self.seconds = inf

    def add(self, sample: LatencySample, most: float = _MOST) -> None:
        """Take a sample in; the more replies it has, the more it counts."""
        if self.seconds == inf:
            self.seconds = sample.latency()
        else:
            share = min(most, sample.usable / (sample.usable + _BELIEF))
            self.seconds += (sample.latency() - self.seconds) * share

    def scale(self, factor: float) -> None:
        """Expect it to be *factor* times as long from now on."""
        self.seconds *= factor
