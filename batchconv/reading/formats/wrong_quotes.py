"""Quotes that are not those of CSV: around whole lines, or single ones around cells."""

from __future__ import annotations

import contextlib
import csv
import shlex
from collections.abc import Collection, Sequence

from batchconv.errors import Pipe
from batchconv.reading.columns import ColumnError, count_known
from batchconv.reading.formats.dialect import USUAL

_UNQUOTE = """sed 's/^"//; s/"$//; s/""/"/g'"""


def refuse_wrong_quotes(source: str, names: Sequence[str], wanted: Collection[str]) -> None:
    """Raise what helps where quotes hide the header.

    Args:
        source: the input.
        names: the cells of what was read as the header; no field was found among them.
        wanted: the columns that the user named.

    Raises:
        ColumnError: with the command that takes the quotes away.
    """
    if len(names) == 1 and _is_header(names[0], wanted):
        raise ColumnError(
            "each line is in quotes, as if it were one cell",
            pipe=_through(source, "tr -d '\\r'", _UNQUOTE),
        )
    if all(name.strip().startswith("'") and name.strip().endswith("'") for name in names):
        raise ColumnError("cells are in single quotes", pipe=_through(source, """tr "'" '"'"""))


def _is_header(name: str, wanted: Collection[str]) -> bool:
    """Whether a name is a header by itself."""
    for mark in USUAL:
        with contextlib.suppress(csv.Error):
            records = csv.reader([name], delimiter=mark)
            if any(len(cells) > 1 and count_known(cells, wanted) for cells in records):
                return True
    return False


def _through(source: str, *programs: str) -> Pipe:
    """An input that is read through others."""
    first, *others = programs
    name = "FILE" if source == "-" else shlex.quote(source)
    return Pipe(" | ".join([f"{first} < {name}", *others]))
