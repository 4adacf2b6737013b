"""A bag of keys that do not fit into memory: an SQLite file without a name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator


class KeyMultisetOnDisk:
    """Counts keys, each with a note; the file is gone when the process is."""

    def __init__(self) -> None:
        # Used from the reader's thread after it was filled from another, never from two at once.
        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA cache_size = -32768")  # KiB
        # Nobody needs it after a crash, and one long transaction spares a thousand times the work.
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            "CREATE TABLE bag (key BLOB, note BLOB, n INTEGER, PRIMARY KEY (key, note)) "
            "WITHOUT ROWID"
        )
        self._db.execute("BEGIN")
        self._count = 0

    def __del__(self) -> None:
        # Its holder is just releasing it; from Python 3.13 on the system knows that.
        self._db.close()

    def __len__(self) -> int:
        return self._count

    def holds(self, key: bytes) -> bool:
        """Whether there is one of *key*."""
        found = self._db.execute("SELECT 1 FROM bag WHERE key = ? LIMIT 1", (key,)).fetchone()
        return found is not None

    def add_all(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        """Count one more of each key with its note."""

        def counted() -> Iterator[tuple[bytes, bytes]]:
            for pair in pairs:
                self._count += 1
                yield pair

        self._db.executemany(
            "INSERT INTO bag VALUES (?, ?, 1) ON CONFLICT (key, note) DO UPDATE SET n = n + 1",
            counted(),
        )

    def take(self, key: bytes, begin: bytes = b"") -> bytes | None:
        """Count one less of *key* whose note begins with *begin*: the note, or None."""
        found = self._db.execute(
            "SELECT note, n FROM bag WHERE key = ? AND note >= ? LIMIT 1", (key, begin)
        ).fetchone()
        if found is None or not found[0].startswith(begin):
            return None
        note: bytes = found[0]
        if found[1] > 1:
            self._db.execute("UPDATE bag SET n = n - 1 WHERE key = ? AND note = ?", (key, note))
        else:
            self._db.execute("DELETE FROM bag WHERE key = ? AND note = ?", (key, note))
        self._count -= 1
        return note

    def drain(self) -> Iterator[tuple[bytes, bytes]]:
        """Hand out all keys with their notes; the bag is done with then."""
        for key, note, count in self._db.execute("SELECT key, note, n FROM bag"):
            for _ in range(count):
                yield key, note
