"""Files without a header: how they are recognised, and by what their cells are distinguished."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence

from batchconv.errors import UsageError
from batchconv.reading.column_hints import IS_DELIVERED, IS_ID, IS_TIME
from batchconv.reading.columns import FIELDS, ColumnError
from batchconv.reading.formats.dialect import LOOKS, QUOTED, USUAL

_SAMPLE = 10  # lines from which the delimiter is recognised, at most
# What no column is called.
_IS_CHANNEL = LOOKS[3]


class _NoHeader:
    """Tells the delimiter of a file without a header by its first lines."""

    def __init__(self, source: str, mapped: Mapping[str, str]) -> None:
        self._source = source
        self._places = {
            field: int(number) - 1
            for field, number in mapped.items()
            if number.isascii() and number.isdigit() and number != "0"
        }
        self._width = max([2, *(place + 1 for place in self._places.values())])

    def fitting(self, lines: Sequence[str]) -> list[str]:
        """The marks that make as many cells of every line, and enough of them."""
        return [mark for mark in USUAL if self._fits(lines, mark)]

    def _fits(self, lines: Sequence[str], mark: str) -> bool:
        records = [one for one in csv.reader(lines, delimiter=mark) if "".join(one).strip()]
        widths = set(map(len, records))
        return len(widths) == 1 and widths.pop() >= self._width

    def _looks_right(self, lines: Sequence[str], mark: str) -> bool:
        telling = [
            (self._places[field], look)
            for field, look in zip(FIELDS, LOOKS, strict=True)
            if look is not None and field in self._places
        ]
        return all(
            re.fullmatch(look, cells[place])
            for cells in csv.reader(lines, delimiter=mark)
            for place, look in telling
            if place < len(cells) and cells[place].strip()
        )

    def decide(self, lines: Sequence[str]) -> str:
        """The one mark that fits; raises UsageError where two do."""
        fitting = self.fitting(lines)
        bare = re.sub(QUOTED, "", lines[0]) if lines else ""
        if not fitting:  # one column only, or lines of which many are bad
            most = max(map(bare.count, USUAL))
            fitting = [mark for mark in USUAL if bare.count(mark) == most] if most else [","]
        if len(fitting) > 1:
            fitting = [one for one in fitting if self._looks_right(lines, one)] or fitting
        if len(fitting) > 1:
            marks = " and ".join(map(repr, fitting))
            example = "tab" if fitting[0] == "\t" else fitting[0]
            raise UsageError(
                f"{self._source}: without a header, {marks} could both be the delimiter",
                hint=f"name the right one: --delimiter '{example}'",
            )
        return fitting[0]


def tell_without_header(
    source: str, peek: Callable[[int], list[str]], mapped: Mapping[str, str]
) -> str:
    """The delimiter of a file without a header, by as many lines as it takes, ten at most.

    Raises:
        UsageError: several could be meant.
    """
    marks = _NoHeader(source, mapped)
    lines: list[str] = []
    for most in range(1, _SAMPLE + 1):
        lines = peek(most)
        if len(marks.fitting(lines)) == 1 or len(lines) < most:
            break
    return marks.decide(lines)


def refuse_missing_header(
    names: Sequence[str], error: ColumnError, *, delivered_given: bool
) -> None:
    """Raise what says more than *error* where the first record looks like a row, not a header.

    Args:
        names: its cells.
        error: what is wrong with them as a header.
        delivered_given: rows need not say it.

    Raises:
        ColumnError: with the columns' numbers filled in.
    """
    if [name.strip() for name in names] in (
        [str(number) for number in range(first, first + len(names))] for first in (0, 1)
    ):
        return  # the header of a table whose columns have no names
    kinds = (
        ("delivered", IS_DELIVERED),
        ("timestamp", IS_TIME),
        ("channel", _IS_CHANNEL),
        ("message_id", IS_ID),
    )
    found: dict[str, int] = {}
    for field, look in kinds:
        for place, name in enumerate(names):
            if look is not None and place not in found.values() and re.fullmatch(look, name):
                found[field] = place
                break
    if not found:
        return
    rest = (place for place in range(len(names)) if place not in found.values())
    found.setdefault("message_id", next(rest, 0))
    maps = [f"--map {field}={found[field] + 1}" for field in FIELDS if field in found]
    missing = "" if delivered_given or "delivered" in found else ", and --map delivered=NUMBER"
    raise ColumnError(
        f"{error}; but the first record looks like a row and not like a header",
        hint=f"if it is a row, add: {' '.join(['--no-header', *maps])}{missing}",
    )
