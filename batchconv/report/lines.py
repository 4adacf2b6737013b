"""A results file → its lines as tuples of texts, a block of them at a time.

A file of ten million lines is read for a report, so lines that this program wrote are taken apart
by one regular expression over whole blocks; lines that were written anew by something else, and
those of a CSV, one by one. Nothing is locked, and a file that a run is still writing to is read
as far as it went when it was opened.
"""

from __future__ import annotations

import csv
import json
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, BinaryIO, NamedTuple

from batchconv.errors import InputError
from batchconv.journal.append_only_file import STDOUT
from batchconv.journal.results import CSV_HEADER, ResultLine, no_result
from batchconv.model import Result, read_key

_BLOCK = 1 << 20  # bytes
_LONGEST_LINE = 1 << 26  # bytes
_LONGEST = 1e15  # milliseconds that an exchange may take
_JSON_BEGIN = b'{"source":"'
_RESULTS = frozenset(Result)
_TEXT = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_OWN_LINE = re.compile(
    r'^\{"source":(' + _TEXT + r'),"row":\d+,"line":(?:\d+|null),"key":"k([0-9a-f]{32})",'
    r'"replaces":(?:null|"[a-z]*"),"corrects":(?:null|"k[0-9a-f]{32}"),"message_id":(?:null|'
    + _TEXT
    + r'),"delivered":(?:true|false|null),'
    r'"timestamp":(?:null|"[^"\\]*"),"channel":(?:null|"[a-z]*"),'
    r'"outcome":"(accepted|rejected|failed|invalid|skipped)",'
    r'"status":(?:null|(\d{1,4})),"attempts":(\d{1,4}),"elapsed_ms":(?:null|(\d{1,15}\.\d)),'
    r'"reason":(?:null|"([-a-z]{0,40})"),"detail":(?:null|' + _TEXT + r"),"
    r'"at":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d\d\d)Z",'
    r'"run":(' + _TEXT + r'),"target":(' + _TEXT + r")\}\r?\n",
    re.MULTILINE,
)
_REASON = re.compile(r"[-a-z]{1,40}")


class Seen(NamedTuple):
    """What a report needs of a line, as it stands there; what is null is empty.

    Attributes:
        source, run, target: as JSON texts, with their quotes.
        key: 32 hex digits.
        elapsed: milliseconds.
        second: of `at`, without its fraction: `2026-11-20T06:08:15`.
        thousandth: the fraction: three digits.
    """

    source: str
    key: str
    outcome: str
    status: str
    attempts: str
    elapsed: str
    reason: str
    second: str
    thousandth: str
    run: str
    target: str


class Batch(NamedTuple):
    """Some lines of a file that follow each other.

    Attributes:
        seen: of each line; plain tuples in the order of `Seen`.
        lines: the same lines whole, as text.
        as_csv: how they are written.
    """

    seen: list[tuple[str, ...]]
    lines: str | list[str]
    as_csv: bool

    def wholes(self, numbers: list[int]) -> list[dict[str, Any]]:
        """The fields of the lines at *numbers*, which count from 0 in this batch."""
        lines = self.lines.split("\n") if isinstance(self.lines, str) else self.lines
        return [(_from_csv if self.as_csv else _from_json)(lines[number]) for number in numbers]


