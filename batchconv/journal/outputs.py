"""The files of one run, opened together: results, and the failed rows beside them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from batchconv.errors import InputError, UsageError
from batchconv.journal.append_only_file import STDOUT, AppendOnlyFile, refuse_inputs
from batchconv.journal.failed_rows.lines import Reread
from batchconv.journal.failed_rows.names import Plan, Planner, name_files
from batchconv.journal.failed_rows.owner import Claims, find_claims
from batchconv.journal.failed_rows.writer import FailedRows
from batchconv.journal.result_lines import read_lines
from batchconv.journal.results import ResultLine, Results, Stamp, is_csv
from batchconv.journal.settled_index import Journal
from batchconv.journal.stdout import Stdout
from batchconv.model import Outcome, Result
from batchconv.reading.formats import Layout
from batchconv.settings.options import Settings, same_folder

_ACCEPTED = frozenset({Result.ACCEPTED.value})
_SYNC_EVERY = 0.5  # seconds between two calls of fsync, at most


class Outputs:
    """Where outcomes are written.

    Constructing it takes the results file, before anything is read: a second run on the same
    file is told so at once. `open_failed` follows when the inputs are known, and `load` when all
    is well with them: until then no file is changed.

    Args:
        path: of the results; `-` for standard output.
        inputs: none of them may be an output.
        settings: say what may be replaced or gone on with.
        stamp: what the run adds to each line.

    Attributes:
        has_journal: the results file tells of earlier runs.
        torn: bytes of a torn last line that were cut off.

    Raises:
        UsageError: the path is an input or another output, or is there already.
        HeldError: another run holds it.
        OutputError: it cannot be opened.
    """

    def __init__(self, path: str, inputs: Sequence[str], settings: Settings, stamp: Stamp) -> None:
        self.path = path
        self.torn = 0
        self.has_journal = False
        self._settings = settings
        self._stamp = stamp
        self._inputs = inputs
        named = (path, settings.summary, settings.ledger, settings.metrics_file, settings.log_file)
        self._named = [name for name in named if name]
        self._failed: FailedRows | None = None
        self._results: Results
        refuse_inputs(self._named, inputs)
        self._sink: AppendOnlyFile | Stdout
        if path == STDOUT:
            if settings.resume:
                raise UsageError("--resume needs a results file, and standard output is none")
            self._sink = Stdout()
        else:
            self._sink = AppendOnlyFile(path, lock=True)
            self.has_journal = settings.resume and self._sink.size > 0
            if self._sink.size and not (settings.resume or settings.overwrite):
                self._sink.close()
                raise UsageError(
                    f"{path} exists and is not empty",
                    hint="go on with that run by --resume, replace it with --overwrite, or name "
                    "another file with -o",
                )

    def open_failed(self, layouts: Mapping[str, Layout], reread: Reread) -> None:
        """Plan the failed-rows files of inputs.

        Args:
            layouts: how each input looks.
            reread: reads a failed-rows file as the inputs are read.

        Raises:
            UsageError: a file is an input or another output, or is there already.
            InputError: the results file that the run goes on with is none.
        """
        settings = self._settings
        if settings.no_failed:
            return
        folder = same_folder(self.path)
        named: Plan | Path = folder
        if settings.failed is not None:
            ours = self.has_journal or settings.overwrite
            named = name_files(settings.failed, layouts, ours=ours)
        if isinstance(named, Plan):
            plan = named
        else:
            looks = {name: layout.of_failed_rows for name, layout in layouts.items()}
            plan = self._plan(Planner(looks, named), reread)
        paths = (str(path) for files in plan.files.values() for path in files)
        refuse_inputs([*self._named, *paths], self._inputs)
        self._failed = FailedRows(plan, layouts, reread)

    def _plan(self, planner: Planner, reread: Reread) -> Plan:
        claims: Claims | None = None
        if isinstance(self._sink, AppendOnlyFile) and self._sink.size:
            try:
                claims = find_claims(self.path, planner.candidates(), reread)
            except InputError:
                if self.has_journal:
                    raise  # what is to be replaced may be anything
        return planner.plan(claims)

    def load(self, journal: Journal) -> None:
        """Let *journal* know what earlier runs in the same file settled; make all files ready.

        Raises:
            UsageError: the results file tells of another target.
            InputError: it is none, or a failed-rows file is none.
            OutputError: a file cannot be changed.
        """
        if self.has_journal:
            if self._failed is not None:
                self._failed.read_back()
            tail = journal.load(self.path, self._has_failed)
            self.torn = tail.torn
            if isinstance(self._sink, AppendOnlyFile):
                self._sink.cut(tail.end)
                if tail.unended:
                    self._sink.write(b"\n")
                self.has_journal = self._sink.size > 0
        elif self._settings.overwrite:
            if self._failed is not None:
                self._failed.clear()
            if isinstance(self._sink, AppendOnlyFile):
                self._sink.cut(0)
        self._results = Results(
            self._sink, self._stamp, as_csv=is_csv(self.path), begin=not self.has_journal
        )

    def accepted_before(self) -> Iterator[ResultLine]:
        """What earlier runs in the same file had accepted."""
        return read_lines(self.path, _ACCEPTED) if self.has_journal else iter(())

    def _has_failed(self, source: str, row: int, key: bytes) -> bool:
        return self._failed is None or self._failed.has_row(source, row, key)

    @property
    def failed_paths(self) -> list[str]:
        """The failed-rows files that this run has written to."""
        return [] if self._failed is None else self._failed.written

    def write_results(self, outcomes: Sequence[Outcome]) -> None:
        """Write the lines that settle rows, all or none; raises OutputError."""
        self._results.write(outcomes)

    def write_failed(self, outcome: Outcome) -> None:
        """Write the row itself if it was not accepted; raises OutputError."""
        if self._failed is not None:
            self._failed.write(outcome)

    def restore_failed(self, outcome: Outcome) -> None:
        """Write a row that an earlier run settled, if its failed-rows file lacks it."""
        if self._failed is not None:
            self._failed.restore(outcome)

    @property
    def behind(self) -> bool:
        """Whether a slow reader of standard output has to be waited for."""
        return self._sink.behind

    async def catch_up(self) -> None:
        """Wait until a slow reader of standard output has read."""
        while self._sink.behind:
            await asyncio.sleep(0.05)

    async def keep_synced(self) -> None:
        """Push what is written to the disk again and again, off the event loop.

        Raises:
            OutputError: it did not get there.
        """
        while True:
            await asyncio.sleep(_SYNC_EVERY)
            await asyncio.to_thread(self._sync)

    def _sync(self) -> None:
        self._sink.sync()
        if self._failed is not None:
            self._failed.sync()

    def abandon(self) -> None:
        """Wait no longer for a reader of standard output."""
        if isinstance(self._sink, Stdout):
            self._sink.abandon()

    def close(self) -> None:
        """Push everything to the disk and close all; raises OutputError afterwards."""
        with contextlib.ExitStack() as stack:
            if self._failed is not None:
                stack.callback(self._failed.close)
            stack.callback(self._sink.close)

    def discard(self) -> None:
        """Let go of the files when the run does not take place after all."""
        if isinstance(self._sink, AppendOnlyFile):
            self._sink.discard()
        else:
            self._sink.close()
