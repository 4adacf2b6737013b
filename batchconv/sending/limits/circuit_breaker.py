"""The breaker: a server that is down is asked now and then, not with every row."""

from __future__ import annotations

ROWS_TO_BEGIN = 10
"""So many different rows in a row with a reply to be tried again, and none final, are an outage."""

PROBE_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each probe; the last one for all that follow."""


class CircuitBreaker:
    """Tells an outage from rows in trouble, and when to probe; pure but for what it was told.

    Attributes:
        since: when the outage began, or None while there is none.
    """

    def __init__(self) -> None:
        self.since: float | None = None
        self._troubled: set[tuple[str, int]] = set()
        self._probes = 0
        self._next_probe = 0.0
        self._probing = False

    def wait(self, now: float) -> float | None:
        """Seconds until somebody may go and probe; None while a probe is under way."""
        return None if self._probing else max(0.0, self._next_probe - now)

    def probe(self) -> None:
        """Somebody goes."""
        self._probing = True

    def final(self) -> bool:
        """A final reply came; True when it ends an outage."""
        if self._troubled:
            self._troubled.clear()
        ended = self.since is not None
        self.since = None
        return ended

    def troubled(self, row: tuple[str, int], now: float) -> bool:
        """A reply to be tried again came for a row; True when that begins an outage.

        Args:
            row: its source and number.
            now: monotonic seconds.
        """
        if self.since is not None:
            return False
        self._troubled.add(row)
        if len(self._troubled) < ROWS_TO_BEGIN:
            return False
        self.since = now
        self._probes = 0
        self._schedule(now)
        return True

    def probe_failed(self, now: float) -> None:
        """The probe got through to nobody."""
        self._probes += 1
        self._schedule(now)

    def _schedule(self, now: float) -> None:
        self._probing = False
        self._next_probe = now + PROBE_WAITS[min(self._probes, len(PROBE_WAITS) - 1)]
