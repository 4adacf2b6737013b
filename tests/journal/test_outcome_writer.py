"""Outcomes on their way into the files: counted only once written."""

from collections import deque

import pytest

from batchconv.errors import OutputError
from batchconv.journal.deduplication import Deduplicator, RunMemory
from batchconv.journal.outcome_writer import OutcomeWriter
from batchconv.model import Conversion, Fields, Outcome, Reason, Result, Row
from batchconv.sending.traffic import ErrorLimit
from batchconv.telemetry.summary import Summary


def outcome(number: int, result: Result = Result.ACCEPTED, message_id: str = "") -> Outcome:
    fields = Fields(message_id or f"id{number}", "1", None, None)
    row = Row("a.csv", number, number + 1, fields, None, None, None)
    conversion = Conversion(row, str(fields.message_id), True, None, "sms")
    reason = None if result is Result.ACCEPTED else Reason.SERVER_ERROR
    return Outcome(row, conversion, result, 200, 1, 0.01, reason, reason and "why")


class Disk:
    """Outputs that keep what they are given, or fail."""

    def __init__(self) -> None:
        self.writes: list[int] = []
        self.failed: list[int] = []
        self.error: OutputError | None = None
        self.failed_error: OutputError | None = None

    def write(self, one) -> None:
        if self.error is not None:
            raise self.error
        self.writes.append(one.row.number)

    def write_failed(self, one) -> None:
        if self.failed_error is not None:
            raise self.failed_error
        if one.result is not Result.SKIPPED:
            self.failed.append(one.row.number)


class Desk:
    """A settling with a disk, a summary, and what it asked for."""

    def __init__(
        self, deduplicator: Deduplicator | None = None, max_errors: ErrorLimit | None = None
    ) -> None:
        self.disk = Disk()
        self.summary = Summary("run", 0.0)
        self.stops: list = []
        self.sent: list[Conversion] = []
        self.settling = OutcomeWriter(
            self.disk,
            self.summary.books,
            self.summary.add,
            deduplicator=deduplicator,
            max_errors=max_errors,
            watch=None,
            stop=self.stops.append,
            send_also=self.sent.append,
        )


def test_what_is_settled_is_written_and_counted_when_the_call_returns():
    desk = Desk()
    for number in range(3):
        desk.settling.settle(outcome(number))
        assert desk.disk.writes[-1] == number
        assert desk.summary.books.results.total() == number + 1


def test_a_write_that_fails_settles_nobody():
    desk = Desk()
    desk.disk.error = OutputError("the disk is full")
    with pytest.raises(OutputError):  # it is for the pool to count as unsent
        desk.settling.settle(outcome(1))
    desk.settling.note(outcome(3, Result.INVALID))
    assert desk.summary.books.results.total() == 0
    assert desk.summary.books.unsent == 1
    assert [stop.exit_code for stop in desk.stops] == [5]


def test_a_defect_in_the_writing_of_a_row_that_was_never_sent_ends_the_run():
    desk = Desk()
    desk.disk.error = ZeroDivisionError()  # type: ignore[assignment]  # what no output should raise
    desk.settling.note(outcome(3, Result.INVALID))
    assert [stop.exit_code for stop in desk.stops] == [70]
    assert desk.summary.books.unsent == 1


def test_a_row_whose_copy_cannot_be_written_has_no_outcome():
    desk = Desk()
    desk.disk.failed_error = OutputError("the disk is full")
    with pytest.raises(OutputError):
        desk.settling.settle(outcome(1, Result.FAILED))
    assert (desk.summary.books.results, desk.disk.writes) == ({}, [])


def test_the_copy_of_a_row_is_written_before_its_line():
    desk = Desk()
    desk.disk.error = OutputError("the disk is full")
    with pytest.raises(OutputError):
        desk.settling.settle(outcome(1, Result.FAILED))
    assert desk.disk.failed == [1]
    assert desk.summary.books.results == {}


def test_what_the_memory_does_not_take_is_not_written():
    class Full(RunMemory):
        def add(self, accepted):
            if accepted.row == 2:
                raise OutputError("the ledger is full")
            super().add(accepted)

    desk = Desk(Deduplicator(Full(), "run"))
    desk.settling.settle(outcome(1))
    with pytest.raises(OutputError):
        desk.settling.settle(outcome(2))
    desk.settling.settle(outcome(3))
    assert desk.disk.writes == [1, 3]


@pytest.mark.parametrize("result", [Result.ACCEPTED, Result.FAILED])
def test_duplicates_follow_the_row_they_waited_for(result):
    deduplicator = Deduplicator(RunMemory(), "run")
    desk = Desk(deduplicator)
    first, *others = [outcome(n, message_id="same") for n in (1, 2, 3)]
    assert first.conversion is not None
    assert deduplicator.admit(first.conversion) is first.conversion
    waiting = deque(one.conversion for one in others)
    for one in waiting:
        assert deduplicator.admit(one) is None
    desk.settling.settle(first._replace(result=result, reason=Reason.TIMEOUT))
    if result is Result.ACCEPTED:
        assert desk.summary.books.results == {Result.ACCEPTED: 1, Result.SKIPPED: 2}
        assert desk.sent == []
    else:
        assert desk.summary.books.results == {Result.FAILED: 1}
        assert desk.sent == [waiting[0]]


def test_errors_are_counted_as_they_are_written():
    desk = Desk(max_errors=ErrorLimit(1))
    for number in range(3):
        desk.settling.settle(outcome(number, Result.REJECTED))
        assert [stop.exit_code for stop in desk.stops] == [3] * max(0, number)
