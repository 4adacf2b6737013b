"""Which rows are too old to be worth sending."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from batchconv.model import Conversion, Outcome, Reason, Result, Row
from batchconv.sending.durations import show_duration


def moment_text(seconds: float) -> str:
    """A moment in the API's notation, in which the earlier of two sorts before the later.

    Args:
        seconds: since 1970; what lies beyond the calendar becomes its first or last second.
    """
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return "9999-12-31 23:59:59" if seconds > 0 else "0001-01-01 00:00:00"
    return moment.replace(tzinfo=None).isoformat(" ", "seconds")


def age_limit(
    most: float | None, clock: Callable[[], float]
) -> Callable[[Conversion], Outcome | None] | None:
    """What turns away rows further back than *most* seconds; None for None, which lets all pass."""
    return None if most is None else AgeLimit(most, clock).turn_away


class AgeLimit:
    """Turns away rows whose time lies further back than *most* seconds; those without one pass.

    The age is that of the moment at which a row's turn comes, and again of the one at which it is
    about to be written: reading from a pipe goes on for days, and so may an outage.

    Args:
        most: seconds.
        clock: seconds since 1970.
    """

    def __init__(self, most: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._second = -1
        self._oldest = ""

    @property
    def oldest(self) -> str:
        """The earliest time that is not too old now, in the API's notation."""
        now = self._clock()
        if int(now) != self._second:
            self._second = int(now)
            self._oldest = moment_text(self._second - self._most)
        return self._oldest

    def turn_away(self, conversion: Conversion) -> Outcome | None:
        """The `skipped` outcome of a row that is too old, else None."""
        timestamp = conversion.timestamp
        if timestamp is None or timestamp >= self.oldest:
            return None
        return Outcome(
            conversion.row,
            conversion,
            Result.SKIPPED,
            reason=Reason.TOO_OLD,
            detail=f"its time is {timestamp} UTC, further back than the "
            f"{show_duration(self._most)} of --max-age",
        )


def was_too_old(row: Row) -> bool:
    """Whether an earlier run has skipped the row for its age already."""
    return row.earlier is not None and row.earlier.outcome is Result.SKIPPED
