"""A chain of results files: of a row's outcomes in several files the last counts."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from typing import NamedTuple

from batchconv.journal.books import BAD_RESULTS
from batchconv.journal.key_multiset import KeyMultiset
from batchconv.model import Result
from batchconv.report.lines import Batch, Seen

BAD = frozenset(result.value for result in BAD_RESULTS)
"""Outcomes of rows that came to nothing."""


class Kind(NamedTuple):
    """What rows have in common that are counted together.

    Attributes:
        reason: empty where there is none; `other` where a file has more than can be told apart.
        source: as a JSON text; empty where it does not matter, and where there are too many.
    """

    outcome: str
    reason: str
    source: str


class Kinds:
    """The kinds of rows in a file: so many as a tag of a key can tell apart."""

    def __init__(self, most: int = 256) -> None:
        self.all = [Kind(result.value, "other", "") for result in Result]
        self._numbers = {kind: number for number, kind in enumerate(self.all)}
        self._most = most
        self._most_with_source = most // 2

    def number(self, outcome: str, reason: str, source: str) -> int:
        """The place among `all` of a row's kind."""
        kind = Kind(outcome, reason, source if outcome in BAD else "")
        if kind not in self._numbers and len(self.all) >= self._most_with_source:
            kind = kind._replace(source="")
        if kind not in self._numbers and len(self.all) >= self._most:
            kind = kind._replace(reason="other")
        if kind not in self._numbers:
            self._numbers[kind] = len(self.all)
            self.all.append(kind)
        return self._numbers[kind]


class _File:
    """The rows of a file that came to nothing, less those that a later file tells of."""

    def __init__(self, kinds: Kinds) -> None:
        self.bag = KeyMultiset()
        self.kinds = kinds
        self.replaced: Counter[Kind] = Counter()

    def take(self, key: bytes) -> bool:
        note = self.bag.take(key) if len(self.bag) else None
        if note is not None:
            self.replaced[self.kinds.all[note[0]]] += 1
        return note is not None


class Chain:
    """Matches rows that came to nothing with what later files tell of them.

    Rows are the same when source and key are, as in a resend. Call `begin_file` for each file,
    the oldest first, and `add` for its batches.
    """

    def __init__(self) -> None:
        self._files: list[_File] = []
        self._salts: dict[str, int] = {}

    def begin_file(self, kinds: Kinds) -> None:
        """The lines that follow are those of the next file."""
        self._files.append(_File(kinds))

    def add(self, batch: Batch, *, last: bool) -> int:
        """Take in lines of the file that was begun; no other follows when it is the *last*.

        Returns:
            How many of them tell of a row of an earlier file.
        """
        *earlier, this = self._files
        earlier = [file for file in reversed(earlier) if len(file.bag)]
        if last and not earlier:
            return 0
        replacing = 0
        for one in batch.seen:
            seen = Seen(*one)
            key = self._keyed(seen)
            replacing += any(file.take(key) for file in earlier)
            if not last and seen.outcome in BAD:
                kind = this.kinds.number(seen.outcome, seen.reason, seen.source)
                this.bag.add(key, bytes([kind]))
        return replacing

    def replaced(self, number: int) -> Counter[Kind]:
        """Rows of a file that later files tell of."""
        return self._files[number].replaced

    def holds(self, number: int, seen: Seen) -> bool:
        """Whether no later file tells of a row of that file, which is not the last one."""
        return self._keyed(seen) in self._files[number].bag

    def _keyed(self, seen: Seen) -> bytes:
        salt = self._salts.get(seen.source)
        if salt is None:
            if len(self._salts) > 10_000:
                self._salts.clear()
            digest = blake2b(seen.source.encode(), digest_size=16).digest()
            salt = self._salts[seen.source] = int.from_bytes(digest)
        return (int(seen.key, 16) ^ salt).to_bytes(16)
