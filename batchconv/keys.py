"""A bag of 128-bit keys in about 20 bytes each: what was seen, how often, and what became of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final

_STORED: Final = 14  # bytes of a key that are stored; the other two choose its bucket
_STRIDE: Final = _STORED + 1  # and a byte for its tag

MOST_IN_MEMORY = 12_000_000
"""Keys; about 240 MB. What comes beyond goes to a temporary file on disk."""


class KeyBag:
    """Counts keys of 16 bytes without keeping an object for each; a key carries a small tag.

    65,536 buckets, each the keys' bytes one behind the other: ten million keys are 150 of them a
    bucket, and finding one is a search through two kilobytes, done in C.

    Args:
        most: keys held in memory; when there are more, all of them move to disk.
    """

    def __init__(self, most: int = MOST_IN_MEMORY) -> None:
        self._most = most
        self._buckets: dict[bytes, bytearray] = {}
        self._in_memory = 0
        self._disk: _DiskBag | None = None

    def __len__(self) -> int:
        return self._in_memory + (len(self._disk) if self._disk else 0)

    def __contains__(self, key: bytes) -> bool:
        bucket = self._buckets.get(key[:2])
        if bucket is not None and _find(bucket, key[2:]) >= 0:
            return True
        return self._disk is not None and self._disk.holds(key)

    def add(self, key: bytes, tag: int = 0) -> None:
        """Count one more of *key*; the tag is from 0 to 255."""
        bucket = self._buckets.get(key[:2])
        if bucket is None:
            bucket = self._buckets[key[:2]] = bytearray()
        bucket += key[2:]
        bucket.append(tag)
        self._in_memory += 1
        if self._in_memory >= self._most:
            self._spill()

    def take(self, key: bytes, prefer: frozenset[int] = frozenset()) -> int | None:
        """Count one less of *key*: its tag, or None when there was none.

        Of several, one with a tag among *prefer* is taken first.
        """
        bucket = self._buckets.get(key[:2])
        if bucket is not None:
            at = _find(bucket, key[2:])
            if prefer and at >= 0:
                at = _find_preferred(bucket, key[2:], at, prefer)
            if at >= 0:
                tag = bucket[at + _STORED]
                if self._disk and prefer and tag not in prefer:
                    better = self._disk.take(key, prefer, only=True)
                    if better is not None:
                        return better
                bucket[at : at + _STRIDE] = bucket[-_STRIDE:]
                del bucket[-_STRIDE:]
                self._in_memory -= 1
                return tag
        return self._disk.take(key, prefer) if self._disk else None

    def absorb(self, other: KeyBag) -> None:
        """Take over everything that *other* holds, which is empty afterwards."""
        for key, tag in other.drain():
            self.add(key, tag)

    def drain(self) -> Iterator[tuple[bytes, int]]:
        """Hand out all keys with their tags, and forget them."""
        while self._buckets:
            head, bucket = self._buckets.popitem()
            for at in range(0, len(bucket), _STRIDE):
                yield head + bytes(bucket[at : at + _STORED]), bucket[at + _STORED]
        self._in_memory = 0
        if self._disk is not None:
            disk, self._disk = self._disk, None
            yield from disk.drain()

    def _spill(self) -> None:
        if self._disk is None:
            self._disk = _DiskBag()
        buckets, self._buckets, self._in_memory = self._buckets, {}, 0
        for head in sorted(buckets):  # in order, so that the table grows at its end
            self._disk.add_all(
                (head + bytes(bucket[at : at + _STORED]), bucket[at + _STORED])
                for bucket in (buckets.pop(head),)
                for at in range(0, len(bucket), _STRIDE)
            )


class Namespaces:
    """Keys of rows from different inputs kept apart in one bag.

    Inputs that are none of *sources* share one namespace of their own.
    """

    def __init__(self, sources: Iterable[str]) -> None:
        # The first input's keys stay as they are: most runs have one input.
        self._salts = {
            source: number * _SCATTER % _SPAN
            for number, source in enumerate(dict.fromkeys(sources))
        }

    def keyed(self, source: str, key: bytes) -> bytes:
        """The key in the namespace of its source."""
        salt = self._salts.get(source, _OTHERS)
        return (int.from_bytes(key) ^ salt).to_bytes(16) if salt else key

    def other(self, key: bytes) -> bytes:
        """The key in the namespace of all sources that are no inputs."""
        return (int.from_bytes(key) ^ _OTHERS).to_bytes(16)


_SPAN: Final = 1 << 128
_SCATTER: Final = 0x9E3779B97F4A7C15F39CC0605CEDC835  # odd, so that no two numbers share a salt
_OTHERS: Final = _SPAN - 1


def _find(bucket: bytearray, stored: bytes, start: int = 0) -> int:
    """Where the key stands; a match that straddles two keys is none."""
    at = bucket.find(stored, start)
    while at >= 0 and at % _STRIDE:
        at = bucket.find(stored, at + 1)
    return at


def _find_preferred(bucket: bytearray, stored: bytes, first: int, prefer: frozenset[int]) -> int:
    at = first
    while at >= 0:
        if bucket[at + _STORED] in prefer:
            return at
        at = _find(bucket, stored, at + _STRIDE)
    return first


class _DiskBag:
    """The same on disk: an SQLite file without a name, gone when the process is."""

    def __init__(self) -> None:
        # Used from the reader's thread after it was filled from another, never from two at once.
        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA cache_size = -65536")  # KiB
        # Nobody needs it after a crash, and one long transaction spares a thousand times the work.
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            "CREATE TABLE bag (key BLOB, tag INTEGER, n INTEGER, PRIMARY KEY (key, tag)) "
            "WITHOUT ROWID"
        )
        self._db.execute("BEGIN")
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def holds(self, key: bytes) -> bool:
        found = self._db.execute("SELECT 1 FROM bag WHERE key = ? AND n > 0", (key,)).fetchone()
        return found is not None

    def add_all(self, keys: Iterator[tuple[bytes, int]]) -> None:
        def counted() -> Iterator[tuple[bytes, int]]:
            for pair in keys:
                self._count += 1
                yield pair

        self._db.executemany(
            "INSERT INTO bag VALUES (?, ?, 1) ON CONFLICT (key, tag) DO UPDATE SET n = n + 1",
            counted(),
        )

    def take(self, key: bytes, prefer: frozenset[int], *, only: bool = False) -> int | None:
        """As above; with *only* nothing but a preferred one."""
        tags = [
            tag
            for (tag,) in self._db.execute("SELECT tag FROM bag WHERE key = ? AND n > 0", (key,))
        ]
        tag: int | None = next((tag for tag in tags if tag in prefer), None)
        if tag is None and tags and not only:
            tag = tags[0]
        if tag is None:
            return None
        self._db.execute("UPDATE bag SET n = n - 1 WHERE key = ? AND tag = ?", (key, tag))
        self._count -= 1
        return tag

    def drain(self) -> Iterator[tuple[bytes, int]]:
        for key, tag, count in self._db.execute("SELECT key, tag, n FROM bag"):
            for _ in range(count):
                yield key, tag
        self._db.close()
