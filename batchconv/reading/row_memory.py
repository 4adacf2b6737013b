"""How much memory the rows hold that were read and have no outcome yet.

A row that fails is written as it was, so its record is kept until its outcome is written. Rows of
a megabyte that wait for their retries would fill the memory: while much is held, reading pauses.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from sys import getsizeof

from batchconv.model import Conversion, Outcome, Row

MOST_BYTES = 4 << 20
"""Of all records that are counted."""

SMALL = 2_048
"""Bytes, about: a smaller record is not counted; ten thousand of them may wait for a retry."""

_CELL = 50  # bytes that a text takes besides its characters


class RowMemory:
    """Counts the bytes of the records of rows that are under way, but for small ones.

    Rows of Parquet hold their whole batch: it is counted once, as long as one of its rows is left.

    Attributes:
        space: set while more may be read.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.space = asyncio.Event()
        self.space.set()
        self._most = most
        self._bytes = 0
        self._counted: set[int] = set()  # the `id` of each row, which lives as long as it is here
        self._rows_of_batch: Counter[int] = Counter()

    def add(self, items: Iterable[object]) -> None:
        """Count rows that were read; what is not a row holds nothing."""
        for item in items:
            if isinstance(item, (Conversion, Outcome)):
                row = item.row
                if not _is_small(row):
                    self._counted.add(id(row))
                    self._bytes += self._size(row, 1)
        if self._bytes >= self._most:
            self.space.clear()

    def remove(self, row: Row) -> None:
        """A row that was added has its outcome."""
        if self._counted and id(row) in self._counted:
            self._counted.remove(id(row))
            self._bytes -= self._size(row, -1)
            if self._bytes < self._most:
                self.space.set()

    def _size(self, row: Row, step: int) -> int:
        cells = row.cells
        if not isinstance(cells, tuple):
            return getsizeof(row.raw) + sum(map(getsizeof, cells or ()))
        batch, _ = cells
        left = self._rows_of_batch[id(batch)]
        self._rows_of_batch[id(batch)] += step
        if left + step:
            return 0 if left else batch.nbytes
        del self._rows_of_batch[id(batch)]
        return batch.nbytes


def _is_small(row: Row) -> bool:
    _, _, _, _, cells, raw, _, _ = row
    size = 0 if raw is None else len(raw)
    if cells is not None:
        if isinstance(cells, tuple):
            return False
        size = sum(map(len, cells), size + _CELL * len(cells))
    return size < SMALL
