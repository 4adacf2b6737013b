"""What happens before the first request of an upload: everything that can be wrong is found."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path

from batchconv.errors import BatchconvError, UsageError
from batchconv.journal.append_only_file import refuse_remote
from batchconv.journal.atomic_write import probe
from batchconv.journal.deduplication import Accepted, Deduplicator, Memory, RunMemory, identity
from batchconv.journal.ledger import Ledger
from batchconv.journal.outcome_writer import Watch
from batchconv.journal.outputs import Outputs
from batchconv.journal.results import Stamp
from batchconv.journal.settled_index import Journal, Settled
from batchconv.model import Conversion, Outcome, Row
from batchconv.operations.target import Target
from batchconv.pipeline import Item, Run, read_rows
from batchconv.reading.formats import Layout
from batchconv.reading.reader import Reader
from batchconv.reading.sources import expand, run_stem
from batchconv.sending.open_files import check_concurrency
from batchconv.sending.transport import SYSTEM_CLOCK, Clock, OpenTransport
from batchconv.settings.options import Settings, results_path
from batchconv.settings.read_options import mapper_of
from batchconv.telemetry.observers import require_metrics
from batchconv.telemetry.run_snapshot import Expectation

Convert = Callable[[list[Row]], Sequence[Conversion | Outcome]]
"""Rows → conversions, or `invalid` outcomes, one for one."""


def prepare_upload(
    inputs: Sequence[str],
    settings: Settings,
    environment: Mapping[str, str],
    watch: Watch | None = None,
    *,
    connect: OpenTransport | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Run:
    """Check everything about an upload and open its files; it may block: a pipe has a header, too.

    Args:
        inputs: paths, folders, patterns, or `-` for standard input.
        settings: every option.
        environment: where credentials are looked for.
        watch: told of every outcome.
        connect: opens what conversions are sent through, in place of the network.
        clock: what time it is.

    Raises:
        UsageError: the settings, a column or the account is wrong.
        InputError: an input is missing or unreadable.
        OutputError: an output cannot be opened.
        HeldError: another run holds the results file.
    """
    check_flags(settings)
    base = run_stem(inputs[0])
    expanded = expand(inputs)  # a name that is mistyped is a nearer mistake than a missing key
    inputs = expanded.inputs
    target = Target(settings, environment)
    run_id = new_run_id()
    outputs = Outputs(
        results_path(settings, base),
        inputs,
        settings,
        Stamp(run_id, target.name, time.time),
    )
    with discarded_on_error(outputs):
        reader, batches = read_rows(inputs, settings)
        convert = mapper_of(settings, timestamps=target.rows_may_have_times).all
        outputs.open_failed(reader.layouts, partial(_reread, settings))
        run = open_run(
            settings,
            target=target,
            outputs=outputs,
            sources=inputs,
            batches=batches,
            convert=convert,
            damages=reader.damages,
            run_id=run_id,
            watch=watch,
            expect=partial(_expected, reader, settings.limit),
            connect=connect,
            clock=clock,
        )
        run.summary.note = expanded.note(reader.left_out)
        return run


def _expected(reader: Reader, limit: int | None, read: int) -> float | None:
    rows = reader.expect(read)
    return rows if rows is None or limit is None else min(rows, limit)


def _reread(settings: Settings, path: Path, layout: Layout) -> Iterator[Row]:
    """The rows of a failed-rows file, read as its input is."""
    like = replace(
        settings,
        format=layout.format,
        delimiter=layout.delimiter or None,
        encoding=None,
        compression="none",
        limit=None,
        # Five columns more, quotes, and UTF-8 in the place of what may have been shorter.
        max_row_bytes=4 * settings.max_row_bytes + 1024,
    )
    return chain.from_iterable(read_rows([str(path)], like)[1])


@contextmanager
def discarded_on_error(outputs: Outputs) -> Iterator[None]:
    """Let go of the outputs when the run does not take place after all."""
    try:
        yield
    except BaseException:
        outputs.discard()
        raise


def open_run(
    settings: Settings,
    *,
    target: Target,
    outputs: Outputs,
    sources: Iterable[str],
    batches: Iterable[list[Row]],
    convert: Convert,
    damages: list[BatchconvError],
    run_id: str,
    watch: Watch | None,
    expect: Expectation,
    connect: OpenTransport | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Run:
    """A run over what earlier runs in the same results file have left of *batches*.

    Raises:
        UsageError: the results file tells of another target, or the ledger is none.
        InputError: the results file is none.
        HeldError: another run holds the ledger.
    """
    journal = Journal(sources, target.name)
    outputs.load(journal)
    run = Run(
        settings,
        connect=connect or target.client,
        clock=clock,
        outputs=outputs,
        batches=_items(batches, convert, journal),
        damages=damages,
        run_id=run_id,
        once=_open_once(settings, target, outputs, run_id),
        watch=watch,
        expect=expect,
    )
    run.summary.earlier = journal.outcomes
    run.summary.torn = outputs.torn
    return run


def _open_once(
    settings: Settings, target: Target, outputs: Outputs, run_id: str
) -> Deduplicator | None:
    """What keeps equal rows from being sent again, knowing what earlier runs had accepted."""
    memory: Memory
    if settings.ledger is not None:
        memory = Ledger(settings.ledger, settings.base_url, target.api_key, run_id)
    elif settings.duplicates == "skip":
        memory = RunMemory()
    else:
        return None
    try:
        memory.add_all(
            Accepted(
                identity(line.message_id or "", line.delivered, line.timestamp, line.channel),
                line.run,
                line.source,
                line.row,
            )
            for line in outputs.accepted_before()
        )
    except BaseException:
        memory.close()
        raise
    return Deduplicator(memory, run_id)


def check_flags(settings: Settings) -> None:
    """Refuse flags that contradict each other with a UsageError."""
    if settings.simulate and settings.ledger:
        raise UsageError("--simulate sends nothing that a --ledger could remember: give only one")
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
        raise UsageError("--resume goes on with a file and --overwrite empties it: give only one")
    if settings.metrics_file is not None:
        require_metrics()


def _items(
    batches: Iterable[list[Row]], convert: Convert, journal: Journal
) -> Iterable[Sequence[Item]]:
    """What is to be done with each row; of those that were settled before it is told how many."""
    if not journal.outcomes:
        return map(convert, batches)
    return (_left_of(batch, convert, journal) for batch in batches)


def _left_of(batch: list[Row], convert: Convert, journal: Journal) -> list[Item]:
    found = list(journal.settle(batch))
    converted = iter(convert([one for one in found if isinstance(one, Row)]))
    return [one if isinstance(one, Settled) else next(converted) for one in found]


def new_run_id() -> str:
    """Sorts by time, and differs between runs of one second."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
