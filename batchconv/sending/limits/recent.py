"""How much got through of late."""

from __future__ import annotations

from collections import deque

_WIDTH = 0.25  # seconds that are counted together


class Recent:
    """Counts requests by when they left; remembers so many seconds.

    Args:
        seconds: how far back it can be asked.
    """

    def __init__(self, seconds: float) -> None:
        self._counts: deque[list[int]] = deque(maxlen=int(seconds / _WIDTH) + 8)

    def add(self, left: float) -> None:
        """A request that left at that moment got through."""
        number = int(left / _WIDTH)
        if self._counts and number <= self._counts[-1][0]:
            self._counts[-1][1] += 1
        else:
            self._counts.append([number, 1])

    def pace(self, end: float, seconds: float) -> float:
        """Requests a second in so many seconds before *end*."""
        first, last = (end - seconds) / _WIDTH - 0.5, end / _WIDTH
        return sum(many for number, many in self._counts if first <= number <= last) / seconds
