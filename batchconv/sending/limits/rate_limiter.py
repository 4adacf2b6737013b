"""An even pace: so many requests a second, retries counted in."""

from __future__ import annotations

_CATCH_UP = 0.05  # seconds; the most lateness that is made good
_WIDE_MARGIN = 0.0095  # seconds; 1 % of any rate, and half a millisecond for early timers


class RateLimiter:
    """Hands out the moments at which requests may leave; pure but for what it handed out last.

    A request that leaves late is made good by the next ones leaving a little early, so that the
    average holds, but never by more than one request (or 1 % of the rate) in a second: a pause is
    not followed by a burst.

    Args:
        rate: requests a second, a fraction if need be; None for no limit.

    Attributes:
        interval: seconds between two moments; 0 for no limit.
    """

    def __init__(self, rate: float | None) -> None:
        self._last: float | None = None  # the moment that was taken last
        self._rate: float | None = None
        self.interval = 0.0
        self._slack = 0.0
        self._rested = False
        self.set_rate(rate)

    def set_rate(self, rate: float | None, *, most_slack: float = _CATCH_UP) -> None:
        """Another rate for the moments that are not taken yet.

        Args:
            rate: requests a second; None for no limit.
            most_slack: seconds of lateness that are made good at most.
        """
        if rate == self._rate:
            return
        self._rate = rate
        self.interval = 1 / rate if rate else 0.0
        # Half an interval leaves time for the late wake-up that comes on top of it.
        narrow = self.interval / 2 > _WIDE_MARGIN / 2
        slack = min(_CATCH_UP, self.interval / 2) if narrow else _WIDE_MARGIN
        self._slack = min(slack, most_slack)

    def wait(self, now: float) -> float:
        """Seconds until the next moment; nothing is taken by asking."""
        if not self.interval or self._last is None:
            return 0.0
        return max(0.0, self._last + self.interval - now)

    def rest(self) -> None:
        """Nothing leaves for a while: that is not a delay to catch up on."""
        self._rested = True

    def reserve(self, now: float) -> float:
        """Seconds to wait before the request that asks; its moment is taken from then on."""
        if not self.interval:
            self._last = now
            return 0.0
        wait = self.wait(now)
        if self._last is None or wait:
            self._last = now + wait
        else:
            late = now - self._last - self.interval
            self._last = now - (0.0 if self._rested or late > _CATCH_UP else min(late, self._slack))
        self._rested = False
        return wait
