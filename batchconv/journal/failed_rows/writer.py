"""The failed-rows files: the rows that were not accepted, as they were, ready to feed back."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from batchconv.errors import HeldError
from batchconv.journal.append_only_file import AppendOnlyFile
from batchconv.journal.failed_rows.index import FailedIndex
from batchconv.journal.failed_rows.lines import Reread, header, line, raw_record
from batchconv.journal.failed_rows.names import Plan, following
from batchconv.model import Outcome, Result
from batchconv.reading.formats import Layout

_WRITTEN = frozenset({Result.FAILED, Result.REJECTED, Result.INVALID})


class FailedRows:
    """Writes each row that was not accepted to the file of its input; makes none until then.

    Args:
        plan: the files.
        layouts: how each input looks.
        reread: for files of earlier runs.
    """

    def __init__(self, plan: Plan, layouts: Mapping[str, Layout], reread: Reread) -> None:
        self._plan = plan
        self._layouts = layouts
        self._reread = reread
        self._indexes: dict[str, FailedIndex] = {}
        self._files: dict[Path, AppendOnlyFile] = {}

    def read_back(self) -> None:
        """Learn what earlier runs wrote; their torn last records are cut off."""
        ours = self._plan.ours
        for source, (rows, raw) in self._plan.files.items():
            self._indexes[source] = FailedIndex(
                rows if rows in ours else None,
                raw if raw in ours else None,
                self._layouts[source].of_failed_rows,
                self._reread,
            )

    def has_row(self, source: str, number: int, key: bytes) -> bool:
        """Whether an earlier run wrote the row of that number and key, with its columns."""
        return source in self._indexes and self._indexes[source].has_row(number, key)

    def restore(self, outcome: Outcome) -> None:
        """Write the row of an earlier run's *outcome* unless its raw record is there."""
        row = outcome.row
        unreadable = row.fault is not None and row.raw is not None
        raw = raw_record(self._layouts[row.source], row) if unreadable else None
        if raw is None or not self._indexes[row.source].take_raw(raw):
            self.write(outcome)

    def clear(self) -> None:
        """Remove what earlier runs with the same results left."""
        for path in self._plan.ours:
            path.unlink(missing_ok=True)

    @property
    def written(self) -> list[str]:
        """The files that hold rows of this run."""
        return [file.path for file in self._files.values()]

    def write(self, outcome: Outcome) -> None:
        """Write the row of *outcome* if it was not accepted.

        Raises:
            OutputError: it could not be written.
        """
        if outcome.result not in _WRITTEN:
            return
        row = outcome.row
        layout, files = self._layouts[row.source], self._plan.files[row.source]
        text = line(layout, outcome)
        if text is None:
            self._file(files.raw, b"").write(raw_record(layout, row))
        else:
            self._file(files.rows, header(layout.of_failed_rows)).write(text)

    def _file(self, path: Path, begin: bytes) -> AppendOnlyFile:
        file = self._files.get(path)
        if file is None:
            file = self._open(path)
            if not file.size and begin:
                try:
                    file.write(begin)
                except BaseException:
                    file.discard()  # a later row must not go in without it
                    raise
            self._files[path] = file
        return file

    def _open(self, path: Path) -> AppendOnlyFile:
        if self._plan.named:
            return AppendOnlyFile(str(path))
        while True:
            try:
                file = AppendOnlyFile(str(path), lock=True)
            except HeldError:
                pass
            else:
                if not file.size or path in self._plan.ours:
                    return file
                file.close()
            # A run beside this one, with other results, has made a file of that name meanwhile.
            path = following(path)

    def sync(self) -> None:
        """Push all files to the disk."""
        for file in list(self._files.values()):
            file.sync()

    def close(self) -> None:
        """Push all files to the disk and close them."""
        with ExitStack() as stack:
            for file in self._files.values():
                stack.callback(file.close)
