"""Parquet: columns of values, read batch by batch from each row group.

A batch is parsed by columns, and only those that hold a field become values of Python's: the
others stay as they are until a row fails and is written as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import compress, count, repeat
from typing import Any, BinaryIO, cast

import pyarrow as pa
from pyarrow.parquet import ParquetFile

from batchconv.errors import InputError, UsageError
from batchconv.model import Fault, Fields, Raw, Reason, Row, make_all
from batchconv.reading.columns import FIELDS, find_columns, recognise, require_columns
from batchconv.reading.formats.arrow import (
    find,
    is_text,
    leaves,
    plain_batch,
    too_long,
    type_at,
    values_of,
)
from batchconv.reading.formats.base import Layout, ReadOptions, RowStream
from batchconv.reading.formats.parquet_memory import MOST_ROW, TooLargeError, rows_at_once
from batchconv.reading.sources import ByteStream, damaged

_BUFFERS = 16 << 20  # bytes read ahead, in all columns together
_LEAST_BUFFER, _MOST_BUFFER = 1 << 16, 1 << 20  # bytes read ahead in one column
# What pyarrow raises for data that make no sense. Some of its errors are Python's own, and have
# names of their own as well: ArrowInvalid is a ValueError. Names of columns may not be UTF-8.
_OF_PYARROW = (pa.ArrowException, OSError, UnicodeDecodeError)
_UNDECODED = re.compile(r"[\udc80-\udcff]")


class ParquetRows(RowStream):
    """The rows of one Parquet input.

    Raises:
        ColumnError: the columns do not say what is what.
        UsageError: `--timestamp-format` is given for times that need none.
        InputError: the input is damaged; before the first row is read, or while rows are read.
    """

    def __init__(self, stream: ByteStream, options: ReadOptions) -> None:
        self._source = stream.name
        self._max_row_bytes = options.max_row_bytes
        self._raw = stream.jumping()
        try:
            self._file = _open(self._raw)
            schema = self._file.schema_arrow
            columns = list(leaves(schema))
        except _OF_PYARROW as error:
            raise _unreadable(self._source, error) from None
        names = [name for name, _ in columns]
        places = find_columns(names, options.mapped)
        require_columns(places, names, options.mapped, delivered_given=options.delivered_given)
        self._paths = [None if place is None else columns[place][1] for place in places]
        kinds = [None if path is None else type_at(schema, path) for path in self._paths]
        self._texts = [kind is not None and is_text(kind) for kind in kinds]
        times = kinds[FIELDS.index("timestamp")]
        if options.notation is not None and times is not None and pa.types.is_timestamp(times):
            raise UsageError(
                f"--timestamp-format is for text, and a column of {self._source} holds times",
                hint="leave it out: such times need no format",
            )
        self.columns = recognise([(names, places)])
        self.layout = Layout("parquet", schema.names, "", "utf-8")
        self.count: int | None = self._file.metadata.num_rows

    def batches(self) -> Iterator[list[Row]]:
        """Rows in order, as many at once as are read at once.

        Raises:
            InputError: the input is damaged; the rows of earlier batches have been handed out.
        """
        number = 1
        for batch in self._record_batches():
            missing: list[Raw] = [None] * len(batch)
            columns = [
                missing if path is None else values_of(find(batch, path)) for path in self._paths
            ]
            # An integer of Parquet has all its digits; one of JSON may have been rounded.
            columns[0] = [str(one) if one.__class__ is int else one for one in columns[0]]
            fields = make_all(Fields, zip(*columns, strict=True))
            long = too_long(batch, self._max_row_bytes)
            rows = zip(
                repeat(self._source), count(number), repeat(None), fields,
                self._cells(batch, long), repeat(None),
                self._faults(batch, columns, long), repeat(None),
                strict=False,  # some of them have no end
            )  # fmt: skip
            number += len(batch)
            yield make_all(Row, rows)
        if number - 1 != self.count:
            raise damaged(
                self._source,
                f"its footer gives {self.count} as the number of rows, and it holds {number - 1}",
            )

    def _record_batches(self) -> Iterator[Any]:
        # A batch never reaches over two row groups: damage in one must not cost rows of another.
        try:
            groups = self._file.metadata.num_row_groups
            for group in range(groups):
                size = rows_at_once(self._file, self._raw, group, self._max_row_bytes)
                batches = self._file.iter_batches(size, row_groups=[group], use_threads=False)
                yield from map(plain_batch, batches)
        except TooLargeError as error:
            raise InputError(f"{self._source} cannot be read: {error}") from None
        except _OF_PYARROW as error:
            raise _unreadable(self._source, error) from None

    def _cells(self, batch: Any, long: AbstractSet[int]) -> Iterable[tuple[Any, int] | None]:
        """The record of each row. Those of many megabytes are not kept, to be written as they were.

        Writing one as JSON takes several times its bytes.
        """
        cells = zip(repeat(batch), range(len(batch)), strict=False)
        if not long:
            return cells
        longest = too_long(batch, max(MOST_ROW, self._max_row_bytes))
        return [None if place in longest else (batch, place) for _, place in cells]

    def _faults(
        self, batch: Any, columns: Sequence[Sequence[Raw]], long: Iterable[int]
    ) -> Iterable[Fault | None]:
        """What is wrong with each row of a batch by itself."""
        faults: dict[int, Fault] = {}
        for column in compress(columns, self._texts):
            texts = cast("Iterator[str]", filter(None, column))
            if not (together := "\0".join(texts)).isascii() and _UNDECODED.search(together):
                for index, text in enumerate(column):
                    if isinstance(text, str) and _UNDECODED.search(text):
                        faults[index] = _UNDECODABLE
        for index in long:
            faults[index] = Fault(
                Reason.TOO_LONG,
                f"the record is longer than {self._max_row_bytes} bytes; raise --max-row-bytes if "
                "it is meant to be",
            )
        return map(faults.get, range(len(batch))) if faults else repeat(None)


_UNDECODABLE = Fault(
    Reason.UNDECODABLE,
    "the record holds bytes that are not UTF-8 where text is needed: export it again with its ids "
    "as text",
)


def _open(file: BinaryIO) -> ParquetFile:
    """Read the footer."""
    columns = max(1, ParquetFile(file).metadata.num_columns)
    file.seek(0)
    return ParquetFile(
        file,
        # Pages are read one by one: a row group may be larger than the memory.
        pre_buffer=False,
        buffer_size=min(max(_BUFFERS // columns, _LEAST_BUFFER), _MOST_BUFFER),
        page_checksum_verification=True,
        coerce_int96_timestamp_unit="us",  # nanoseconds run over for years far from now
    )


def _unreadable(name: str, error: Exception) -> InputError:
    if isinstance(error, NotImplementedError):
        return InputError(
            f"{name} cannot be read: its encoding is unknown to pyarrow",
            hint="export it again, or try a newer pyarrow",
        )
    return damaged(name, "it is not a complete Parquet file, or some of its pages are corrupt")
