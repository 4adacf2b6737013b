"""Outcomes on their way into the files: in quick succession, those of one turn leave together.

A call to the system for each line would cost a fifth of all that a row costs. A row is in flight
until its line is written: its worker waits for that before taking the next. Where rows
come one by one, nobody waits: the line is written at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from batchconv.errors import OutputError
from batchconv.journal.books import Books
from batchconv.journal.deduplication import Deduplicator
from batchconv.journal.outputs import Outputs
from batchconv.model import Conversion, Outcome, Result
from batchconv.sending.stops import Stop, all_rejected_stop, defect_stop, errors_stop, file_stop
from batchconv.sending.traffic import NO_ERROR_LIMIT, REJECTED_FROM_THE_START, ErrorLimit

_SUCCESSION = 0.0003  # seconds since the last write in which it is worth waiting for a turn


class Watch(Protocol):
    """Somebody who follows a run, outcome by outcome."""

    def observe(self, outcome: Outcome) -> None:
        """An outcome has been written."""
        ...

    async def hold(self) -> None:
        """Return when more outcomes may come."""
        ...


class _Finished(NamedTuple):
    outcome: Outcome
    written: asyncio.Future[None] | None  # None when nobody waits for it


class OutcomeWriter:
    """Writes the outcome of each row, and only then counts it.

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
        clock: monotonic seconds.
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
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._outputs = outputs
        self._books = books
        self._count_outcome = count
        self._deduplicator = deduplicator
        self._max_errors = max_errors
        self._watch = watch
        self._stop = stop
        self._send_also = send_also
        self._clock = clock
        self._written_at = clock() - _SUCCESSION
        self._finished: deque[_Finished] = deque()
        self._loop = asyncio.get_running_loop()
        self.changed = asyncio.Event()  # set when a row has been settled

    def settle(self, outcome: Outcome) -> asyncio.Future[None]:
        """Write *outcome* soon; done when it is written, an OutputError when it cannot be."""
        written = self._loop.create_future()
        self._add(_Finished(outcome, written))
        if self._clock() - self._written_at >= _SUCCESSION:
            self.flush()
        return written

    def note(self, outcome: Outcome) -> None:
        """The same for a row that was never sent: if it cannot be written, the row is unsent."""
        self._add(_Finished(outcome, None))

    def _add(self, finished: _Finished) -> None:
        if not self._finished:
            self._loop.call_soon(self.flush)
        self._finished.append(finished)

    def flush(self) -> None:
        """Write what has gathered."""
        finished, self._finished = self._finished, deque()
        try:
            self._write(finished)
            self._written_at = self._clock()
        except Exception as error:  # noqa: BLE001 - the waiting code must get it, defect or not
            for one in finished:
                self._refuse(one, error)

    def _write(self, finished: deque[_Finished]) -> None:
        """Write and count; what is left of *finished* after an exception is not settled."""
        noted = [one for one in finished if self._noted(one)]
        finished.clear()
        finished.extend(noted)
        if not finished:
            return
        self._outputs.write([one.outcome for one in finished])
        while finished:
            outcome, written = finished[0]
            self._count(outcome)
            if written is not None and not written.done():
                written.set_result(None)
            finished.popleft()

    def finish(self) -> None:
        """Write everything, also what is spared by what is written now."""
        while self._finished:
            self.flush()

    def _noted(self, finished: _Finished) -> bool:
        """Write what has to stand elsewhere before the row's line; False when that fails."""
        try:
            if finished.outcome.reason is not None:
                self._outputs.write_failed(finished.outcome)
            if self._deduplicator is not None:
                self._deduplicator.remember(finished.outcome)
        except OutputError as error:
            self._refuse(finished, error)
            return False
        return True

    def _refuse(self, finished: _Finished, error: Exception) -> None:
        if finished.written is None:
            self._books.unsent += 1
            self._stop(file_stop(error) if isinstance(error, OutputError) else defect_stop(error))
        elif not finished.written.done():
            finished.written.set_exception(error)

    def _count(self, outcome: Outcome) -> None:
        self._count_outcome(outcome)
        self._count_errors(outcome)
        if self._watch is not None:
            self._watch.observe(outcome)
        if self._deduplicator is not None:
            self._let_duplicates_go(self._deduplicator, outcome)

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
