"""One pace for all requests: the user's rate, or what the server allows where that is less."""

from __future__ import annotations

from batchconv.sending.limits.rate_limiter import RateLimiter
from batchconv.sending.limits.throttling import Throttling

_GRAIN = 0.001  # seconds of lateness of any timer; a strict limiter refuses what makes good more


class Pacing:
    """Says when the next request may be written; pure except for its recorded state.

    Args:
        rate: requests a second that the user allows; None for no limit.
        throttling: what the server allows.
    """

    def __init__(self, rate: float | None, throttling: Throttling) -> None:
        self._rate = rate
        self._throttling = throttling
        self._limiter = RateLimiter(rate)
        self._pace: float | None = None

    @property
    def interval(self) -> float:
        """Seconds between two requests; 0 for no limit."""
        return self._limiter.interval

    def until(self, now: float) -> float:
        """Seconds until the next request may be written; infinite until a reply tells."""
        delay = self._throttling.wait(now)
        if delay:
            self._limiter.rest()
        pace = self._throttling.pace(now)
        if pace is None or (self._rate is not None and self._rate <= pace):
            self._limiter.set_rate(self._rate)
            return max(delay, self._limiter.wait(now))
        if pace != self._pace:
            self._limiter.rest()  # the first at another pace makes no lateness good
        self._pace = pace
        self._limiter.set_rate(pace, most_slack=min(_GRAIN, 0.3 / pace))
        if until := self._limiter.wait(now):
            self._throttling.held_back(now)
        return max(delay, until)

    def reserve(self, now: float) -> None:
        """A request is written."""
        self._limiter.reserve(now)
