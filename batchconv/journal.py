"""Which rows an earlier run has settled."""

from __future__ import annotations

import binascii
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import NamedTuple

from batchconv.entries import Entry, Tail, find_tail, opened, read_up_to
from batchconv.errors import UsageError
from batchconv.keys import KeyBag, Namespaces
from batchconv.model import Outcome, Reason, Result, Row


class Settled(NamedTuple):
    """A row that an earlier run settled.

    Attributes:
        restore: its outcome, where the failed-rows file lacks the row; else None.
    """

    restore: Outcome | None


_NOTHING_TO_RESTORE = Settled(None)
_WANTED = 1  # the tag of keys whose entry is among those that the failed rows may lack
_WANTED_FIRST, _WANTED_LAST = frozenset({_WANTED}), frozenset({0})
_ROW = attrgetter("row")
_REASONS = frozenset(Reason)
_BAD = {Result.FAILED.value, Result.REJECTED.value, Result.INVALID.value}


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
        self._bag = KeyBag()
        self._wanted: dict[bytes, list[Entry]] = {}
        self._sources = frozenset(sources)
        self._namespaces = Namespaces(sources)
        self._target = target

    def load(self, path: str, has_failed: Callable[[str, int], bool]) -> Tail:
        """Take in a results file, and tell how it ends.

        Args:
            path: the results file.
            has_failed: whether the failed-rows file of a source has the row of that number.

        Raises:
            UsageError: it tells of another target.
            InputError: it is no results file.
        """
        self._has_failed = has_failed
        with opened(path) as file:
            tail = find_tail(path, file)
            self._take_in(path, read_up_to(path, file, tail))
        return tail

    def _take_in(self, path: str, entries: Iterable[Entry]) -> None:
        outcomes: Counter[str] = Counter()
        keyed, add, target = self._namespaces.keyed, self._bag.add, self._target
        for entry in entries:
            if entry.target != target:
                raise UsageError(
                    f"{path} tells of a run against {entry.target!r}, and this one is against "
                    f"{target!r}",
                    hint="name another results file with -o, or send to the same target",
                )
            outcomes[entry.outcome] += 1
            key = keyed(entry.source, entry.key)
            if entry.outcome in _BAD and not self._has_failed(entry.source, entry.row):
                add(key, _WANTED)
                self._wanted.setdefault(key, []).append(entry)
            else:
                add(key)
        for wanted in self._wanted.values():
            wanted.sort(key=_ROW)
        self.outcomes = Counter({Result(name): count for name, count in outcomes.items()})

    def look_up(self, row: Row) -> Settled | None:
        """What an earlier run made of *row*, counting it off; None when it has no outcome."""
        if not len(self._bag):
            return None
        plain = binascii.unhexlify(row.key())
        for key in (self._namespaces.keyed(row.source, plain), self._namespaces.other(plain)):
            wanted = self._wanted.get(key, ())
            # Of equal rows each has its own copy in the failed rows: the one that is missing.
            at = bisect_left(wanted, row.number, key=_ROW)
            exact = at < len(wanted) and wanted[at].row == row.number
            tag = self._bag.take(key, _WANTED_FIRST if exact else _WANTED_LAST)
            if tag == _WANTED:
                return self._restore(row, self._wanted[key].pop(at if exact else 0))
            if tag is not None:
                return _NOTHING_TO_RESTORE
        return None

    def _restore(self, row: Row, entry: Entry) -> Settled:
        # Of a source that is no input it can be asked only now: its rows' file is another's.
        if entry.source not in self._sources and self._has_failed(row.source, entry.row):
            return _NOTHING_TO_RESTORE
        return Settled(_outcome(row, entry))


def _outcome(row: Row, entry: Entry) -> Outcome:
    """The outcome that *entry* tells of, with the number that the row had then."""
    return Outcome(
        row._replace(number=entry.row),
        None,
        Result(entry.outcome),
        entry.status,
        entry.attempts,
        # A later version may know other reasons.
        reason=Reason(entry.reason) if entry.reason in _REASONS else None,
    )
