"""CSV and TSV: records of cells, quoted alike.

Lines that are each one plain and sound record are parsed many at once; `Records` reads
whatever else there is.
"""

from __future__ import annotations

import contextlib
import csv
import sys
import time
from collections.abc import Callable
from itertools import count
from operator import itemgetter

from batchconv.errors import UsageError
from batchconv.model import NO_FIELDS, Fields, Reason, Row
from batchconv.reading.columns import (
    ColumnError,
    count_known,
    delimiter_of_failed_rows,
    find_columns,
    recognise,
    require_columns,
)
from batchconv.reading.formats.base import (
    MOST_AT_ONCE,
    FormatName,
    Layout,
    LineRows,
    ReadOptions,
)
from batchconv.reading.formats.decoding import likely_encoding
from batchconv.reading.formats.dialect import (
    Dialect,
    guess_delimiter,
    is_spaced,
    said_delimiter,
)
from batchconv.reading.formats.headerless import refuse_missing_header, tell_without_header
from batchconv.reading.formats.lines import Lines
from batchconv.reading.formats.preamble import refuse_title
from batchconv.reading.formats.records import Record, Records, is_blank
from batchconv.reading.formats.wrong_quotes import refuse_wrong_quotes
from batchconv.reading.sources import ByteStream

_SAMPLE = 100  # records among which one must be sound when there is no header
_FEW = 16  # lines looked at together where odd ones are frequent
_MANY_ODD = 3  # odd records one after the other; behind them, a look now and then is enough


