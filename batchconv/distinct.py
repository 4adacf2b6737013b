"""How many of very many keys are different: counted at the end, in 16 bytes a key."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from struct import iter_unpack
from typing import IO, Final

_HEAPS: Final = 256  # one for each value of a byte
_FEW: Final = 1 << 20  # bytes of keys that are compared at once, which takes ten times as many
_DEEPEST: Final = 4  # bytes of a key to part heaps by; equal keys cannot be parted at all

MOST_IN_MEMORY = 14_000_000
"""Keys; 252 MB, as heaps that grow are an eighth too big. Beyond, all go to a file on disk."""


class Distinct:
    """Takes in keys of 16 bytes, spread as hashes are, and tells how many different ones came.

    Nothing is looked up while they come in: they are thrown on heaps by their first byte, and at
    the end each heap is small enough for its keys to be compared.

    Args:
        most: keys held in memory; when there are more, all of them move to disk.
    """

    def __init__(self, most: int = MOST_IN_MEMORY) -> None:
        self._most = most
        self._heaps = [bytearray() for _ in range(_HEAPS)]
        self._in_memory = 0
        self._disk: IO[bytes] | None = None
        self._on_disk: list[list[tuple[int, int]]] = [[] for _ in range(_HEAPS)]  # offset, bytes

    def add_all(self, keys: Collection[bytes]) -> None:
        """Take in some keys."""
        heaps = self._heaps
        for key in keys:
            heaps[key[0]] += key
        self._in_memory += len(keys)
        if self._in_memory >= self._most:
            self._spill()

    def count(self) -> int:
        """How many different keys came. They are forgotten."""
        different = 0
        for heap, pieces in zip(self._heaps, self._on_disk, strict=True):
            if self._disk is not None:
                for offset, size in pieces:
                    self._disk.seek(offset)
                    heap.extend(self._disk.read(size))
                pieces.clear()
            different += _count(heap, 1)
            heap.clear()
        if self._disk is not None:
            self._disk.close()
            self._disk = None
        self._in_memory = 0
        return different

    def _spill(self) -> None:
        if self._disk is None:
            self._disk = tempfile.TemporaryFile()  # noqa: SIM115 - closed when all is counted
        for heap, pieces in zip(self._heaps, self._on_disk, strict=True):
            pieces.append((self._disk.tell(), len(heap)))
            self._disk.write(heap)
            heap.clear()
        self._in_memory = 0


def _count(heap: bytearray, depth: int) -> int:
    if len(heap) <= _FEW or depth > _DEEPEST:
        return len(set(iter_unpack("16s", heap)))
    parts = [bytearray() for _ in range(_HEAPS)]
    for (key,) in iter_unpack("16s", heap):
        parts[key[depth]] += key
    heap.clear()
    return sum(_count(part, depth + 1) for part in parts)
