"""What every format is: a header that was checked, and then rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count, repeat
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

from batchconv.errors import InputError
from batchconv.model import Fault, Fields, Raw, Row, make_all
from batchconv.reading.columns import Recognised
from batchconv.reading.formats.lines import Lines, WouldWait
from batchconv.reading.sources import ByteStream

FormatName = Literal["csv", "tsv", "jsonl", "json", "parquet"]
FORMATS: tuple[FormatName, ...] = ("csv", "tsv", "jsonl", "json", "parquet")
MOST_AT_ONCE = 4096
"""Rows in a batch; behind a bad record, very many lines may be there at once."""


class Layout(NamedTuple):
    """What a failed-rows file needs to know to look like its input.

    Attributes:
        format: of the input.
        header: the input's column names, numbers from 1 where it has no header; None where each
            record has its own.
        delimiter: the field delimiter; empty where cells are not text.
        encoding: what a raw record is turned back into bytes with.
        folder_values: columns that stand in no record, but in the names of the folders around the
            input, with their one value for all of its rows: `channel=voice`. Failed rows have them
            behind their own columns.
    """

    format: FormatName
    header: list[str] | None
    delimiter: str
    encoding: str
    folder_values: tuple[tuple[str, str | None], ...] = ()


class ReadOptions(NamedTuple):
    """How to read the inputs; the same for all of them.

    Attributes:
        mapped: field → column, as named with `--map`.
        delimiter: between cells; None to tell it from the first lines.
        escape: the character before one that is to be taken as it is; None where quotes are
            doubled and nothing else.
        skip_lines: lines before the header, or before the first record where there is none.
        delivered_given: rows without `delivered` are fine.
        max_row_bytes: a longer record is one invalid row.
        max_columns: a JSON object with more keys is one, too; a header with more is refused.
        max_nesting: a JSON object with more levels of objects and arrays is an invalid row.
        encoding: None to tell it from the file's first bytes, UTF-8 when they do not say.
        notation: how times in text are written, where the user says it.
        nulls: more texts that mean "no value".
    """

    mapped: Mapping[str, str] = MappingProxyType({})
    header: bool = True
    delimiter: str | None = None
    escape: str | None = None
    skip_lines: int = 0
    delivered_given: bool = False
    max_row_bytes: int = 1 << 20
    max_columns: int = 10_000
    max_nesting: int = 100
    encoding: str | None = None
    notation: str | None = None
    nulls: tuple[str, ...] = ()


@dataclass(slots=True)
class Aside:
    """What stood in an input and was not a row: neither numbered nor sent.

    Attributes:
        blank: records of nothing but blanks.
        headers: records that repeat the header, as in files that were joined.
    """

    blank: int = 0
    headers: int = 0

    def add(self, other: Aside) -> None:
        """Count the *other*'s, too."""
        self.blank += other.blank
        self.headers += other.headers

    def __bool__(self) -> bool:
        return bool(self.blank or self.headers)

    def __str__(self) -> str:
        told = [
            f"{count:,} {what}{'s' * (count != 1)}"
            for count, what in ((self.blank, "blank record"), (self.headers, "repeated header"))
            if count
        ]
        return ", ".join(told)


class RowStream(ABC):
    """The rows of one input, whose header has been read and checked.

    Attributes:
        layout: what its failed-rows file should look like.
        columns: what they hold, as far as the header or the first records tell.
        count: how many rows there are, where the file tells.
        aside: what was not a row, of what has been read so far.
    """

    layout: Layout
    columns: Recognised
    count: int | None = None
    aside: Aside = Aside()  # of a format that has nothing of the kind

    @abstractmethod
    def batches(self) -> Iterator[list[Row]]:
        """Rows in order, as many at once as are there: a batch is never waited for.

        Many rows at once are what makes reading fast: their values can be looked at column by
        column. A batch is bounded in rows and, by the length that a row may have, in bytes.

        Raises:
            InputError: the input is damaged; the rows before the damage have been handed out.
        """

    def __iter__(self) -> Iterator[Row]:
        return chain.from_iterable(self.batches())


class LineRows(RowStream):
    """The rows of a format whose records are lines.

    Plain lines are parsed many at once; whatever is odd among them, by itself.
    """

    _source: str
    _lines: Lines
    _number: int  # of the last row
    _head: list[Row]  # read already, when the header was checked

    @property
    def _at_edge(self) -> bool:
        """What has come is taken: the next record may have to be waited for."""
        return self._lines.at_edge

    @abstractmethod
    def _next_rows(self, *, wait: bool) -> list[Row] | None:
        """The next rows that are there, which may be none; None at the end.

        Raises:
            WouldWait: without *wait*, the next record has not come whole.
        """

    def _make_rows(
        self,
        columns: Iterable[Sequence[Raw]],
        lines: Iterable[int],
        *,
        cells: Iterable[list[str] | None] = repeat(None),
        raw: Iterable[str | None] = repeat(None),
        faults: Iterable[Fault | None] = repeat(None),
    ) -> list[Row]:
        """Rows from the values of each field, and the lines they begin on."""
        fields = make_all(Fields, zip(*columns, strict=True))
        first = self._number + 1
        self._number += len(fields)
        return make_all(
            Row,
            zip(
                repeat(self._source), count(first), lines, fields, cells, raw, faults,
                repeat(None),
                strict=False,  # some of them have no end
            ),
        )  # fmt: skip

    def batches(self) -> Iterator[list[Row]]:
        """See `RowStream`."""
        rows, self._head = self._head, []
        while True:
            if rows and (self._at_edge or len(rows) >= MOST_AT_ONCE):
                yield rows
                rows = []
            try:
                more = self._next_rows(wait=not rows)
            except WouldWait:
                yield rows
                rows = []
                continue
            except InputError:
                if rows:  # they come before the damage
                    yield rows
                raise
            if more is None:
                break
            rows += more
        if rows:
            yield rows


class Format(Protocol):
    """Opens a byte stream as rows."""

    def __call__(self, stream: ByteStream, options: ReadOptions) -> RowStream:
        """Read and check the header.

        Raises:
            ColumnError: the columns do not say what is what.
            InputError: the stream is damaged before its first record.
        """
        ...
