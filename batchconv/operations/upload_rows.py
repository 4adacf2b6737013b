"""Which rows an upload is about, and what its job says of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from batchconv.errors import UsageError
from batchconv.journal.job_files import JobFiles, name_job
from batchconv.journal.runs_file import JobRun
from batchconv.journal.settled_index import Journal
from batchconv.model import Result
from batchconv.operations.job import Source, limited
from batchconv.operations.own_inputs import SortedInputs, sort_inputs
from batchconv.operations.read_inputs import read_rows
from batchconv.operations.target import Target
from batchconv.operations.unknown_times import unknown_times
from batchconv.reading.formats import Layout
from batchconv.reading.reader import Reader
from batchconv.settings.options import Settings
from batchconv.settings.read_options import mapper_of
from batchconv.telemetry.events import AsAsked

if TYPE_CHECKING:
    from batchconv.operations.corrections import Corrections

RETRIES: dict[str | None, frozenset[Result]] = {
    None: frozenset({Result.FAILED}),
    "failed": frozenset({Result.FAILED}),
    "rejected": frozenset({Result.FAILED, Result.REJECTED}),
    "none": frozenset(),
}
"""`--retry` → outcomes of earlier runs that a resume does not leave as they are."""


class Asked(NamedTuple):
    """What an upload was asked to do.

    Attributes:
        inputs: all that is read.
        files: of the job.
        corrections: the corrected rows, if that is what the inputs hold.
    """

    inputs: SortedInputs
    files: JobFiles
    corrections: Corrections | None

    def goes_on(self, settings: Settings) -> bool:
        """Whether the run adds to a job that may be there already."""
        return settings.resume or self.corrections is not None


def understand(inputs: Sequence[str], settings: Settings, given: Collection[str] | None) -> Asked:
    """Which job is meant, and whether it is corrected rows that are fed back to it.

    Raises:
        UsageError: it is not clear which job is meant, or it is not there.
        InputError: an input is missing.
    """
    sorted_inputs = sort_inputs(inputs)
    if sorted_inputs.failed_rows:
        from batchconv.operations.corrections import Corrections  # noqa: PLC0415 - start-up

        corrections = Corrections(sorted_inputs.failed_rows, settings, given)
        return Asked(sorted_inputs, corrections.files, corrections)
    if settings.resume and settings.results is None and len(inputs) > 1:
        raise UsageError(
            "--resume with several inputs cannot tell which job is meant: another input may "
            "come first the next time",
            hint="name the results with -o, in the first run and in every resume",
        )
    simulated = settings.simulate is not None
    files = name_job(inputs, settings.results, simulated=simulated)
    return Asked(sorted_inputs, files, None)


class Found(NamedTuple):
    """The rows of an upload.

    Attributes:
        notes: sentences about the job and about rows that are left out.
        layouts: how the rows of each input look.
    """

    source: Source
    notes: list[str]
    layouts: Mapping[str, Layout]


def find_source(
    asked: Asked, settings: Settings, target: Target, journal: Journal, runs: Sequence[JobRun]
) -> Found:
    """What is to be done with each row of an upload, as far as its job knows.

    Args:
        asked: which rows, and which job.
        settings: of the run.
        target: where it sends.
        journal: what earlier runs settled.
        runs: of the job.

    Raises:
        UsageError: a setting or a column is wrong, or the job knows none of the rows.
        InputError: an input is missing or unreadable.
    """
    if asked.corrections is not None:
        source, notes = asked.corrections.source(journal, runs, target)
        return Found(source, notes, asked.corrections.layouts)
    reader, source = _source(asked.inputs.inputs, settings, target, journal)
    notes = _resume_notes(asked.files, settings, reader, journal, runs) if settings.resume else []
    notes += unknown_times(reader.layouts, settings)
    return Found(source, notes, reader.layouts)


def _source(
    inputs: Sequence[str], settings: Settings, target: Target, journal: Journal
) -> tuple[Reader, Source]:
    reader, batches = read_rows(inputs, replace(settings, limit=None))
    convert = mapper_of(settings, timestamps=target.rows_may_have_times).all
    retry = RETRIES[settings.retry]
    items = (list(journal.settle(convert(batch), retry)) for batch in batches)
    expect = partial(_expected, reader, settings.limit)
    return reader, Source(
        limited(items, settings.limit), reader.damages, reader.columns, expect, reader.aside
    )


def _expected(reader: Reader, limit: int | None, read: int) -> float | None:
    rows = reader.expect(read)
    return rows if rows is None or limit is None else min(rows, limit)


def _resume_notes(
    files: JobFiles, settings: Settings, reader: Reader, journal: Journal, runs: Sequence[JobRun]
) -> list[str]:
    """What to say of the job that was found; raises UsageError when its rows are not these."""
    from batchconv.operations.row_options import (  # noqa: PLC0415 - start-up
        check_rows_known,
        differences,
    )

    looked = " and ".join(files.looked_for)
    if not (journal.lines or runs):
        return [AsAsked(f"--resume: no job at {looked}; starting a new one")]
    notes: list[str] = [AsAsked(f"--resume: continuing {files.results}: {journal.told()}")]
    uploads = [run.start.options for run in runs if run.start.command == "upload"]
    if uploads and (changed := differences(uploads[-1], settings)):
        notes.append(
            "options about rows differ from those of the job's last run: " + ", ".join(changed)
        )
        check_rows_known(reader, settings, journal, changed)
    return notes
