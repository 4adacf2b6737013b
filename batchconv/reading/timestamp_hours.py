"""Times that are known by another of the same hour, without a close look at each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

_LONGEST = 64  # characters of a text that is remembered
_MOST = 1 << 14  # hours remembered of each layout: a year and a half
_HOUR = timedelta(hours=1)
_LAST = datetime(9999, 12, 31)  # noqa: DTZ001 - all moments here are in UTC

_Below = Mapping[str, tuple[bool, str]]


class _Layout(NamedTuple):
    """Where texts of one length have their digits below the hour, and which hours they had.

    Attributes:
        begin, end: of minutes and seconds.
        fraction, rest: where the fraction of a second begins, and what stands behind it.
        hours: all around these digits → the hour in UTC, the one after it, and what `_all_below`
            has to be asked for what is below them.
    """

    begin: int
    end: int
    fraction: int
    rest: int
    hours: dict[str, tuple[str, str, tuple[int, str, int]]]


class KnownHours:
    """Remembers the hours of times that were read.

    A text that differs from one of these in minutes, seconds and fraction alone is a time of the
    same hour, if they are such.
    """

    def __init__(self) -> None:
        self._layouts: dict[int, _Layout] = {}

    def get(self, text: str) -> str | None:
        """The API's notation of a time whose hour is known; else None."""
        layout = self._layouts.get(len(text))
        if layout is None:
            return None
        begin, end, fraction, rest, hours = layout
        known = hours.get(text[:begin] + text[end:fraction] + text[rest:])
        if known is None:
            return None
        hour, next_hour, written = known
        below = _all_below(*written).get(text[begin:end])
        if below is None or (fraction != rest and not _are_digits(text[fraction:rest])):
            return None
        return (next_hour if below[0] else hour) + below[1]

    def add(self, match: re.Match[str], hour: datetime) -> None:
        """Remember the hour of a time.

        Args:
            match: of its text; the groups M, S and f are minutes, seconds and fraction.
            hour: when its hour began, in UTC; no clocks are put in it.
        """
        text = match.string
        places = _places(match)
        if places is None or len(text) > _LONGEST or hour.second or hour > _LAST:
            return
        layout = self._layouts.setdefault(len(text), _Layout(*places, {}))
        if layout[:4] != places:
            return
        if len(layout.hours) == _MOST:
            layout.hours.clear()
        begin, end, fraction, rest = places
        layout.hours[text[:begin] + text[end:fraction] + text[rest:]] = (
            _until_hour(hour),
            _until_hour(hour + _HOUR),
            (end - begin, text[begin + 2] if end - begin == 5 else "", hour.minute),
        )


def _places(match: re.Match[str]) -> tuple[int, int, int, int] | None:
    """Where minutes, seconds and fraction stand; None where they do not stand together."""
    spans = [match.span(name) for name in "MSf" if match.re.groupindex.get(name)]
    spans = [span for span in spans if span != (-1, -1)]
    if not spans:
        return 0, 0, 0, 0
    minutes, seconds, fraction = (spans + [(spans[-1][1],) * 2] * 2)[:3]
    between = match.string[minutes[1] : seconds[0]], match.string[seconds[1] : fraction[0]]
    if (
        minutes > seconds
        or seconds > fraction
        or any(len(one) > 1 or one.isalnum() for one in between)
    ):
        return None
    return (minutes[0], seconds[1], *fraction)


@lru_cache(maxsize=256)
def _all_below(size: int, mark: str, late: int) -> _Below:
    """Minutes and seconds as they are written → whether an hour is full by them, and what is left.

    Args:
        size: characters of them; 2 without seconds, 0 without either.
        mark: between them.
        late: minutes past the full hour in UTC when an hour of the zone begins.
    """
    pairs = [
        (minute, second)
        for minute in range(60 if size else 1)
        for second in range(60 if size > 2 else 1)
    ]
    return {
        f"{minute:02}{mark}{second:02}"[:size]: (
            minute + late > 59,
            f"{(minute + late) % 60:02}:{second:02}",
        )
        for minute, second in pairs
    }


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _until_hour(moment: datetime) -> str:
    return moment.isoformat(" ", "hours") + ":"
