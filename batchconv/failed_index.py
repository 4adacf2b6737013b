"""Which rows a failed-rows file already holds: what a resume must not write again."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from batchconv.errors import InputError
from batchconv.formats import Layout
from batchconv.keys import KeyBag


class FailedIndex:
    """The rows of one input's failed-rows file, and the raw records beside it.

    A last record that was torn by a crash is cut off.

    Args:
        path: of the file; it need not be there.
        raw: of the file of raw records.
        layout: of the input.
    """

    def __init__(self, path: Path, raw: Path, layout: Layout) -> None:
        self._bits = bytearray()  # one bit a row: a file of ten million rows needs a megabyte
        self._raw = KeyBag()
        if path.exists():
            read = self._read_json if layout.format == "jsonl" else self._read_cells
            self._cut(path, read(path, layout))
        if raw.exists():
            self._cut(raw, self._read_raw(raw))

    def has_row(self, number: int) -> bool:
        """Whether the file has the row of that number."""
        at = number >> 3
        return at < len(self._bits) and bool(self._bits[at] & 1 << (number & 7))

    def take_raw(self, record: bytes) -> bool:
        """Whether the raw file has a record that begins with the first line of *record*."""
        return self._raw.take(_key(record)) is not None

    def _add(self, number: int) -> None:
        at = number >> 3
        if at >= len(self._bits):
            self._bits.extend(bytes(at + 1 - len(self._bits)))
        self._bits[at] |= 1 << (number & 7)

    def _cut(self, path: Path, end: int) -> None:
        if end != path.stat().st_size:
            with path.open("r+b") as file:
                file.truncate(end)

    def _read_cells(self, path: Path, layout: Layout) -> int:
        """Note the rows; returns where the last whole record ends."""
        end = size = 0
        with path.open("rb") as file:

            def lines() -> Iterator[str]:
                nonlocal size
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    size += len(line)
                    yield line.decode("utf-8", "replace")

            records = csv.reader(lines(), strict=True, delimiter=layout.delimiter)
            try:
                if layout.header is not None and next(records, None):
                    end = size
                for cells in records:
                    if cells:
                        self._add(int(cells[-1]))
                    end = size
            except csv.Error:
                pass  # the torn end of the file, inside a quoted cell
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
            for line in file:
                if line.endswith(b"\n"):
                    end += len(line)
                    self._raw.add(_key(line))
        return end


def _key(record: bytes) -> bytes:
    first = record.split(b"\n", 1)[0].rstrip(b"\r")
    return blake2b(first, digest_size=16).digest()


def _foreign(path: Path) -> InputError:
    return InputError(
        f"{path} is no failed-rows file of an earlier run",
        hint="move it away, or name another with --failed",
    )
