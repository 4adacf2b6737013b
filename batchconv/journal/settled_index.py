"""What the journal of a job says of each key: how many outcomes are final, and how many are bad.

Of a row's outcomes the last counts. A line that takes the place of an earlier one says so, so that
all can be counted by key, without knowing whose row is whose: equal rows are alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import Enum
from struct import Struct
from typing import NamedTuple

from batchconv.errors import count_of
from batchconv.journal.books import OUTSTANDING
from batchconv.journal.key_multiset import KeyMultiset
from batchconv.journal.quick_blocks import Keys
from batchconv.journal.reader import ResultsReader
from batchconv.journal.results import ResultLine, is_final
from batchconv.model import Conversion, Earlier, Outcome, Reason, Result, read_key


class Settled(NamedTuple):
    """Rows to which this run gives no new outcome: how many, one behind the other.

    Attributes:
        unchanged: they were fed back to be corrected, and are as bad as they were.
    """

    rows: int = 1
    unchanged: bool = False


Item = Conversion | Outcome | Settled
"""The decision about a row: it is to be sent, it is not to be sent, or nothing is to be done."""

_BAD = (*OUTSTANDING, Result.SKIPPED)  # skipped: as too old, which the next run judges anew
_MOST_TOGETHER = 500  # settled rows that are reported as one
_MOST_SOURCES = 100_000  # inputs that are remembered by name

# Of a bad outcome it is kept which row it is of: of equal rows one is taken for itself.
_NOTE = Struct(">B6s6s")
_TAGS = {outcome: bytes([number]) for number, outcome in enumerate(_BAD)}
# Why a key has a final outcome: a row of the inputs was accepted or skipped, a corrected row was
# accepted or skipped, or the row was corrected.
_ACCEPTED, _SKIPPED, _CORRECTED, _SPARED, _CLOSED = b"a", b"s", b"c", b"d", b"x"


class Place(NamedTuple):
    """Which row an outcome is of: its number, and the line it starts on."""

    row: int
    line: int | None


class Standing(Enum):
    """What the journal says of a row in the end."""

    ACCEPTED = "accepted"
    SKIPPED = "skipped"
    CORRECTED = "corrected"
    REJECTED = "rejected"
    FAILED = "failed"
    INVALID = "invalid"
    TOO_OLD = "too-old"


class Journal:
    """Counts the outcomes of a job by key; a row that matches one takes it away.

    Attributes:
        outstanding: rows whose last outcome is rejected, failed or invalid.
        sources: inputs that the job knows.
        targets: where the runs sent to.
        accepted_by: those of them that accepted rows.
        lines: outcomes in all.
    """

    def __init__(self) -> None:
        self.outstanding: Counter[Result] = Counter()
        self.sources: set[str] = set()
        self.targets: set[str] = set()
        self.accepted_by: set[str] = set()
        self.lines = 0
        self._final = KeyMultiset()
        self._bad = KeyMultiset(note=_NOTE.size)
        self._any_invalid = False

    def load(self, results: ResultsReader) -> None:
        """Take in a results file; raises InputError when it is none."""
        for one in results.fold():
            if isinstance(one, Keys):
                accepted = one.kind.outcome == Result.ACCEPTED
                self.lines += self._final.add_all(one.keys, _ACCEPTED if accepted else _SKIPPED)
                self._note(one.kind.source, one.kind.outcome, one.kind.target)
            else:
                self.add(one)

    def add(self, line: ResultLine) -> None:
        """Take in one line."""
        self.lines += 1
        self._note(line.source, line.outcome, line.target)
        key = read_key(line.key)
        outcome = Result(line.outcome)
        if outcome is Result.INVALID:
            self._any_invalid = True
        if line.replaces is not None:
            self.take_bad(
                key if line.corrects is None else read_key(line.corrects),
                Result(line.replaces),
                line.row,
            )
        if line.corrects is not None:
            self._final.add_all(read_key(line.corrects), _CLOSED)
        if not is_final(line):
            self._bad.add(key, _note(outcome, line.row, line.line))
            self.outstanding[outcome] += 1
        elif line.corrects is None:
            self._final.add_all(key, _ACCEPTED if outcome is Result.ACCEPTED else _SKIPPED)
        elif outcome is Result.ACCEPTED:
            self._final.add_all(key, _CORRECTED)
        elif line.reason == Reason.DUPLICATE and self.take_equal(key):
            # The row of the input that it is equal to has been taken for it now.
            self._final.add_all(key, _CORRECTED)
        else:
            self._final.add_all(key, _SPARED)

    def _note(self, source: str, outcome: str, target: str) -> None:
        if len(self.sources) < _MOST_SOURCES:
            self.sources.add(source)
        self.targets.add(target)
        if outcome == Result.ACCEPTED:
            self.accepted_by.add(target)

    def told(self) -> str:
        """How many outcomes it has, and how many are bad, in words."""
        bad = sum(self.outstanding[outcome] for outcome in OUTSTANDING)
        return f"{count_of(self.lines, 'outcome')}, {bad:,} outstanding"

    def take_bad(self, key: bytes, outcome: Result, row: int = -1) -> Place | None:
        """Take away a bad outcome of *key*, that of the row of that number if there is one."""
        tag = _TAGS.get(outcome, b"\xff")
        note = self._bad.take(key, tag + _number(row)) or self._bad.take(key, tag)
        if note is None:
            return None
        self.outstanding[outcome] -= 1
        _, number, line = _NOTE.unpack(note)
        return Place(int.from_bytes(number), int.from_bytes(line) or None)

    def __contains__(self, key: bytes) -> bool:
        return key in self._final or key in self._bad

    def settle(
        self, items: Iterable[Conversion | Outcome], retry: frozenset[Result]
    ) -> Iterator[Item]:
        """What is to be done with rows of the inputs, less what earlier runs settled.

        Args:
            items: what the rows have become: conversions, or `invalid`.
            retry: bad outcomes that are not left as they are.
        """
        if not self.lines:
            yield from items
            return
        together = 0
        for one in items:
            item = self._look_up(one, retry)
            if item is _SETTLED:
                together += 1
                if together < _MOST_TOGETHER:
                    continue
            if together:
                yield Settled(together)
                together = 0
            if item is not _SETTLED:
                yield item
        if together:
            yield Settled(together)

    def _look_up(self, item: Conversion | Outcome, retry: frozenset[Result]) -> Item:
        if self._any_invalid and (known := self._by_cells(item)) is not None:
            return known
        if isinstance(item, Outcome):
            return item
        key = item.key()
        if self._final.take(key) is not None:
            return _SETTLED
        if not len(self._bad):
            return item
        row = item.row.number
        again = {*retry, Result.SKIPPED}
        for outcome in sorted(_BAD, key=lambda one: one not in again):
            if self.take_bad(key, outcome, row):
                return taking_place(item, Earlier(outcome)) if outcome in again else _SETTLED
        return item

    def _by_cells(self, item: Conversion | Outcome) -> Item | None:
        """What is to be done with a row that was invalid, maybe when the options were others."""
        key = item.row.invalid_key()
        final = self._final.take(key)
        if final is not None:
            if final == _CLOSED and isinstance(item, Conversion):
                self._final.take(item.key(), _CORRECTED)
            return _SETTLED
        if not self.take_bad(key, Result.INVALID, item.row.number):
            return None
        if isinstance(item, Outcome):
            return _SETTLED
        return taking_place(item, Earlier(Result.INVALID, corrects=key))

    def take_up(self, key: bytes, row: int) -> tuple[Result, Place] | None:
        """The bad outcome of a row that is to be corrected, taken away; None when it has none."""
        for outcome in OUTSTANDING:
            place = self.take_bad(key, outcome, row)
            if place is not None:
                return outcome, place
        return None

    def take_equal(self, key: bytes) -> bool:
        """Whether a row of the inputs has that key and a final outcome; it is taken once."""
        return any(self._final.take(key, why) is not None for why in (_ACCEPTED, _SKIPPED))

    def match(self, item: Conversion | Outcome) -> Standing | None:
        """The last outcome of a row, taken away; None when it has none."""
        keys = [item.row.invalid_key()] * self._any_invalid
        keys += [item.key()] * isinstance(item, Conversion)
        for key in keys:
            final = self._final.take(key)
            if final is not None:
                if final == _CLOSED and isinstance(item, Conversion):
                    self._final.take(item.key(), _CORRECTED)
                return _STANDINGS[final]
            for outcome in _BAD if len(self._bad) else ():
                if self.take_bad(key, outcome, item.row.number):
                    bad = outcome is not Result.SKIPPED
                    return Standing(outcome.value) if bad else Standing.TOO_OLD
        return None

    @property
    def unmatched(self) -> int:
        """Final outcomes that no row has matched yet."""
        return len(self._final)

    def take_accepted(self, key: bytes) -> bool:
        """Whether an accepted outcome of that key is left; it is taken away."""
        return any(self._final.take(key, why) is not None for why in (_ACCEPTED, _CORRECTED))


_SETTLED = Settled()
_STANDINGS = {
    _ACCEPTED: Standing.ACCEPTED,
    _SKIPPED: Standing.SKIPPED,
    _CORRECTED: Standing.ACCEPTED,
    _SPARED: Standing.SKIPPED,
    _CLOSED: Standing.CORRECTED,
}


def taking_place(item: Conversion | Outcome, earlier: Earlier) -> Conversion | Outcome:
    """The same conversion or outcome, which takes the place of an earlier outcome."""
    return item._replace(row=item.row._replace(earlier=earlier))


def _number(number: int | None) -> bytes:
    """As the notes have it; a row that no file can have shares the number of the last one."""
    return min(max(number or 0, 0), _MOST).to_bytes(6)


def _note(outcome: Result, row: int, line: int | None) -> bytes:
    return _TAGS[outcome] + _number(row) + _number(line)


_MOST = (1 << 48) - 1
