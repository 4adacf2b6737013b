"""How fast rows are settled, and how long the rest will take."""

from __future__ import annotations

from collections import deque

from batchconv.telemetry.run_snapshot import RunSnapshot


class Speed:
    """Rows a second, of the last while.

    Args:
        window: seconds that count; the last two looks always do.
    """

    def __init__(self, window: float) -> None:
        self._window = window
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, snapshot: RunSnapshot) -> None:
        """Take in a look at the run."""
        self._seen.append((snapshot.at, snapshot.done))
        while len(self._seen) > 2 and self._seen[1][0] <= snapshot.at - self._window:
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """Rows a second; None as long as nothing is known."""
        if len(self._seen) < 2:
            return None
        (since, before), (now, done) = self._seen[0], self._seen[-1]
        return (done - before) / (now - since) if now > since else None

    def left(self, snapshot: RunSnapshot) -> float | None:
        """Seconds that the rest will take at this speed; None when nobody can tell."""
        rate = self.rate
        if snapshot.expected is None or not rate or snapshot.pause is not None:
            return None
        return max(0.0, snapshot.expected - snapshot.done) / rate
