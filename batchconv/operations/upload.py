"""What happens before the first request of an upload: everything that can be wrong is found."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from batchconv.errors import UsageError
from batchconv.journal.failed_rows.writer import looks
from batchconv.journal.job_files import JobFiles, name_job
from batchconv.journal.outcome_writer import Watch
from batchconv.journal.outputs import Outputs
from batchconv.journal.results import Stamp
from batchconv.journal.settled_index import Journal
from batchconv.model import Result
from batchconv.operations.corrections import Corrections
from batchconv.operations.failed_names import name_failed_rows
from batchconv.operations.job import (
    Job,
    Source,
    check_flags,
    discarded_on_error,
    limited,
    new_run_id,
)
from batchconv.operations.own_inputs import sort_inputs
from batchconv.operations.row_options import check_rows_known, differences
from batchconv.operations.target import Target
from batchconv.pipeline import Run, read_rows
from batchconv.reading.reader import Reader
from batchconv.sending.transport import SYSTEM_CLOCK, Clock, OpenTransport
from batchconv.settings.options import Settings
from batchconv.settings.read_options import mapper_of

RETRIES: dict[str | None, frozenset[Result]] = {
    None: frozenset({Result.FAILED}),
    "failed": frozenset({Result.FAILED}),
    "rejected": frozenset({Result.FAILED, Result.REJECTED}),
    "none": frozenset(),
}
"""`--retry` → outcomes of earlier runs that a resume does not leave as they are."""


def prepare_upload(
    inputs: Sequence[str],
    settings: Settings,
    environment: Mapping[str, str],
    watch: Watch | None = None,
    *,
    given: Collection[str] | None = None,
    connect: OpenTransport | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Run:
    """Check everything about an upload and open its files; it may block: a pipe has a header, too.

    Args:
        inputs: paths, folders, patterns, or `-` for standard input; or failed-rows files of a
            job, to go on with it.
        settings: every option.
        environment: where credentials are looked for.
        watch: told of every outcome.
        given: the settings that were given for this very run, which beat those that failed rows
            were written with; None for all that are not at their defaults.
        connect: opens what conversions are sent through, in place of the network.
        clock: what time it is.

    Raises:
        UsageError: the settings, a column or the account is wrong.
        InputError: an input is missing or unreadable.
        OutputError: an output cannot be opened.
        HeldError: another run holds the job.
    """
    check_flags(settings)
    simulated = settings.simulate is not None
    sorted_inputs = sort_inputs(inputs)  # a mistyped name is a nearer mistake than a missing key
    corrections = None
    if sorted_inputs.failed_rows:
        corrections = Corrections(sorted_inputs.failed_rows, settings, given)
        files = corrections.files
    else:
        if settings.resume and settings.results is None and len(inputs) > 1:
            raise UsageError(
                "--resume with several inputs cannot tell which job is meant: another input may "
                "come first the next time",
                hint="name the results with -o, in the first run and in those that go on with it",
            )
        files = name_job(inputs, settings.results, simulated=simulated)
    target = Target(settings, environment)
    run_id = new_run_id()
    outputs = Outputs(
        files,
        sorted_inputs.all,
        settings,
        Stamp(run_id, target.name, clock.wall),
        goes_on=settings.resume or corrections is not None,
    )
    with discarded_on_error(outputs):
        job = Job(outputs, target, connect or target.client, clock)
        if corrections is not None:
            source, notes = corrections.source(job.journal, job.runs, target)
            layouts, settings = corrections.layouts, corrections.settings
        else:
            reader, source = _source(sorted_inputs.inputs, settings, target, job.journal)
            layouts = reader.layouts
            notes = _resume_notes(files, job, settings, reader) if settings.resume else []
        name = name_failed_rows(files, inputs, settings.failed, fed=corrections is not None)
        outputs.open_failed(looks(layouts, source.columns), name, run_id)
        run = job.run(settings, source, run_id=run_id, inputs=inputs, command="upload", watch=watch)
        run.summary.notes += [*sorted_inputs.notes, *notes]
        return run


def _source(
    inputs: Sequence[str], settings: Settings, target: Target, journal: Journal
) -> tuple[Reader, Source]:
    reader, batches = read_rows(inputs, replace(settings, limit=None))
    convert = mapper_of(settings, timestamps=target.rows_may_have_times).all
    retry = RETRIES[settings.retry]
    items = (list(journal.settle(convert(batch), retry)) for batch in batches)
    expect = partial(_expected, reader, settings.limit)
    return reader, Source(limited(items, settings.limit), reader.damages, reader.columns, expect)


def _expected(reader: Reader, limit: int | None, read: int) -> float | None:
    rows = reader.expect(read)
    return rows if rows is None or limit is None else min(rows, limit)


def _resume_notes(files: JobFiles, job: Job, settings: Settings, reader: Reader) -> list[str]:
    """What to say of the job that was found; raises UsageError when its rows are not these."""
    looked = " and ".join(files.looked_for)
    if not job.outputs.has_journal:
        return [f"--resume: no job at {looked}; a new one begins"]
    notes = [f"--resume: going on with {files.results}: {job.journal.told()}"]
    uploads = [run.start.options for run in job.runs if run.start.command == "upload"]
    if uploads and (changed := differences(uploads[-1], settings)):
        notes.append(
            "options about rows differ from those of the job's last run: " + ", ".join(changed)
        )
        check_rows_known(reader, settings, job.journal, changed)
    return notes
