"""Any accepted notation of a time → UTC → the API's notation `yyyy-MM-dd HH:mm:ss`.

A time without an offset, the API's own notation included, is in the timezone that the user
names. In that zone's gaps (clocks put forward) there is no such time; in its folds (clocks put
back) the earlier of the two is meant. Fractions of a second are cut off, never rounded.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from batchconv.errors import UsageError
from batchconv.model import Fault, Raw, Reason, show

_API_NOTATION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} (?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")
_ISO = re.compile(
    r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})"  # date, extended or basic
    r"[Tt ]([0-9]{2})(:?)([0-9]{2})(?:\6([0-9]{2})(?:[.,][0-9]+)?)?"  # time of day
    r"(?: ?(?:([Zz])|([+-])([0-9]{2})(?::?([0-9]{2}))?))?"  # offset
)
# Whole columns, a line each, that are plainly in UTC: as the API has it, and as ISO 8601 has it.
_ALL_API = re.compile(f"(?:{_API_NOTATION.pattern}\n)*")
_ALL_ISO = re.compile(
    r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?:Z|[+]00:00)?\n)*"
)
_EPOCH = re.compile(r"[0-9]{10}|[0-9]{13}|[0-9]{16}")
_ZONE_NAME = re.compile(r"(?<!%)(?:%%)*%Z")
_UTC_NAME = re.compile(r"\b(?:UTC|GMT)\b", re.IGNORECASE)
_EPOCH_DIVISOR = {10: 1, 13: 1_000, 16: 1_000_000}


class TimestampError(Exception):
    """A time that cannot be sent; `fault` says why and what to do."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.fault = Fault(reason, detail)


def check_notation(notation: str) -> None:
    """Refuse a `strptime` format that no text can have, or that tells no day.

    Raises:
        UsageError: it is one.
    """
    probe = datetime(2026, 11, 23, 17, 41, 52, tzinfo=UTC)
    try:
        day = datetime.strptime(probe.strftime(notation), notation).date()  # noqa: DTZ007 - only its day matters
    except (ValueError, re.error) as error:
        raise UsageError(
            f"--timestamp-format {notation}: {error}", hint="such as %d/%m/%Y %H:%M:%S"
        ) from None
    if day != probe.date():
        raise UsageError(
            f"--timestamp-format {notation} does not say year, month and day",
            hint="such as %d/%m/%Y %H:%M:%S",
        )


def to_api(raw: Raw, zone: tzinfo = UTC, notation: str | None = None) -> str | None:
    """The API's notation of a raw timestamp, in UTC; None where there is none.

    Args:
        raw: the cell or JSON value; blank text is no timestamp.
        zone: where times without an offset are; the fast path knows `datetime.UTC` itself.
        notation: a `strptime` format that text must have instead of the usual notations.

    Raises:
        TimestampError: not a time, not a possible one, or in a gap of the zone.
    """
    try:
        if isinstance(raw, str):
            if zone is UTC and notation is None and _API_NOTATION.fullmatch(raw):
                datetime.fromisoformat(raw)  # refuses the 30th of February
                return raw
            text = raw.strip()
            if not text:
                return None
        elif raw is None:
            return None
        elif isinstance(raw, int) and not isinstance(raw, bool):
            text = str(raw)
        else:
            raise _unknown(raw)
        moment = _parse(text, zone) if notation is None else _strptime(text, zone, notation)
    except (ValueError, OverflowError):
        raise TimestampError(
            Reason.BAD_TIMESTAMP, f"{show(raw)} is an impossible time; mend it in the input"
        ) from None
    return moment.replace(tzinfo=None).isoformat(" ", "seconds")


def all_to_api(column: Sequence[str]) -> Sequence[str] | None:
    """The API's notation of timestamps that are plainly times in UTC; None if one is not.

    It is what `to_api` makes of each of them where times without an offset are in UTC.
    """
    lines = "\n".join([*column, ""])
    if lines.count("\n") != len(column):
        return None  # one of them holds a line break
    if not _ALL_API.fullmatch(lines):
        if not _ALL_ISO.fullmatch(lines):
            return None
        column = [f"{text[:10]} {text[11:19]}" for text in column]
    try:
        deque(map(datetime.fromisoformat, column), maxlen=0)  # refuses the 30th of February
    except ValueError:
        return None
    return column


def is_usual(text: str) -> bool:
    """Whether text has a notation that is known without being named; the time may be impossible."""
    return any(notation.fullmatch(text.strip()) for notation in (_EPOCH, _ISO))


def _parse(text: str, zone: tzinfo) -> datetime:
    if _EPOCH.fullmatch(text):
        seconds = int(text) // _EPOCH_DIVISOR[len(text)]
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    match = _ISO.fullmatch(text)
    if match is None:
        raise _unknown(text)
    year, _, month, day, hour, _, minute, second, zulu, sign, off_hour, off_minute = match.groups()
    local = datetime(  # noqa: DTZ001 - the zone is applied by _to_utc, which looks for gaps
        int(year), int(month), int(day), int(hour), int(minute), int(second or 0)
    )
    if zulu:
        zone = UTC
    elif sign:
        if int(off_minute or 0) > 59:
            raise ValueError(off_minute)
        offset = timedelta(hours=int(off_hour), minutes=int(off_minute or 0))
        zone = timezone(-offset if sign == "-" else offset)
    return _to_utc(local, zone, text)


def _strptime(text: str, zone: tzinfo, notation: str) -> datetime:
    try:
        moment = datetime.strptime(text, notation)  # noqa: DTZ007 - _to_utc applies the zone
    except ValueError:
        raise TimestampError(
            Reason.BAD_TIMESTAMP, f"{show(text)} does not have the --timestamp-format {notation!r}"
        ) from None
    if _ZONE_NAME.search(notation) and _UTC_NAME.search(text):
        zone = UTC  # strptime knows the name and forgets it
    return _to_utc(moment.replace(tzinfo=None, microsecond=0), moment.tzinfo or zone, text)


def _to_utc(local: datetime, zone: tzinfo, text: str) -> datetime:
    # fold=0, the default, is the earlier of two; a time in a gap does not survive the way back.
    moment = local.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != local:
        raise TimestampError(
            Reason.TIME_IN_GAP,
            f"{show(text)} does not exist in {zone}, where the clocks were put forward over it; "
            "give the time with an offset, or mend --timezone",
        )
    return moment


def _unknown(raw: Raw) -> TimestampError:
    return TimestampError(
        Reason.BAD_TIMESTAMP,
        f"{show(raw)} is no time that is known here; write yyyy-MM-dd HH:mm:ss, ISO 8601 with a "
        "time of day, or an epoch of 10, 13 or 16 digits, or name its --timestamp-format",
    )
