"""How a delimited file is written: what stands between cells, and what a row looks like."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import Literal

from batchconv.reading.columns import ColumnPositions, count_known

_USUAL = ",;\t|"
_QUOTED = re.compile(r'"[^"]*"?')
_SEP = re.compile(r'"?sep=([^"\r\n])"?[\r\n]*', re.IGNORECASE)
# What cells of mapped columns look like, in the order of `ColumnPositions`; an id looks like
# anything.
_LOOKS = (
    None,
    re.compile(r"\s*(?:true|false|yes|no|[tfyn01])\s*", re.IGNORECASE),
    re.compile(r"\s*[0-9][0-9A-Z:.,+/ -]*\s*", re.IGNORECASE),
    re.compile(r"\s*(?:sms|voice)\s*", re.IGNORECASE),
)


def said_delimiter(line: str) -> str | None:
    """The delimiter that a line `sep=;` says, as spreadsheets write and heed it; else None."""
    said = _SEP.fullmatch(line)
    return said[1] if said else None


def guess_delimiter(line: str, names_wanted: Iterable[str] | None) -> str:
    """The usual mark that makes most sense of a file's first line.

    That is the one between whose cells most fields are found, or else the most frequent one.

    Args:
        line: the first line.
        names_wanted: columns that the user named; None where the line is no header.
    """
    bare = _QUOTED.sub("", line)

    def sense(mark: str) -> tuple[int, int]:
        if names_wanted is None:
            return 0, bare.count(mark)
        names = next(csv.reader([line], delimiter=mark), [])
        return count_known(names, names_wanted), bare.count(mark)

    return max(_USUAL, key=sense)


def are_rows(lines: Iterable[str], delimiter: str, width: int, places: ColumnPositions) -> bool:
    """Whether every line is a row by itself: then it took two stray quotes to make them one.

    A row has the right number of cells, and mapped columns hold the right kind of values. Where
    no column but the message id is mapped nobody can tell, and the answer is no.
    """
    telling = [
        (place, look)
        for place, look in zip(places, _LOOKS, strict=True)
        if place is not None and look is not None
    ]

    def is_row(line: str, quoting: Literal[0, 3]) -> bool:
        cells = next(csv.reader([line], delimiter=delimiter, quoting=quoting), [])
        if len(cells) != width:
            return False
        told = [(cells[place], look) for place, look in telling if cells[place].strip()]
        return bool(told) and all(look.fullmatch(cell) for cell, look in told)

    return all(
        is_row(line, csv.QUOTE_NONE) or is_row(line, csv.QUOTE_MINIMAL)
        for line in lines
        if line.strip("\r\n")
    )
