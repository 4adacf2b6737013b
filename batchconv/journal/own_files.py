"""Which files this program wrote itself, recognised by their content, whatever they are called."""

from __future__ import annotations

import codecs
import csv
import json
from enum import Enum
from io import StringIO

from batchconv.errors import BatchconvError
from batchconv.journal.reader import parse_json
from batchconv.journal.results import CSV_HEADER
from batchconv.reading.columns import ADDED_COLUMNS
from batchconv.reading.sources import ByteStream, can_reopen

_HEAD = 1 << 20  # bytes: a header of thousands of columns
_DELIMITERS = ",;\t|"
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_RUN_START = frozenset(("run", "at", "command", "inputs", "target", "options"))
_RUN_END = frozenset(("run", "finished", "exit_code", "read", "settled"))


class OwnFile(Enum):
    """A kind of file that this program writes, in words."""

    RESULTS = "results file"
    RUNS = "runs file"
    FAILED_ROWS = "failed-rows file"


def what_is(name: str) -> OwnFile | None:
    """Which of this program's files it is, by its first line, however it is compressed; else None.

    What can be read only once is not looked at, and neither is a URL.
    """
    if not can_reopen(name) or "://" in name:
        return None
    try:
        line = _first_line(name)
    except (BatchconvError, OSError):
        return None  # its reader will say what is wrong with it
    if line.startswith("{"):
        return _of_object(line)
    if line.encode("utf-8", "replace") == CSV_HEADER.rstrip(b"\n"):
        return OwnFile.RESULTS
    return (
        OwnFile.FAILED_ROWS
        if any(map(line.__contains__, ADDED_COLUMNS[:1]))
        and any(_has_added(line, delimiter) for delimiter in _DELIMITERS)
        else None
    )


def has_added_columns(names: list[str]) -> bool:
    """Whether those are the columns of a failed-rows file: all that it adds are among them."""
    return {*ADDED_COLUMNS} <= {name.strip() for name in names}


def _has_added(line: str, delimiter: str) -> bool:
    try:
        return has_added_columns(next(csv.reader(StringIO(line), delimiter=delimiter), []))
    except csv.Error:
        return False


def _of_object(line: str) -> OwnFile | None:
    try:
        found = json.loads(line)
        names = frozenset(found)
        if has_added_columns(list(names)):
            return OwnFile.FAILED_ROWS
        if names >= _RUN_START or names >= _RUN_END:
            return OwnFile.RUNS
        parse_json(line.encode())
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return OwnFile.RESULTS


def _first_line(name: str) -> str:
    """The first line that is not blank, less a line that says the delimiter."""
    head = b""
    with ByteStream(name) as stream:
        for piece in stream:
            head += piece
            if len(head) >= _HEAD or b"\n" in head.lstrip(b"\r\n"):
                break
    encoding = next((known for mark, known in _MARKS.items() if head.startswith(mark)), "utf-8")
    # Other than splitlines(), it takes nothing but CR and LF for ends of lines.
    for line in StringIO(head.decode(encoding, "replace"), newline=None):
        if line.strip() and not line.lower().startswith("sep="):
            return line.strip("\r\n")
    return ""