class DelimitedRows(LineRows):
    """The rows of one CSV or TSV input.

    Records of nothing but blanks, and those that repeat the header, are not rows. A record whose
    number of cells is not the header's is invalid; without a header the first one sets it.
    """

    def __init__(
        self,
        name: FormatName,
        stream: ByteStream,
        options: ReadOptions,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = stream.name
        self._options = options
        self._number = 0
        self._most = MOST_AT_ONCE  # lines that are looked at together
        self._odd = 0  # odd records since the last plain one
        self._lines = Lines(
            stream,
            max_bytes=options.max_row_bytes,
            encoding=options.encoding,
            skip=options.skip_lines,
        )
        # The csv module has one limit for the whole process; it is only ever raised.
        csv.field_size_limit(max(csv.field_size_limit(), min(options.max_row_bytes, sys.maxsize)))
        delimiter = self._find_delimiter(name)
        spaced = options.header and is_spaced("".join(self._lines.peek()), delimiter)
        self._dialect = Dialect(delimiter, options.escape, spaced)
        if self._dialect.delimiter == options.escape:
            raise UsageError(
                f"{self._source}: {options.escape!r} cannot be both escape character and delimiter",
                hint="name another --escape, or the --delimiter",
            )
        self._records = Records(
            self._lines,
            self._dialect,
            max_bytes=options.max_row_bytes,
            arrives=stream.arrives,
            clock=clock,
        )
        self.aside = self._records.aside
        begun = self._first_records()
        names = self._read_names(begun)
        self._places = find_columns(names, options.mapped)
        if names:
            self._require_columns(names)
        self._records.places = self._places
        self._records.header = names if options.header and names else None
        self.columns = recognise([(names, self._places)])
        self.layout = Layout(name, names, self._dialect.delimiter, self._lines.encoding)
        self._head = [] if options.header else [self._row(record) for record in begun]

    def _find_delimiter(self, name: FormatName) -> str:
        """As named, as the first line says, a tab for TSV, or as the first lines look."""
        options, lines = self._options, self._lines
        self._skip_blank_lines()
        said = said_delimiter("".join(lines.peek()))
        if said is not None:
            lines.skip()
            self._skip_blank_lines()
        elif options.header:
            said = delimiter_of_failed_rows("".join(lines.peek()))
        if options.delimiter or said:
            return options.delimiter or said or ""
        if name == "tsv":
            return "\t"
        if not options.header:
            return tell_without_header(self._source, lines.peek, options.mapped)
        return guess_delimiter("".join(lines.peek()), options.mapped.values())

    def _skip_blank_lines(self) -> None:
        while (line := self._lines.peek()) and not line[0].strip():
            self._lines.skip()

    def _first_records(self) -> list[Record]:
        """The header, or without one the records up to the first sound one."""
        begun: list[Record] = []
        most = 1 if self._options.header else _SAMPLE
        while len(begun) < most and (record := self._records.next()):
            begun.append(record)
            if record.fault is None:
                break
        return begun

    def _read_names(self, begun: list[Record]) -> list[str]:
        """The header's cells, or "1", "2", … when there is no header; none in an empty file."""
        if not begun:
            return []
        last, fault = begun[-1], begun[0].fault
        if last.fault is not None and fault is not None:
            if fault.reason is Reason.UNDECODABLE:
                raise UsageError(
                    f"{self._source}: the first record, on line {begun[0].line}, cannot be read: "
                    f"it holds bytes that are not {self._lines.encoding.upper()}",
                    hint=f"add --encoding {likely_encoding(begun[0].raw)}, if a Windows program "
                    "wrote the file, or name its encoding",
                )
            raise UsageError(
                f"{self._source}: the first record, on line {begun[0].line}, cannot be read: "
                f"{fault.detail}",
                hint="correct it, or name its --delimiter, --escape or --encoding; --skip-lines N "
                "passes over what stands before the header",
            )
        if len(last.cells) > self._options.max_columns:
            raise UsageError(
                f"{self._source}: the first record, on line {last.line}, has {len(last.cells)} "
                f"cells, and {self._options.max_columns} are allowed",
                hint="name its --delimiter, or raise --max-columns",
            )
        if self._options.header:
            return last.cells
        return [str(number) for number in range(1, len(last.cells) + 1)]

    def _require_columns(self, names: list[str]) -> None:
        options, places = self._options, self._places
        mapped, given = options.mapped, options.delivered_given
        try:
            require_columns(places, names, mapped, delivered_given=given)
        except ColumnError as error:
            if not options.header:
                raise
            number = self._lines.number
            # Only what has come: a mistake is reported at once.
            lines = [] if self._lines.at_edge else self._lines.take_block(_FEW)
            if not count_known(names, mapped.values()):
                refuse_wrong_quotes(self._source, names, mapped.values())
                refuse_title(names, lines, number, mapped=mapped, delivered_given=given)
            refuse_missing_header(names, error, delivered_given=given)
            records = [cells for cells in self._plain(lines) if len(cells) == len(names)]
            require_columns(places, names, mapped, delivered_given=given, records=records)
            raise

    def _next_rows(self, *, wait: bool) -> list[Row] | None:
        if self._odd < _MANY_ODD or self._odd % _FEW == 0:
            records = self._plain_records()
            if records:
                self._odd = 0
                return self._rows(records)
        self._odd += 1
        record = self._records.next(wait=wait)
        return None if record is None else [self._row(record)]

    def _plain_records(self) -> list[list[str]]:
        """The plain records from here on, as far as they are there."""
        block = self._lines.take_block(self._most)
        records = self._plain(block) if block else []
        if len(records) == len(block):
            self._most = min(2 * self._most, MOST_AT_ONCE)
        else:
            # As if odd lines stood at even distances: what is behind one is looked at twice.
            self._lines.rewind(keep=len(records))
            self._most = max(2 * len(records), _FEW)
        return records

    def _plain(self, block: list[str]) -> list[list[str]]:
        """The records of lines as far as each is a sound record by itself, and a row."""
        reader = self._dialect.records(block)
        records: list[list[str]] = []
        with contextlib.suppress(csv.Error):
            records.extend(reader)  # those before the error are there
        width, header = self._records.width, self._records.header
        sound = len(records) == len(block) and set(map(len, records)) == {width}
        if sound and header not in records:
            ids = list(map(itemgetter(self._places.message_id or 0), records))
            # The mark by which DOS ends a file is a blank, and strip() does not know it.
            if all(map(str.strip, ids)) and "\x1a" not in "".join(ids):
                return records
        for at, cells in enumerate(records):
            several_lines = "\n" in (text := "".join(cells)) or "\r" in text
            if len(cells) != width or several_lines or cells == header or is_blank(cells):
                return records[:at]
        return records

    def _rows(self, records: list[list[str]]) -> list[Row]:
        missing = [None] * len(records)
        columns = [
            missing if place is None else list(map(itemgetter(place), records))
            for place in self._places
        ]
        first = self._lines.number - len(records) + 1
        return self._make_rows(columns, count(first), cells=records)

    def _row(self, record: Record) -> Row:
        line, cells, raw, fault = record
        self._number += 1
        if fault is not None:
            return Row(self._source, self._number, line, NO_FIELDS, None, raw, fault)
        fields = Fields(*(None if place is None else cells[place] for place in self._places))
        return Row(self._source, self._number, line, fields, cells, None, None)
