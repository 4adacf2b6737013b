"""Rows that a person settles: no longer outstanding, taken up by no run, and told of by name."""

import json
import os
from pathlib import Path

import pytest

from batchconv.errors import HeldError, InputError, UsageError
from batchconv.journal.append_only_file import AppendOnlyFile
from batchconv.journal.outstanding import OutstandingRows
from batchconv.journal.reader import ResultsReader
from batchconv.model import Result
from batchconv.operations.audit import audit
from batchconv.operations.dismiss import Choice, dismiss
from batchconv.report.making import make_report
from batchconv.settings.read_options import ReadSettings
from tests.nights import again, line, write
from tests.shells import upload_here

RESULTS = "in.simulated.results.jsonl"
ROWS = "message_id,delivered,timestamp\na,true,\nb,maybe,\nc,true,31.31.2026\nd,so,\n"


@pytest.fixture(autouse=True)
def job(tmp_path, monkeypatch):
    """A job with one row accepted and three invalid, for two reasons."""
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text(ROWS)
    assert upload_here("in.csv").exit_code == 1


def lines():
    return [json.loads(one) for one in Path(RESULTS).read_text().splitlines()]


@pytest.mark.parametrize(
    ("choice", "rows"),
    [
        (Choice(rows=frozenset({("in.csv", 2), ("in.csv", 3)})), [2, 3]),
        (Choice(reasons=frozenset({"bad-delivered"})), [2, 4]),
        (Choice(outcomes=frozenset({"invalid"})), [2, 3, 4]),
        (Choice(), [2, 3, 4]),
        (Choice(frozenset({("in.csv", 2), ("in.csv", 3)}), frozenset({"bad-delivered"})), [2]),
    ],
)
def test_the_rows_that_are_meant_are_settled_and_no_others(choice, rows):
    done = dismiss(RESULTS, choice)
    assert done.rows == {"invalid": len(rows)}
    assert done.outstanding == 3 - len(rows)
    added = lines()[4:]
    assert [one["row"] for one in added] == rows
    for one in added:
        told = [one[name] for name in ("replaces", "corrects", "outcome", "reason", "attempts")]
        assert told == ["invalid", None, "skipped", "dismissed", 0]
        assert one["target"] == "simulated"
    assert make_report([RESULTS]).attention == 3 - len(rows)
    assert audit(["in.csv"], RESULTS, ReadSettings()).exit_code == 0


def test_a_dismissed_row_is_taken_up_by_no_later_run():
    dismiss(RESULTS, Choice())
    for settings in ({"resume": True}, {"resume": True, "retry": "rejected"}):
        summary = upload_here("in.csv", **settings)
        assert (summary.exit_code, summary.books.settled) == (0, 4)
    fed_back = upload_here("in.simulated.failed.csv")
    assert (fed_back.exit_code, fed_back.books.settled) == (0, 3)


@pytest.mark.parametrize(
    "choice",
    [
        Choice(rows=frozenset({("in.csv", 1)})),
        Choice(rows=frozenset({("other.csv", 2)})),
        Choice(outcomes=frozenset({"rejected"})),
        Choice(reasons=frozenset({"timeout"})),
    ],
)
def test_when_no_row_is_meant_nothing_is_written(choice):
    before = {path: path.read_bytes() for path in Path().iterdir()}
    with pytest.raises(UsageError, match="no outstanding row matches") as told:
        dismiss(RESULTS, choice)
    assert "3 invalid" in str(told.value.hint)
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_a_second_time_there_is_nothing_to_dismiss():
    dismiss(RESULTS, Choice())
    with pytest.raises(UsageError, match="has no outstanding row"):
        dismiss(RESULTS, Choice())


def test_the_run_is_told_of_in_the_runs_file():
    dismiss(RESULTS, Choice(reasons=frozenset({"bad-delivered"})))
    *_, start, end = map(json.loads, Path("in.simulated.runs.jsonl").read_text().splitlines())
    assert (start["command"], start["options"]["reason"]) == ("dismiss", ["bad-delivered"])
    assert start["run"] == end["run"]
    assert (end["exit_code"], end["read"], end["skipped"], end["outstanding"]) == (0, 2, 2, 1)


def test_another_run_that_holds_the_job_is_waited_for():
    other = AppendOnlyFile(RESULTS, lock=True)
    try:
        with pytest.raises(HeldError):
            dismiss(RESULTS, Choice())
    finally:
        other.close()


def test_what_is_no_results_file_is_left_as_it_is():
    with pytest.raises(UsageError, match=r"in\.csv exists and is not a results file"):
        dismiss("in.csv", Choice())
    with pytest.raises(InputError):
        dismiss("none.results.jsonl", Choice())
    assert Path("in.csv").read_text() == ROWS
    assert not Path("none.results.jsonl").exists()


def test_a_torn_last_line_is_cut_off_first():
    with Path(RESULTS).open("ab") as file:
        file.write(b'{"source":"in.c')
    dismiss(RESULTS, Choice())
    assert len(lines()) == 7


def test_of_a_row_that_failed_twice_the_last_reason_counts(tmp_path):
    """The first line has the reason that is asked for; its outcome does not stand any more."""
    rows = [line(1, "failed"), again(1, "failed", "failed", reason="timeout"), line(2, "failed")]
    path = write(tmp_path / "twice.results.jsonl", rows)
    done = dismiss(path, Choice(reasons=frozenset({"server-error"})))
    assert done.rows.total() == 1
    assert make_report([path]).reasons[0].reason in {"timeout", "dismissed"}
    assert {one.reason: one.rows for one in make_report([path]).reasons} == {
        "timeout": 1, "dismissed": 1,
    }  # fmt: skip


def test_of_equal_rows_each_stands_for_itself(tmp_path):
    key = f"k{7:032x}"
    rows = [line(n, "failed", key=key) for n in (1, 2, 3)]
    rows.append(again(2, "failed", key=key))
    path = write(tmp_path / "equal.results.jsonl", rows)
    standing = OutstandingRows()
    standing.load(ResultsReader(path))
    assert [one.row for one in standing.standing(ResultsReader(path).fold())] == [1, 3]
    standing = OutstandingRows()
    standing.load(ResultsReader(path))
    found = standing.take(bytes.fromhex(key[1:]), Result.FAILED, 3)
    assert found is not None
    assert (found.row, found.reason, found.status, found.source) == (
        3, "server-error", 503, "export.csv",
    )  # fmt: skip


def test_results_that_come_through_a_pipe_are_refused_with_what_to_do():
    """`batchconv dismiss --all <(zcat results.gz)`."""
    reader, writer = os.pipe()
    try:
        with pytest.raises(InputError, match=r"is a pipe, .* more than once") as refused:
            dismiss(f"/dev/fd/{reader}", Choice())
    finally:
        os.close(writer)
        os.close(reader)
    assert refused.value.hint == "write them to a file first"
