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
from types import NoneType
from typing import cast

from batchconv.model import Fault, Raw, Reason, show
from batchconv.reading.timestamp_formats import SHORT_DAY, SHORT_MONTH, compile_format, moment_of
from batchconv.reading.timestamp_guess import unknown_zone, what_is_wrong
from batchconv.reading.timestamp_hours import KnownHours
from batchconv.reading.timezones import OFFSET, offset_in_hour, to_utc, zone_of
from batchconv.reading.unsendable import NULL_MARKERS, UnsendableError, each, number_text

_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
# Most runs need one or two of these patterns: they are texts, and `re` compiles those.
# Whole columns, a line each, that are plainly times: as the API has it, and as ISO 8601 has it.
_ALL_API = rf"(?:[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_TIME}\n)*"
_PLAIN = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_TIME}(?:[.,][0-9]+)?"
_ALL_LOCAL = rf"(?:{_PLAIN}\n)*"
_ALL_UTC = rf"(?:{_PLAIN}(?:Z|[+]00:00| UTC)\n)*"
_ALL_EPOCH = r"(?:[0-9]{10}(?:[0-9]{3}|[0-9]{6})?\n)*"
_SECOND = timedelta(seconds=1)

_ISO = (
    r"(?P<Y>[0-9]{4})(-?)(?P<m>[0-9]{2})\2(?P<d>[0-9]{2})"  # date, extended or basic
    # Time of day.
    r"[Tt ](?P<H>[0-9]{2})(:?)(?P<M>[0-9]{2})(?:\6(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]+))?)?"
    rf"(?: ?(?:\+00:?00 (?=[ZzUG]))?(?P<z>[Zz]|UTC|GMT|{OFFSET}))?"
    # RFC 9557's [Zone/Name], and the name behind a blank; where an offset stands, that decides.
    r"(?: ?\[!?(?P<Z>[A-Za-z][A-Za-z0-9_+/-]*)\]| (?P<place>[A-Za-z_]+/[A-Za-z0-9_+/-]+))?"
)
# RFC 5322, section 3.3, and the obsolete zones of its section 4.3.
_MAIL = (
    rf"(?i)(?:(?P<a>{SHORT_DAY}), )?(?P<d>[0-9]{{1,2}}) (?P<b>{SHORT_MONTH}) (?P<Y>[0-9]{{4}}) "
    r"(?P<H>[0-9]{2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2}))? "
    r"(?P<z>[+-][0-9]{4}|UTC?|GMT|Z|[ECMP][SD]T)(?: \([^()]*\))?"
)
_MAIL_ZONES = {"EST": "-05", "EDT": "-04", "CST": "-06", "CDT": "-05", "MST": "-07", "MDT": "-06",
               "PST": "-08", "PDT": "-07"}  # fmt: skip
_EPOCH = r"([0-9]{10}|[0-9]{13}|[0-9]{16})(?:[.,][0-9]+)?"
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
        self._nulls = frozenset(nulls)
        self._known = KnownHours()

    def one(self, raw: Raw) -> str | None:
        """The API's notation of a raw timestamp, in UTC; None where there is none.

        Raises:
            UnsendableError: not a time, not a possible one, or in a gap of the zone.
        """
        if raw is None:
            return None
        text = raw.strip() if isinstance(raw, str) else number_text(raw)
        if text is None:
            raise self._unknown(raw)
        known = self._known.get(text)
        if known is not None:
            return known
        if not text or text in self._nulls:
            return None
        try:
            moment = self._read(text)
        except LookupError as zone:
            raise UnsendableError(
                Reason.BAD_TIMESTAMP, f"{show(raw)} {unknown_zone(str(zone.args[0]))}"
            ) from None
        except (ValueError, OverflowError):
            raise UnsendableError(
                Reason.BAD_TIMESTAMP, f"{show(raw)} is an impossible time; correct it in the input"
            ) from None
        if moment is None:
            raise self._unknown(raw)
        return moment.isoformat(" ")

    def all(self, column: Sequence[Raw], refused: dict[int, Fault]) -> Sequence[str | None]:
        """The same for each of *column*, without leaving C where all are plainly times.

        What `one` refuses is None here, and its fault in *refused*.
        """
        kinds = set(map(type, column))
        if kinds == {NoneType}:
            return cast("Sequence[None]", column)
        if kinds in ({str}, {int}) and self._notation is None:
            texts = cast("Sequence[str]", column) if str in kinds else list(map(repr, column))
            plain = _all_plain(texts, local=self._zone is UTC)
            if plain is not None:
                return plain
        return each(self.one, column, refused)

    def _read(self, text: str) -> datetime | None:
        """The moment in UTC; None where the notation is not known."""
        if self._format is not None:
            match = self._format.fullmatch(text)
        else:
            if match := re.fullmatch(_EPOCH, text):
                return _EPOCH_BEGIN + int(match[1][:10]) * _SECOND
            match = re.fullmatch(_ISO, text) or re.fullmatch(_MAIL, text)
        return None if match is None else self._moment(match)

    def _moment(self, match: re.Match[str]) -> datetime:
        """The moment in UTC that a match tells whose groups are named as directives."""
        parts = match.groupdict()
        local, zone = moment_of(parts), self._zone
        named = parts.get("z") or parts.get("Z") or parts.get("place")
        if named:
            zone = zone_of(
                _MAIL_ZONES.get(named.upper(), named) if match.re.pattern == _MAIL else named
            )
        hour = local.replace(minute=0, second=0)
        offset = offset_in_hour(hour, zone)
        if offset is None:  # the clocks are put in this hour
            return to_utc(local, zone)
        self._known.add(match, hour - offset)
        return local - offset

    def _unknown(self, raw: Raw) -> UnsendableError:
        if isinstance(raw, dict):
            why = "is an object; name what is in it with --map timestamp=COLUMN.KEY"
            return UnsendableError(Reason.BAD_TIMESTAMP, f"timestamp {show(raw)} {why}")
        text = raw if isinstance(raw, str) else number_text(raw)
        if self._notation is None:
            why = what_is_wrong(text or "")
        else:
            why = f"does not have the --timestamp-format {self._notation!r}"
            why += "; it needs no such option" * (isinstance(raw, str) and is_usual(raw))
        return UnsendableError(Reason.BAD_TIMESTAMP, f"{show(raw)} {why}")


def _all_plain(column: Sequence[str], *, local: bool) -> Sequence[str] | None:
    """The API's notation of timestamps that are plainly times in UTC; None if one is not.

    Args:
        column: the timestamps.
        local: times without an offset are in UTC, too.
    """
    lines = "\n".join([*column, ""])
    if lines.count("\n") != len(column):
        return None  # one of them holds a line break
    if not (local and re.fullmatch(_ALL_API, lines)):
        if re.fullmatch(_ALL_EPOCH, lines):
            return [(_EPOCH_BEGIN + int(text[:10]) * _SECOND).isoformat(" ") for text in column]
        if not (re.fullmatch(_ALL_UTC, lines) or (local and re.fullmatch(_ALL_LOCAL, lines))):
            return None
        column = [f"{text[:10]} {text[11:19]}" for text in column]
    try:
        deque(map(datetime.fromisoformat, column), maxlen=0)  # refuses the 30th of February
    except ValueError:
        return None
    return column


def is_usual(text: str) -> bool:
    """Whether text has a notation that is known without being named; the time may be impossible."""
    return any(re.fullmatch(notation, text.strip()) for notation in (_EPOCH, _ISO, _MAIL))
