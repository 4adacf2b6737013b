"""JSON Lines and JSON: every line, or every value, an object by itself."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from batchconv.errors import InputError
from batchconv.model import NO_FIELDS, Fault, Fields, Reason, Row
from batchconv.reading.columns import ADDED_COLUMNS, ColumnError
from batchconv.reading.formats.base import MOST_AT_ONCE, Aside, Layout, LineRows, ReadOptions
from batchconv.reading.formats.decoding import UNDECODED
from batchconv.reading.formats.json_values import BrokenOff, Value, Values
from batchconv.reading.formats.lines import Lines, TooLong
from batchconv.reading.formats.objects import BadObjectError, decode_block, decode_object
from batchconv.reading.formats.shapes import Shapes, no_objects, wrapped
from batchconv.reading.sources import ByteStream, can_reopen, damaged

_SPACE = " \t\r\n\x1a"  # the last is the mark by which DOS ends a file
_SAMPLE = 100  # records looked at for their keys before the first request
_SAMPLE_SIZE = 1 << 20  # characters of them; few records are so long
_FEW = 16  # lines that are looked at together where some are odd
_ENDS = re.compile("[\r\n]+")
_WRAPPED = re.compile(r'\s*\{\s*"((?:[^"\\]|\\.)*)"\s*:\s*\[\s*\{')


class ObjectRows(LineRows):
    """The rows of an input whose records are JSON objects.

    Each record stands for itself: keys may differ from one to the next. Before the first request
    the first ones are looked at; when not one of them has the keys that a conversion needs, the
    columns are wrong rather than the rows.
    """

    def __init__(self, stream: ByteStream, options: ReadOptions) -> None:
        self._source = stream.name
        self._options = options
        self._number = 0
        self._shapes = Shapes(options.mapped, delivered_given=options.delivered_given)
        self._head = []
        self._broken: InputError | None = None
        self._check_keys()
        if can_reopen(stream.name) and self._broken is None:
            self._look_further()
        self.columns = self._shapes.recognised

    @property
    @abstractmethod
    def _dirty(self) -> bool:
        """Lone surrogates may stand in the text."""

    def _check_keys(self) -> None:
        """Read up to the first record that can be sent, and a hundred at most.

        So the same bytes are refused from a file and from a pipe, and no row is held up.

        Raises:
            ColumnError: no record has the keys.
        """
        first: ColumnError | None = None
        for row in self._sample():
            problem = self._problem(row)
            if problem is None and row.fault is None:
                return
            first = first or problem
        if first is not None:
            raise first

    def _look_further(self) -> None:
        """A file may be read ahead: so its columns are recognised better."""
        for _ in self._sample():
            pass

    def _sample(self) -> Iterator[Row]:
        """The first records, each read when it is asked for."""
        size = 0
        for number in range(_SAMPLE):
            while len(self._head) <= number:
                rows = self._read_more()
                if rows is None:
                    return
                self._head += rows
            row = self._head[number]
            yield row
            size += len(row.raw or "")
            if size >= _SAMPLE_SIZE:
                return

    def _read_more(self) -> list[Row] | None:
        try:
            return self._next_rows(wait=True)
        except InputError as damage:
            if not self._head:
                raise
            self._broken = damage
            return None

    def _problem(self, row: Row) -> ColumnError | None:
        """Why a row of the sample cannot be sent, as far as its keys tell."""
        text = row.raw or ""
        if row.fault is not None and row.fault.reason is not Reason.AMBIGUOUS_COLUMNS:
            found = _WRAPPED.match(text) if row.fault.reason is Reason.TOO_LONG else None
            if found:
                return wrapped(found[1])
            return None if text.lstrip(_SPACE).startswith("{") else no_objects(text)
        found_object = decode_object(text.strip(_SPACE), max_nesting=self._options.max_nesting)
        if found_object.keys() >= set(ADDED_COLUMNS):
            return None  # a failed row may have failed because it lacks these very keys
        return self._shapes.problem(found_object)

    def _read_record(self, text: str) -> tuple[Fields, Fault | None]:
        if self._dirty and UNDECODED.search(text):
            return NO_FIELDS, _UNDECODABLE
        try:
            found = decode_object(text, max_nesting=self._options.max_nesting)
        except BadObjectError as error:
            return _unreadable(str(error))
        if len(found) > self._options.max_columns:
            return _unreadable(
                f"it has {len(found)} keys, and --max-columns allows {self._options.max_columns}"
            )
        return self._shapes.pick(found)

    def _bad_row(self, line: int, raw: str, fault: Fault) -> Row:
        self._number += 1
        return Row(self._source, self._number, line, NO_FIELDS, None, raw, fault)

    def _too_long(self, what: str) -> Fault:
        return Fault(
            Reason.TOO_LONG,
            f"the {what} is longer than {self._options.max_row_bytes} bytes; raise "
            "--max-row-bytes if it is meant to be",
        )


class JsonLinesRows(ObjectRows):
    """The rows of one JSON Lines input; blank lines are none."""

    def __init__(self, stream: ByteStream, options: ReadOptions) -> None:
        self.aside = Aside()
        self._lines = Lines(
            stream,
            max_bytes=options.max_row_bytes,
            encoding=options.encoding,
            skip=options.skip_lines,
        )
        super().__init__(stream, options)
        self.layout = Layout("jsonl", None, "", self._lines.encoding)

    @property
    def _dirty(self) -> bool:
        return self._lines.dirty

    def _next_rows(self, *, wait: bool) -> list[Row] | None:
        if self._broken is not None:
            raise self._broken
        block = self._lines.take_block(MOST_AT_ONCE)
        if not block:
            return self._next_row(wait=wait)
        first = self._lines.number - len(block) + 1
        numbers = range(first, first + len(block))
        return self._plain(block, numbers) or self._by_pieces(block, numbers)

    def _by_pieces(self, block: Sequence[str], numbers: Sequence[int]) -> list[Row]:
        """The rows of lines of which some are odd: each costs a few of its neighbours."""
        told = [pair for pair in zip(block, numbers, strict=True) if pair[0].strip(_SPACE)]
        self.aside.blank += len(block) - len(told)
        rows: list[Row] = []
        for begin in range(0, len(told), _FEW):
            lines, those = zip(*told[begin : begin + _FEW], strict=True)
            rows += self._plain(lines, those) or self._one_by_one(lines, those)
        return rows

    def _one_by_one(self, block: Sequence[str], numbers: Sequence[int]) -> list[Row]:
        fields, faults = zip(
            *(self._read_record(line.strip(_SPACE)) for line in block), strict=True
        )
        return self._make_rows(zip(*fields, strict=True), numbers, raw=block, faults=faults)

    def _plain(self, block: Sequence[str], numbers: Sequence[int]) -> list[Row] | None:
        """The rows of lines that are each a sound object; None if one is not."""
        found = decode_block(block, max_nesting=self._options.max_nesting)
        if found is None or max(map(len, found)) > self._options.max_columns:
            return None
        columns = self._shapes.columns(found)
        if columns is not None:
            return self._make_rows(columns, numbers, raw=block)
        fields, faults = zip(*map(self._shapes.pick, found), strict=True)
        return self._make_rows(zip(*fields, strict=True), numbers, raw=block, faults=faults)

    def _next_row(self, *, wait: bool) -> list[Row] | None:
        """The next line by itself: one that is too long, undecodable, or the last."""
        lines = self._lines
        lines.mark()
        try:
            line = next(lines.lines(wait=wait), None)
        except TooLong:
            return [self._bad_row(lines.number, lines.first(), self._too_long("line"))]
        if line is None:
            return None
        text = line.strip(_SPACE)
        if not text:
            self.aside.blank += 1
            return []
        fields, fault = self._read_record(text)
        self._number += 1
        return [Row(self._source, self._number, lines.number, fields, None, line, fault)]


class JsonRows(ObjectRows):
    """The rows of one JSON input: an array's elements, or values one after the other.

    Where all nested columns that the user names begin with the same keys, and one of those holds
    an array, the rows are what stands in it.
    """

    def __init__(self, stream: ByteStream, options: ReadOptions) -> None:
        self.aside = Aside()
        self._within = common_path(options.mapped)
        self._values = Values(
            stream,
            max_bytes=options.max_row_bytes,
            encoding=options.encoding,
            within=self._within,
            skip=options.skip_lines,
        )
        self._wrapped = 0  # as the shapes have it
        super().__init__(stream, options)
        self.layout = Layout("json", None, "", "utf-8")

    @property
    def _dirty(self) -> bool:
        return self._values.dirty

    @property
    def _at_edge(self) -> bool:
        return self._values.at_edge

    def _next_rows(self, *, wait: bool) -> list[Row] | None:
        if self._broken is not None:
            raise self._broken
        try:
            value = self._values.next(wait=wait)
        except BrokenOff as broken:
            raise damaged(self._source, str(broken)) from None
        if value is not None and self._values.wrapped not in (0, self._wrapped):
            self._wrapped = self._values.wrapped
            around = ".".join([*self._within[: self._wrapped], ""])
            mapped = {
                field: column.removeprefix(around) for field, column in self._options.mapped.items()
            }
            self._shapes = Shapes(
                mapped, delivered_given=self._options.delivered_given, around=around
            )
        return None if value is None else [self._row(value)]

    def _row(self, value: Value) -> Row:
        line, text, too_long = value
        if too_long:
            return self._bad_row(line, text, self._too_long("value"))
        fields, fault = self._read_record(text)
        if fault is None:  # then ends of lines stand between its tokens only
            text = _ENDS.sub(" ", text)
        self._number += 1
        return Row(self._source, self._number, line, fields, None, text, fault)


def common_path(mapped: Mapping[str, str]) -> list[str]:
    """The keys that all nested columns begin with, from the outermost object inwards."""
    paths = [column.split(".")[:-1] for column in mapped.values() if "." in column]
    alike = takewhile(lambda keys: len(set(keys)) == 1, zip(*paths, strict=False))
    return [keys[0] for keys in alike]


_UNDECODABLE = Fault(
    Reason.UNDECODABLE,
    "the record holds bytes that do not decode: export it again as UTF-8, or name its --encoding",
)


def _unreadable(why: str) -> tuple[Fields, Fault]:
    return NO_FIELDS, Fault(
        Reason.UNREADABLE_RECORD, f"the record is not a JSON object: {why}; correct it in the input"
    )
