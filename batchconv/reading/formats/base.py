"""What every format is: a header that was checked, and then rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, repeat
from typing import Literal, NamedTuple, Protocol

from batchconv.model import Fault, Fields, Raw, Row, make_all
from batchconv.reading.columns import Recognised
from batchconv.reading.formats.lines import Lines
from batchconv.reading.sources import ByteStream

FormatName = Literal["csv", "tsv", "jsonl", "parquet"]
FORMATS: tuple[FormatName, ...] = ("csv", "tsv", "jsonl", "parquet")


class Layout(NamedTuple):
    """What a failed-rows file needs to know to look like its input.

    Attributes:
        format: of the input.
        header: the input's column names, None where it has no header.
        delimiter: what stands between cells; empty where they are not text.
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

    @property
    def of_failed_rows(self) -> Layout:
        """How the failed-rows file looks: as the input, but rows of Parquet become JSON Lines."""
        if self.format != "parquet":
            return self
        return Layout("jsonl", None, "", "utf-8", self.folder_values)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read the inputs; the same for all of them.

    Attributes:
        mapped: field → column, as named with `--map`.
        delivered_given: rows without `delivered` are fine.
        max_row_bytes: a longer record is one invalid row.
        max_columns: a JSON object with more keys is one, too; a header with more is refused.
        max_nesting: a JSON object with more levels of objects and arrays is an invalid row.
        encoding: None to tell it from the file's first bytes, UTF-8 when they do not say.
        notation: how times in text are written, where the user says it.
    """

    mapped: dict[str, str] = field(default_factory=dict)
    header: bool = True
    delimiter: str | None = None
    delivered_given: bool = False
    max_row_bytes: int = 1 << 20
    max_columns: int = 10_000
    max_nesting: int = 100
    encoding: str | None = None
    notation: str | None = None


class RowStream(ABC):
    """The rows of one input, whose header has been read and checked.

    Attributes:
        layout: what its failed-rows file should look like.
        columns: what they hold, as far as the header or the first records tell.
        count: how many rows there are, where the file tells.
    """

    layout: Layout
    columns: Recognised
    count: int | None = None

    @abstractmethod
    def batches(self) -> Iterator[list[Row]]:
        """Rows in order, as many at once as are there: a batch is never waited for.

        Many rows at once are what makes reading fast: their values can be looked at column by
        column.

        Raises:
            InputError: the input is damaged; the rows before the damage have been handed out.
        """

    def __iter__(self) -> Iterator[Row]:
        return chain.from_iterable(self.batches())


class LineRows(RowStream):
    """The rows of a format whose records are lines.

    A block of lines in which nothing is out of the ordinary is taken apart at once. Any other is
    taken apart row by row, which is several times slower and knows all about bad records.
    """

    _source: str
    _lines: Lines
    _number: int  # of the last row
    _head: list[Row]  # read already, when the header was checked
    _rows: Iterator[Row]  # row by row, from the next line on

    @abstractmethod
    def _read_block(self, block: list[str]) -> list[Row] | None:
        """The rows of lines that are each one plain and sound record; None if one is not."""

    def _make_rows(
        self,
        columns: Iterable[Sequence[Raw]],
        *,
        cells: Iterable[list[str] | None] = repeat(None),
        raw: Iterable[str | None] = repeat(None),
        faults: Iterable[Fault | None] = repeat(None),
    ) -> list[Row]:
        """A row for each line of a block, from the values of each field."""
        fields = make_all(Fields, zip(*columns, strict=True))
        first = self._number + 1
        self._number += len(fields)
        line = self._lines.number - len(fields) + 1
        return make_all(
            Row,
            zip(
                repeat(self._source), count(first), count(line), fields, cells, raw, faults,
                repeat(None),
                strict=False,  # some of them have no end
            ),
        )  # fmt: skip

    def batches(self) -> Iterator[list[Row]]:
        """See `RowStream`."""
        head, self._head = self._head, []
        if head:
            yield head
        lines = self._lines
        while True:
            block = lines.take_block()
            rows = self._read_block(block) if block else None
            if rows is not None:
                yield rows
                continue
            lines.put_back(block)
            for row in self._rows:
                yield [row]
                if lines.at_edge:
                    break
            else:
                return


class Format(Protocol):
    """Opens a byte stream as rows."""

    def __call__(self, stream: ByteStream, options: ReadOptions) -> RowStream:
        """Read and check the header.

        Raises:
            ColumnError: the columns do not say what is what.
            InputError: the stream is damaged before its first record.
        """
        ...
