"""Lines → records of cells, one after the other: the careful way, for whatever a file holds.

Strict parsing (`csv` with `strict=True`) is what keeps one unclosed quote from swallowing the
rest of the file. A record that cannot be read costs the line that it begins on, and reading goes
on at the next line.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from typing import NamedTuple

from batchconv.model import Fault, Reason
from batchconv.reading.columns import ColumnPositions
from batchconv.reading.formats.base import Aside
from batchconv.reading.formats.decoding import UNDECODED
from batchconv.reading.formats.dialect import Dialect, are_rows
from batchconv.reading.formats.lines import Lines, TooLong, WouldWait

PATIENCE = 1.0
"""Seconds that an open quote may hold up what looks like rows behind it."""


class Record(NamedTuple):
    """The cells of a record, or why there are none; *raw* is its text where there is a fault."""

    line: int
    cells: list[str]
    raw: str
    fault: Fault | None


class _Unclosed(Exception):  # noqa: N818 - it names what the record is
    """The record goes on over lines that it cannot have been meant to hold."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


class Records:
    """The records of a delimited file, from wherever its lines are.

    Args:
        lines: the cursor; it stands between two records.
        dialect: how they are written.
        max_bytes: the most that a record may have, for messages.
        arrives: whether the next bytes come within so many seconds.
        clock: seconds.

    Attributes:
        width: cells of a sound record; None as long as there was none.
        header: cells that are not rows when they come again.
        places: which cells the fields are in.
        aside: what was not a row.
    """

    def __init__(
        self,
        lines: Lines,
        dialect: Dialect,
        *,
        max_bytes: int,
        arrives: Callable[[float], bool],
        clock: Callable[[], float],
    ) -> None:
        self.width: int | None = None
        self.header: list[str] | None = None
        self.places = ColumnPositions(None, None, None, None)
        self.aside = Aside()
        self._lines = lines
        self._dialect = dialect
        self._max_bytes = max_bytes
        self._arrives = arrives
        self._clock = clock
        self._open_since: float | None = None
        self._refused_until = 0  # the line that broke an earlier record
        self._refusal = _SWALLOWING  # what to say of records that reach there

    def next(self, *, wait: bool = True) -> Record | None:
        """The next record; None at the end.

        Raises:
            WouldWait: without *wait*, it has not come whole; the cursor stands in front of it.
        """
        while True:
            self._lines.mark()
            self._open_since = None
            try:
                cells = next(self._dialect.records(self._lines_of_record(wait=wait)), None)
            except csv.Error as error:
                # All these lines began inside quotes: whichever record reaches into them ends
                # where this one did. Reading each of them to that end again would take for ever
                # in a file where many rows have an unclosed quote.
                self._refused_until = self._lines.number
                self._refusal = _unreadable(str(error))
                return self._recover(self._refusal)
            except _Unclosed as unclosed:
                return self._recover(unclosed.fault)
            except TooLong:
                return self._recover(_too_long(self._max_bytes))
            except WouldWait:
                self._lines.rewind()
                raise
            if cells is None:
                return None
            if not self._is_no_row(cells):
                return self._judge(cells)

    def _lines_of_record(self, *, wait: bool) -> Iterator[str]:
        for line in self._lines.lines(wait=wait):
            if self._lines.count > 1 and self._lines.number <= self._refused_until:
                raise _Unclosed(self._refusal)
            yield line
            # Another line is asked for: a quote is open.
            if self._lines.at_edge and wait and self._holds_up_rows():
                raise _Unclosed(_SWALLOWING)

    def _holds_up_rows(self) -> bool:
        """Whether what looks like rows has waited too long for the end of the open quote."""
        if self._lines.count < 2:
            return False
        now = self._clock()
        since = self._open_since = now if self._open_since is None else self._open_since
        if self._arrives(max(0.0, since + PATIENCE - now)):
            return False
        self._open_since = None  # if they are not rows, look again after another while
        return self._are_rows()

    def _are_rows(self) -> bool:
        width = self.width or 0
        return are_rows(self._lines.taken, self._dialect.delimiter, width, self.places)

    def _is_no_row(self, cells: list[str]) -> bool:
        if is_blank(cells):
            self.aside.blank += 1
            return True
        if cells == self.header:
            self.aside.headers += 1
            return True
        return False

    def _judge(self, cells: list[str]) -> Record:
        lines = self._lines
        if lines.count > 1 and self._are_rows():
            return self._recover(_SWALLOWING)
        if self.width is None:
            self.width = len(cells)
        line, fault = lines.number - lines.count + 1, None
        if len(cells) != self.width:
            fault = _wrong_count(cells, self.width)
        elif lines.dirty and UNDECODED.search("\0".join(cells)):
            fault = _UNDECODABLE
        return Record(line, cells, "" if fault is None else "".join(lines.taken), fault)

    def _recover(self, fault: Fault) -> Record:
        """Give up the line that the record began on, and go on at the next one."""
        self._lines.rewind(keep=1)
        return Record(self._lines.number, [], self._lines.first(), fault)


def is_blank(cells: list[str]) -> bool:
    """Whether a record holds nothing: blanks, or the mark by which DOS ends a file."""
    return not "".join(cells).replace("\x1a", "").strip()


_SWALLOWING = Fault(
    Reason.UNREADABLE_RECORD,
    "the record goes on over lines that would be rows by themselves: look for an extra quote; "
    "reading went on at the next line",
)
_UNDECODABLE = Fault(
    Reason.UNDECODABLE,
    "the record holds bytes that do not decode: export it again as UTF-8, or name its --encoding",
)


def _unreadable(why: str) -> Fault:
    return Fault(
        Reason.UNREADABLE_RECORD,
        f"the record is not well-formed ({why}): correct its quotes; reading went on at the next "
        "line",
    )


def _too_long(most: int) -> Fault:
    return Fault(
        Reason.TOO_LONG,
        f"the record is longer than {most} bytes: look for an unclosed quote, or raise "
        "--max-row-bytes; reading went on at the next line",
    )


def _wrong_count(cells: list[str], width: int) -> Fault:
    why = "look for an unquoted delimiter, or a line that is cut short"
    if len(cells) == width + 1 and not cells[-1].strip():
        why = "where each row ends in a delimiter, end the header in one; else look for an "
        why += "unquoted delimiter"
    return Fault(
        Reason.CELL_COUNT,
        f"the record has {len(cells)} cell{'s' * (len(cells) != 1)}, and the first one of the "
        f"file has {width}: {why}",
    )
