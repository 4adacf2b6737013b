"""The failed rows of a job, sent again from the values in its journal."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from batchconv.errors import UsageError
from batchconv.journal.books import OUTSTANDING
from batchconv.journal.job_files import named_job
from batchconv.journal.outcome_writer import Watch
from batchconv.journal.outputs import Outputs
from batchconv.journal.reader import ResultsReader
from batchconv.journal.results import ResultLine, Stamp
from batchconv.journal.settled_index import Item, Journal
from batchconv.model import Conversion, Earlier, Fields, Result, Row, read_key
from batchconv.operations.job import Job, Source, check_flags, discarded_on_error, new_run_id
from batchconv.operations.target import Target
from batchconv.pipeline import Run
from batchconv.settings.options import Settings

_BATCH = 500  # rows


def prepare_resend(
    path: str,
    settings: Settings,
    environment: Mapping[str, str],
    *,
    include_rejected: bool = False,
    watch: Watch | None = None,
) -> Run:
    """Check everything about a resend and open its files.

    The outcomes are added to the same job, and take the place of the earlier ones.

    Args:
        path: the results file of the job.
        settings: every option; those about reading rows are not used.
        environment: where credentials are looked for.
        include_rejected: send rejected rows, too.
        watch: called with every outcome.

    Raises:
        UsageError: the settings or the account is wrong, or the job was sent somewhere else.
        InputError: *path* is not a results file.
        OutputError: a file cannot be written.
        HeldError: another run holds the job.
    """
    # What failed was young enough when it was read, and stands among the failed rows already.
    settings = replace(
        settings, max_age=None, failed=None, no_failed=True, results=None, resume=False,
        overwrite=False,
    )  # fmt: skip
    check_flags(settings)
    files = named_job(path)
    ResultsReader(path).tail()  # says best what is wrong with it
    if files.runs is None:
        raise UsageError(f"{path} is not a file that a run could add to")
    target = Target(settings, environment)
    run_id = new_run_id()
    outputs = Outputs(files, [], settings, Stamp(run_id, target.name, time.time), goes_on=True)
    with discarded_on_error(outputs):
        job = Job(outputs, target, target.client)
        wanted = [Result.FAILED, *[Result.REJECTED] * include_rejected]
        rows = sum(job.journal.outstanding[outcome] for outcome in wanted)
        batches = _batches(outputs.results, job.journal, frozenset(wanted))
        source = Source(batches, [], {}, lambda _: rows)
        left = sum(job.journal.outstanding[outcome] for outcome in OUTSTANDING)
        run = job.run(settings, source, run_id=run_id, inputs=[path], command="resend", watch=watch)
        if left and not rows:
            word = " or rejected" if include_rejected else ""
            run.summary.notes.append(
                f"{path}: no outstanding row is failed{word}: there is nothing to send again"
            )
        return run


def _batches(
    results: ResultsReader, journal: Journal, wanted: frozenset[Result]
) -> Iterator[list[Item]]:
    items = _items(results.lines(), journal, wanted)
    while batch := list(islice(items, _BATCH)):
        yield batch


def _items(
    lines: Iterator[ResultLine], journal: Journal, wanted: frozenset[Result]
) -> Iterator[Item]:
    for line in lines:
        outcome = Result(line.outcome)
        if outcome in wanted and journal.take_bad(read_key(line.key), outcome, line.row):
            fields = Fields(line.message_id, line.delivered, line.timestamp, line.channel)
            row = Row(line.source, line.row, line.line, fields, None, None, None, Earlier(outcome))
            # What was sent once has an id, a boolean and a channel.
            yield Conversion(row, *fields)  # type: ignore[arg-type]  # as the line above says
