"""The entries of a results file, read back."""

from __future__ import annotations

import binascii
import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

from batchconv.errors import InputError
from batchconv.journal.quick_entries import RESULTS, Entry, Keys, QuickCsv, QuickJson
from batchconv.journal.results import CSV_HEADER, ResultLine, is_csv, no_result

_BLOCK = 1 << 17  # bytes; larger ones leave the processor's cache
_JSON_BEGIN = b'{"source":"'
_LONGEST_LINE = 1 << 26  # bytes


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
    end = end_of_lines(file, size)
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


def end_of_lines(file: BinaryIO, size: int) -> int:
    """Where the last whole line of a file of *size* bytes ends; 0 when it has none."""
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
        for entry in read_up_to(path, file, find_tail(path, file)):
            if isinstance(entry, Entry):  # as all are where no keys are asked for
                yield entry


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


def read_up_to(
    path: str, file: BinaryIO, tail: Tail, *, keys_only: frozenset[str] = frozenset()
) -> Iterator[Entry | Keys]:
    """The entries of an open results file before its *tail*, in about their order.

    Of the outcomes *keys_only* only the keys are wanted; where there are many of those, they come
    together.

    Raises:
        InputError: a line is no result.
    """
    quick = (QuickCsv if is_csv(path) else QuickJson)(keys_only)
    entry_of = _entry_of_csv if is_csv(path) else _entry_of_json
    for block in read_blocks(path, file, tail):
        found = quick.read(block.text, block.lines)
        if found is not None:
            yield from found
            continue
        for at, line in enumerate(block.text.split(b"\n")[:-1], block.number):
            if line.strip():
                try:
                    yield entry_of(line)
                except (ValueError, KeyError, TypeError, RecursionError, csv.Error):
                    raise no_result(path, at) from None


class Block(NamedTuple):
    """Whole lines of a file.

    Attributes:
        number: of the first line, from 1.
        lines: how many there are.
    """

    number: int
    lines: int
    text: bytes


def read_blocks(path: str, file: BinaryIO, tail: Tail) -> Iterator[Block]:
    """What stands before *tail*, without a header.

    Raises:
        InputError: the first line of a CSV is not the header.
    """
    file.seek(0)
    number = 1
    if is_csv(path) and tail.end:
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_LINE))
        if file.readline().rstrip(b"\r\n") != CSV_HEADER.rstrip(b"\n"):
            raise no_result(path, 1)
        number = 2
    rest = b""
    while block := file.read(min(_BLOCK, tail.end - file.tell())):
        cut = block.rfind(b"\n") + 1
        if cut:
            text = rest + block[:cut]
            lines = text.count(b"\n")
            yield Block(number, lines, text)
            number += lines
            rest = b""
        rest += block[cut:]
    if rest:
        yield Block(number, 1, rest + b"\n")


def _entry_of_json(line: bytes) -> Entry:
    return _entry(json.loads(line))


def _entry_of_csv(line: bytes) -> Entry:
    cells = next(csv.reader([line.decode()], strict=True))
    return _entry(dict(zip(ResultLine._fields, cells, strict=True)))


def _entry(found: dict[str, Any]) -> Entry:
    source, target, outcome = found["source"], found["target"], found["outcome"]
    if outcome not in RESULTS or not isinstance(source, str) or not isinstance(target, str):
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
