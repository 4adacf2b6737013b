"""The files of one run, opened together: the journal of its job, and the failed rows beside it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from batchconv.errors import OutputError, UsageError
from batchconv.journal.append_only_file import STDOUT, AppendOnlyFile, refuse_inputs
from batchconv.journal.failed_rows.writer import FailedRows, Look
from batchconv.journal.job_files import JobFiles, check_own, set_aside
from batchconv.journal.reader import ResultsReader, Tail
from batchconv.journal.results import ResultLine, Results, Stamp, is_csv
from batchconv.journal.runs_file import RunEnd, RunsFile, RunStart
from batchconv.journal.settled_index import Journal
from batchconv.journal.stdout import Stdout
from batchconv.model import Outcome
from batchconv.settings.options import Settings

_SYNC_EVERY = 0.5  # seconds between two calls of fsync, at most
_PROBE = 4096  # bytes: a disk without space for these has none for lines


class Outputs:
    """Where outcomes are written.

    Constructing it takes the job, before anything is read: a second run on it is refused at once.
    `open_failed` follows when the inputs are known, then `load`, and `begin` when all is well:
    until then no file is changed.

    Args:
        files: of the job.
        inputs: none of them may be an output.
        settings: say what may be renamed.
        stamp: what the run adds to each line.
        goes_on: the run adds to a job that may be there already.

    Attributes:
        files: of the job.
        goes_on: the run adds to a job that may be there already.
        has_journal: the job has outcomes of earlier runs.
        tail: how the journal of those ends.
        set_aside: old and new names of files that `--overwrite` has renamed.

    Raises:
        UsageError: a file is an input or another output, or the job is there already.
        HeldError: another run holds the job.
        OutputError: it cannot be opened.
    """

    def __init__(
        self,
        files: JobFiles,
        inputs: Sequence[str],
        settings: Settings,
        stamp: Stamp,
        *,
        goes_on: bool,
    ) -> None:
        self.files = files
        self.tail = Tail(0, 0)
        self.set_aside: list[tuple[str, str]] = []
        self._settings = settings
        self._stamp = stamp
        self._failed: FailedRows | None = None
        self._results: Results
        self._place: tuple[int, int] | None = None
        self._runs = None if files.runs is None else RunsFile(files.runs)
        refuse_outputs(files, inputs, settings, goes_on=goes_on)
        self._sink = Stdout() if files.results == STDOUT else self._open()
        self.goes_on = goes_on
        self.has_journal = goes_on and self._size > 0

    @property
    def path(self) -> str:
        """Of the results."""
        return self.files.results

    @property
    def results(self) -> ResultsReader:
        """Reads what stands in the journal."""
        return ResultsReader(self.path)

    @property
    def _size(self) -> int:
        return self._sink.size if isinstance(self._sink, AppendOnlyFile) else 0

    def _open(self) -> AppendOnlyFile:
        sink = AppendOnlyFile(self.path, lock=self._runs is not None)
        if self._runs is not None:
            found = os.stat(self.path)  # noqa: PTH116 - a path may be any text here
            self._place = found.st_dev, found.st_ino
        return sink

    def open_failed(
        self, looks: Mapping[str, Look], name: Callable[[str, str], Path], run: str
    ) -> None:
        """Plan the failed-rows files of inputs.

        Args:
            looks: how the rows of each input look.
            name: tells the first name for an input and a suffix.
            run: the id of the run.
        """
        settings = self._settings
        if settings.no_failed or (self._runs is None and settings.failed is None):
            return
        self._failed = FailedRows(looks, name, run)

    def load(self, journal: Journal) -> None:
        """Let *journal* know what earlier runs of the job have settled.

        Raises:
            InputError: the results file is none.
        """
        if self.has_journal:
            self.tail = self.results.tail()
            journal.load(self.results)

    def begin(self, start: RunStart) -> None:
        """Make all files ready and record the start of the run.

        Raises:
            UsageError: what would be renamed is not a job.
            OutputError: a file cannot be changed, or the disk is full.
        """
        if self._settings.overwrite and self._runs is not None and not self.has_journal:
            self._begin_anew()
        if isinstance(self._sink, AppendOnlyFile) and self.has_journal:
            self._sink.cut(self.tail.end)
            if self.tail.unended:
                self._sink.write(b"\n")
            end = self._sink.size
            self._sink.write(b" " * _PROBE + b"\n")
            self._sink.cut(end)
        if self._runs is not None:
            self._runs.begin(start)
        self._results = Results(
            self._sink, self._stamp, as_csv=is_csv(self.path), begin=not self._size
        )

    def _begin_anew(self) -> None:
        old = self._sink
        if isinstance(old, AppendOnlyFile) and not old.size:
            old.discard()
        self.set_aside = set_aside(self.files)
        self._sink = self._open()
        old.close()

    def note_most_in_flight(self, rows: int) -> None:
        """So many rows are in flight, the most of this run; raises OutputError."""
        if self._runs is not None:
            self._runs.note_most_in_flight(rows)

    def write(self, outcome: Outcome) -> None:
        """Write the line that settles a row; raises OutputError."""
        self._results.write(outcome)

    def write_lines(self, lines: Sequence[ResultLine]) -> None:
        """Write lines that were made elsewhere, all or none; raises OutputError."""
        self._results.write_lines(lines)

    def write_failed(self, outcome: Outcome) -> None:
        """Write the row itself if it was not accepted; raises OutputError."""
        if self._failed is not None:
            self._failed.write(outcome)

    @property
    def failed_paths(self) -> list[str]:
        """The failed-rows files that this run has written."""
        return [] if self._failed is None else self._failed.written

    @property
    def failed_rows(self) -> int:
        """How many rows stand in them."""
        return 0 if self._failed is None else self._failed.rows

    @property
    def is_stream(self) -> bool:
        """Whether results go to standard output, whose reader may be slow."""
        return isinstance(self._sink, Stdout)

    async def catch_up(self) -> None:
        """Wait until a slow reader of standard output has read."""
        while self._sink.behind:
            await asyncio.sleep(0.05)

    async def keep_synced(self) -> None:
        """Push what is written to the disk again and again, off the event loop.

        Raises:
            OutputError: it did not get there, or the results file is no longer in its place.
        """
        while True:
            await asyncio.sleep(_SYNC_EVERY)
            await asyncio.to_thread(self.sync)

    def sync(self) -> None:
        """Push what is written to the disk; raises OutputError as `keep_synced`."""
        if self._failed is not None:
            self._failed.sync()
        self._sink.sync()
        self._check_place()

    def _check_place(self) -> None:
        if self._place is None:
            return
        try:
            found = os.stat(self.path)  # noqa: PTH116 - a path may be any text here
            there = (found.st_dev, found.st_ino) == self._place
        except OSError:
            there = False
        if not there:
            raise OutputError(
                f"{self.path} was deleted, moved or replaced while the run was writing to it",
                hint="put it back in its place if it was moved; a resume sends again what it lacks",
            )

    def abandon(self) -> None:
        """Wait no longer for a reader of standard output."""
        if isinstance(self._sink, Stdout):
            self._sink.abandon()

    def finish(self) -> None:
        """Push everything to the disk; raises OutputError when it does not get there."""
        with contextlib.ExitStack() as stack:
            if isinstance(self._sink, Stdout):
                stack.callback(self._sink.close)
            else:
                stack.callback(self.sync)
            if self._failed is not None:
                stack.callback(self._failed.close)

    def end(self, end: RunEnd) -> None:
        """Record how the run has ended, and release the job; raises OutputError."""
        try:
            if self._runs is not None:
                self._runs.end(end)
        finally:
            if isinstance(self._sink, AppendOnlyFile):
                self._sink.close()

    def discard(self) -> None:
        """Close the files of a run that does not take place."""
        if self._runs is not None:
            self._runs.take_back()
        if isinstance(self._sink, AppendOnlyFile):
            self._sink.discard()
        else:
            self._sink.close()


def refuse_outputs(
    files: JobFiles, inputs: Sequence[str], settings: Settings, *, goes_on: bool
) -> None:
    """Refuse an output that is an input or another output, or a job that was not asked for.

    Args:
        files: of the job.
        inputs: what is read.
        settings: name the other outputs, and say whether a job may be renamed.
        goes_on: the run adds to a job that may be there already.

    Raises:
        UsageError: there is one.
    """
    named = (
        files.results,
        files.runs,
        settings.failed,
        settings.summary,
        settings.ledger,
        settings.metrics_file,
        settings.log_file,
    )
    refuse_inputs(filter(None, named), inputs)
    if files.runs is None:
        if goes_on:
            raise UsageError(
                f"--resume needs a results file, and {files.results} is not a regular file",
                hint="name a file with -o",
            )
        return
    if not files.exists:
        return
    if not (goes_on or settings.overwrite):
        raise UsageError(
            f"{files.results} exists: a job with this name exists",
            hint="continue it with --resume, start a new job with --overwrite, or "
            "name another file with -o",
        )
    check_own(files)
