"""Which rows a failed-rows file already holds: what a resume must not write again."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from batchconv.errors import InputError, OutputError
from batchconv.formats import Layout
from batchconv.keys import KeyBag

_PAGE = 1 << 16  # rows
_BLOCK = 1 << 20  # bytes


class FailedIndex:
    """The rows of one input's failed-rows file, and the raw records beside it.

    A last record that was torn by a crash is cut off.

    Args:
        path: of the file; it need not be there, and None is none.
        raw: of the file of raw records, likewise.
        layout: of the input.
    """

    def __init__(self, path: Path | None, raw: Path | None, layout: Layout) -> None:
        # One bit a row, in pages: a file of ten million rows needs a megabyte.
        self._pages: dict[int, bytearray] = {}
        self._raw = KeyBag()
        self._newline = "\n".encode(layout.encoding)
        try:
            if path is not None and path.exists():
                read = self._read_json if layout.format == "jsonl" else self._read_cells
                self._cut(path, read(path, layout))
            if raw is not None and raw.exists():
                self._cut(raw, self._read_raw(raw))
        except OSError as error:
            raise OutputError(
                f"{path} cannot be gone on with: {error.strerror}",
                hint="mend its permissions, or name another with --failed",
            ) from None

    def has_row(self, number: int) -> bool:
        """Whether the file has the row of that number."""
        page = self._pages.get(number // _PAGE)
        return page is not None and bool(page[number % _PAGE >> 3] & 1 << (number & 7))

    def take_raw(self, record: bytes) -> bool:
        """Whether the raw file has a record that begins with the first line of *record*."""
        first = next(_split(BytesIO(record), self._newline), record)
        return self._raw.take(_key(first)) is not None

    def _add(self, number: int) -> None:
        page = self._pages.setdefault(number // _PAGE, bytearray(_PAGE >> 3))
        page[number % _PAGE >> 3] |= 1 << (number & 7)

    def _cut(self, path: Path, end: int) -> None:
        if end != path.stat().st_size:
            with path.open("r+b") as file:
                file.truncate(end)

    def _read_cells(self, path: Path, layout: Layout) -> int:
        """Note the rows; returns where the last whole record ends."""
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

            records = csv.reader(lines(), strict=True, delimiter=layout.delimiter)
            try:
                if layout.header is not None and next(records, None):
                    end = size
                for cells in records:
                    if cells:
                        self._add(int(cells[-1]))
                    end = size
            except csv.Error:
                if not ended:
                    raise _foreign(path) from None
                # Otherwise it is the torn end of the file, inside a quoted cell.
            except ValueError:
                raise _foreign(path) from None
        return end

    def _read_json(self, path: Path, _layout: Layout) -> int:
        end = 0
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    end += len(line)
                    try:
                        self._add(int(json.loads(line)["_row"]))
                    except (ValueError, KeyError, TypeError):
                        raise _foreign(path) from None
        return end

    def _read_raw(self, path: Path) -> int:
        end = 0
        with path.open("rb") as file:
            for line in _split(file, self._newline):
                end += len(line) + len(self._newline)
                self._raw.add(_key(line))
        return end


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


def _foreign(path: Path) -> InputError:
    return InputError(
        f"{path} is no failed-rows file of an earlier run",
        hint="move it away, or name another with --failed",
    )
