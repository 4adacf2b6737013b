"""Which rows a failed-rows file already holds: what a resume must not write again."""

from __future__ import annotations

import csv
from array import array
from binascii import unhexlify
from collections.abc import Iterator
from hashlib import blake2b
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import BinaryIO

from batchconv.errors import OutputError
from batchconv.journal.entries import end_of_lines
from batchconv.journal.failed_rows.lines import Reread, foreign, number_of
from batchconv.journal.key_multiset import KeyMultiset
from batchconv.reading.formats import Layout

_BLOCK = 1 << 20  # bytes


class FailedIndex:
    """The rows of one input's failed-rows file, and the raw records beside it.

    A last record that was torn by a crash is cut off.

    Args:
        path: of the file; it need not be there, and None is none.
        raw: of the file of raw records, likewise.
        layout: of the input.
        reread: for the rows of the file.

    Raises:
        InputError: the file is none of that kind.
        OutputError: it cannot be gone on with.
    """

    def __init__(self, path: Path | None, raw: Path | None, layout: Layout, reread: Reread) -> None:
        self._rows = _Marks()
        self._raw = KeyMultiset()
        self._newline = "\n".encode(layout.encoding)
        try:
            if path is not None and path.exists():
                _cut(path, (_end_of_lines if layout.format == "jsonl" else _end)(path, layout))
                if path.stat().st_size:
                    for row in reread(path, layout):
                        if row.fault is None:
                            self._rows.add(number_of(path, row), unhexlify(row.key()))
            if raw is not None and raw.exists():
                _cut(raw, self._read_raw(raw))
        except OSError as error:
            raise OutputError(
                f"{path} cannot be gone on with: {error.strerror}",
                hint="mend its permissions, or name another with --failed",
            ) from None

    def has_row(self, number: int, key: bytes) -> bool:
        """Whether the file has the row of that number and key.

        The number alone does not tell: the input may have been edited between two runs.
        """
        return self._rows.has(number, key)

    def take_raw(self, record: bytes) -> bool:
        """Whether the raw file has a record that begins with the first line of *record*."""
        first = next(_split(BytesIO(record), self._newline), record)
        return self._raw.take(_key(first)) is not None

    def _read_raw(self, path: Path) -> int:
        end = 0
        with path.open("rb") as file:
            for line in _split(file, self._newline):
                end += len(line) + len(self._newline)
                self._raw.add(_key(line))
        return end


def _cut(path: Path, end: int) -> None:
    if end != path.stat().st_size:
        with path.open("r+b") as file:
            file.truncate(end)


def _end(path: Path, layout: Layout) -> int:
    """Where the last whole record of cells ends."""
    end = size = 0
    ended = False
    with path.open("rb") as file:

        def lines() -> Iterator[str]:
            nonlocal size, ended
            for line in file:
                if not line.endswith(b"\n"):
                    break
                size += len(line)
                yield line.decode("utf-8", "replace")
            ended = True

        try:
            for _ in csv.reader(lines(), strict=True, delimiter=layout.delimiter):
                end = size
        except csv.Error:
            if not ended:
                raise foreign(path) from None
            # Otherwise it is the torn end of the file, inside a quoted cell.
    return end


def _end_of_lines(path: Path, _layout: Layout) -> int:
    """The same where a record is a line."""
    with path.open("rb") as file:
        return end_of_lines(file, file.seek(0, SEEK_END))


class _Marks:
    """Numbers of rows, each with four bytes of its key: ten million rows need 40 MB."""

    def __init__(self) -> None:
        self._pages: dict[int, array[int]] = {}
        self._more = KeyMultiset()  # of numbers that several rows had, one after the other

    def add(self, number: int, key: bytes) -> None:
        page = self._pages.get(number // _PAGE)
        if page is None:
            page = self._pages[number // _PAGE] = array("I", bytes(4 * _PAGE))
        mark = page[number % _PAGE]
        if not mark:
            page[number % _PAGE] = _mark(key)
        elif mark != _mark(key):
            self._more.add(_both(number, key))

    def has(self, number: int, key: bytes) -> bool:
        page = self._pages.get(number // _PAGE)
        mark = page[number % _PAGE] if page is not None else 0
        return mark == _mark(key) or (mark > 0 and _both(number, key) in self._more)


_PAGE = 1 << 12  # rows


def _mark(key: bytes) -> int:
    return int.from_bytes(key[:4]) or 1


def _both(number: int, key: bytes) -> bytes:
    return blake2b(b"%d %b" % (number, key), digest_size=16).digest()


def _split(file: BinaryIO, newline: bytes) -> Iterator[bytes]:
    """The whole lines of a file whose characters may have several bytes."""
    begun = bytearray()
    while block := file.read(_BLOCK):
        begun += block
        begin = at = 0
        while (at := begun.find(newline, at)) >= 0:
            if (at - begin) % len(newline):
                at += 1  # the halves of two characters
                continue
            yield bytes(begun[begin:at])
            begin = at = at + len(newline)
        del begun[:begin]


def _key(line: bytes) -> bytes:
    return blake2b(line.rstrip(b"\r\0"), digest_size=16).digest()
