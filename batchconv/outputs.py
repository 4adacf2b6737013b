"""The files of one run, opened together: results, and the failed rows beside them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

from batchconv.config import Settings, results_path, same_folder
from batchconv.failed import FailedRows, plan_paths
from batchconv.formats import Layout
from batchconv.model import Outcome
from batchconv.output import STDOUT, LineFile, Stdout, refuse_existing, refuse_inputs
from batchconv.results import Results, Stamp
from batchconv.source import is_stdin, stem

_SYNC_EVERY = 0.5  # seconds between two calls of fsync, at most


class Outputs:
    """Where outcomes are written.

    Args:
        inputs: none of them may be an output.
        settings: names the files and says what may be replaced.
        layouts: what the inputs look like.
        stamp: what the run adds to each line.

    Attributes:
        path: of the results; `-` for standard output.

    Raises:
        UsageError: a path is an input, or is there already.
        OutputError: the results cannot be opened.
    """

    def __init__(
        self, inputs: Sequence[str], settings: Settings, layouts: dict[str, Layout], stamp: Stamp
    ) -> None:
        self.path = results_path(settings, stem(inputs[0]))
        failed = plan_paths(
            inputs, same_folder(self.path), lambda name: layouts[name].format, settings.failed
        )
        outputs = [self.path, *map(str, failed.values()), settings.summary]
        refuse_inputs(filter(None, outputs), [name for name in inputs if not is_stdin(name)])
        self._refuse_existing(settings, failed)
        self._sink = Stdout() if self.path == STDOUT else LineFile(self.path)
        self._results = Results(self._sink, stamp, as_csv=self.path.lower().endswith(".csv"))
        self._failed = None if settings.no_failed else FailedRows(failed, layouts)

    def _refuse_existing(self, settings: Settings, failed: dict[str, Path]) -> None:
        paths = [] if settings.no_failed else list(failed.values())
        if settings.overwrite:
            for path in paths:
                path.unlink(missing_ok=True)
            return
        refuse_existing(self.path, hint="replace it with --overwrite, or name another with -o")
        for path in paths:
            refuse_existing(str(path), hint="replace it with --overwrite, or move it away")

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

    async def close(self) -> None:
        """Push everything to the disk and close; raises OutputError after closing all."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """`close`, from outside an event loop."""
        with contextlib.ExitStack() as stack:
            if self._failed is not None:
                stack.callback(self._failed.close)
            stack.callback(self._sink.close)
