"""From when to when the times of rows are, and which of them lie oddly."""

from __future__ import annotations

from collections.abc import Sequence

from batchconv.sending.age_limit import AgeLimit, moment_text

_CLOCKS_DIFFER = 60.0  # seconds by which another machine's clock may be ahead


class TimeSpan:
    """Takes in columns of times in the API's notation, which sort as texts.

    Args:
        now: seconds since 1970.
        max_age: seconds from which a row is too old; None for no limit.

    Attributes:
        earliest, latest: in the API's notation; None while no row had a time.
        without: rows without a time.
        future: rows whose time is still to come.
        too_old: rows that `--max-age` leaves out.
        oldest: the earliest time that it lets pass; empty without one.
    """

    def __init__(self, now: float, max_age: float | None) -> None:
        self.earliest: str | None = None
        self.latest: str | None = None
        self.without = self.future = self.too_old = 0
        self.oldest = "" if max_age is None else AgeLimit(max_age, lambda: now).oldest
        self._still_sound = moment_text(now + _CLOCKS_DIFFER)

    def add(self, column: Sequence[str | None]) -> int:
        """Take in the times of some rows, without a look at each in Python.

        Returns:
            How many of them are too old.
        """
        known = list(filter(None, column))
        self.without += len(column) - len(known)
        if not known:
            return 0
        earliest, latest = min(known), max(known)
        if self.earliest is None or earliest < self.earliest:
            self.earliest = earliest
        if self.latest is None or latest > self.latest:
            self.latest = latest
        if latest > self._still_sound:
            self.future += sum(map(self._still_sound.__lt__, known))
        too_old = sum(map(self.oldest.__gt__, known)) if earliest < self.oldest else 0
        self.too_old += too_old
        return too_old
