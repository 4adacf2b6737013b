"""Inputs and options → a lazy iterator of numbered Rows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import NamedTuple

from batchconv.errors import BatchconvError, InputError, UsageError
from batchconv.model import Row
from batchconv.reading.columns import ColumnError, Recognised
from batchconv.reading.formats import (
    Aside,
    FormatName,
    Layout,
    ReadOptions,
    RowStream,
    open_rows,
)
from batchconv.reading.own_files import OwnResultsError
from batchconv.reading.sources import (
    ByteStream,
    Compression,
    Input,
    can_reopen,
)
from batchconv.reading.sources.names import OwnInput


class _Place(NamedTuple):
    """How far the reading has come: what is behind it, and what it is in."""

    size: int
    lines: int
    stream: ByteStream | None


class Reader:
    """The rows of all inputs, one after the other.

    Attributes:
        layouts: for each input that was opened, what its failed-rows file should look like.
        columns: for each of them, what its columns hold.
        aside: what stood in them and was not a row, as far as they have been read.
        damages: inputs that broke off half-way, in order; the next input was still read.
        left_out: results files of our own that were found, and are not inputs.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        options: ReadOptions,
        *,
        format: FormatName | None = None,  # noqa: A002 - the word that users know
        compression: Compression | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._inputs = list(inputs)
        self._options = options
        self._format = format
        self._compression = compression
        self._sleep = sleep
        self._kept: dict[str, tuple[ByteStream, RowStream]] = {}
        self._sizes: dict[str, int | None] = {}
        self._counts: dict[str, int | None] = {}
        self._place = _Place(0, 0, None)
        self.layouts: dict[str, Layout] = {}
        self.columns: dict[str, Recognised] = {}
        self.aside = Aside()
        self.damages: list[BatchconvError] = []
        self.left_out: list[str] = []

    def check(self) -> None:
        """Open every input and check its header.

        Raises:
            InputError: one is missing, unreadable, or damaged in its header.
            UsageError: a column is wrong. Of files that were found in a folder or by a pattern,
                only when all of them are so: else they are among the damages, and left out.
        """
        wrong: dict[str, BatchconvError] = {}
        try:
            for name in dict.fromkeys(self._inputs):
                try:
                    stream, rows = self._open(name)
                except (InputError, UsageError) as error:
                    if not (isinstance(name, Input) and name.found):
                        raise
                    wrong[name] = error
                    continue
                if can_reopen(name):
                    stream.close()  # a thousand open inputs would run into the system's limit
                else:
                    self._keep(name, stream, rows)
            self._leave_out(wrong)
        except BaseException:
            self._close_kept()
            raise

    def _leave_out(self, wrong: dict[str, BatchconvError]) -> None:
        """Go on without files that nobody named and that cannot be read, unless that is all."""
        mistakes = {
            name: error for name, error in wrong.items() if not isinstance(error, OwnResultsError)
        }
        self._inputs = [name for name in self._inputs if name not in wrong]
        if mistakes and not self._inputs:
            raise next(iter(mistakes.values()))
        self.damages += mistakes.values()
        self.left_out += [name for name in wrong if name not in mistakes]

    def _keep(self, name: str, stream: ByteStream, rows: RowStream) -> None:
        self._kept[name] = stream, rows
        if self._inputs.count(name) > 1:
            raise UsageError(f"{name} is named twice, and can be read only once")

    def _close_kept(self) -> None:
        while self._kept:
            self._kept.popitem()[1][0].close()

    def __iter__(self) -> Iterator[Row]:
        return chain.from_iterable(self.batches())

    def batches(self) -> Iterator[list[Row]]:
        """The rows in order, as many at once as are there; those of a batch are of one input."""
        try:
            for name in self._inputs:
                try:
                    kept = self._kept.pop(name, None)
                    stream, rows = kept or self._open(name)
                    size, lines, _ = self._place
                    self._place = _Place(size, lines, stream)
                    try:
                        with closing(stream):
                            yield from rows.batches()
                    finally:
                        self.aside.add(rows.aside)
                        size += stream.size or 0
                        self._place = _Place(size, lines + stream.lines, None)
                except (InputError, UsageError) as damage:
                    # A header was good when it was checked: the file has changed since.
                    self.damages.append(damage)
        finally:
            self._close_kept()

    def _open(self, name: str) -> tuple[ByteStream, RowStream]:
        own = isinstance(name, OwnInput)
        compression = "none" if own else self._compression
        stream = ByteStream(name, compression, sleep=self._sleep)
        try:
            rows = open_rows(stream, self._options, "jsonl" if own else self._format)
        except ColumnError as error:
            stream.close()
            raise ColumnError(f"{name}: {error}", hint=error.hint, pipe=error.pipe) from None
        except BaseException:
            stream.close()
            raise
        self.layouts[name] = rows.layout
        self.columns[name] = rows.columns
        self._sizes[name] = stream.size
        self._counts[name] = rows.count
        return stream, rows

    def expect(self, read: int) -> float | None:
        """Rows in all inputs, as far as is known while they are read; None when it cannot.

        An int where all inputs tell. Elsewhere lines are counted as they are read, and bytes tell
        how many are still to come. May be called from any thread.

        Args:
            read: rows that have been read so far.
        """
        counts = [self._counts.get(name) for name in self._inputs]
        if None not in counts:
            return sum(filter(None, counts))
        sizes = [self._sizes.get(name) for name in self._inputs]
        size, lines, stream = self._place
        handed_out, fresh = lines, 0
        if stream is not None:
            handed_out, fresh = lines + stream.lines, stream.fresh_lines
            more, lines_in_it = stream.counted if stream.counted[1] else (
                stream.position, stream.lines
            )  # fmt: skip
            size, lines = size + more, lines + lines_in_it
        if None in sizes or not (size and lines):
            return None
        # A row is a line, unless those parsed so far prove that it is more or less.
        most = read / (handed_out - fresh) if handed_out > fresh else math.inf
        rows_per_line = min(max(1.0, read / handed_out), most)
        return rows_per_line * lines * max(1.0, sum(filter(None, sizes)) / size)
