"""How a delimited file is written: its field delimiter, and what a row looks like."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from batchconv.reading.columns import ColumnPositions, count_known

USUAL = ",;\t|\x01"  # the last is Hive's
QUOTED = r'"[^"]*"?'
_SEP = re.compile(r'"?sep=([^"\r\n])"?[\r\n]*', re.IGNORECASE)
# What cells of mapped columns look like, in the order of `ColumnPositions`; an id looks like
# anything.
LOOKS = (
    None,
    r"(?i)\s*(?:true|false|yes|no|[tfyn01])\s*",
    r"(?i)\s*[0-9][0-9A-Z:.,+/ -]*\s*",
    r"(?i)\s*(?:sms|voice)\s*",
)
# What follows an escape character and does not stand for itself, as MySQL and PostgreSQL have it.
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "0": "\0", "Z": "\x1a"}


class Dialect(NamedTuple):
    """How cells are written.

    Attributes:
        delimiter: between cells.
        escape: the character that escapes another one.
        spaced: a blank stands behind each delimiter, and is not a part of the cell.
    """

    delimiter: str
    escape: str | None = None
    spaced: bool = False

    def records(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """The cells of each record, as a strict `csv.reader` has them."""
        if self.escape is not None:
            lines = map(self._translate, lines)
        return csv.reader(
            lines,
            strict=True,
            delimiter=self.delimiter,
            escapechar=self.escape,
            skipinitialspace=self.spaced,
        )

    def _translate(self, line: str) -> str:
        r"""The line as `csv` understands it, which takes `\N` for N and `\n` for n."""
        mark = self.escape or ""
        if mark not in line:
            return line

        def pair(found: re.Match[str]) -> str:
            after = found[1]
            return mark + (mark + "N" if after == "N" else _CONTROL.get(after, after))

        return re.sub(re.escape(mark) + "(.)", pair, line, flags=re.DOTALL)


def said_delimiter(line: str) -> str | None:
    """The delimiter that a line `sep=;` says, as spreadsheets write and heed it; else None."""
    said = _SEP.fullmatch(line)
    return said[1] if said else None


def guess_delimiter(line: str, names_wanted: Iterable[str]) -> str:
    """The usual mark between whose cells most fields are found in a header, or the most frequent.

    Args:
        line: the header.
        names_wanted: columns that the user named.
    """
    bare = re.sub(QUOTED, "", line)

    def sense(mark: str) -> tuple[int, int]:
        names = next(csv.reader([line], delimiter=mark), [])
        return count_known(names, names_wanted), bare.count(mark)

    return max(USUAL, key=sense)


def is_spaced(header: str, delimiter: str) -> bool:
    """Whether a blank stands behind each delimiter of a header: `message_id, delivered`.

    A quote behind such a blank would else be a part of the cell, and quote nothing.
    """
    names = next(csv.reader([header], delimiter=delimiter), [])[1:]
    return bool(names) and all(name.startswith(" ") for name in names)


def are_rows(lines: Iterable[str], delimiter: str, width: int, places: ColumnPositions) -> bool:
    """Whether every line is a row by itself: then it took two stray quotes to make them one.

    A row has the right number of cells, and mapped columns hold the right kind of values. Where
    no column but the message id is mapped nobody can tell, and the answer is no.
    """
    telling = [
        (place, look)
        for place, look in zip(places, LOOKS, strict=True)
        if place is not None and look is not None
    ]

    full = [line for line in lines if line.strip("\r\n")]
    if any(line.count(delimiter) < width - 1 for line in full):
        return False  # mostly, and soon recognised

    def is_row(line: str, quoting: Literal[0, 3]) -> bool:
        cells = next(csv.reader([line], delimiter=delimiter, quoting=quoting), [])
        if len(cells) != width:
            return False
        told = [(cells[place], look) for place, look in telling if cells[place].strip()]
        return bool(told) and all(re.fullmatch(look, cell) for cell, look in told)

    return all(is_row(line, csv.QUOTE_NONE) or is_row(line, csv.QUOTE_MINIMAL) for line in full)
