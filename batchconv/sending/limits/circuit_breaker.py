"""The breaker: many rows in a row that get no final reply are an outage."""

from __future__ import annotations

from itertools import chain, repeat

ROWS_TO_BEGIN = 10
"""So many different rows in a row whose reply asks for a retry, and none final, are an outage."""

_PROBE_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0)


def probe_waits() -> chain[float]:
    """Seconds before each probe of an outage, without end."""
    return chain(_PROBE_WAITS, repeat(_PROBE_WAITS[-1]))


class CircuitBreaker:
    """Tells an outage from rows in trouble; pure except for its recorded state.

    Attributes:
        since: when the outage began, in monotonic seconds; None while there is none.
    """

    def __init__(self) -> None:
        self.since: float | None = None
        self._troubled: set[tuple[str, int]] = set()

    def troubled(self, row: tuple[str, int], now: float) -> bool:
        """A reply waiting for a retry came for a row; True when that begins an outage.

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
        return True

    def final(self) -> None:
        """A final reply came: the server answers, or did when that request was sent."""
        self._troubled.clear()

    def over(self) -> None:
        """A probe got a final reply."""
        self.since = None
        self._troubled.clear()
