"""The lines of a results file, read back whole: what a resend sends, and what was accepted."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from operator import itemgetter

from batchconv.journal.entries import find_tail, opened, read_blocks
from batchconv.journal.quick_entries import RESULTS, line_pattern
from batchconv.journal.results import ResultLine, is_csv, no_result

_values = itemgetter(*ResultLine._fields)


def read_lines(path: str, outcomes: frozenset[str]) -> Iterator[ResultLine]:
    """The lines of a results file that tell of one of *outcomes*; a torn last line is left out.

    Raises:
        InputError: a line is no result, or the file cannot be read.
    """
    from_text = _from_csv if is_csv(path) else _from_json
    other = "|".join(RESULTS - outcomes).encode() or b"(?!)"
    # Of lines in which all is well and nothing is wanted, nothing is left over.
    wanted = re.compile(
        b"^(?:%b|([^\n]*+\n))" % line_pattern(outcome=b"(?:" + other + b")"), re.MULTILINE
    )
    with opened(path) as file:
        for number, _, text in read_blocks(path, file, find_tail(path, file)):
            lines = text.split(b"\n") if is_csv(path) else wanted.findall(text)
            for at, line in enumerate(lines, number):
                if line.strip():
                    try:
                        found = from_text(line)
                    except (ValueError, KeyError, TypeError, RecursionError, csv.Error):
                        raise no_result(path, at) from None
                    if found.outcome in outcomes:
                        yield found


def _from_json(line: bytes) -> ResultLine:
    return ResultLine._make(_values(json.loads(line)))


def _from_csv(line: bytes) -> ResultLine:
    cells = next(csv.reader([line.decode().rstrip("\r\n")], strict=True))
    found = dict(zip(ResultLine._fields, cells, strict=True))
    return ResultLine(
        **{
            **{name: text or None for name, text in found.items()},
            "row": int(found["row"]),
            "line": int(found["line"]) if found["line"] else None,
            "delivered": {"true": True, "false": False, "": None}[found["delivered"]],
            "status": int(found["status"]) if found["status"] else None,
            "attempts": int(found["attempts"]),
            "elapsed_ms": float(found["elapsed_ms"]) if found["elapsed_ms"] else None,
        }  # type: ignore[arg-type]  # a dict of mixed values, checked by the tests' round trip
    )
