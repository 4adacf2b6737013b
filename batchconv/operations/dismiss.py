"""Rows of a job that are to stay as they are: a person settles them by name."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, NamedTuple

from batchconv.errors import UsageError
from batchconv.journal.books import OUTSTANDING
from batchconv.journal.job_files import named_job
from batchconv.journal.outputs import Outputs
from batchconv.journal.outstanding import OutstandingRows
from batchconv.journal.reader import ResultsReader
from batchconv.journal.results import ResultLine, Stamp
from batchconv.journal.runs_file import RunEnd, RunsFile, RunStart, moment
from batchconv.journal.settled_index import Journal
from batchconv.model import Reason, Result
from batchconv.operations.job import discarded_on_error, new_run_id, rows_of_unknown_result
from batchconv.settings.options import Settings
from batchconv.telemetry.summary import Summary

_AT_ONCE = 1_000  # lines
DETAIL = "dismissed: it will not be corrected"


class Choice(NamedTuple):
    """Which rows are meant: those for which all that is given holds.

    Attributes:
        rows: inputs and numbers; none for any row.
        reasons: why they were not accepted; none for any reason.
        outcomes: that are their last; none for any bad one.
    """

    rows: frozenset[tuple[str, int]] = frozenset()
    reasons: frozenset[str] = frozenset()
    outcomes: frozenset[str] = frozenset()

    def means(self, line: ResultLine) -> bool:
        """Whether the row of that line is meant."""
        return (
            (not self.rows or (line.source, line.row) in self.rows)
            and (not self.reasons or line.reason in self.reasons)
            and (not self.outcomes or line.outcome in self.outcomes)
        )

    def shown(self) -> dict[str, Any]:
        """As the runs file shows it."""
        return {
            "row": sorted(f"{source}:{row}" for source, row in self.rows),
            "reason": sorted(self.reasons),
            "outcome": sorted(self.outcomes),
        }


@dataclass(frozen=True, slots=True)
class Dismissed:
    """What was dismissed.

    Attributes:
        rows: that were dismissed, by the outcome that they had.
        outstanding: rows of the job that are bad still.
    """

    rows: Counter[str] = field(default_factory=Counter)
    outstanding: int = 0


def dismiss(path: str, choice: Choice) -> Dismissed:
    """Settle rows of a job, whose last outcome is bad, as `skipped`; no later run takes them up.

    Args:
        path: the results file of the job.
        choice: which rows.

    Raises:
        UsageError: no outstanding row is meant, or *path* is not a file that can be added to.
        InputError: *path* is not a results file.
        OutputError: it cannot be written.
        HeldError: another run holds the job.
    """
    results = ResultsReader(path)
    results.tail()  # says best what is wrong with it
    files = named_job(path)
    if files.runs is None:
        raise UsageError(f"{path} is not a file that a run could add to")
    run = new_run_id()
    stamp = Stamp(run, "", time.time)
    outputs = Outputs(files, [], Settings(no_failed=True), stamp, goes_on=True)
    with discarded_on_error(outputs):
        journal, standing = Journal(), OutstandingRows()
        outputs.load(journal)
        standing.load(results)
        meant = (line for line in standing.standing(results.fold()) if choice.means(line))
        first = next(meant, None)
        if first is None:
            raise _nothing(path, journal, choice)
        result_unknown = rows_of_unknown_result(RunsFile(files.runs).read())
        start = RunStart(run, moment(time.time()), "dismiss", [path], first.target, choice.shown())
        outputs.begin(start)
        summary = Summary(run, time.time(), start.options, results=outputs.path)
        summary.outstanding += journal.outstanding
        rows = _write(outputs, chain([first], meant), stamp, summary)
        outputs.end(RunEnd(run, summary.as_dict(), result_unknown))
        return Dismissed(rows, summary.outstanding_rows)


def _write(
    outputs: Outputs, lines: Iterator[ResultLine], stamp: Stamp, summary: Summary
) -> Counter[str]:
    """Write the new outcomes of the rows of *lines*; how many there were, by outcome."""
    rows: Counter[str] = Counter()
    while some := list(islice(lines, _AT_ONCE)):
        outputs.write_lines([_dismissed(line, stamp, summary.run) for line in some])
        for line in some:
            rows[line.outcome] += 1
            summary.outstanding[Result(line.outcome)] -= 1
            summary.reasons[Reason.DISMISSED.value] += 1
    outputs.finish()
    summary.books.read = summary.books.results[Result.SKIPPED] = rows.total()
    summary.finish(time.time(), summary.traffic, [], [])
    return rows


def _dismissed(line: ResultLine, stamp: Stamp, run: str) -> ResultLine:
    return line._replace(
        replaces=line.outcome,
        corrects=None,
        outcome=Result.SKIPPED.value,
        status=None,
        attempts=0,
        elapsed_ms=None,
        reason=Reason.DISMISSED.value,
        detail=DETAIL,
        at=stamp.now(),
        run=run,
    )


def _nothing(path: str, journal: Journal, choice: Choice) -> UsageError:
    """What to say when no row is meant."""
    bad = {one.value: journal.outstanding[one] for one in OUTSTANDING if journal.outstanding[one]}
    if not bad:
        return UsageError(f"{path} has no outstanding row: there is nothing to dismiss")
    told = ", ".join(f"{rows} {outcome}" for outcome, rows in bad.items())
    hint = f"outstanding are: {told}; see batchconv report"
    if choice.rows:
        hint = f"a row is named SOURCE:N, as the results have it; {hint}"
    return UsageError(f"{path}: no outstanding row matches", hint=hint)
