"""How a failed row looks: as it was, in its input's notation, with what became of it added."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from batchconv.errors import InputError
from batchconv.model import Outcome, PackedCells, Row
from batchconv.reading.columns import ADDED_COLUMNS
from batchconv.reading.formats import Layout
from batchconv.reading.formats.decoding import to_bytes

_raw_decode = json.JSONDecoder().raw_decode
_JSON_SPACE = " \t\r\n"
_Added = tuple[str | int | None, ...]

Reread = Callable[[Path, Layout], Iterable[Row]]
"""Reads a failed-rows file as an input is read that looks like this."""


def header(layout: Layout) -> bytes:
    """The first line of a file for an input that looks like *layout*; nothing without a header."""
    if layout.header is None:
        return b""
    folders = [name for name, _ in layout.folder_values]
    return _csv_line(layout, [*_own(layout, layout.header), *folders, *ADDED_COLUMNS])


def line(layout: Layout, outcome: Outcome) -> bytes | None:
    """The row of *outcome* with its columns; None for a record that carries none."""
    row = outcome.row
    if row.fault is not None and layout.format != "parquet":
        return None
    added = (
        outcome.result.value,
        outcome.reason.value if outcome.reason else "",
        outcome.status,
        outcome.attempts,
        row.number,
    )
    cells = row.cells.unpack() if isinstance(row.cells, PackedCells) else row.cells
    if isinstance(cells, tuple):
        from batchconv.reading.formats.arrow import json_record  # noqa: PLC0415 - an extra

        return _object(json_record(cells), layout, added)
    if cells is not None:
        folders = [value for _, value in layout.folder_values]
        return _csv_line(layout, [*_own(layout, cells), *folders, *added])
    return None if row.raw is None else _object(row.raw, layout, added)


def number_of(path: Path, row: Row) -> int:
    """What a failed-rows file says that the row's number was in its input.

    Raises:
        InputError: it does not say it.
    """
    try:
        if isinstance(row.cells, PackedCells):
            return int(row.cells.parts[-1])
        if isinstance(row.cells, list):
            return int(row.cells[-1])
        return int(json.loads(row.raw or "")["_row"])
    except (ValueError, KeyError, TypeError):
        raise foreign(path) from None


def foreign(path: Path) -> InputError:
    """What to say of a file that is not what it has to be."""
    return InputError(
        f"{path} is no failed-rows file of an earlier run",
        hint="move it away, or name another with --failed",
    )


def raw_record(layout: Layout, row: Row) -> bytes:
    """The record as it was."""
    return to_bytes((row.raw or "").rstrip("\r\n") + "\n", layout.encoding)


def _own(layout: Layout, cells: list[str]) -> list[str]:
    """The input's own cells: what an earlier failed-rows file added is replaced, not repeated."""
    if layout.header is None:
        return cells
    return [
        cell for name, cell in zip(layout.header, cells, strict=True) if name not in ADDED_COLUMNS
    ]


def _csv_line(layout: Layout, cells: Sequence[str | int | None]) -> bytes:
    text = io.StringIO()
    # Python 3.11 puts quotes around a CR only when the line's end has one, too.
    csv.writer(text, delimiter=layout.delimiter, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n").encode() + b"\n"


def _object(raw: str, layout: Layout, added: _Added) -> bytes:
    """The record's own text with the added keys at its end: no number is read and written anew."""
    own = [one for one in _members(raw.strip(_JSON_SPACE)) if one[0] not in ADDED_COLUMNS]
    names = {name for name, _ in own}
    folders = [one for one in layout.folder_values if one[0] not in names]
    members = [text for _, text in own] + [
        f"{json.dumps(name)}: {json.dumps(value)}"
        for name, value in (*folders, *zip(ADDED_COLUMNS, added, strict=True))
    ]
    return ("{" + ", ".join(members) + "}\n").encode()


def _members(text: str) -> list[tuple[str, str]]:
    """The members of a JSON object that is known to be sound, each with its own text."""
    found = []
    at = _skip_space(text, 1)
    while text[at] != "}":
        begin = at
        name, at = _raw_decode(text, at)
        at = _skip_space(text, _skip_space(text, at) + 1)
        _, at = _raw_decode(text, at)
        found.append((name, text[begin:at]))
        at = _skip_space(text, at)
        if text[at] == ",":
            at = _skip_space(text, at + 1)
    return found


def _skip_space(text: str, at: int) -> int:
    while text[at] in _JSON_SPACE:
        at += 1
    return at
