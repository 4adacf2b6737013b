"""Times of a zone → UTC, and what names a zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from batchconv.model import Reason
from batchconv.reading.unsendable import UnsendableError

OFFSET = r"[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?"
"""What an offset looks like."""

_NAMED_OFFSET = re.compile(r"(?:UTC|GMT)([+-])([0-9]{1,2})(?::?([0-9]{2}))?", re.IGNORECASE)
_OFFSET = re.compile(r"([+-])([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2}))?)?")


@lru_cache(maxsize=1024)
def zone_of(text: str) -> tzinfo:
    """The zone that a text names: an offset, UTC, GMT, `UTC+2`, or a place such as Europe/Berlin.

    Abbreviations are none: CST alone is three zones, and none of them says so.

    Raises:
        LookupError: it names no zone, or leaves open which.
        ValueError: the offset is none that a zone can have.
    """
    text = text.partition(" (")[0]
    if text.upper() in ("UTC", "GMT", "UT", "Z"):
        return UTC
    match = _OFFSET.fullmatch(text) or _NAMED_OFFSET.fullmatch(text)
    if match:
        hours, minutes, *rest = (int(each or 0) for each in match.groups()[1:])
        if minutes > 59 or any(each > 59 for each in rest):
            raise ValueError(text)
        offset = timedelta(hours=hours, minutes=minutes, seconds=sum(rest))
        return timezone(-offset if match[1] == "-" else offset)
    if "/" not in text:
        raise LookupError(text)
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - start-up: mostly times have an offset, or none

    try:
        return ZoneInfo(text)
    except (ValueError, OSError):
        raise LookupError(text) from None


def to_utc(local: datetime, zone: tzinfo) -> datetime:
    """A local time in UTC; both without tzinfo.

    Raises:
        UnsendableError: the time is in a gap of the zone.
    """
    # fold=0, the default, is the earlier of two; a time in a gap does not survive the way back.
    moment = local.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != local:
        raise UnsendableError(
            Reason.TIME_IN_GAP,
            f"{local} does not exist in {zone}, because the clocks were put forward; give "
            "the time with an offset, or correct --timezone",
        )
    return moment.replace(tzinfo=None)


@lru_cache(maxsize=4096)
def offset_in_hour(hour: datetime, zone: tzinfo) -> timedelta | None:
    """The offset that a zone has for a whole local hour, None where the clocks are put in it."""
    ends = [hour.replace(tzinfo=zone), hour.replace(minute=59, second=59, tzinfo=zone)]
    offsets = {end.replace(fold=fold).utcoffset() for end in ends for fold in (0, 1)}
    return offsets.pop() if len(offsets) == 1 else None
