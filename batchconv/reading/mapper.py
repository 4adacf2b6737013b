"""Row → Conversion, or an `invalid` Outcome that says why and what to do."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, tzinfo
from operator import attrgetter

from batchconv.model import (
    Channel,
    Conversion,
    Fault,
    Outcome,
    Raw,
    Reason,
    Result,
    Row,
    make_all,
    show,
)
from batchconv.reading.ids import IdRules
from batchconv.reading.timestamps import TimestampRules
from batchconv.reading.truth import TruthRules
from batchconv.reading.unsendable import NULL_MARKERS, UnsendableError, each

_CHANNELS: dict[str, Channel] = {"sms": "sms", "voice": "voice"}
_FIELDS, _FAULT = attrgetter("fields"), attrgetter("fault")
_MANY = 8  # rows for which looking at columns is worth its while


class Mapper:
    """Turns rows into conversions; pure, and the same for every row of a run.

    Args:
        delivered: for rows whose `delivered` is missing or blank; None makes them invalid.
        channel: for rows whose `channel` is missing or blank.
        zone: where times without an offset are.
        notation: a `strptime` format instead of the usual notations.
        timestamps: False refuses rows with a time of their own (`--signature-timestamp request`
            needs the parameter's name for itself).
        true, false: more words of the `delivered` column.
        nulls: more texts that mean "no value", in every column.
        any_id: send ids as they are.
        id_column: the column that holds ids, as the user named it.

    Raises:
        UsageError: the notation leaves the time open, or a word is to mean true and false.
    """

    def __init__(
        self,
        delivered: bool | None = None,
        channel: Channel = "sms",
        zone: tzinfo = UTC,
        notation: str | None = None,
        *,
        timestamps: bool = True,
        true: Collection[str] = (),
        false: Collection[str] = (),
        nulls: Collection[str] = (),
        any_id: bool = False,
        id_column: str | None = None,
    ) -> None:
        self._usual_channel = channel
        self._timestamps = timestamps
        self._nulls = NULL_MARKERS.union(map(str.strip, nulls))
        self._ids = IdRules(self._nulls, any_id=any_id, column=id_column)
        self._truth = TruthRules(delivered, self._nulls, true, false)
        self._times = TimestampRules(zone, notation, self._nulls)

    def __call__(self, row: Row) -> Conversion | Outcome:
        """The conversion that *row* describes, or its `invalid` outcome."""
        if row.fault is not None:
            return _invalid(row, row.fault)
        message_id, delivered, timestamp, channel = row.fields
        try:
            return Conversion(
                row,
                self._ids.one(message_id),
                self._truth.one(delivered),
                self._timestamp(timestamp),
                self._channel(channel),
            )
        except UnsendableError as problem:
            return _invalid(row, problem.fault)

    def all(self, rows: list[Row]) -> list[Conversion | Outcome]:
        """The conversion or the fault of each row: as one by one, but several times faster.

        Values are looked at by columns, and a column in which all is usual without leaving C.
        """
        if any(map(_FAULT, rows)):
            sound = iter(self.all([row for row in rows if row.fault is None]))
            return [next(sound) if row.fault is None else _invalid(row, row.fault) for row in rows]
        if len(rows) < _MANY:
            return list(map(self, rows))
        ids, delivered, timestamps, channels = zip(*map(_FIELDS, rows), strict=True)
        refused: dict[int, Fault] = {}
        columns = (
            self._ids.all(ids, refused),
            self._truth.all(delivered, refused),
            self._times.all(timestamps, refused)
            if self._timestamps
            else each(self._timestamp, timestamps, refused),
            [self._usual_channel] * len(rows)
            if channels.count(None) == len(rows)
            else each(self._channel, channels, refused),
        )
        made: list[Conversion | Outcome] = [*make_all(Conversion, zip(rows, *columns, strict=True))]
        for place, fault in refused.items():
            made[place] = _invalid(rows[place], fault)
        return made

    def _timestamp(self, raw: Raw) -> str | None:
        timestamp = self._times.one(raw)
        if timestamp is not None and not self._timestamps:
            raise UnsendableError(
                Reason.TIMESTAMP_NOT_SENDABLE,
                "the row has a time of its own, and --signature-timestamp request needs that "
                "parameter for the request's; leave that option out, or empty the column",
            )
        return timestamp

    def _channel(self, raw: Raw) -> Channel:
        if raw is None:
            return self._usual_channel
        if isinstance(raw, str):
            text = raw.strip()
            if not text or text in self._nulls:
                return self._usual_channel
            known = _CHANNELS.get(text.lower())
            if known is not None:
                return known
        raise UnsendableError(
            Reason.BAD_CHANNEL,
            f"channel {show(raw)} is neither sms nor voice; name another column with "
            "--map channel=COLUMN",
        )


def _invalid(row: Row, fault: Fault) -> Outcome:
    return Outcome(row, None, Result.INVALID, reason=fault.reason, detail=fault.detail)
