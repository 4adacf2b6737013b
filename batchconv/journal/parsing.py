"""One line of a results file, read."""

from __future__ import annotations

import csv
import json
from operator import itemgetter
from typing import Any

from batchconv.journal.results import ResultLine
from batchconv.model import Result, read_key

NOT_OURS = (ValueError, KeyError, TypeError, RecursionError, csv.Error)
"""What parsing raises for a line that this program did not write."""

_RESULTS = frozenset(result.value for result in Result)
_values = itemgetter(*ResultLine._fields)


def parse_json(line: bytes) -> ResultLine:
    """A line of a JSON Lines results file.

    Raises:
        ValueError, KeyError, TypeError, RecursionError: it is none.
    """
    return _checked(ResultLine._make(_values(json.loads(line))))


def parse_csv(line: bytes) -> ResultLine:
    """A line of a CSV results file; raises as `parse_json`, and csv.Error."""
    cells = next(csv.reader([line.decode().rstrip("\r\n")], strict=True))
    found: dict[str, Any] = dict(zip(ResultLine._fields, cells, strict=True))
    typed: dict[str, Any] = {name: text or None for name, text in found.items()}
    for name, kind in (("row", int), ("line", int), ("status", int), ("elapsed_ms", float)):
        typed[name] = kind(found[name]) if found[name] else None
    typed["source"] = found["source"]
    typed["attempts"] = int(found["attempts"])
    typed["delivered"] = {"true": True, "false": False, "": None}[found["delivered"]]
    return _checked(ResultLine(**typed))


def _checked(line: ResultLine) -> ResultLine:
    """The line if it is one that a run may have written; raises ValueError or TypeError."""
    texts = (line.source, line.at, line.run, line.target)
    numbers = (line.row, line.attempts, line.status or 0, line.line or 0)
    if (
        line.outcome not in _RESULTS
        or line.replaces not in (None, *_RESULTS)
        or (line.corrects is not None and line.replaces is None)
        or not all(isinstance(text, str) for text in texts)
        or not all(type(number) is int for number in numbers)
    ):
        raise ValueError(line.outcome)
    read_key(line.key)
    if line.corrects is not None:
        read_key(line.corrects)
    return line
