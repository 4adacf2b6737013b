"""A job that is gone on with: what its journal says, and a run that adds to it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from batchconv.errors import BatchconvError, UsageError
from batchconv.journal.append_only_file import refuse_remote
from batchconv.journal.atomic_write import probe
from batchconv.journal.deduplication import Accepted, Deduplicator, Memory, RunMemory
from batchconv.journal.outcome_writer import Watch
from batchconv.journal.outputs import Outputs
from batchconv.journal.runs_file import JobRun, RunsFile, RunStart, inputs_of_job, moment
from batchconv.journal.settled_index import Item, Journal, Settled
from batchconv.model import Result, read_key
from batchconv.operations.target import SIMULATED, Target
from batchconv.pipeline import Run
from batchconv.reading.columns import Recognised
from batchconv.reading.formats import Aside
from batchconv.reading.sources import shown_input
from batchconv.sending.open_files import check_concurrency
from batchconv.sending.transport import SYSTEM_CLOCK, Clock, OpenTransport
from batchconv.settings.options import Settings
from batchconv.telemetry.events import AsAsked
from batchconv.telemetry.observers import require_metrics
from batchconv.telemetry.run_snapshot import Expectation


class Source(NamedTuple):
    """Where the rows of a run come from.

    Attributes:
        batches: what is to be done with each row; iterated in a thread.
        damages: filled by the iteration.
        columns: of each input.
        expect: tells how many rows there are.
        aside: what stands in the inputs and is not a row; filled by the iteration.
    """

    batches: Iterable[Sequence[Item]]
    damages: list[BatchconvError]
    columns: Mapping[str, Recognised]
    expect: Expectation
    aside: Aside = Aside()


class Job:
    """A job that was opened: what its earlier runs settled, and where they sent it.

    Args:
        outputs: its files.
        target: where the run sends.
        connect: opens what conversions are sent through.
        clock: what time it is.

    Raises:
        UsageError: the job was sent somewhere else.
        InputError: its results file is none.
    """

    def __init__(
        self, outputs: Outputs, target: Target, connect: OpenTransport, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.outputs = outputs
        self.journal = Journal()
        outputs.load(self.journal)
        runs = outputs.files.runs if outputs.goes_on else None
        self.runs: list[JobRun] = RunsFile(runs).read() if runs else []
        self._target = target
        self._connect = connect
        self._clock = clock
        check_target(self.journal, outputs.path, target.name)

    def run(
        self,
        settings: Settings,
        source: Source,
        *,
        run_id: str,
        inputs: Sequence[str],
        command: str,
        watch: Watch | None,
    ) -> Run:
        """A run of the job, recorded in its files; everything that can be wrong was checked before.

        Raises:
            UsageError: the ledger is none.
            HeldError: another run holds the ledger.
            OutputError: a file cannot be written.
        """
        start = RunStart(
            run_id,
            moment(self._clock.wall()),
            command,
            list(map(shown_input, inputs)),
            self._target.name,
            settings.shown(),
        )
        deduplicator = self._open_deduplicator(settings, run_id)
        try:
            self.outputs.begin(start)
        except BaseException:
            if deduplicator is not None:
                deduplicator.close()
            raise
        run = Run(
            settings,
            connect=self._connect,
            clock=self._clock,
            outputs=self.outputs,
            batches=source.batches,
            damages=source.damages,
            run_id=run_id,
            deduplicator=deduplicator,
            watch=watch,
            expect=source.expect,
            result_unknown=rows_of_unknown_result(self.runs),
        )
        summary = run.summary
        summary.columns = source.columns
        summary.aside = source.aside
        summary.torn = self.outputs.tail.torn
        summary.outstanding += self.journal.outstanding
        summary.accepted_before = bool(self.journal.accepted_by)
        summary.inputs_of_job = inputs_of_job([*(one.start for one in self.runs), start])
        summary.failed_of_job = [
            path for one in self.runs if one.end is not None for path in one.end.failed_rows
        ]
        summary.notes += self._target.notes
        summary.notes += [
            AsAsked(f"{old} is renamed as {new}") for old, new in self.outputs.set_aside
        ]
        return run

    def _open_deduplicator(self, settings: Settings, run_id: str) -> Deduplicator | None:
        """What keeps equal rows from being sent again, knowing what earlier runs had accepted."""
        memory: Memory
        if settings.ledger is not None:
            from batchconv.journal.ledger import Ledger  # noqa: PLC0415 - start-up

            memory = Ledger(settings.ledger, settings.base_url, self._target.api_key, run_id)
        elif settings.duplicates == "skip":
            memory = RunMemory()
        else:
            return None
        try:
            if not self.outputs.has_journal:
                pass
            elif isinstance(memory, RunMemory):
                memory.load(self.outputs.results)
            elif not (self.runs and all(memory.knows(one.start.run) for one in self.runs)):
                memory.add_all(
                    Accepted(read_key(line.key), line.run, line.source, line.row)
                    for line in self.outputs.results.lines()
                    if line.outcome == Result.ACCEPTED
                )
        except BaseException:
            memory.close()
            raise
        return Deduplicator(memory, run_id)


def check_target(journal: Journal, path: str, name: str) -> None:
    """Refuse a target that is not the one of the job; raises UsageError.

    Args:
        journal: of the job.
        path: of its results.
        name: of the target of this run.
    """
    others = journal.accepted_by - {name}
    if journal.targets and (SIMULATED in journal.targets) != (name == SIMULATED):
        others |= journal.targets - {name}
    if others:
        raise UsageError(
            f"{path} has rows that were sent to {min(others)}, and this run sends to {name}",
            hint="send to the same target, or name another results file with -o",
        )


def rows_of_unknown_result(runs: Iterable[JobRun]) -> int:
    """Rows that earlier runs may have sent with an unknown result, at most.

    A run that ended has counted them; one that crashed may have sent all that were in flight.
    """
    result_unknown = 0
    for run in runs:
        if run.end is not None:
            result_unknown = run.end.result_unknown
        else:
            result_unknown += run.start.most_in_flight
    return result_unknown


@contextmanager
def discarded_on_error(outputs: Outputs) -> Iterator[None]:
    """Close the outputs of a run that does not take place."""
    try:
        yield
    except BaseException:
        outputs.discard()
        raise


def check_flags(settings: Settings) -> None:
    """Refuse flags that contradict each other with a UsageError."""
    if settings.simulate and settings.ledger:
        raise UsageError(
            "--simulate and --ledger cannot be used together: a simulated run sends nothing"
        )
    refuse_remote(
        {
            "--results": settings.results,
            "--failed": settings.failed,
            "--summary": settings.summary,
            "--ledger": settings.ledger,
        }
    )
    if settings.summary is not None:
        probe(settings.summary, "--summary")
    if settings.metrics_file is not None:
        probe(settings.metrics_file, "--metrics-file")
    if settings.concurrency is not None:
        check_concurrency(settings.concurrency, embedded=settings.simulate is not None)
    if settings.resume and settings.overwrite:
        raise UsageError("--resume and --overwrite cannot be used together")
    if settings.retry is not None and not settings.resume:
        raise UsageError("--retry is about the rows of an earlier run: give --resume as well")
    if settings.failed is not None and settings.no_failed:
        raise UsageError("--failed and --no-failed cannot be used together")
    if settings.metrics_file is not None:
        require_metrics()


def new_run_id() -> str:
    """Sorts by time, and differs between runs of one second."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def limited(batches: Iterator[list[Item]], limit: int | None) -> Iterator[list[Item]]:
    """The first *limit* items that are not settled; nothing is read once they are there."""
    if limit is None:
        yield from batches
        return
    for batch in batches:
        kept = 0
        for item in batch:
            kept += 1
            limit -= not isinstance(item, Settled)
            if not limit:
                break
        yield batch[:kept]
        if not limit:
            return
