"""The rows of a job whose last outcome is bad, written anew from its inputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from batchconv.errors import BatchconvError, UsageError
from batchconv.journal.append_only_file import STDOUT, refuse_inputs, refuse_remote
from batchconv.journal.failed_rows.lines import header, line
from batchconv.journal.failed_rows.writer import FailedRows, looks
from batchconv.journal.job_files import named_job
from batchconv.journal.outstanding import Outstanding, OutstandingRows
from batchconv.journal.reader import ResultsReader
from batchconv.journal.runs_file import RunsFile
from batchconv.journal.settled_index import Journal, Standing
from batchconv.model import Conversion, Outcome, Reason, Result
from batchconv.operations.failed_names import name_failed_rows
from batchconv.operations.own_inputs import sort_inputs
from batchconv.operations.read_inputs import read_rows
from batchconv.operations.row_options import as_earlier
from batchconv.reading.reader import Reader
from batchconv.settings.read_options import ReadSettings, mapper_of

_BAD = {
    Standing.REJECTED: Result.REJECTED,
    Standing.FAILED: Result.FAILED,
    Standing.INVALID: Result.INVALID,
}


@dataclass(slots=True)
class Written:
    """What was written.

    Attributes:
        rows: how many.
        files: in which files; none for standard output.
        missing: outstanding rows of the job that are not in the inputs.
        damages: inputs that broke off half-way.
        notes: sentences about what was found and is not read.
    """

    rows: int = 0
    files: list[str] = field(default_factory=list)
    missing: int = 0
    damages: list[BatchconvError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class _Bad(NamedTuple):
    """A row whose last outcome is bad, as it stands in its input, and the run that settled it."""

    outcome: Outcome
    run: str
    name: str


def write_failed(
    results: str,
    inputs: Sequence[str],
    settings: ReadSettings,
    given: Collection[str],
    *,
    named: str | None = None,
    write: Callable[[bytes], object] | None = None,
) -> Written:
    """Write the rows of *inputs* whose last outcome in a job is bad, ready to be corrected.

    Args:
        results: of the job.
        inputs: as they were uploaded.
        settings: how they are read.
        given: names of the settings that were given; the others are those of the job's runs.
        named: the file for one input, a folder for several; None for the job's own names.
        write: takes what goes to standard output, when that is what *named* says.

    Raises:
        UsageError: a setting, a column or *named* is wrong.
        InputError: a file is missing, unreadable or no results file.
        OutputError: a file cannot be written.
    """
    reader = ResultsReader(results)
    reader.tail()  # says best what is wrong with it
    files = named_job(results)
    sorted_inputs = sort_inputs(inputs)
    if sorted_inputs.failed_rows:
        raise UsageError(
            f"{sorted_inputs.failed_rows[0][0]} holds failed rows of a job, and is none of its "
            "inputs",
            hint="name the files that were uploaded first",
        )
    runs = RunsFile(files.runs).read() if files.runs else []
    uploads = [run.start.options for run in runs if run.start.command == "upload"]
    if uploads:
        settings = as_earlier(uploads[-1], settings, given)
    if named == STDOUT and len(sorted_inputs.inputs) > 1:
        raise UsageError(
            f"the rows of {len(sorted_inputs.inputs)} inputs would go to standard output, one "
            "table behind the other",
            hint="name a folder for the output, or only one input",
        )
    if named is not None and named != STDOUT:
        refuse_remote({"--failed": named})
        refuse_inputs([named], [*sorted_inputs.all, results])
    rows, batches = read_rows(sorted_inputs.inputs, settings)
    journal, standing = Journal(), OutstandingRows()
    journal.load(reader)
    standing.load(reader)
    items = chain.from_iterable(map(mapper_of(settings).all, batches))
    written = Written(damages=rows.damages, notes=sorted_inputs.notes)
    bad = _bad_rows(items, journal, standing)
    if named == STDOUT and write is not None:
        _to_stdout(bad, rows, write, written)
    else:
        sink = FailedRows(
            looks(rows.layouts, rows.columns),
            name_failed_rows(files, inputs, named, fed=False),
            None,
        )
        with closing(sink):
            for one in bad:
                sink.write(one.outcome, of=(one.run, one.name))
                written.rows += 1
            written.files = sink.written
    left = journal.outstanding
    written.missing = sum(left[result] for result in _BAD.values())
    return written


def _bad_rows(
    items: Iterator[Conversion | Outcome], journal: Journal, standing: OutstandingRows
) -> Iterator[_Bad]:
    for item in items:
        bad = _BAD.get(journal.match(item) or Standing.ACCEPTED)
        if bad is None:
            continue
        invalid = bad is Result.INVALID or isinstance(item, Outcome)
        key = item.row.invalid_key() if invalid else item.key()
        found = standing.take(key, bad, item.row.number)
        if found is not None:
            yield _as_outcome(item, found, None if invalid else item)


def _as_outcome(
    item: Conversion | Outcome, found: Outstanding, sent: Conversion | Outcome | None
) -> _Bad:
    row = item.row._replace(number=found.row)
    outcome = Outcome(
        row,
        sent if isinstance(sent, Conversion) else None,
        found.outcome,
        found.status,
        found.attempts,
        reason=None if found.reason is None else Reason(found.reason),
    )
    return _Bad(outcome, found.run, found.source)


def _to_stdout(
    bad: Iterator[_Bad], reader: Reader, write: Callable[[bytes], object], written: Written
) -> None:
    """Write a header, also when no row follows: an empty table is one, too."""
    (look,) = looks(reader.layouts, reader.columns).values()
    write(header(look.layout, ""))
    for one in bad:
        write(line(look.layout, one.outcome, one.run, look.names, one.name))
        written.rows += 1
