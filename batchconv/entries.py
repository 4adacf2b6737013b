"""The entries of a results file, read back.

A file of ten million lines is read at every resume, so lines that this program wrote are taken
apart by one regular expression over whole blocks; lines that were written anew by something else
go through the json module.
"""

from __future__ import annotations

import binascii
import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

from batchconv.errors import InputError
from batchconv.model import Result
from batchconv.results import CSV_HEADER, ResultLine, is_csv, no_result

_BLOCK = 1 << 20  # bytes
_TEXT = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_OWN_LINE = re.compile(
    rb'^\{"source":(' + _TEXT + rb'),"row":(\d+),"line":(?:\d+|null),"key":"([0-9a-f]{32})",'
    rb'"message_id":(?:null|' + _TEXT + rb'),"delivered":(?:true|false|null),'
    rb'"timestamp":(?:null|"[^"\\]*"),"channel":(?:null|"[a-z]*"),'
    rb'"outcome":"(accepted|rejected|failed|invalid|skipped)",'
    rb'"status":(null|\d+),"attempts":(\d+),"elapsed_ms":(?:null|[-+.e\d]+),'
    rb'"reason":(?:null|"([-a-z]*)"),"detail":(?:null|' + _TEXT + rb'),"at":"[^"\\]*",'
    rb'"run":"[^"\\]*","target":(' + _TEXT + rb")\}\r?\n",
    re.MULTILINE,
)
_RESULTS = frozenset(Result)
_JSON_BEGIN = b'{"source":"'
_LONGEST_LINE = 1 << 26  # bytes


class Entry(NamedTuple):
    """What a journal needs of a line."""

    source: str
    row: int
    key: bytes
    outcome: str
    status: int | None
    attempts: int
    reason: str | None
    target: str


class Tail(NamedTuple):
    """How a results file ends.

    Attributes:
        end: where its entries end.
        torn: bytes of a torn line that come after.
        unended: the last entry is whole, and only the end of its line is missing.
    """

    end: int
    torn: int
    unended: bool = False


def find_tail(path: str, file: BinaryIO) -> Tail:
    """Look for a last line without an end: what a crash in the middle of a write leaves.

    Raises:
        InputError: nothing but such a line is there, and it does not begin as ours do.
    """
    size = file.seek(0, io.SEEK_END)
    end = _end_of_lines(file, size)
    file.seek(end)
    torn = file.read(_LONGEST_LINE)
    if is_csv(path):
        ours = CSV_HEADER
    else:
        ours = _JSON_BEGIN
        try:
            _entry(json.loads(torn))
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        else:
            return Tail(size, 0, unended=True)
    if not end and not (torn.startswith(ours) or ours.startswith(torn)):
        raise no_result(path, 1)
    return Tail(end, size - end)


def _end_of_lines(file: BinaryIO, size: int) -> int:
    at = size
    while at > 0:
        begin = max(0, at - _BLOCK)
        file.seek(begin)
        found = file.read(at - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        at = begin
    return 0


def read_entries(path: str) -> Iterator[Entry]:
    """The entries of a results file, JSON Lines or CSV; a torn last line is left out.

    Raises:
        InputError: a line is no result, or the file cannot be read.
    """
    with opened(path) as file:
        yield from read_up_to(path, file, find_tail(path, file))


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """A results file to read; what goes wrong with it is an InputError."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path may be any text here
            yield file
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}", hint="check the name and the permissions"
        ) from None


def read_up_to(path: str, file: BinaryIO, tail: Tail) -> Iterator[Entry]:
    """The entries before *tail*; raises InputError for a line that is no result."""
    file.seek(0)
    return (_read_csv if is_csv(path) else _read_json)(path, file, tail.end)


def _read_json(path: str, file: BinaryIO, end: int) -> Iterator[Entry]:
    number = 0
    sources: dict[bytes, str] = {}
    rest = b""
    while block := file.read(min(_BLOCK, end - file.tell())):
        block = rest + block
        cut = block.rfind(b"\n") + 1
        rest = block[cut:]
        lines = block.count(b"\n")
        found = _OWN_LINE.findall(block, 0, cut)
        if len(found) != lines:
            yield from _read_foreign(path, block[:cut], number)
        else:
            for source, row, key, outcome, status, attempts, reason, target in found:
                yield Entry(
                    sources.get(source) or _text(source, sources),
                    int(row),
                    binascii.unhexlify(key),
                    outcome.decode(),
                    None if status == b"null" else int(status),
                    int(attempts),
                    reason.decode() or None,
                    sources.get(target) or _text(target, sources),
                )
        number += lines
    if rest:
        yield from _read_foreign(path, rest + b"\n", number)


def _text(raw: bytes, known: dict[bytes, str]) -> str:
    """A JSON text; the same few stand in every line."""
    if len(known) > 10_000:
        known.clear()
    text: str = json.loads(raw)
    known[raw] = text
    return text


def _read_foreign(path: str, block: bytes, number: int) -> Iterator[Entry]:
    for line in block.split(b"\n")[:-1]:
        number += 1
        if line.strip():
            try:
                yield _entry(json.loads(line))
            except (ValueError, KeyError, TypeError, RecursionError):
                raise no_result(path, number) from None


def _entry(found: dict[str, Any]) -> Entry:
    source, target, outcome = found["source"], found["target"], found["outcome"]
    if outcome not in _RESULTS or not isinstance(source, str) or not isinstance(target, str):
        raise ValueError(outcome)
    status = found["status"]
    return Entry(
        source,
        int(found["row"]),
        _key(found["key"]),
        outcome,
        int(status) if status else None,
        int(found["attempts"]),
        found["reason"] or None,
        target,
    )


def _key(text: str) -> bytes:
    key = binascii.unhexlify(text)
    if len(key) != 16:
        raise ValueError(text)
    return key


def _read_csv(path: str, file: BinaryIO, end: int) -> Iterator[Entry]:
    if not end:
        return
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_LINE))
    header = file.readline()
    if header.rstrip(b"\r\n") != CSV_HEADER.rstrip(b"\n"):
        raise no_result(path, 1)
    number = 1
    size = len(header)
    while size < end and (line := file.readline()):
        number += 1
        size += len(line)
        if not line.strip():
            continue
        try:
            cells = next(csv.reader([line.decode()], strict=True))
            yield _entry(dict(zip(ResultLine._fields, cells, strict=True)))
        except (ValueError, KeyError, csv.Error):
            raise no_result(path, number) from None
