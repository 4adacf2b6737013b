"""One gate for the whole run that a 429 closes: throttling is about the account, not the row."""

from __future__ import annotations


class Throttle:
    """Closed until a moment that the latest 429 set.

    Answers to requests that were in flight together count as one: only a 429 to a request that
    left after the gate was opened again makes the wait longer.

    Attributes:
        times: 429 in a row, counting those in flight together once.
        since: when the first 429 came after which nothing else did, or None.
    """

    def __init__(self) -> None:
        self.times = 0
        self.since: float | None = None
        self._until = float("-inf")

    def wait(self, now: float) -> float:
        """Seconds until the gate opens; 0 when it is open."""
        return max(0.0, self._until - now)

    def passed(self) -> None:
        """A request got another answer than 429."""
        self.times = 0
        self.since = None

    def refused(self, left: float, now: float) -> bool:
        """A request that *left* at that moment got a 429; True when it is news."""
        if self.since is None:
            self.since = now
        if left < self._until:
            return False
        self.times += 1
        return True

    def close(self, until: float) -> None:
        """Keep everything back until that moment."""
        self._until = max(self._until, until)
