"""How many of very many texts are different: counted at the end, in 9 bytes a text."""

from __future__ import annotations

import sys
import tempfile
from array import array
from collections.abc import Callable, Collection
from hashlib import blake2b
from typing import IO, Final

_HEAPS: Final = 256  # one for each value of a byte
_FEW: Final = 1 << 16  # hashes that are compared at once, which takes ten times their memory
_DEEPEST: Final = 4  # bytes of a hash to part heaps by; equal ones cannot be parted at all

MOST_IN_MEMORY = 28_000_000
"""Texts; 252 MB, as heaps that grow are an eighth too big. Beyond, all go to a file on disk."""


def _hash(text: str | bytes) -> int:
    data = text.encode() if isinstance(text, str) else text
    return int.from_bytes(blake2b(data, digest_size=8).digest(), signed=True)


class DistinctCounter:
    """Takes in texts, and tells how many different ones came.

    Of each text 64 bits are kept: Python's own hash, which is SipHash with a key that is new in
    every process. Of ten million texts two share a hash by chance once in 370,000 times, and the
    count is one too low then. That will do for telling people, not for leaving a row out.

    Nothing is looked up while texts come in: their hashes are thrown on heaps by their last byte,
    and at the end each heap is small enough for its hashes to be compared.

    Args:
        most: texts whose hashes are held in memory; when there are more, all move to disk.
    """

    def __init__(self, most: int = MOST_IN_MEMORY) -> None:
        self._most = most
        self._heaps = [array("q") for _ in range(_HEAPS)]
        self._in_memory = 0
        self._disk: IO[bytes] | None = None
        self._on_disk: list[list[tuple[int, int]]] = [[] for _ in range(_HEAPS)]  # offset, bytes
        wide = sys.hash_info.width >= 64
        self._hash: Callable[[str | bytes], int] = hash if wide else _hash

    def add_all(self, texts: Collection[str] | Collection[bytes]) -> None:
        """Take in some texts."""
        throw = [heap.append for heap in self._heaps]
        for key in map(self._hash, texts):
            throw[key & 0xFF](key)
        self._in_memory += len(texts)
        if self._in_memory >= self._most:
            self._spill()

    def count(self) -> int:
        """How many different texts came. They are forgotten."""
        different = 0
        for number, pieces in enumerate(self._on_disk):
            heap, self._heaps[number] = self._heaps[number], array("q")
            if self._disk is not None:
                for offset, size in pieces:
                    self._disk.seek(offset)
                    heap.frombytes(self._disk.read(size))
            pieces.clear()
            different += _count(heap, 1)
        if self._disk is not None:
            self._disk.close()
            self._disk = None
        self._in_memory = 0
        return different

    def _spill(self) -> None:
        if self._disk is None:
            self._disk = tempfile.TemporaryFile()  # noqa: SIM115 - closed when all is counted
        for number, pieces in enumerate(self._on_disk):
            heap, self._heaps[number] = self._heaps[number], array("q")
            pieces.append((self._disk.tell(), len(heap) * heap.itemsize))
            heap.tofile(self._disk)
        self._in_memory = 0


def _count(heap: array[int], depth: int) -> int:
    if len(heap) <= _FEW or depth > _DEEPEST:
        return len(set(heap))
    parts = [array("q") for _ in range(_HEAPS)]
    for key in heap:
        parts[key >> 8 * depth & 0xFF].append(key)
    del heap[:]
    return sum(_count(part, depth + 1) for part in parts)
