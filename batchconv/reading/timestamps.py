"""Any accepted notation of a time → UTC → the API's notation `yyyy-MM-dd HH:mm:ss`.

A time without an offset, the API's own notation included, is in the timezone that the user
names. In that zone's gaps (clocks put forward) there is no such time; in its folds (clocks put
back) the earlier of the two is meant. Fractions of a second are cut off, never rounded. There is
no hour 24.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NoReturn, cast

from batchconv.model import Raw, Reason, show
from batchconv.reading.timestamp_formats import (
    OFFSET,
    SHORT_DAY,
    SHORT_MONTH,
    ManyTimes,
    compile_format,
    moment_of,
    zone_of,
)
from batchconv.reading.timestamp_guess import unknown_zone, what_is_wrong
from batchconv.reading.unsendable import NULL_MARKERS, UnsendableError, number_text

_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
# Whole columns, a line each, that are plainly times: as the API has it, and as ISO 8601 has it.
_ALL_API = re.compile(rf"(?:[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_TIME}\n)*")
_PLAIN = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_TIME}(?:[.,][0-9]+)?"
_ALL_LOCAL = re.compile(rf"(?:{_PLAIN}\n)*")
_ALL_UTC = re.compile(rf"(?:{_PLAIN}(?:Z|[+]00:00| UTC)\n)*")
_ALL_EPOCH = re.compile(r"(?:[0-9]{10}(?:[0-9]{3}|[0-9]{6})?\n)*")
_SECOND = timedelta(seconds=1)

_ISO = re.compile(
    r"(?P<Y>[0-9]{4})(-?)(?P<m>[0-9]{2})\2(?P<d>[0-9]{2})"  # date, extended or basic
    r"[Tt ](?P<H>[0-9]{2})(:?)(?P<M>[0-9]{2})(?:\6(?P<S>[0-9]{2})(?:[.,][0-9]+)?)?"  # time of day
    rf"(?: ?(?:(?:\+00:?00 )?(?P<zulu>[Zz]|UTC|GMT)|(?P<offset>{OFFSET})))?"
    # RFC 9557's [Zone/Name], and the name behind a blank; where an offset stands, that decides.
    r"(?: ?\[!?(?P<zone>[A-Za-z][A-Za-z0-9_+/-]*)\]| (?P<place>[A-Za-z_]+/[A-Za-z0-9_+/-]+))?"
)
# RFC 5322, section 3.3, and the obsolete zones of its section 4.3.
_MAIL = re.compile(
    rf"(?:(?P<a>{SHORT_DAY}), )?(?P<d>[0-9]{{1,2}}) (?P<b>{SHORT_MONTH}) (?P<Y>[0-9]{{4}}) "
    r"(?P<H>[0-9]{2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2}))? "
    r"(?P<offset>[+-][0-9]{4}|UTC?|GMT|Z|[ECMP][SD]T)(?: \([^()]*\))?",
    re.IGNORECASE,
)
_MAIL_ZONES = {"EST": "-05", "EDT": "-04", "CST": "-06", "CDT": "-05", "MST": "-07", "MDT": "-06",
               "PST": "-08", "PDT": "-07"}  # fmt: skip
_EPOCH = re.compile(r"([0-9]{10}|[0-9]{13}|[0-9]{16})(?:[.,][0-9]+)?")
_EPOCH_DIVISOR = {10: 1, 13: 1_000, 16: 1_000_000}
_EPOCH_BEGIN = datetime(1970, 1, 1)  # noqa: DTZ001 - all moments here are in UTC


class TimestampRules:
    """How the timestamps of a run are understood.

    Args:
        zone: where times without an offset are; the fast path knows `datetime.UTC` itself.
        notation: a `strptime` format that text must have instead of the usual notations.
        nulls: texts that mean "no value".

    Raises:
        UsageError: the notation is not a format, or leaves the time open.
    """

    def __init__(
        self,
        zone: tzinfo = UTC,
        notation: str | None = None,
        nulls: Collection[str] = NULL_MARKERS,
    ) -> None:
        self._zone = zone
        self._notation = notation
        self._format = None if notation is None else compile_format(notation)
        self._many: ManyTimes | None = None
        if self._format is not None and not {"z", "Z"} & {*self._format.groupindex}:
            self._many = ManyTimes(self._format)
        self._nulls = frozenset(nulls)

    def one(self, raw: Raw) -> str | None:
        """The API's notation of a raw timestamp, in UTC; None where there is none.

        Raises:
            UnsendableError: not a time, not a possible one, or in a gap of the zone.
        """
        text = raw.strip() if isinstance(raw, str) else number_text(raw)
        if raw is None or text == "" or text in self._nulls:
            return None
        try:
            moment = None if text is None else self._read(text)
        except (ValueError, OverflowError):
            raise UnsendableError(
                Reason.BAD_TIMESTAMP, f"{show(raw)} is an impossible time; correct it in the input"
            ) from None
        if moment is None:
            self._refuse(raw)
        return moment.isoformat(" ")

    def all(self, column: Sequence[Raw]) -> Sequence[str | None]:
        """The same for each of *column*, without leaving C where all are plainly times.

        Raises:
            UnsendableError: `one` refuses one of them.
        """
        kinds = set(map(type, column))
        if self._many is not None and kinds <= {str, type(None)}:
            found = self._all_formatted(self._many, cast("Sequence[str | None]", column))
            if found is not None:
                return found
        if self._format is None and kinds in ({str}, {int}):
            texts = cast("Sequence[str]", column) if str in kinds else list(map(repr, column))
            found = _all_plain(texts, local=self._zone is UTC) or _all_local(texts, self._zone)
            if found is not None:
                return found
        return [None if raw is None else self.one(raw) for raw in column]

    def _all_formatted(
        self, many: ManyTimes, column: Sequence[str | None]
    ) -> Sequence[str | None] | None:
        """The times of a column in the user's format; None if one is not."""
        texts = [(text or "").strip() for text in column]
        blank = self._nulls.union(("",))
        try:
            times = many.read([text for text in texts if text not in blank])
        except ValueError:
            return None
        in_utc = times if self._zone is UTC else _all_local(times, self._zone)
        if in_utc is None or len(in_utc) == len(texts):
            return in_utc
        rest = iter(in_utc)
        return [None if text in blank else next(rest) for text in texts]

    def _read(self, text: str) -> datetime | None:
        """The moment in UTC, or None where the notation is not known."""
        if self._format is not None:
            match = self._format.fullmatch(text)
            if match is None:
                return None
            parts = match.groupdict()
            return self._in_utc(moment_of(parts), parts.get("z") or parts.get("Z"), text)
        match = _EPOCH.fullmatch(text)
        if match:
            digits = match[1]
            seconds = int(digits) // _EPOCH_DIVISOR[len(digits)]
            return _EPOCH_BEGIN + timedelta(seconds=seconds)
        match = _ISO.fullmatch(text)
        if match:
            year, _, month, day, hour, _, minute, second, *zones = match.groups()
            local = datetime(  # noqa: DTZ001 - _to_utc applies the zone
                int(year), int(month), int(day), int(hour), int(minute), int(second or 0)
            )
            return self._in_utc(local, next(filter(None, zones), None), text)
        match = _MAIL.fullmatch(text)
        if match:
            parts = match.groupdict()
            zone = parts["offset"] or ""
            return self._in_utc(moment_of(parts), _MAIL_ZONES.get(zone.upper(), zone), text)
        return None

    def _in_utc(self, local: datetime, named: str | None, text: str) -> datetime:
        zone = self._zone
        if named is not None:
            try:
                zone = zone_of(named)
            except LookupError:
                raise UnsendableError(
                    Reason.BAD_TIMESTAMP, f"{show(text)} {unknown_zone(named)}"
                ) from None
        return local if zone is UTC else _to_utc(local, zone)

    def _refuse(self, raw: Raw) -> NoReturn:
        if isinstance(raw, dict):
            raise UnsendableError(
                Reason.BAD_TIMESTAMP,
                f"timestamp {show(raw)} is an object; name what is in it with "
                "--map timestamp=COLUMN.KEY",
            )
        if self._notation is not None:
            raise UnsendableError(
                Reason.BAD_TIMESTAMP,
                f"{show(raw)} does not have the --timestamp-format {self._notation!r}"
                + "; it needs no such option" * (isinstance(raw, str) and is_usual(raw)),
            )
        text = raw if isinstance(raw, str) else number_text(raw)
        raise UnsendableError(Reason.BAD_TIMESTAMP, f"{show(raw)} {what_is_wrong(text or '')}")


