"""A bag of 128-bit keys in about 20 bytes each: what was seen, how often, and its outcome."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain
from struct import Struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from batchconv.journal.key_multiset_on_disk import KeyMultisetOnDisk

KEY: Final = 16  # bytes
_HEAD: Final = 2  # bytes of a key that choose its bucket; the others are stored there
_MOST_BYTES: Final = 220_000_000  # held in memory; what comes beyond goes to a temporary file
_MOST_AHEAD: Final = 1 << 16  # keys
_MOST_IN_BLOCK: Final = 1 << 16  # bytes of keys that are gathered
_LONG: Final = 1 << 14  # bytes
_split_keys = Struct(f"{KEY}s").iter_unpack
_split_heads = Struct(f"{_HEAD}s{KEY - _HEAD}s").iter_unpack


class KeyMultiset:
    """Counts keys of 16 bytes without keeping an object for each; a key carries a short note.

    65,536 buckets, each the keys' bytes one behind the other: ten million keys are 150 of them a
    bucket, and finding one is a search through two kilobytes, done in C. Keys that were added by
    the block are put into buckets only when they are asked for in another order.

    Args:
        note: bytes of a note, at least one.
        most: keys held in memory; when there are more, all of them move to disk.
    """

    def __init__(self, note: int = 1, most: int | None = None) -> None:
        self._note = note
        self._stored = KEY - _HEAD
        self._stride = self._stored + note
        # A bucket has space to grow, and an allocator its own ways: a third comes on top.
        self._most = _MOST_BYTES * 3 // (4 * self._stride) if most is None else most
        self._in_order = _InOrder(note)
        self._buckets: dict[bytes, bytearray] = {}
        self._in_memory = 0
        self._disk: KeyMultisetOnDisk | None = None

    def __len__(self) -> int:
        return self._in_memory + (len(self._disk) if self._disk else 0)

    def __contains__(self, key: bytes) -> bool:
        if self._in_order:
            self._index()
        bucket = self._buckets.get(key[:_HEAD])
        if bucket is not None and self._find(bucket, key[_HEAD:]) >= 0:
            return True
        return self._disk is not None and self._disk.holds(key)

    def add(self, key: bytes, note: bytes = b"\0") -> None:
        """Count one more of *key*."""
        bucket = self._buckets.get(key[:_HEAD])
        if bucket is None:
            bucket = self._buckets[key[:_HEAD]] = bytearray()
        bucket += key[_HEAD:]
        bucket += note
        self._in_memory += 1
        if self._in_memory >= self._most:
            self._spill()

    def add_all(self, keys: bytes, note: bytes = b"\0") -> int:
        """Count one more of each of *keys*, which stand one behind the other; how many."""
        self._in_order.add_all(keys, note)
        count = len(keys) // KEY
        self._in_memory += count
        if self._in_memory >= self._most:
            self._spill()
        return count

    def take(self, key: bytes, begin: bytes = b"") -> bytes | None:
        """Count one less of *key* with a note that begins with *begin*: its note, or None."""
        if self._in_order:
            note = None if begin else self._in_order.take(key)
            if note is not None:
                self._in_memory -= 1
                return note
            self._index()
        bucket = self._buckets.get(key[:_HEAD])
        if bucket is not None:
            at = self._find(bucket, key[_HEAD:] + begin)
            if at >= 0:
                return self._take_out(bucket, at)
        return self._disk.take(key, begin) if self._disk is not None else None

    def _find(self, bucket: bytearray, wanted: bytes) -> int:
        """Where the key stands, and the beginning of a note; a match that straddles is none."""
        at = bucket.find(wanted)
        while at >= 0 and at % self._stride:
            at = bucket.find(wanted, at + 1)
        return at

    def _take_out(self, bucket: bytearray, at: int) -> bytes:
        note = bytes(bucket[at + self._stored : at + self._stride])
        if len(bucket) - at < _LONG:
            # The others stay in their order, in which they are likely to be asked for.
            del bucket[at : at + self._stride]
        else:
            # A million equal rows are in one bucket; none of those is moved but the last.
            bucket[at : at + self._stride] = bucket[-self._stride :]
            del bucket[-self._stride :]
        self._in_memory -= 1
        return note

    def drain(self) -> Iterator[tuple[bytes, bytes]]:
        """Hand out all keys with their notes, and forget them."""
        self._index()
        buckets, self._buckets, self._in_memory = self._buckets, {}, 0
        disk, self._disk = self._disk, None
        while buckets:
            yield from self._pairs(*buckets.popitem())
        if disk is not None:
            yield from disk.drain()

    def _pairs(self, head: bytes, bucket: bytearray) -> Iterator[tuple[bytes, bytes]]:
        for stored, note in Struct(f"{self._stored}s{self._note}s").iter_unpack(bucket):
            yield head + stored, note

    def _index(self) -> None:
        """Put the keys that have been in the order of their arrival into buckets."""
        buckets = self._buckets
        for keys, note in self._in_order.drain():
            for head, stored in _split_heads(keys):
                bucket = buckets.get(head)
                if bucket is None:
                    bucket = buckets[head] = bytearray()
                bucket += stored
                bucket += note

    def _spill(self) -> None:
        self._index()
        if self._disk is None:
            from batchconv.journal.key_multiset_on_disk import (  # noqa: PLC0415 - start-up
                KeyMultisetOnDisk,
            )

            self._disk = KeyMultisetOnDisk()
        buckets, self._buckets, self._in_memory = self._buckets, {}, 0
        for head in sorted(buckets):  # in order, so that the table grows at its end
            self._disk.add_all(self._pairs(head, buckets.pop(head)))


class _InOrder:
    """Keys in the order of their arrival.

    Rows are settled nearly in the order in which they stand in the input, so a search for the
    one after the other finds each a few keys on. Those that are passed over on the way are kept
    at hand: their rows are still to come.
    """

    def __init__(self, note: int) -> None:
        self._note = note
        self._blocks: deque[tuple[bytearray, bytes]] = deque()  # keys with one note
        self._rest: Iterator[bytes] = iter(())  # of the block that was begun
        self._rest_note = b""
        self._passed: dict[bytes, bytes] = {}  # key → notes, one behind the other
        self._held = 0  # of those
        self._empty = True

    def __bool__(self) -> bool:
        return not self._empty

    def add_all(self, keys: bytes, note: bytes) -> None:
        self._empty = False
        if self._blocks:
            last, its_note = self._blocks[-1]
            if its_note == note and len(last) + len(keys) <= _MOST_IN_BLOCK:
                last += keys
                return
        self._blocks.append((bytearray(keys), note))

    def take(self, key: bytes) -> bytes | None:
        """The note of *key*, counting it off; None when it is not among the next ones."""
        passed = self._passed
        notes = passed.pop(key, None)
        if notes is not None:
            self._held -= 1
            if len(notes) > self._note:
                passed[key] = notes[self._note :]
            return notes[: self._note]
        while True:
            note = self._rest_note
            for one in self._rest:
                if one == key:
                    return note
                passed[one] = passed.get(one, b"") + note
                self._held += 1
                if self._held >= _MOST_AHEAD:
                    return None
            if not self._blocks:
                return None
            keys, self._rest_note = self._blocks.popleft()
            self._rest = chain.from_iterable(_split_keys(keys))

    def drain(self) -> Iterator[tuple[bytes | bytearray, bytes]]:
        """Hand out all keys, those with one note together, and forget them."""
        for key, notes in self._passed.items():
            for at in range(0, len(notes), self._note):
                yield key, notes[at : at + self._note]
        self._passed.clear()
        self._held = 0
        yield b"".join(self._rest), self._rest_note
        while self._blocks:
            yield self._blocks.popleft()
        self._empty = True
