"""An even pace: so many requests a second, retries counted in."""

from __future__ import annotations

_CATCH_UP = 0.05  # seconds; the most lateness that is made good
_WIDE_MARGIN = 0.01  # seconds; 1 % of any rate


class Pacer:
    """Hands out the moments at which requests may leave; pure but for what it handed out last.

    A request that leaves late is made good by the next ones leaving a little early, so that the
    average holds, but never by more than one request (or 1 % of the rate) in a second: a pause is
    not followed by a burst.

    Args:
        rate: requests a second, a fraction if need be; None for no limit.
    """

    def __init__(self, rate: float | None) -> None:
        self._interval = 1 / rate if rate else 0.0
        # Half an interval leaves room for the late wake-up that comes on top of it.
        narrow = self._interval / 2 > _WIDE_MARGIN / 2
        self._slack = min(_CATCH_UP, self._interval / 2) if narrow else _WIDE_MARGIN
        self._next: float | None = None

    def reserve(self, now: float) -> float:
        """Seconds to wait before the request that asks; its moment is taken from then on."""
        if not self._interval:
            return 0.0
        moment = now if self._next is None else max(self._next, now - self._slack)
        self._next = moment + self._interval
        return max(0.0, moment - now)
