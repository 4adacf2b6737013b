"""The failed-rows files: the rows that were not accepted, as they were, ready to be corrected."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import NamedTuple

from batchconv.errors import OutputError
from batchconv.journal.append_only_file import PRIVATE, AppendOnlyFile
from batchconv.journal.books import BAD_RESULTS
from batchconv.journal.failed_rows.lines import header, is_json, line
from batchconv.model import Outcome
from batchconv.reading.columns import Recognised
from batchconv.reading.formats import Layout


class Look(NamedTuple):
    """How the rows of an input are written.

    Attributes:
        layout: of the input.
        names: columns that hold a field.
    """

    layout: Layout
    names: tuple[str, ...]

    @property
    def suffix(self) -> str:
        """Of the file."""
        return ".jsonl" if is_json(self.layout) else f".{self.layout.format}"


def looks(layouts: Mapping[str, Layout], columns: Mapping[str, Recognised]) -> dict[str, Look]:
    """How the rows of each input are written."""
    return {
        name: Look(layout, tuple(columns[name].fields.values())) for name, layout in layouts.items()
    }


class FailedRows:
    """Writes each row that was not accepted to a file for its input; makes none until then.

    A file is always a new one: the first free name of `X.failed.csv`, `X.failed.2.csv` and so on.
    Only what is not a regular file, a device or a pipe that was named, is written to as it is.

    Args:
        looks: how the rows of each input look.
        name: tells the first name for an input and a suffix.
        run: the id of the run; None where the rows belong to no job.

    Attributes:
        rows: how many it has written.
    """

    def __init__(
        self, looks: Mapping[str, Look], name: Callable[[str, str], Path], run: str | None
    ) -> None:
        self._looks = looks
        self._name = name
        self._run = run
        self.rows = 0
        self._files: dict[str, AppendOnlyFile] = {}

    @property
    def written(self) -> list[str]:
        """The files that hold rows of this run."""
        return [file.path for file in self._files.values() if file.size]

    def write(self, outcome: Outcome, *, of: tuple[str, str] | None = None) -> None:
        """Write the row of *outcome* if it was not accepted.

        A row that was outstanding before and is still the same stands in an earlier file.

        Args:
            outcome: of a row.
            of: the run that has settled it, and what its job calls the input, where that was
                another run.

        Raises:
            OutputError: it could not be written.
        """
        row = outcome.row
        earlier = row.earlier
        if outcome.result not in BAD_RESULTS:
            return
        if earlier is not None and earlier.corrects is None and earlier.outcome in BAD_RESULTS:
            return
        source = earlier.fed_from if earlier and earlier.fed_from else row.source
        look = self._looks[source]
        run, name = of or (self._run, None)
        text = line(look.layout, outcome, run, look.names, name)
        self._file(source, look, run).write(text)
        self.rows += 1

    def _file(self, source: str, look: Look, run: str | None) -> AppendOnlyFile:
        file = self._files.get(source)
        if file is None:
            path = first_free(self._name(source, look.suffix))
            file = AppendOnlyFile(str(path), lock=True)
            try:
                if begin := header(look.layout, run):
                    file.write(begin)
            except BaseException:
                file.discard()  # a later row must not go in without it
                raise
            self._files[source] = file
        return file

    def sync(self) -> None:
        """Push all files to the disk."""
        for file in list(self._files.values()):
            file.sync()

    def close(self) -> None:
        """Push all files to the disk and close them."""
        with ExitStack() as stack:
            for file in self._files.values():
                stack.callback(file.close)


def first_free(path: Path) -> Path:
    """The first of `x.csv`, `x.2.csv`, … under which nothing is; an empty file is made there.

    Raises:
        OutputError: none can be made.
    """
    try:
        if path.exists() and not path.is_file():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            name = path if number == 1 else path.with_suffix(f".{number}{path.suffix}")
            try:
                os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE))
            except FileExistsError:
                continue
            return name
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror}",
            hint="free some space or fix the permissions, or name another file with --failed",
        ) from None
    raise AssertionError("numbers do not end")
