"""The outcome of each row on its way into the files: written at once, and only then counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from batchconv.journal.books import Books
from batchconv.journal.deduplication import Deduplicator
from batchconv.journal.outputs import Outputs
from batchconv.model import Conversion, Outcome, Result
from batchconv.sending.stops import Stop, all_rejected_stop, error_stop, errors_stop
from batchconv.sending.traffic import NO_ERROR_LIMIT, REJECTED_FROM_THE_START, ErrorLimit


class Watch(Protocol):
    """Somebody who follows a run, outcome by outcome."""

    def observe(self, outcome: Outcome) -> None:
        """An outcome has been written."""
        ...

    async def hold(self) -> None:
        """Return when more outcomes may come."""
        ...


class OutcomeWriter:
    """Writes the outcome of each row, and only then counts it.

    A row is in flight until its line is written: its worker takes the next one after that. A call
    to the system for each line costs less than to wait for other lines would.

    Args:
        outputs: the files.
        books: where rows that end unsent are counted.
        count: called with every outcome that was written, to count it.
        deduplicator: called with what was accepted before its line is written; None to send
            equal rows.
        max_errors: the most rows that may fail, be rejected or be invalid.
        watch: called with every outcome that was written.
        stop: called when the run has to end.
        send_also: called with a duplicate that takes over from a row that was not accepted.

    Attributes:
        changed: set when a row has been settled that others may wait for.
    """

    def __init__(
        self,
        outputs: Outputs,
        books: Books,
        count: Callable[[Outcome], None],
        *,
        deduplicator: Deduplicator | None,
        max_errors: ErrorLimit | None,
        watch: Watch | None,
        stop: Callable[[Stop], None],
        send_also: Callable[[Conversion], None],
    ) -> None:
        self._outputs = outputs
        self._books = books
        self._count_outcome = count
        self._deduplicator = deduplicator
        self._max_errors = max_errors
        self._watch = watch
        self._stop = stop
        self._send_also = send_also
        self.changed = asyncio.Event()

    def settle(self, outcome: Outcome) -> None:
        """Write *outcome* and count it; raises OutputError when it cannot be written."""
        if outcome.reason is not None:
            self._outputs.write_failed(outcome)
        if self._deduplicator is not None:
            self._deduplicator.remember(outcome)
        self._outputs.write(outcome)
        self._count_outcome(outcome)
        if self._max_errors is not None or outcome.reason is not None:
            self._count_errors(outcome)
        if self._watch is not None:
            self._watch.observe(outcome)
        if self._deduplicator is not None:
            self._let_duplicates_go(self._deduplicator, outcome)

    def note(self, outcome: Outcome) -> None:
        """The same for a row that was never sent: if it cannot be written, the row is unsent."""
        try:
            self.settle(outcome)
        except Exception as error:  # noqa: BLE001 - nobody waits for this row: the run ends
            self._books.unsent += 1
            self._stop(error_stop(error))

    def _count_errors(self, outcome: Outcome) -> None:
        books, limit = self._books, self._max_errors
        if limit is not None and limit.exceeded(books.bad, books.results.total()):
            self._stop(errors_stop(books.bad, str(limit)))
        if (
            outcome.result is Result.REJECTED
            and limit != NO_ERROR_LIMIT
            and books.results[Result.REJECTED] == REJECTED_FROM_THE_START
            and not books.results[Result.ACCEPTED]
            and not books.results[Result.FAILED]
        ):
            self._stop(all_rejected_stop(books.results[Result.REJECTED]))

    def _let_duplicates_go(self, deduplicator: Deduplicator, outcome: Outcome) -> None:
        spared, following = deduplicator.settled(outcome)
        self.changed.set()
        if following is not None:
            self._send_also(following)
        for skipped in spared:
            self.note(skipped)