@lru_cache(maxsize=10_000)
def unix_second(text: str) -> int:
    """`2026-11-20T06:08:15` in UTC as Unix time; raises ValueError for an impossible one."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


class ResultsFile:
    """A results file that is read once from its begin to its end.

    Args:
        path: `-` stands for standard input.

    Attributes:
        torn: a last line without an end was left out.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.torn = False

    def batches(self) -> Iterator[Batch]:
        """The lines of the file, some at a time.

        Raises:
            InputError: a line is no result, or the file cannot be read.
        """
        number = 0
        as_csv = False
        for whole in self._blocks():
            block = whole
            if not number and block.startswith(CSV_HEADER.rstrip(b"\n")):
                as_csv = True
                csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_LINE))
                block = block[block.index(b"\n") + 1 :]
                number = 1
            lines = block.count(b"\n")
            yield self._own(block, lines) or self._foreign(block, number, as_csv=as_csv)
            number += lines

    def first_second(self) -> int | None:
        """When the first row was settled, in Unix time; None where there is none."""
        for batch in self.batches():
            if batch.seen:
                return unix_second(Seen(*batch.seen[0]).second)
        return None

    def _blocks(self) -> Iterator[bytes]:
        """Whole lines, many at a time; a torn last line is left out."""
        rest: list[bytes] = []
        first = True
        with opened(self.path) as file:
            for data in _read(file):
                cut = data.rfind(b"\n") + 1
                if cut:
                    yield b"".join((*rest, data[:cut]))
                    rest, first = [], False
                rest.append(data[cut:])
        last = b"".join(rest)
        if last.strip():
            if _is_whole(last):
                yield last + b"\n"
            elif first and not _begins_as_ours(last):
                raise no_result(self.path, 1)
            else:
                self.torn = True

    @staticmethod
    def _own(block: bytes, lines: int) -> Batch | None:
        """Lines as this program writes them; None when one of them is not like that."""
        try:
            text = block.decode("ascii")
            seen = _OWN_LINE.findall(text)
            if len(seen) != lines:
                return None
            for second in {one[_SECOND] for one in seen}:
                unix_second(second)
        except ValueError:
            return None
        return Batch(seen, text, as_csv=False)

    def _foreign(self, block: bytes, number: int, *, as_csv: bool) -> Batch:
        read = _from_csv if as_csv else _from_json
        seen: list[tuple[str, ...]] = []
        lines: list[str] = []
        for raw in block.split(b"\n")[:-1]:
            number += 1
            if raw.strip():
                try:
                    lines.append(raw.decode().rstrip("\r"))
                    seen.append(_seen(read(lines[-1])))
                except (ValueError, KeyError, TypeError, RecursionError, csv.Error):
                    raise no_result(self.path, number) from None
        return Batch(seen, lines, as_csv)


_SECOND = Seen._fields.index("second")


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """A file to read, or standard input; what goes wrong with it is an InputError."""
    try:
        if path == STDOUT:
            yield sys.stdin.buffer
            return
        with open(path, "rb") as file:  # noqa: PTH123 - a path may be any text here
            yield file
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "that is no file name"
        raise InputError(
            f"{path} cannot be read: {why}", hint="check the name and the permissions"
        ) from None


def _read(file: BinaryIO) -> Iterator[bytes]:
    found = os.fstat(file.fileno())
    left = found.st_size if stat.S_ISREG(found.st_mode) else sys.maxsize
    while left > 0 and (data := file.read(min(_BLOCK, left))):
        left -= len(data)
        yield data


def _is_whole(line: bytes) -> bool:
    """Whether a line without an end lacks nothing but its end; one of a CSV never tells."""
    try:
        _seen(_from_json(line.decode()))
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return True


def _begins_as_ours(line: bytes) -> bool:
    return any(line.startswith(own) or own.startswith(line) for own in (_JSON_BEGIN, CSV_HEADER))


def _from_json(line: str) -> dict[str, Any]:
    found = json.loads(line)
    return {name: found[name] for name in ResultLine._fields}


def _from_csv(line: str) -> dict[str, Any]:
    cells = next(csv.reader([line], strict=True))
    return {name: cell or None for name, cell in zip(ResultLine._fields, cells, strict=True)}


def _seen(found: dict[str, Any]) -> Seen:
    """What a report needs of a line's fields; raises ValueError where they are none of ours."""
    at = datetime.fromisoformat(found["at"]).astimezone(UTC)
    outcome, elapsed, reason = found["outcome"], found["elapsed_ms"], found["reason"] or ""
    texts = [found[name] or "" for name in ("source", "run", "target")]
    if outcome not in _RESULTS or not all(isinstance(text, str) for text in texts):
        raise ValueError(outcome)
    status = "" if found["status"] is None else f"{int(found['status']):d}"
    attempts = f"{int(found['attempts']):d}"
    # As narrow as above, so that what is counted by them stays small.
    if not 0 <= float(elapsed or 0) < _LONGEST or max(len(status), len(attempts)) > 4:
        raise ValueError(elapsed)
    source, run, target = map(json.dumps, texts)
    return Seen(
        source,
        read_key(found["key"]).hex(),
        outcome,
        status,
        attempts,
        "" if elapsed is None else f"{float(elapsed):.1f}",
        reason if not reason or _REASON.fullmatch(reason) else "other",
        f"{at:%Y-%m-%dT%H:%M:%S}",
        f"{at.microsecond // 1000:03d}",
        run,
        target,
    )
