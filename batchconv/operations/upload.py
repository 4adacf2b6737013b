"""What happens before the first request of an upload: everything that can be wrong is found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from batchconv.errors import UsageError
from batchconv.journal.failed_rows.writer import looks
from batchconv.journal.outcome_writer import Watch
from batchconv.journal.outputs import Outputs
from batchconv.journal.results import Stamp
from batchconv.operations.failed_names import name_failed_rows
from batchconv.operations.job import (
    Job,
    check_flags,
    discarded_on_error,
    new_run_id,
)
from batchconv.operations.target import Target
from batchconv.operations.upload_rows import find_source, understand
from batchconv.pipeline import Run
from batchconv.sending.transport import SYSTEM_CLOCK, Clock, OpenTransport
from batchconv.settings.options import Settings


def prepare_upload(
    inputs: Sequence[str],
    settings: Settings,
    environment: Mapping[str, str],
    watch: Watch | None = None,
    *,
    given: Collection[str] | None = None,
    connect: OpenTransport | None = None,
    clock: Clock = SYSTEM_CLOCK,
    heed: Callable[[], object] = bool,
) -> Run:
    """Check everything about an upload and open its files; it may block: a pipe has a header, too.

    Args:
        inputs: paths, folders, patterns, or `-` for standard input; or failed-rows files of a
            job, to go on with it.
        settings: every option.
        environment: where credentials are looked for.
        watch: called with every outcome.
        given: the settings that were given for this very run, which beat those that failed rows
            were written with; None for all that are not at their defaults.
        connect: opens what conversions are sent through, in place of the network.
        clock: what time it is.
        heed: called again and again while rows are read; what it raises ends that.

    Raises:
        UsageError: the settings, a column or the account is wrong.
        InputError: an input is missing or unreadable.
        OutputError: an output cannot be opened.
        HeldError: another run holds the job.
    """
    check_flags(settings)
    if settings.dry_run:
        raise UsageError("a dry run sends nothing: operations.dry_run does it, or --dry-run")
    if settings.strict:
        from batchconv.operations.dry_run import check_strict  # noqa: PLC0415 - start-up

        check_strict(inputs, settings, environment, given, heed)
    asked = understand(inputs, settings, given)  # a mistyped name is nearer than a missing key
    files, corrections = asked.files, asked.corrections
    target = Target(settings, environment)
    run_id = new_run_id()
    outputs = Outputs(
        files,
        asked.inputs.all,
        settings,
        Stamp(run_id, target.name, clock.wall),
        goes_on=asked.goes_on(settings),
    )
    with discarded_on_error(outputs):
        job = Job(outputs, target, connect or target.client, clock)
        source, notes, layouts = find_source(asked, settings, target, job.journal, job.runs)
        settings = settings if corrections is None else corrections.settings
        name = name_failed_rows(files, inputs, settings.failed, fed=corrections is not None)
        outputs.open_failed(looks(layouts, source.columns), name, run_id)
        run = job.run(settings, source, run_id=run_id, inputs=inputs, command="upload", watch=watch)
        run.summary.notes += [*asked.inputs.notes, *notes]
        return run
