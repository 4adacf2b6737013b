"""JSON Lines: every line an object by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import cast

from batchconv.errors import InputError, UsageError
from batchconv.model import NO_FIELDS, Fault, Fields, Raw, Reason, Row
from batchconv.reading.columns import (
    ColumnError,
    ColumnPositions,
    find_columns,
    recognise,
    require_columns,
)
from batchconv.reading.formats.base import Layout, LineRows, ReadOptions
from batchconv.reading.formats.lines import Lines, TooLong
from batchconv.reading.formats.objects import BadObjectError, decode_block, decode_object
from batchconv.reading.sources import ByteStream, can_reopen

_UNDECODED = re.compile(r"[\udc00-\udcff]")
_JSON_SPACE = " \t\r\n"
_SAMPLE = 100  # records looked at for their keys before the first request
_MOST_REMEMBERED = 100_000  # keys in all sets of keys that are remembered; an export has a few


class JsonRows(LineRows):
    """The rows of one JSON Lines input.

    Each line stands for itself: keys may differ from line to line. Before the first request the
    first lines are looked at; when not one of them has the keys that a conversion needs, the
    columns are wrong rather than the rows.
    """

    count: int | None = None  # nobody knows before the end

    def __init__(self, stream: ByteStream, options: ReadOptions) -> None:
        self._source = stream.name
        self._stream = stream
        self._options = options
        self._paths = [
            (column, column.split(".")) for column in options.mapped.values() if "." in column
        ]
        self._lines = Lines(
            stream, max_bytes=options.max_row_bytes, encoding=options.encoding, newline="\n"
        )
        self._shapes: dict[tuple[str, ...], ColumnPositions | ColumnError] = {}
        self._remembered = 0  # keys in them
        self._number = 0
        self._rows = self._read_rows()
        self._check_keys(sample=_SAMPLE if can_reopen(stream.name) else 1)
        self.columns = recognise(
            (names, places)
            for names, places in self._shapes.items()
            if isinstance(places, ColumnPositions)
        )
        self.layout = Layout("jsonl", None, "", self._lines.encoding)

    def _check_keys(self, sample: int) -> None:
        """Raises ColumnError or UsageError; a pipe may never give a second row to look at."""
        seen: list[Row] = []
        try:
            seen.extend(islice(self._rows, sample))
        except InputError as damage:
            if not seen:
                raise
            self._rows = _broken_off(damage)
        self._head = seen
        if seen and seen[0].fault and (seen[0].raw or "").lstrip()[:1] == "[":
            lines = self._stream.piped_into("jq -c '.[]'")
            raise UsageError(
                f"{self._source} is a JSON array, and rows are read from JSON Lines",
                hint=f"turn it into lines: {lines} | batchconv upload -",
            )
        errors = []
        for names, places in self._shapes.items():
            if isinstance(places, ColumnError):
                raise places
            try:
                require_columns(
                    places,
                    names,
                    self._options.mapped,
                    delivered_given=self._options.delivered_given,
                )
            except ColumnError as error:
                errors.append(error)
        if errors and len(errors) == len(self._shapes):
            raise errors[0]

    def _read_block(self, block: list[str]) -> list[Row] | None:
        found = decode_block(block, max_nesting=self._options.max_nesting)
        if found is None or max(map(len, found)) > self._options.max_columns:
            return None
        names = tuple(found[0])
        keys = list(chain.from_iterable(found))
        alike = set(map(len, found)) == {len(names)} and keys == [*names] * len(found)
        places = self._places(names)
        if not alike or self._paths or isinstance(places, ColumnError):
            fields, faults = zip(*map(self._pick, found), strict=True)
            return self._make_rows(zip(*fields, strict=True), raw=block, faults=faults)
        values = list(chain.from_iterable(map(dict.values, found)))
        missing = [None] * len(found)
        columns = [missing if place is None else values[place :: len(names)] for place in places]
        return self._make_rows(columns, raw=block)

    def _read_rows(self) -> Iterator[Row]:
        lines, source = self._lines, self._source
        while True:
            fault: Fault | None
            try:
                for line in lines:
                    lines.begin_record()
                    text = line.strip(_JSON_SPACE)
                    if not text:
                        continue
                    self._number += 1
                    fields, fault = self._read_record(text)
                    yield Row(source, self._number, lines.number, fields, None, line, fault)
            except TooLong:
                self._number += 1
                raw = lines.rewind()
                fault = Fault(
                    Reason.TOO_LONG,
                    f"the line is longer than {self._options.max_row_bytes} bytes; raise "
                    "--max-row-bytes if it is meant to be",
                )
                yield Row(source, self._number, lines.number, NO_FIELDS, None, raw, fault)
            else:
                return

    def _read_record(self, text: str) -> tuple[Fields, Fault | None]:
        if self._lines.dirty and _UNDECODED.search(text):
            return NO_FIELDS, Fault(
                Reason.UNDECODABLE,
                "the line holds bytes that do not decode: export it again as UTF-8, or name its "
                "--encoding",
            )
        try:
            found = decode_object(text, max_nesting=self._options.max_nesting)
        except BadObjectError as error:
            return _unreadable(str(error))
        if len(found) > self._options.max_columns:
            return _unreadable(
                f"it has {len(found)} keys, and --max-columns allows {self._options.max_columns}"
            )
        return self._pick(found)

    def _pick(self, found: dict[str, Raw]) -> tuple[Fields, Fault | None]:
        for column, path in self._paths:
            _lift(found, column, path)
        names = tuple(found)
        places = self._places(names)
        if isinstance(places, ColumnError):
            return NO_FIELDS, Fault(Reason.AMBIGUOUS_COLUMNS, f"{places}; {places.hint}")
        values = tuple(found.values())
        a, b, c, d = places
        return (
            Fields(
                None if a is None else values[a],
                None if b is None else values[b],
                None if c is None else values[c],
                None if d is None else values[d],
            ),
            None,
        )

    def _places(self, names: tuple[str, ...]) -> ColumnPositions | ColumnError:
        places: ColumnPositions | ColumnError | None = self._shapes.get(names)
        if places is not None:
            return places
        try:
            places = find_columns(names, self._options.mapped)
        except ColumnError as error:
            places = error
        self._remembered += len(names)
        if self._remembered > _MOST_REMEMBERED:
            self._shapes.clear()
            self._remembered = len(names)
        self._shapes[names] = places
        return places


def _broken_off(damage: InputError) -> Iterator[Row]:
    yield from ()
    raise damage


def _unreadable(why: str) -> tuple[Fields, Fault]:
    return NO_FIELDS, Fault(
        Reason.UNREADABLE_RECORD, f"the line is not a JSON object: {why}; mend it in the input"
    )


def _lift(found: dict[str, Raw], column: str, path: list[str]) -> None:
    """Put the value at a dotted path among the top keys, unless a key has that very name."""
    if column in found:
        return
    value: object = found
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return
        value = value[name]
    found[column] = cast("Raw", value)
