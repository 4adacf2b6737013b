"""A first line that is not the header: a title above the table, or a line quoted as a whole."""

from __future__ import annotations

import contextlib
import csv
import shlex
from collections.abc import Mapping, Sequence

from batchconv.errors import shell_line
from batchconv.reading.columns import ColumnError, count_known, find_columns, require_columns
from batchconv.reading.formats.dialect import USUAL, guess_delimiter

_UNQUOTE = """sed 's/^"//; s/"$//; s/""/"/g'"""


def refuse_preamble(
    source: str,
    names: Sequence[str],
    lines: Sequence[str],
    number: int,
    *,
    mapped: Mapping[str, str],
    delivered_given: bool,
) -> None:
    """Raise what helps where the table's header is further down, or within one cell.

    Args:
        source: the input.
        names: the cells of what was read as the header; no field was found among them.
        lines: some that follow it.
        number: of the last line of the header.
        mapped: field → column, as the user named them.
        delivered_given: rows need not say it.

    Raises:
        ColumnError: with the options, or the command, to be pasted.
    """
    if count_known(names, mapped.values()):
        return
    if len(names) == 1 and _known_within(names[0], mapped):
        raise ColumnError(
            "each line is in quotes, as if it were one cell",
            hint=_piped(source, "tr -d '\\r'", _UNQUOTE),
        )
    if all(name.strip().startswith("'") and name.strip().endswith("'") for name in names):
        raise ColumnError("cells are in single quotes", hint=_piped(source, """tr "'" '"'"""))
    alone = sum(map(bool, map(str.strip, names))) <= 1
    for at, line in enumerate(lines):
        delimiter = guess_delimiter(line, mapped.values())
        below = _records(lines[at:], delimiter)
        cells = below[0] if below else []
        found = find_columns(cells, dict(mapped))
        if found.message_id is None and not (alone and sum(map(bool, cells)) > 1):
            continue
        skip = f"add --skip-lines {number + at}"
        try:
            alike = [record for record in below[1:] if len(record) == len(cells)]
            require_columns(
                found, cells, dict(mapped), delivered_given=delivered_given, records=alike
            )
        except ColumnError as error:
            skip += f" {(error.hint or '').removeprefix('add ')}"
        raise ColumnError(f"the header seems to be on line {number + at + 1}", hint=skip)


def _records(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    records: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        records.extend(csv.reader(lines, delimiter=delimiter))
    return records


def _known_within(name: str, mapped: Mapping[str, str]) -> bool:
    """Whether a name is a header by itself."""
    return any(mark in name for mark in USUAL) and any(
        count_known(cells, mapped.values())
        for mark in USUAL
        for cells in _records([name], mark)
        if len(cells) > 1
    )


def _piped(source: str, *programs: str) -> str:
    """The command that reads an input through others."""
    first, *others = programs
    name = "FILE" if source == "-" else shlex.quote(source)
    return shell_line(" | ".join([f"{first} < {name}", *others, "batchconv upload -"]))
