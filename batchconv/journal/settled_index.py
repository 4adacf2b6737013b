"""Which rows an earlier run has settled."""

from __future__ import annotations

import binascii
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from struct import Struct
from typing import NamedTuple

from batchconv.errors import UsageError
from batchconv.journal.entries import Tail, find_tail, opened, read_up_to
from batchconv.journal.key_multiset import KeyMultiset, Namespaces
from batchconv.journal.quick_entries import Entry, Keys
from batchconv.model import Outcome, Reason, Result, Row


class Settled(NamedTuple):
    """Rows that an earlier run settled.

    Attributes:
        rows: how many, one behind the other.
        restore: the outcome of one whose row the failed-rows file lacks; else None.
    """

    rows: int = 1
    restore: Outcome | None = None


_SETTLED = Settled()
_MOST_TOGETHER = 500  # settled rows that are told of as one
_DONE = frozenset({Result.ACCEPTED.value, Result.SKIPPED.value})  # no failed-rows file has these
_MOST_WANTED = 1_000_000  # notes in memory

# What a row's failed-rows line tells: row, status, attempts, outcome, reason. The row comes first:
# of equal ones that with the same number is found by the beginning of its note.
_NOTE = Struct(">QHHBB")
_NUMBER = Struct(">Q")
_RESULTS = list(Result)
_REASONS = [None, *Reason]
_RESULT_NUMBERS = {result.value: number for number, result in enumerate(_RESULTS)}
_REASON_NUMBERS = {reason and reason.value: number for number, reason in enumerate(_REASONS)}


class Journal:
    """Counts what is settled; a row that matches is counted off.

    Outcomes are counted by source and key; those whose source is not among the run's inputs (a
    file that was renamed) by key alone. There may be as many equal rows as there are outcomes.

    Args:
        sources: the run's inputs.
        target: where the run sends to.

    Attributes:
        outcomes: of the earlier runs, by result.
    """

    def __init__(self, sources: Iterable[str], target: str) -> None:
        self.outcomes: Counter[Result] = Counter()
        self._namespaces = Namespaces(sources)
        self._target = target
        self._bag = KeyMultiset()
        # Of rows that the failed-rows file may lack, with what is to be written there.
        self._wanted = KeyMultiset(note=_NOTE.size, most=_MOST_WANTED)
        self._any_wanted = False
        self._left = 0  # outcomes that no row has been matched with
        self._told: set[str] = set()  # inputs that there are outcomes of
        self._of_others = False  # there are outcomes whose source is no input

    def load(self, path: str, has_failed: Callable[[str, int, bytes], bool]) -> Tail:
        """Take in a results file, and tell how it ends.

        Args:
            path: the results file.
            has_failed: whether the failed-rows file of a source has the row of that number and key.

        Raises:
            UsageError: it tells of another target.
            InputError: it is no results file.
        """
        self._has_failed = has_failed
        with opened(path) as file:
            tail = find_tail(path, file)
            self._take_in(path, read_up_to(path, file, tail, keys_only=_DONE))
        return tail

    def _take_in(self, path: str, found: Iterable[Entry | Keys]) -> None:
        counts: Counter[str] = Counter()
        for one in found:
            if one.target != self._target:
                raise UsageError(
                    f"{path} tells of a run against {one.target!r}, and this one is against "
                    f"{self._target!r}",
                    hint="name another results file with -o, or send to the same target",
                )
            if one.source in self._namespaces:
                self._told.add(one.source)
            else:
                self._of_others = True
            if isinstance(one, Keys):
                keys = self._namespaces.keyed(one.source, one.keys)
                counts[one.outcome] += self._bag.add_all(keys)
            else:
                key = self._namespaces.keyed(one.source, one.key)
                counts[one.outcome] += 1
                if one.outcome in _DONE or self._has_failed(one.source, one.row, one.key):
                    self._bag.add_all(key)
                else:
                    self._wanted.add(key, _note(one))
        self.outcomes = Counter({Result(name): count for name, count in counts.items()})
        self._left = counts.total()
        self._any_wanted = len(self._wanted) > 0

    def settle(self, rows: Iterable[Row]) -> Iterator[Row | Settled]:
        """The rows that have no outcome; in the place of those that have one, how many."""
        together = 0
        for row in rows:
            settled = self.look_up(row)
            if settled is _SETTLED:
                together += 1
                if together < _MOST_TOGETHER:
                    continue
            if together:
                yield Settled(together)
                together = 0
            if settled is not _SETTLED:
                yield settled or row
        if together:
            yield Settled(together)

    def look_up(self, row: Row) -> Settled | None:
        """What an earlier run made of *row*, counting it off; None when it has no outcome."""
        if not self._left:
            return None
        plain = binascii.unhexlify(row.key())
        settled = None
        if row.source in self._told:
            settled = self._take(self._namespaces.keyed(row.source, plain), row)
        if settled is None and self._of_others:
            settled = self._take(self._namespaces.other(plain), row)
            # Of a source that is no input it can be asked only now: its rows' file is another's.
            restore = settled and settled.restore
            if restore and self._has_failed(row.source, restore.row.number, plain):
                settled = _SETTLED
        if settled is not None:
            self._left -= 1
        return settled

    def _take(self, key: bytes, row: Row) -> Settled | None:
        if not (self._any_wanted and key in self._wanted):
            return None if self._bag.take(key) is None else _SETTLED
        # Of equal rows each has its own copy in the failed rows: the one that is missing.
        note = self._wanted.take(key, _NUMBER.pack(row.number))
        if note is None and self._bag.take(key) is not None:
            return _SETTLED
        note = note or self._wanted.take(key)
        if note is None:
            return None
        number, status, attempts, result, reason = _NOTE.unpack(note)
        outcome = Outcome(
            row._replace(number=number),
            None,
            _RESULTS[result],
            status or None,
            attempts,
            reason=_REASONS[reason],
        )
        return Settled(1, outcome)


def _note(entry: Entry) -> bytes:
    return _NOTE.pack(
        _within(entry.row, 8),
        _within(entry.status or 0, 2),
        _within(entry.attempts, 2),
        _RESULT_NUMBERS[entry.outcome],
        _REASON_NUMBERS.get(entry.reason, 0),  # a later version may know other reasons
    )


def _within(number: int, size: int) -> int:
    """The number, or the nearest that so many bytes can hold."""
    return max(0, min(number, (1 << 8 * size) - 1))
