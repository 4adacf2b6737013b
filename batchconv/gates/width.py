"""How many requests are best in flight, found out while they are (`--concurrency auto`)."""

from __future__ import annotations

from collections import deque
from math import sqrt

START = 4

_FEWEST_SAMPLES = 10
_SHORTEST_WINDOW = 0.02  # seconds
_TROUBLE_AT_LEAST = 3  # replies in trouble before they are believed
_TROUBLE = 0.1  # more of them than usual, as a share
_PATIENCE = 30.0  # seconds after which the server's best latency is measured anew
_SLOWER, _MUCH_SLOWER = 1.8, 3.0  # times the best latency
_GRAIN = 0.01  # seconds; what one turn of a busy event loop of our own may take
_HOLD = 5.0  # seconds
_COST = 20.0


class Width:
    """An adaptive limit, in the manner of Vector's controller and Netflix' limits.

    Replies are looked at in windows of about one round trip. The limit grows only when it was
    reached without pressure: it doubles until latency rises, and goes up by a twentieth from then
    on. It shrinks when more replies than usual are refusals or errors, or when latency has
    trebled. A size that was tried and refused is left, and tried again only after a while.

    Pure but for what it was told. Latency is judged by the quicker replies (the first quartile):
    a growing limit makes new connections, and their handshakes are not the server's slowness.

    Args:
        most: the limit never exceeds it.

    Attributes:
        limit: requests that may be in flight now.
    """

    def __init__(self, most: int) -> None:
        self.limit = min(START, most)
        self._most = most
        self._good = 0  # the limit before it grew the last time; 0 when that has proved right
        self._doubling = True
        self._hold_until = float("-inf")
        self._usual_trouble = 0.0
        self._best: deque[tuple[float, float]] = deque()
        self._changed = float("-inf")
        self._begin(float("-inf"))

    def _begin(self, now: float) -> None:
        self._since = now
        self._replies = 0
        self._in_trouble = 0
        self._reached = False
        self._latencies: list[float] = []

    def entered(self, in_flight: int) -> None:
        """One more left, and so many are in flight now."""
        if in_flight >= self.limit:
            self._reached = True

    def reply(self, left: float, now: float, *, trouble: bool) -> bool:
        """A reply came; True when the limit has changed by it.

        Args:
            left: when its request left.
            now: monotonic seconds.
            trouble: it is to be tried again.
        """
        if left < self._changed:
            return False  # it tells of another limit
        self._replies += 1
        if trouble:
            self._in_trouble += 1
            if self._too_much_trouble():
                self._step_back(now, 0.0, least=START)
                return True
        else:
            self._latencies.append(now - left)
        if (
            self._replies < max(_FEWEST_SAMPLES, self.limit // 2)
            or now - self._since < _SHORTEST_WINDOW
        ):
            return False
        return self._judge(now)

    def refused(self, left: float, now: float, pause: float) -> bool:
        """A 429 came; True when the limit's last growth explains it."""
        if left < self._changed:
            return False
        explained = self._good > 0
        self._step_back(now, pause)
        return explained

    def _too_much_trouble(self) -> bool:
        if self._in_trouble < _TROUBLE_AT_LEAST:
            return False
        # A limit that has just grown is the likely cause; otherwise it may be mere chance.
        chance = (1 if self._good else 2) / sqrt(self._replies)
        return self._in_trouble / self._replies > self._usual_trouble + _TROUBLE + chance

    def _note_trouble(self) -> None:
        if self._replies:
            share = self._in_trouble / self._replies
            self._usual_trouble += 0.2 * (share - self._usual_trouble)

    def _step_back(self, now: float, pause: float, least: int = 1) -> None:
        self._note_trouble()
        self._doubling = False
        self._hold_until = now + pause + max(_HOLD, _COST * pause)
        self._set(self._good or max(int(self.limit * 0.9), min(least, self.limit)), now)
        self._good = 0

    def _set(self, limit: int, now: float) -> None:
        self.limit = max(1, min(limit, self._most))
        self._changed = now
        self._begin(now)

    def _judge(self, now: float) -> bool:
        """Close the window."""
        self._note_trouble()
        latencies, reached, before = sorted(self._latencies), self._reached, self.limit
        self._good = 0
        self._begin(now)
        if not latencies:
            return False
        latency = latencies[len(latencies) // 4]
        best = self._best_latency(now, latency)
        if latency > _MUCH_SLOWER * best + _GRAIN:
            self._doubling = False
            self._set(int(before * 0.9), now)
        elif latency > _SLOWER * best + _GRAIN:
            self._doubling = False
        elif reached and before < self._most and now >= self._hold_until:
            self._set(before * 2 if self._doubling else before + max(1, before // 20), now)
            self._good = before
        return self.limit != before

    def _best_latency(self, now: float, latency: float) -> float:
        """The least of the last windows' latencies, by a queue that falls from its left."""
        best = self._best
        while best and best[0][0] < now - _PATIENCE:
            best.popleft()
        while best and best[-1][1] >= latency:
            best.pop()
        best.append((now, latency))
        return best[0][1]
