"""The rows of an earlier run that failed, sent again into a results file of their own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from batchconv.errors import UsageError
from batchconv.journal.append_only_file import AppendOnlyFile
from batchconv.journal.outcome_writer import Watch
from batchconv.journal.outputs import Outputs
from batchconv.journal.result_lines import read_lines
from batchconv.journal.results import ResultLine, Stamp
from batchconv.model import Conversion, Fields, Outcome, Result, Row
from batchconv.operations.target import Target
from batchconv.operations.upload import check_flags, discarded_on_error, new_run_id, open_run
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

    Source, row, line and key of each row stay as they are, so that `audit` can follow it.

    Args:
        path: results of an upload or of an earlier resend.
        settings: every option; those about reading rows are not used.
        environment: where credentials are looked for.
        include_rejected: send rejected rows, too.
        watch: told of every outcome.

    Raises:
        UsageError: the settings or the account is wrong, or the results tell of another target.
        InputError: *path* is no results file.
        OutputError: an output cannot be opened.
        HeldError: another run holds one of the two results files.
    """
    settings = replace(settings, max_age=None)  # what failed was young enough when it was read
    check_flags(settings)
    target = Target(settings, environment)
    wanted = {Result.FAILED.value} | ({Result.REJECTED.value} if include_rejected else set())
    AppendOnlyFile.check_free(path)
    sources, rows = _check(path, frozenset(wanted), target.name)
    run_id = new_run_id()
    outputs = Outputs(
        settings.results or resend_path(path),
        [path],
        settings,
        Stamp(run_id, target.name, time.time),
    )
    with discarded_on_error(outputs):
        return open_run(
            settings,
            target=target,
            outputs=outputs,
            sources=sources,
            batches=_batches(path, frozenset(wanted)),
            convert=_conversions,
            damages=[],
            run_id=run_id,
            watch=watch,
            expect=lambda _: rows,
        )


def resend_path(path: str) -> str:
    """Where a resend's outcomes go: `export.results.jsonl` → `export.resend.results.jsonl`."""
    name = Path(path).name
    for ending in (".results.jsonl", ".results.csv"):
        if name.lower().endswith(ending):
            return f"{name[: -len(ending)]}.resend{name[-len(ending) :]}"
    return f"{Path(name).stem}.resend.results.jsonl"


def _check(path: str, wanted: frozenset[str], target: str) -> tuple[list[str], int]:
    """The inputs that the rows come from, and how many rows there are; each is looked at."""
    sources: dict[str, None] = {}
    rows = 0
    for line in read_lines(path, wanted):
        if line.target != target:
            raise UsageError(
                f"{path} tells of a run against {line.target!r}, and this one is against "
                f"{target!r}",
                hint="send to the same target, or feed the failed-rows file to upload",
            )
        sources[line.source] = None
        rows += 1
    return list(sources), rows


def _batches(path: str, wanted: frozenset[str]) -> Iterator[list[Row]]:
    lines = read_lines(path, wanted)
    while batch := list(map(_row, islice(lines, _BATCH))):
        yield batch


def _row(line: ResultLine) -> Row:
    fields = Fields(line.message_id, line.delivered, line.timestamp, line.channel)
    return Row(line.source, line.row, line.line, fields, None, None, None, line.key)


def _conversions(rows: Iterable[Row]) -> list[Conversion | Outcome]:
    return [Conversion(row, *row.fields) for row in rows]  # type: ignore[arg-type]  # what was sent once has an id, a boolean and a channel
