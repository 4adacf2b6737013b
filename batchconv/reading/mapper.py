"""Row → Conversion, or an `invalid` Outcome that says why and what to do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Mapper:
    """Turns rows into conversions; pure, and the same for every row of a run.

    Attributes:
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

    delivered: bool | None = None
    channel: Channel = "sms"
    zone: tzinfo = UTC
    notation: str | None = None
    timestamps: bool = True
    true: Collection[str] = ()
    false: Collection[str] = ()
    nulls: Collection[str] = ()
    any_id: bool = False
    id_column: str | None = None
    _ids: IdRules = field(init=False, repr=False, compare=False)
    _truth: TruthRules = field(init=False, repr=False, compare=False)
    _times: TimestampRules = field(init=False, repr=False, compare=False)
    _nulls: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        nulls = NULL_MARKERS.union(map(str.strip, self.nulls))
        ids = IdRules(nulls, any_id=self.any_id, column=self.id_column)
        truth = TruthRules(self.delivered, nulls, self.true, self.false)
        object.__setattr__(self, "_nulls", nulls)
        object.__setattr__(self, "_ids", ids)
        object.__setattr__(self, "_truth", truth)
        object.__setattr__(self, "_times", TimestampRules(self.zone, self.notation, nulls))

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
            if self.timestamps
            else each(self._timestamp, timestamps, refused),
            each(self._channel, channels, refused),
        )
        made: list[Conversion | Outcome] = [*make_all(Conversion, zip(rows, *columns, strict=True))]
        for place, fault in refused.items():
            made[place] = _invalid(rows[place], fault)
        return made

    def _timestamp(self, raw: Raw) -> str | None:
        timestamp = self._times.one(raw)
        if timestamp is not None and not self.timestamps:
            raise UnsendableError(
                Reason.TIMESTAMP_NOT_SENDABLE,
                "the row has a time of its own, and --signature-timestamp request needs that "
                "parameter for the request's; leave that option out, or empty the column",
            )
        return timestamp

    def _channel(self, raw: Raw) -> Channel:
        if raw is None:
            return self.channel
        if isinstance(raw, str):
            text = raw.strip()
            if not text or text in self._nulls:
                return self.channel
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
