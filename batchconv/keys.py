"""A bag of 128-bit keys in about 20 bytes each: what was seen, and how often."""

from __future__ import annotations

from typing import Final

_STORED: Final = 14  # bytes of a key that are stored; the other two choose its bucket


class KeyBag:
    """Counts keys of 16 bytes without keeping an object for each.

    65,536 buckets, each the keys' bytes one behind the other: ten million keys are 150 of them a
    bucket, and finding one is a search through two kilobytes, done in C.
    """

    def __init__(self) -> None:
        self._buckets: dict[bytes, bytearray] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, key: bytes) -> None:
        """Count one more of *key*."""
        bucket = self._buckets.get(key[:2])
        if bucket is None:
            bucket = self._buckets[key[:2]] = bytearray()
        bucket += key[2:]
        self._count += 1

    def take(self, key: bytes) -> bool:
        """Count one less of *key*; False when there was none."""
        bucket = self._buckets.get(key[:2])
        at = -1 if bucket is None else _find(bucket, key[2:])
        if bucket is None or at < 0:
            return False
        bucket[at : at + _STORED] = bucket[-_STORED:]
        del bucket[-_STORED:]
        self._count -= 1
        return True

    def __contains__(self, key: bytes) -> bool:
        bucket = self._buckets.get(key[:2])
        return bucket is not None and _find(bucket, key[2:]) >= 0


def _find(bucket: bytearray, stored: bytes) -> int:
    """Where the key stands; a match that straddles two keys is none."""
    at = bucket.find(stored)
    while at % _STORED and at >= 0:
        at = bucket.find(stored, at + 1)
    return at
