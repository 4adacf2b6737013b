"""Row → Conversion, or an `invalid` Outcome that says why and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from operator import attrgetter
from typing import cast

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
from batchconv.reading.timestamps import TimestampError, all_to_api, check_notation, to_api

_BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "y", "t"), True),
    **dict.fromkeys(("false", "0", "no", "n", "f"), False),
}
_CHANNELS: dict[str, Channel] = {"sms": "sms", "voice": "voice"}
_USUAL_BOOLEANS = {
    form(text): value
    for text, value in _BOOLEANS.items()
    for form in (str.lower, str.title, str.upper)
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # Unicode category Cc, all of it
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# The plus is required: 0E12345678901234 is a good id.
_DAMAGED = re.compile(r"[0-9]+(?:[.,][0-9]+)?E\+[0-9]+")
_FIELDS, _FAULT = attrgetter("fields"), attrgetter("fault")
_MANY = 8  # rows for which looking at columns is worth its while


class _Unsendable(Exception):  # noqa: N818 - never leaves this room
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.fault = Fault(reason, detail)


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

    Raises:
        UsageError: the notation is no `strptime` format of a time.
    """

    delivered: bool | None = None
    channel: Channel = "sms"
    zone: tzinfo = UTC
    notation: str | None = None
    timestamps: bool = True

    def __post_init__(self) -> None:
        if self.notation is not None:
            check_notation(self.notation)

    def __call__(self, row: Row) -> Conversion | Outcome:
        """The conversion that *row* describes, or its `invalid` outcome."""
        if row.fault is not None:
            return _invalid(row, row.fault)
        message_id, delivered, timestamp, channel = row.fields
        try:
            return Conversion(
                row,
                _message_id(message_id),
                self._delivered(delivered),
                None if timestamp is None else self._timestamp(timestamp),
                self.channel if channel is None else self._channel(channel),
            )
        except (_Unsendable, TimestampError) as problem:
            return _invalid(row, problem.fault)

    def all(self, rows: list[Row]) -> list[Conversion | Outcome]:
        """What becomes of each of *rows*: the same as one by one, and several times faster.

        Values are looked at by columns, and a column in which all is usual without leaving C.
        """
        if len(rows) < _MANY or any(map(_FAULT, rows)):
            return list(map(self, rows))
        ids, delivered, timestamps, channels = zip(*map(_FIELDS, rows), strict=True)
        try:
            columns = (
                _all_ids(ids),
                self._all_delivered(delivered),
                self._all_timestamps(timestamps),
                self._all_channels(channels),
            )
        except (_Unsendable, TimestampError):
            return list(map(self, rows))  # one is invalid; which, and why, each tells by itself
        return [*make_all(Conversion, zip(rows, *columns, strict=True))]

    def _delivered(self, raw: Raw) -> bool:
        if isinstance(raw, str):
            known = _BOOLEANS.get(raw)
            if known is not None:
                return known
            text = raw.strip().lower()
            known = _BOOLEANS.get(text, self.delivered if not text else None)
            if known is not None:
                return known
            if text:
                raise _bad_delivered(raw)
        elif isinstance(raw, bool):
            return raw
        elif isinstance(raw, int) and raw in (0, 1):
            return raw == 1
        elif raw is not None:
            raise _bad_delivered(raw)
        elif self.delivered is not None:
            return self.delivered
        raise _Unsendable(
            Reason.MISSING_DELIVERED,
            "delivered is blank; fill it in, or give --delivered true or false for such rows",
        )

    def _all_delivered(self, column: Sequence[Raw]) -> Sequence[bool]:
        if set(map(type, column)) == {bool}:
            return cast("Sequence[bool]", column)
        texts = _texts(column)
        found = [None] if texts is None else list(map(_USUAL_BOOLEANS.get, texts))
        return list(map(self._delivered, column)) if None in found else cast("list[bool]", found)

    def _timestamp(self, raw: Raw) -> str | None:
        timestamp = to_api(raw, self.zone, self.notation)
        if timestamp is not None and not self.timestamps:
            raise _Unsendable(
                Reason.TIMESTAMP_NOT_SENDABLE,
                "the row has a time of its own, and --signature-timestamp request needs that "
                "parameter for the request's; leave that option out, or empty the column",
            )
        return timestamp

    def _all_timestamps(self, column: Sequence[Raw]) -> Sequence[str | None]:
        usual = self.timestamps and self.zone is UTC and self.notation is None
        texts = _texts(column) if usual else None
        found = None if texts is None else all_to_api(texts)
        if found is not None:
            return found
        return [None if raw is None else self._timestamp(raw) for raw in column]

    def _all_channels(self, column: Sequence[Raw]) -> Sequence[Channel]:
        return [self.channel if raw is None else self._channel(raw) for raw in column]

    def _channel(self, raw: Raw) -> Channel:
        if isinstance(raw, str):
            text = raw.strip().lower()
            if not text:
                return self.channel
            if text in _CHANNELS:
                return _CHANNELS[text]
        raise _Unsendable(Reason.BAD_CHANNEL, f"channel {show(raw)} is neither sms nor voice")


def _bad_delivered(raw: Raw) -> _Unsendable:
    return _Unsendable(
        Reason.BAD_DELIVERED,
        f"delivered {show(raw)} is neither true nor false; write true/false, 1/0 or yes/no",
    )


def _texts(column: Sequence[Raw]) -> Sequence[str] | None:
    """The column if it is all text."""
    return cast("Sequence[str]", column) if set(map(type, column)) == {str} else None


def _all_ids(column: Sequence[Raw]) -> Sequence[str]:
    texts = _texts(column)
    if texts is not None:
        together = "".join(texts)
        # Of all blanks only the space is printable; no control character and no surrogate is.
        if (
            together.isprintable()
            and all(map(str.strip, texts) if " " in together else texts)
            and "E+" not in together
        ):
            return texts
    return list(map(_message_id, column))


def _message_id(raw: Raw) -> str:
    if isinstance(raw, str):
        # Nearly every id is letters and digits, and one look tells that all is well with it.
        if not raw.isalnum():
            _refuse_bad_text(raw)
        return raw
    if raw is None:
        raise _Unsendable(Reason.MISSING_ID, "the row has no message id; give it one or remove it")
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    raise _Unsendable(
        Reason.BAD_ID, f"message id {show(raw)} is neither text nor an integer; put it in quotes"
    )


def _refuse_bad_text(text: str) -> None:
    if not text.strip():
        raise _Unsendable(Reason.BLANK_ID, "the message id is blank; give it one or remove the row")
    if _CONTROL.search(text):
        raise _Unsendable(
            Reason.CONTROL_CHARACTER,
            f"message id {show(text)} holds a control character; export the ids again",
        )
    if _SURROGATE.search(text):
        # yarl drops a lone surrogate silently, and another id would be sent.
        raise _Unsendable(
            Reason.LONE_SURROGATE,
            f"message id {show(text)} holds half of a surrogate pair; export the ids again",
        )
    if _DAMAGED.fullmatch(text):
        raise _Unsendable(
            Reason.DAMAGED_ID,
            f"message id {show(text)} was turned into a rounded number by a spreadsheet; export "
            "the ids again as text",
        )


def _invalid(row: Row, fault: Fault) -> Outcome:
    return Outcome(row, None, Result.INVALID, reason=fault.reason, detail=fault.detail)
