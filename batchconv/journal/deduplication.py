"""Of rows that are equal, one is accepted: the others are skipped, but only once it is.

A duplicate of a row that is under way is held back until that row is settled: skipped if it was
accepted, sent in its place if not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from batchconv.errors import BatchconvError
from batchconv.journal.key_multiset import KeyMultiset
from batchconv.journal.quick_blocks import Keys
from batchconv.journal.reader import ResultsReader
from batchconv.model import Conversion, Outcome, Reason, Result, read_key

_SHOWN = {True: "True", False: "False"}  # a boolean in an f-string costs as much as all the rest


class Origin(NamedTuple):
    """Where an identity was accepted before: reason and sentence for those that are skipped."""

    reason: Reason
    detail: str


class Accepted(NamedTuple):
    """The key of a conversion that was accepted, and the row whose it was."""

    identity: bytes
    run: str
    source: str
    row: int


class Memory(Protocol):
    """Remembers what was accepted."""

    def find(self, identity: bytes) -> Origin | None:
        """Where it was accepted, or None."""
        ...

    def add(self, accepted: Accepted) -> None:
        """Remember it for good; raises OutputError when that fails."""
        ...

    def add_all(self, accepted: Iterable[Accepted]) -> None:
        """Remember many that stand in a results file, too: no harm is done if some get lost."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


def told(conversions: Iterable[Conversion]) -> list[str]:
    """What the API would get for each, in a text that equal rows share, as their key has it."""
    return [
        f"{channel}\0{_SHOWN[delivered]}\0{timestamp}\0{message_id}"
        for _, message_id, delivered, timestamp, channel in conversions
    ]


class RunMemory:
    """Remembers for one results file, in about 20 bytes a row."""

    def __init__(self) -> None:
        self._accepted = KeyMultiset()

    def find(self, identity: bytes) -> Origin | None:
        """Where it was accepted, or None."""
        if identity in self._accepted:
            return Origin(Reason.DUPLICATE, "an equal row was accepted before")
        return None

    def add(self, accepted: Accepted) -> None:
        """Remember it, but not whose it was: the results file tells, and there is no space here."""
        self._accepted.add(accepted.identity)

    def add_all(self, accepted: Iterable[Accepted]) -> None:
        """Remember many."""
        for one in accepted:
            self.add(one)

    def load(self, results: ResultsReader) -> None:
        """Remember what a results file tells; raises InputError when it is none."""
        for one in results.fold():
            if isinstance(one, Keys):
                if one.kind.outcome == Result.ACCEPTED:
                    self._accepted.add_all(one.keys)
            elif one.outcome == Result.ACCEPTED:
                self._accepted.add_all(read_key(one.key))

    def close(self) -> None:
        """Nothing to release."""


class Deduplicator:
    """Lets each identity through once at a time, and not again when it was accepted.

    Args:
        memory: what was accepted before.
        run: the run's id, for the memory.

    Attributes:
        held: rows that wait for an equal one to be settled.
    """

    def __init__(self, memory: Memory, run: str) -> None:
        self.held = 0
        self._memory = memory
        self._run = run
        self._under_way: dict[bytes, deque[Conversion]] = {}

    def admit(self, conversion: Conversion) -> Conversion | Outcome | None:
        """The conversion if it may be sent, its `skipped` outcome, or None if it has to wait.

        Raises:
            OutputError: the memory cannot be read; the row is held to the end of the run.
        """
        key = conversion.key()
        waiting = self._under_way.get(key)
        if waiting is not None:
            waiting.append(conversion)
            self.held += 1
            return None
        try:
            origin = self._memory.find(key)
        except BatchconvError:
            self.held += 1  # nobody can tell whether it was accepted: it is not sent
            raise
        if origin is not None:
            return _skipped(conversion, origin)
        self._under_way[key] = deque()
        return conversion

    def remember(self, outcome: Outcome) -> None:
        """Remember an accepted row, before its line is written.

        A crash between the two leaves a row that is in the memory and has no line: the next run
        skips it. The other way round it would be sent twice.
        """
        if outcome.result is Result.ACCEPTED and outcome.conversion is not None:
            row = outcome.row
            key = outcome.conversion.key()
            self._memory.add(Accepted(key, self._run, row.source, row.number))

    def settled(self, outcome: Outcome) -> tuple[list[Outcome], Conversion | None]:
        """After a row's line was written: outcomes of rows it spares, or the next one to send."""
        if outcome.conversion is None or outcome.result is Result.SKIPPED:
            return [], None
        key = outcome.conversion.key()
        waiting = self._under_way.pop(key, None)
        if not waiting:
            return [], None
        if outcome.result is Result.ACCEPTED:
            self.held -= len(waiting)
            origin = Origin(Reason.DUPLICATE, f"equal to {_where(outcome)}, which was accepted")
            return [_skipped(conversion, origin) for conversion in waiting], None
        self.held -= 1
        following = waiting.popleft()
        self._under_way[key] = waiting
        return [], following

    def close(self) -> None:
        """Release the memory."""
        self._memory.close()


def _skipped(conversion: Conversion, origin: Origin) -> Outcome:
    return Outcome(
        conversion.row, conversion, Result.SKIPPED, reason=origin.reason, detail=origin.detail
    )


def _where(outcome: Outcome) -> str:
    return f"row {outcome.row.number} of {outcome.row.source}"
