"""What travels between the folders: Row → Conversion → Reply → Outcome.

All are immutable tuples with names. A tuple costs a third of a frozen dataclass to make, and
four are made for every row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from functools import partial
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

Channel = Literal["sms", "voice"]

Raw = str | int | float | bool | list[object] | dict[str, object] | None
"""A mapped value as it stands in the record: CSV knows only text, JSON anything. None stands for
a missing column, too."""


T = TypeVar("T", bound=tuple[Any, ...])


def make_all(kind: type[T], values: Iterable[tuple[object, ...]]) -> list[T]:
    """Named tuples of one kind, each with all its values in order, made without leaving C."""
    return list(map(partial(tuple.__new__, kind), values))


def make(kind: type[T], values: tuple[object, ...]) -> T:
    """A named tuple with all its values in order, made in half the time."""
    return tuple.__new__(kind, values)


def show(raw: Raw) -> str:
    """A raw value for a sentence to people: printable, and cut short when it is long."""
    text = repr(raw)
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
    WORKER_LOST = "worker-lost"
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
    DISMISSED = "dismissed"


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


class Batch(Protocol):
    """Columns of many records, whose rows are made into text when they are needed."""

    @property
    def nbytes(self) -> int:
        """Bytes that they take in memory."""
        ...


class Result(StrEnum):
    """The final result of a row."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"
    INVALID = "invalid"
    SKIPPED = "skipped"


class Earlier(NamedTuple):
    """An outcome in the journal of a job that a later one takes the place of.

    Attributes:
        outcome: the row's earlier outcome.
        corrects: the key of that row, where this one has another; None where it is the same row.
        fed_from: the failed-rows file that this row was read from, else None.
    """

    outcome: Result
    corrects: bytes | None = None
    fed_from: str | None = None


class Row(NamedTuple):
    """A raw record with its number from 1.

    Attributes:
        source: which input, as the results name it.
        number: the record's number in its input, from 1; header and blank lines do not count.
        line: the line the record starts on, from 1; None where the format has no lines.
        fields: the raw mapped values; `NO_FIELDS` where the record could not be read.
        cells: the record's cells for a format with columns, None where there are none. Parquet's
            are made when they are needed: its batch, and its place in it.
        raw: the record's own text (undecodable bytes as lone surrogates), None where `cells`
            says it all.
        fault: why the record could not be read, else None.
        earlier: the outcome in the same job that this row's takes the place of, else None.
    """

    source: str
    number: int
    line: int | None
    fields: Fields
    cells: list[str] | tuple[Batch, int] | None
    raw: str | None
    fault: Fault | None
    earlier: Earlier | None = None

    def invalid_key(self) -> bytes:
        """The key of a row that cannot be sent: of its four cells, or of the raw record.

        Both are in spaces of their own: no row that is sent can share a key by them. A blank
        cell and a missing one are the same.
        """
        if self.fault is not None and self.raw is not None:
            return _hash(self.raw.rstrip("\r\n"), b"batchconv record")
        cells = [v.strip() or None if isinstance(v, str) else v for v in self.fields]
        return _hash(json.dumps(cells), b"batchconv cells")


def _hash(text: str, space: bytes = b"") -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return blake2b(data, digest_size=16, person=space).digest()


def show_key(key: bytes) -> str:
    """A key as it stands in files: `k` and 32 hexadecimal digits, which no spreadsheet rounds."""
    return f"k{key.hex()}"


def read_key(text: str) -> bytes:
    """The key that `show_key` has shown; raises ValueError for anything else."""
    if len(text) != 33 or text[0] != "k":
        raise ValueError(text)
    return bytes.fromhex(text[1:])


class Conversion(NamedTuple):
    """A validated row: what is sent to the API.

    Attributes:
        delivered: the API's field: did the user do what the message asked for.
        timestamp: `yyyy-MM-dd HH:mm:ss` in UTC, or None to leave it out.
    """

    row: Row
    message_id: str
    delivered: bool
    timestamp: str | None
    channel: Channel

    def key(self) -> bytes:
        """128 bits that equal rows share: of what is sent to the API, and of nothing else.

        A resume, a ledger and `--duplicates` know a row again by it, in whatever notation it is
        written. No id holds a NUL: such rows are invalid.
        """
        _, message_id, delivered, timestamp, channel = self
        text = f"{channel}\0{'True' if delivered else 'False'}\0{timestamp}\0{message_id}"
        return blake2b(text.encode(), digest_size=16).digest()


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
        too_early: there was a connection, but the server had closed it, or had sent something,
            before the request could be written.
    """

    status: int | None
    elapsed: float
    retry_after: str | None = None
    trouble: Reason | None = None
    certificate: str | None = None
    proxy: bool = False
    written: bool = True
    too_early: bool = False


class Outcome(NamedTuple):
    """The final outcome of a row, with what was sent.

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

    def key(self) -> bytes:
        """The key of the row: of what is sent, or of an invalid one its own."""
        return self.row.invalid_key() if self.conversion is None else self.conversion.key()
