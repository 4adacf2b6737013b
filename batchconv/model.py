"""What travels between the rooms: Row → Conversion → Reply → Outcome.

All are immutable tuples with names. A tuple costs a third of a frozen dataclass to make, and
four are made for every row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from functools import partial
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, TypeVar

Channel = Literal["sms", "voice"]

Raw = str | int | float | bool | list[object] | dict[str, object] | None
"""A mapped value as it stands in the record: CSV knows only text, JSON anything. None stands for
a missing column, too."""


T = TypeVar("T", bound=tuple[Any, ...])


def make_all(kind: type[T], values: Iterable[tuple[object, ...]]) -> list[T]:
    """Named tuples of one kind, each with all its values in order, made without leaving C."""
    return list(map(partial(tuple.__new__, kind), values))


def show(raw: Raw) -> str:
    """A raw value for a sentence to people: printable, and cut short when it is long."""
    text = ascii(raw)
    return text if len(text) <= 60 else text[:57] + "..."


class Reason(StrEnum):
    """Why a row was not accepted: the closed list that results files are written with."""

    # The API's final no.
    INVALID_PARAMETERS = "invalid-parameters"
    FORBIDDEN = "forbidden"
    REDIRECTED = "redirected"
    REFUSED = "refused"
    # Attempts exhausted, by what the last one met.
    TIMEOUT = "timeout"
    UNKNOWN_HOST = "unknown-host"
    CONNECTION_REFUSED = "connection-refused"
    NO_ROUTE = "no-route"
    TLS_FAILED = "tls-failed"
    CONNECTION_LOST = "connection-lost"
    BAD_REPLY = "bad-reply"
    SERVER_ERROR = "server-error"
    # Never sent: the record.
    UNREADABLE_RECORD = "unreadable-record"
    TOO_LONG = "too-long"
    UNDECODABLE = "undecodable"
    CELL_COUNT = "cell-count"
    AMBIGUOUS_COLUMNS = "ambiguous-columns"
    # Never sent: a value.
    MISSING_ID = "missing-id"
    BLANK_ID = "blank-id"
    BAD_ID = "bad-id"
    CONTROL_CHARACTER = "control-character"
    LONE_SURROGATE = "lone-surrogate"
    INVISIBLE_CHARACTER = "invisible-character"
    DAMAGED_ID = "damaged-id"
    MISSING_DELIVERED = "missing-delivered"
    BAD_DELIVERED = "bad-delivered"
    BAD_TIMESTAMP = "bad-timestamp"
    TIME_IN_GAP = "time-in-gap"
    TIMESTAMP_NOT_SENDABLE = "timestamp-not-sendable"
    BAD_CHANNEL = "bad-channel"
    # Not sent, and no fault of the row.
    DUPLICATE = "duplicate"
    IN_LEDGER = "in-ledger"
    TOO_OLD = "too-old"


class Fault(NamedTuple):
    """Why a record cannot become a conversion: a reason and a sentence that says what to do."""

    reason: Reason
    detail: str


class Fields(NamedTuple):
    """The raw values of the four mapped columns of one record."""

    message_id: Raw
    delivered: Raw
    timestamp: Raw
    channel: Raw


NO_FIELDS = Fields(None, None, None, None)


class PackedCells(NamedTuple):
    """The cells of a very long record, as UTF-8: a quarter of what text with an emoji takes."""

    parts: tuple[bytes, ...]

    def unpack(self) -> list[str]:
        """The cells."""
        return [part.decode("utf-8", "surrogatepass") for part in self.parts]


class Row(NamedTuple):
    """A raw record with its number from 1.

    Attributes:
        source: which input, as the results name it.
        number: the record's number in its input, from 1; header and blank lines do not count.
        line: the line the record starts on, from 1; None where the format has no lines.
        fields: the raw mapped values; `NO_FIELDS` where the record could not be read.
        cells: the record's cells for a format with columns, None where there are none. Those of
            a very long record are packed. Parquet's are made when they are needed: its batch, and
            its place in it.
        raw: the record's own text (undecodable bytes as lone surrogates), None where `cells`
            says it all.
        fault: why the record could not be read, else None.
        known_key: the key, where it comes from an earlier run's results.
    """

    source: str
    number: int
    line: int | None
    fields: Fields
    cells: list[str] | PackedCells | tuple[object, int] | None
    raw: str | None
    fault: Fault | None
    known_key: str | None = None

    def key(self) -> str:
        """The hash by which a resume knows the row again: 128 bits, in hex.

        Of the raw mapped values, or of the raw record where it could not be read. Values are
        joined by NUL and null, booleans and integers are marked by other control characters:
        rows that hold such characters themselves are invalid, so no two rows that are sent can
        share a key by it.
        """
        if self.known_key is not None:
            return self.known_key
        if self.fault is not None and self.raw is not None:
            text = "\x05" + self.raw
        else:
            text = "\0".join([v if v.__class__ is str else _marked(v) for v in self.fields])
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _marked(value: Raw) -> str:
    if value is None:
        return "\x01"
    if isinstance(value, bool):
        return "\x02" if value else "\x03"
    return "\x04" + json.dumps(value)


class Conversion(NamedTuple):
    """A validated row: what the API is told.

    Attributes:
        delivered: the API's field: did the user do what the message asked for.
        timestamp: `yyyy-MM-dd HH:mm:ss` in UTC, or None to leave it out.
    """

    row: Row
    message_id: str
    delivered: bool
    timestamp: str | None
    channel: Channel


class Reply(NamedTuple):
    """What came back from one HTTP exchange.

    Attributes:
        status: the HTTP status, or None when no status line was read.
        elapsed: seconds from handing the request over to the end of the exchange.
        retry_after: the header's value as sent, or None.
        trouble: what went wrong when there is no status, else None.
        certificate: what is wrong with a certificate that was refused, else None.
        proxy: it is the proxy that answered, or that could not be reached.
        written: the request, or a part of it, was written to a connection to the API.
    """

    status: int | None
    elapsed: float
    retry_after: str | None = None
    trouble: Reason | None = None
    certificate: str | None = None
    proxy: bool = False
    written: bool = True


class Result(StrEnum):
    """What finally became of a row."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"
    INVALID = "invalid"
    SKIPPED = "skipped"


class Outcome(NamedTuple):
    """What finally became of a row, with what was sent.

    Attributes:
        conversion: what was sent, or None when the row was never sent.
        status: the last HTTP status, or None.
        attempts: exchanges made.
        elapsed: seconds the last exchange took, or None when there was none.
        reason: None when accepted.
        detail: a sentence for people; None when accepted.
    """

    row: Row
    conversion: Conversion | None
    result: Result
    status: int | None = None
    attempts: int = 0
    elapsed: float | None = None
    reason: Reason | None = None
    detail: str | None = None