def _to_utc(local: datetime, zone: tzinfo) -> datetime:
    """A local time in UTC; both without tzinfo.

    Raises:
        UnsendableError: the time is in a gap of the zone.
    """
    offset = _offset_in_hour(local.replace(minute=0, second=0), zone)
    if offset is not None:
        return local - offset
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
def _offset_in_hour(hour: datetime, zone: tzinfo) -> timedelta | None:
    """The offset that a zone has for a whole local hour, None where the clocks are put in it."""
    ends = [hour.replace(tzinfo=zone), hour.replace(minute=59, second=59, tzinfo=zone)]
    offsets = {end.replace(fold=fold).utcoffset() for end in ends for fold in (0, 1)}
    return offsets.pop() if len(offsets) == 1 else None


def _all_plain(column: Sequence[str], *, local: bool) -> Sequence[str] | None:
    """The API's notation of timestamps that are plainly times in UTC; None if one is not.

    Args:
        column: the timestamps.
        local: times without an offset are in UTC, too.
    """
    lines = "\n".join([*column, ""])
    if lines.count("\n") != len(column):
        return None  # one of them holds a line break
    if not (local and _ALL_API.fullmatch(lines)):
        if _ALL_EPOCH.fullmatch(lines):
            return [(_EPOCH_BEGIN + int(text[:10]) * _SECOND).isoformat(" ") for text in column]
        if not (_ALL_UTC.fullmatch(lines) or (local and _ALL_LOCAL.fullmatch(lines))):
            return None
        column = [f"{text[:10]} {text[11:19]}" for text in column]
    try:
        deque(map(datetime.fromisoformat, column), maxlen=0)  # refuses the 30th of February
    except ValueError:
        return None
    return column


def _all_local(column: Sequence[str], zone: tzinfo) -> Sequence[str] | None:
    """The API's notation of timestamps that are plainly times in a zone; None if one is not."""
    lines = "\n".join([*column, ""])
    if lines.count("\n") != len(column) or not _ALL_LOCAL.fullmatch(lines):
        return None
    hours = {text[:13] for text in column}
    try:
        offsets = {hour: _offset_in_hour(datetime.fromisoformat(hour), zone) for hour in hours}
        return [
            # The clocks are put in an hour without an offset: None cannot be subtracted.
            (datetime.fromisoformat(text[:19]) - offsets[text[:13]]).isoformat(" ")  # type: ignore[operator]  # it raises the TypeError caught below
            for text in column
        ]
    except (ValueError, TypeError, OverflowError):
        return None


def is_usual(text: str) -> bool:
    """Whether text has a notation that is known without being named; the time may be impossible."""
    return any(notation.fullmatch(text.strip()) for notation in (_EPOCH, _ISO, _MAIL))
