"""A title above the table, which is read as if it were its header."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Mapping, Sequence

from batchconv.reading.columns import ColumnError, find_columns, require_columns
from batchconv.reading.formats.dialect import guess_delimiter


def refuse_title(
    names: Sequence[str],
    lines: Sequence[str],
    number: int,
    *,
    mapped: Mapping[str, str],
    delivered_given: bool,
) -> None:
    """Raise what helps where the table's header is further down.

    Args:
        names: the cells of what was read as the header; no field was found among them.
        lines: some that follow it.
        number: of the last line of the header.
        mapped: field → column, as the user named them.
        delivered_given: rows need not say it.

    Raises:
        ColumnError: with the options to be pasted.
    """
    alone = sum(map(bool, map(str.strip, names))) <= 1
    for at, line in enumerate(lines):
        delimiter = guess_delimiter(line, mapped.values())
        below = _records(lines[at:], delimiter)
        cells = below[0] if below else []
        found = find_columns(cells, mapped)
        if found.message_id is None and not (alone and sum(map(bool, cells)) > 1):
            continue
        skip = f"add --skip-lines {number + at}"
        try:
            alike = [record for record in below[1:] if len(record) == len(cells)]
            require_columns(found, cells, mapped, delivered_given=delivered_given, records=alike)
        except ColumnError as error:
            skip += f" {(error.hint or '').removeprefix('add ')}"
        raise ColumnError(f"the header seems to be on line {number + at + 1}", hint=skip)


def _records(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    records: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        records.extend(csv.reader(lines, delimiter=delimiter))
    return records
