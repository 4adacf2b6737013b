"""The files of one run, opened together: results, and the failed rows beside them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

from batchconv.config import Settings, same_folder
from batchconv.errors import UsageError
from batchconv.failed import FailedRows, plan_paths
from batchconv.formats import Layout
from batchconv.journal import Journal, find_tail
from batchconv.model import Outcome, Result
from batchconv.output import STDOUT, LineFile, Stdout, refuse_inputs
from batchconv.results import ResultLine, Results, Stamp, is_csv, read_lines
from batchconv.source import is_stdin

_ACCEPTED = frozenset({Result.ACCEPTED.value})
_SYNC_EVERY = 0.5  # seconds between two calls of fsync, at most


class Outputs:
    """Where outcomes are written.

    Constructing it takes the results file, before anything is read: a second run on the same
    file is told so at once. `open_failed` follows when the inputs are known.

    Args:
        path: of the results; `-` for standard output.
        inputs: none of them may be an output.
        settings: say what may be replaced or gone on with.
        stamp: what the run adds to each line.

    Attributes:
        torn: bytes of a torn last line that were cut off.

    Raises:
        UsageError: the path is an input, or is there already.
        HeldError: another run holds it.
        OutputError: it cannot be opened.
    """

    def __init__(self, path: str, inputs: Sequence[str], settings: Settings, stamp: Stamp) -> None:
        self.path = path
        self.torn = 0
        self._settings = settings
        self._inputs = [name for name in inputs if not is_stdin(name)]
        self._failed: FailedRows | None = None
        refuse_inputs(filter(None, (path, settings.summary, settings.ledger)), self._inputs)
        self._sink: LineFile | Stdout
        if path == STDOUT:
            if settings.resume:
                raise UsageError("--resume needs a results file, and standard output is none")
            self._sink = Stdout()
        else:
            self._sink = LineFile(path, lock=True)
            try:
                self._prepare(self._sink)
            except BaseException:
                self._sink.close()
                raise
        self._results = Results(self._sink, stamp, as_csv=is_csv(path), begin=not self.has_journal)

    def _prepare(self, file: LineFile) -> None:
        settings = self._settings
        if settings.overwrite:
            file.cut(0)
        elif settings.resume and file.size:
            with open(self.path, "rb") as journal:  # noqa: PTH123 - a path may be any text here
                end, self.torn = find_tail(journal)
            file.cut(end)
        elif file.size:
            raise UsageError(
                f"{self.path} exists and is not empty",
                hint="go on with that run by --resume, replace it with --overwrite, or name "
                "another file with -o",
            )

    @property
    def has_journal(self) -> bool:
        """Whether the results file tells of earlier runs."""
        return isinstance(self._sink, LineFile) and self._sink.size > 0

    def open_failed(self, inputs: Sequence[str], layouts: dict[str, Layout]) -> None:
        """Plan the failed-rows files of *inputs*, which look like *layouts*."""
        settings = self._settings
        if settings.no_failed:
            return
        paths = plan_paths(
            inputs,
            same_folder(self.path),
            lambda name: layouts[name].format,
            settings.failed,
            resume=self.has_journal,
            overwrite=settings.overwrite,
        )
        refuse_inputs(map(str, paths.values()), self._inputs)
        self._failed = FailedRows(paths, layouts)
        if settings.overwrite:
            self._failed.clear()

    def load(self, journal: Journal) -> None:
        """Let *journal* know what earlier runs in the same file settled."""
        if self.has_journal:
            if self._failed is not None:
                self._failed.read_back()
            journal.load(self.path, self._has_failed)

    def accepted_before(self) -> Iterator[ResultLine]:
        """What earlier runs in the same file had accepted."""
        return read_lines(self.path, _ACCEPTED) if self.has_journal else iter(())

    def _has_failed(self, source: str, row: int) -> bool:
        return self._failed is None or self._failed.has_row(source, row)

    @property
    def failed_paths(self) -> list[str]:
        """The failed-rows files that this run has written to."""
        return [] if self._failed is None else self._failed.written

    def write_result(self, outcome: Outcome) -> None:
        """Write the line that settles a row; raises OutputError."""
        self._results.write(outcome)

    def write_failed(self, outcome: Outcome) -> None:
        """Write the row itself if it was not accepted; raises OutputError."""
        if self._failed is not None:
            self._failed.write(outcome)

    def restore_failed(self, outcome: Outcome) -> None:
        """Write a row that an earlier run settled, if its failed-rows file lacks it."""
        if self._failed is not None:
            self._failed.restore(outcome)

    async def catch_up(self) -> None:
        """Wait until a slow reader of standard output has read."""
        while self._sink.behind:
            await asyncio.sleep(0.005)

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

    def close(self) -> None:
        """Push everything to the disk and close all; raises OutputError afterwards."""
        with contextlib.ExitStack() as stack:
            if self._failed is not None:
                stack.callback(self._failed.close)
            stack.callback(self._sink.close)

    def discard(self) -> None:
        """Let go of the files when the run does not take place after all."""
        if isinstance(self._sink, LineFile):
            self._sink.discard()
        else:
            self._sink.close()
