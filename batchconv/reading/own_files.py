"""Which files this program wrote itself, recognised by their content, whatever they are called."""

from __future__ import annotations

import codecs
import csv
import json
from enum import Enum
from io import StringIO

from batchconv.errors import BatchconvError, UsageError, command
from batchconv.reading.columns import ADDED_COLUMNS, delimiter_of_failed_rows
from batchconv.reading.sources import BLANK, ByteStream, Compression, can_reopen

_HEAD = 1 << 20  # bytes: a header of thousands of columns
_DELIMITERS = ",;\t|"
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class OwnFile(Enum):
    """A kind of file that this program writes, in words."""

    RESULTS = "results file"
    RUNS = "runs file"
    FAILED_ROWS = "failed-rows file"


# Names that stand together in the first line of each kind, and together in nobody else's export.
_NAMES = (
    (OwnFile.FAILED_ROWS, frozenset(ADDED_COLUMNS)),
    (
        OwnFile.RESULTS,
        frozenset(("source", "row", "key", "message_id", "outcome", "run", "target")),
    ),
    (OwnFile.RUNS, frozenset(("run", "at", "command", "inputs", "target", "options"))),
    (OwnFile.RUNS, frozenset(("run", "finished", "exit_code", "read", "settled"))),
)
# How the first line begins where a crash has left no more than a part of it.
_TORN = (
    (OwnFile.RESULTS, '{"source":"'),
    (OwnFile.RESULTS, "source,row,line,key,"),
    (OwnFile.RUNS, '{"run": "'),
)


class OwnResultsError(UsageError):
    """An input is a results file of this program."""


def what_is(name: str) -> OwnFile | None:
    """Which of this program's files it is, by its first line, however it is compressed; else None.

    What can be read only once is not looked at, and neither is a URL.
    """
    if not can_reopen(name) or "://" in name:
        return None
    head = b""
    try:
        with ByteStream(name) as stream:
            for piece in stream:
                head += piece
                if len(head) >= _HEAD or _holds_a_record(head):
                    break
    except (BatchconvError, OSError):
        return None  # its reader will say what is wrong with it
    return kind_of(head)


def kind_of(head: bytes) -> OwnFile | None:
    """Which of this program's files has plain data that begin so; None for any other."""
    lines = _lines(head)
    if not lines:
        return None
    names = _names(lines)
    for kind, wanted in _NAMES:
        if wanted <= names:
            return kind
    if lines[0].endswith("\n"):
        return None
    return next((kind for kind, begin in _TORN if lines[0].startswith(begin)), None)


def _holds_a_record(head: bytes) -> bool:
    """Whether there is a line that is not blank, and no quotes go on behind it."""
    end = head.rfind(b"\n")
    return b"\n" in head.lstrip(BLANK) and head.count(b'"', 0, end) % 2 == 0


def _names(lines: list[str]) -> frozenset[str]:
    """The keys of a JSON object, or the cells of a header, which may hold ends of lines."""
    first = lines[0].strip()
    try:
        if first.startswith("{"):
            return frozenset(json.loads(first))
        marks = delimiter_of_failed_rows("".join(lines)) or _DELIMITERS
        rows = (next(csv.reader(lines, delimiter=one), []) for one in marks)
        return max(map(frozenset, map(_stripped, rows)), key=len, default=frozenset())
    except (ValueError, RecursionError, csv.Error):
        return frozenset()


def _stripped(names: list[str]) -> list[str]:
    return [name.strip() for name in names]


def _lines(head: bytes) -> list[str]:
    """The lines from the first that is not blank on, less one that says the delimiter."""
    encoding = next((known for mark, known in _MARKS.items() if head.startswith(mark)), "utf-8")
    # Other than splitlines(), it takes nothing but CR and LF for ends of lines.
    lines = list(StringIO(head.decode(encoding, "replace"), newline=None))
    said = (at for at, line in enumerate(lines) if line.strip())
    first = next((at for at in said if not lines[at].lower().startswith("sep=")), len(lines))
    return lines[first:]


def refuse_results(name: str, compression: Compression, head: bytes) -> None:
    """Refuse a results file of this program: its rows have been decided before.

    Args:
        name: of the input.
        compression: that it had.
        head: its first plain bytes.

    Raises:
        OwnResultsError: it is one.
    """
    if kind_of(head) is OwnFile.RESULTS:
        plain = "" if compression == "none" else " (decompress it first)"
        raise OwnResultsError(
            f"{name} is a results file of batchconv, not an input",
            hint=f"to send its failed rows again{plain}: {command(['resend'], [name])}; "
            "or name its input, with --resume",
        )
