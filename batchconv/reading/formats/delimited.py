"""CSV and TSV: records of cells, quoted alike, parsed strictly.

Strict parsing (`csv` with `strict=True`) is what keeps one unclosed quote from swallowing the
rest of the file: the record is refused, and reading goes on at the line after the one where it
began.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from itertools import chain, islice
from operator import itemgetter
from typing import NamedTuple

from batchconv.errors import UsageError
from batchconv.model import NO_FIELDS, Fault, Fields, Reason, Row
from batchconv.reading.columns import ColumnPositions, find_columns, recognise, require_columns
from batchconv.reading.formats.base import FormatName, Layout, LineRows, ReadOptions
from batchconv.reading.formats.dialect import are_rows, guess_delimiter, said_delimiter
from batchconv.reading.formats.lines import Lines, RecordTooLong, TooLong
from batchconv.reading.sources import ByteStream

_SAMPLE = 100  # records among which one must be sound when there is no header
_UNDECODED = re.compile(r"[\udc00-\udcff]")


class _Record(NamedTuple):
    line: int
    cells: list[str]
    raw: str  # only where there is a fault
    fault: Fault | None


class DelimitedRows(LineRows):
    """The rows of one CSV or TSV input.

    Blank lines are no records. A record whose number of cells is not the header's is invalid;
    without a header the first record sets that number.
    """

    count: int | None = None  # nobody knows before the end

    def __init__(self, name: FormatName, stream: ByteStream, options: ReadOptions) -> None:
        self._source = stream.name
        self._max_row_bytes = options.max_row_bytes
        self._max_columns = options.max_columns
        self._lines = Lines(stream, max_bytes=options.max_row_bytes, encoding=options.encoding)
        # The csv module has one limit for the whole process; it is only ever raised.
        csv.field_size_limit(max(csv.field_size_limit(), min(options.max_row_bytes, sys.maxsize)))
        self._skip_blank_lines()
        self._delimiter = self._find_delimiter(name, options)
        self._width = 0  # of the first record, which is the header where there is one
        self._number = 0
        self._begun = 0  # records without a header that have been read to look at them
        self._places = ColumnPositions(None, None, None, None)  # until the header has been read
        self._records = self._read_records()
        names = self._read_names(options)
        self._places = find_columns(names, options.mapped)
        if names:
            require_columns(
                self._places, names, options.mapped, delivered_given=options.delivered_given
            )
        self.columns = recognise([(names, self._places)])
        self.layout = Layout(
            name, names if options.header else None, self._delimiter, self._lines.encoding
        )
        self._rows = self._read_rows()
        self._head = list(islice(self._rows, self._begun))

    def _skip_blank_lines(self) -> None:
        while (line := self._lines.peek()) is not None and not line.strip("\r\n"):
            self._lines.skip()

    def _find_delimiter(self, name: FormatName, options: ReadOptions) -> str:
        """As named, as a first line `sep=;` says, a tab for TSV, or as the first line looks."""
        said = said_delimiter(self._lines.peek() or "")
        if said is not None:
            self._lines.skip()
            self._skip_blank_lines()
        if options.delimiter or said:
            return options.delimiter or said or ""
        if name == "tsv":
            return "\t"
        names = options.mapped.values() if options.header else None
        return guess_delimiter(self._lines.peek() or "", names)

    def _read_names(self, options: ReadOptions) -> list[str]:
        """The header's cells, or "1", "2", … when there is no header; none in an empty file."""
        begun: list[_Record] = []
        for record in islice(self._records, 1 if options.header else _SAMPLE):
            begun.append(record)
            if record.fault is None:
                break
        if not begun:
            return []
        first, fault = begun[-1], begun[0].fault
        if first.fault is not None and fault is not None:
            raise UsageError(
                f"{self._source}: the first record, on line {begun[0].line}, cannot be read: "
                f"{fault.detail}",
                hint="mend it, or name its --delimiter or --encoding",
            )
        if len(first.cells) > self._max_columns:
            raise UsageError(
                f"{self._source}: the first record, on line {first.line}, has {len(first.cells)} "
                f"cells, and {self._max_columns} are allowed",
                hint="name its --delimiter, or raise --max-columns",
            )
        if options.header:
            return first.cells
        self._begun = len(begun)
        self._records = chain(begun, self._records)
        return [str(number) for number in range(1, len(first.cells) + 1)]

    def _read_block(self, block: list[str]) -> list[Row] | None:
        try:
            records = list(csv.reader(block, strict=True, delimiter=self._delimiter))
        except csv.Error:
            return None
        if len(records) != len(block) or set(map(len, records)) != {self._width}:
            return None
        missing = [None] * len(records)
        columns = [
            missing if place is None else list(map(itemgetter(place), records))
            for place in self._places
        ]
        return self._make_rows(columns, cells=records)

    def _read_rows(self) -> Iterator[Row]:
        source, places = self._source, self._places
        for line, cells, raw, fault in self._records:
            self._number += 1
            if fault is not None:
                yield Row(source, self._number, line, NO_FIELDS, None, raw, fault)
                continue
            a, b, c, d = places
            fields = Fields(
                None if a is None else cells[a],
                None if b is None else cells[b],
                None if c is None else cells[c],
                None if d is None else cells[d],
            )
            yield Row(source, self._number, line, fields, cells, None, None)

    def _read_records(self) -> Iterator[_Record]:
        lines = self._lines
        taken = lines.taken
        why = ""
        while True:
            reader = csv.reader(iter(lines), strict=True, delimiter=self._delimiter)
            try:
                for cells in reader:
                    line = lines.number - len(taken) + 1
                    if not cells:  # a blank line
                        taken.clear()
                        continue
                    self._width = self._width or len(cells)
                    fault = None
                    if len(taken) > 1 and are_rows(
                        taken, self._delimiter, self._width, self._places
                    ):
                        yield _Record(line, [], lines.rewind(), _SWALLOWING)
                        continue
                    if len(cells) != self._width or lines.dirty:
                        fault = _fault_of(cells, self._width)
                    raw = "" if fault is None else "".join(taken)
                    taken.clear()
                    yield _Record(line, cells, raw, fault)
            except (csv.Error, RecordTooLong) as error:
                if isinstance(error, csv.Error):
                    why = str(error)
                    # All these lines began inside quotes: whichever record reaches into them
                    # ends where this one did. Reading each of them to that end again would take
                    # for ever in a file where many rows have an unclosed quote.
                    lines.doom()
                fault = Fault(
                    Reason.UNREADABLE_RECORD,
                    f"the record is not well-formed ({why}): mend its quotes; reading went on at "
                    "the next line",
                )
            except TooLong:
                fault = Fault(
                    Reason.TOO_LONG,
                    f"the record is longer than {self._max_row_bytes} bytes: look for an unclosed "
                    "quote, or raise --max-row-bytes; reading went on at the next line",
                )
            else:
                return
            raw = lines.rewind()
            yield _Record(lines.number, [], raw, fault)


_SWALLOWING = Fault(
    Reason.UNREADABLE_RECORD,
    "the record goes on over lines that would be rows by themselves: look for two quotes too "
    "many; reading went on at the next line",
)


def _fault_of(cells: list[str], width: int) -> Fault | None:
    if len(cells) != width:
        return Fault(
            Reason.CELL_COUNT,
            f"the record has {len(cells)} cells and the first one of the file has {width}: look "
            "for a delimiter that is not quoted, or a line cut short",
        )
    if _UNDECODED.search("\0".join(cells)):
        return Fault(
            Reason.UNDECODABLE,
            "the record holds bytes that do not decode: export it again as UTF-8, or name its "
            "--encoding",
        )
    return None
