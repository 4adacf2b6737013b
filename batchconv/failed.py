"""The failed-rows files: the rows that were not accepted, as they were, ready to feed back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from batchconv.columns import ADDED_COLUMNS
from batchconv.errors import UsageError
from batchconv.failed_index import FailedIndex
from batchconv.formats import Layout
from batchconv.formats.lines import to_bytes
from batchconv.model import Outcome, Result, Row
from batchconv.output import LineFile
from batchconv.source import stem

_WRITTEN = frozenset({Result.FAILED, Result.REJECTED, Result.INVALID})
_raw_decode = json.JSONDecoder().raw_decode
_JSON_SPACE = " \t\r\n"


def plan_paths(
    inputs: Sequence[str],
    folder: Path,
    suffix_of: Callable[[str], str],
    named: str | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
) -> dict[str, Path]:
    """Input → its failed-rows file: `<stem>.failed.<suffix>`, numbered when names clash.

    A name that is taken by an earlier run's file clashes, too, unless the run goes on with that
    file (*resume*) or replaces it (*overwrite*).

    Args:
        inputs: as named by the user.
        folder: beside the results.
        suffix_of: the format's suffix for an input, without a dot.
        named: what the user named: a file for one input, else a folder.
        resume: go on with the newest file that is there.
        overwrite: take the first name whether it is there or not.

    Raises:
        UsageError: one file was named for several inputs, or it is there already.
    """
    inputs = list(dict.fromkeys(inputs))
    if named is not None:
        target = Path(named)
        if target.is_dir():
            folder = target
        elif len(inputs) == 1:
            if _used(target) and not (resume or overwrite):
                raise UsageError(
                    f"{target} exists and is not empty",
                    hint="name another with --failed, go on with it by --resume, or replace it "
                    "with --overwrite",
                )
            return {inputs[0]: target}
        else:
            raise UsageError(
                f"--failed {named} is no folder, and there are {len(inputs)} inputs with a "
                "failed-rows file each",
                hint=f"make the folder: mkdir {named}",
            )
    groups: dict[tuple[str, str], list[str]] = {}
    for name in inputs:
        groups.setdefault((stem(name), suffix_of(name)), []).append(name)
    paths: dict[str, Path] = {}
    for (base, suffix), names in groups.items():
        numbered = partial(_numbered, folder, base, suffix)
        newest = 0 if overwrite else _newest(numbered, len(names))
        first = max(1, newest - len(names) + 1) if resume else newest + 1
        paths.update({name: numbered(number) for number, name in enumerate(names, first)})
    return paths


def _numbered(folder: Path, base: str, suffix: str, number: int) -> Path:
    middle = "failed" if number == 1 else f"failed.{number}"
    return folder / f"{base}.{middle}.{suffix}"


def _newest(numbered: Callable[[int], Path], names: int) -> int:
    """The highest number in use; a run of several inputs of one name may have left gaps."""
    newest = number = 0
    while number < newest + names:
        number += 1
        if _used(numbered(number)):
            newest = number
    return newest


def _raw(path: Path) -> Path:
    """Where records go that cannot carry columns."""
    return path.with_suffix(".raw")


def _used(path: Path) -> bool:
    return any(file.exists() and file.stat().st_size > 0 for file in (path, _raw(path)))


class FailedRows:
    """Writes each row that was not accepted to the file of its input; makes none until then."""

    def __init__(self, paths: dict[str, Path], layouts: dict[str, Layout]) -> None:
        self._paths = paths
        self._layouts = layouts
        self._indexes: dict[str, FailedIndex] = {}
        self._files: dict[Path, LineFile] = {}

    def read_back(self) -> None:
        """Learn what earlier runs wrote; their torn last records are cut off."""
        for source, path in self._paths.items():
            self._indexes[source] = FailedIndex(path, _raw(path), self._layouts[source])

    def has_row(self, source: str, number: int) -> bool:
        """Whether an earlier run wrote the row of that number, with its columns."""
        return source in self._indexes and self._indexes[source].has_row(number)

    def restore(self, outcome: Outcome) -> None:
        """Write the row of an earlier run's *outcome* unless its raw record is there."""
        row = outcome.row
        if (
            row.fault is None
            or row.raw is None
            or not self._indexes[row.source].take_raw(self._raw_record(row))
        ):
            self.write(outcome)

    def _raw_record(self, row: Row) -> bytes:
        text = (row.raw or "").rstrip("\r\n") + "\n"
        return to_bytes(text, self._layouts[row.source].encoding)

    def clear(self) -> None:
        """Remove what earlier runs left under the same names."""
        for path in self._paths.values():
            path.unlink(missing_ok=True)
            _raw(path).unlink(missing_ok=True)

    @property
    def written(self) -> list[str]:
        """The files that hold rows of this run."""
        return [str(path) for path in self._files]

    def write(self, outcome: Outcome) -> None:
        """Write the row of *outcome* if it was not accepted.

        Raises:
            OutputError: it could not be written.
        """
        if outcome.result not in _WRITTEN:
            return
        row = outcome.row
        layout = self._layouts[row.source]
        path = self._paths[row.source]
        added = (
            outcome.result.value,
            outcome.reason.value if outcome.reason else "",
            outcome.status,
            outcome.attempts,
            row.number,
        )
        if isinstance(row.cells, tuple):
            from batchconv.formats.arrow import json_record  # noqa: PLC0415 - it brings pyarrow

            self._file(path).write(_object(json_record(row.cells), added))
        elif row.cells is not None and row.fault is None:
            self._file(path, lambda: _header(layout)).write(_cells(layout, row.cells, added))
        elif row.raw is not None and row.fault is None:
            self._file(path).write(_object(row.raw, added))
        else:
            self._file(_raw(path)).write(self._raw_record(row))

    def _file(self, path: Path, header: Callable[[], bytes] | None = None) -> LineFile:
        file = self._files.get(path)
        if file is None:
            file = LineFile(str(path))
            if not file.size and header is not None:
                try:
                    file.write(header())
                except BaseException:
                    file.discard()  # a later row must not go in without it
                    raise
            self._files[path] = file
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


def _own(layout: Layout, cells: list[str]) -> list[str]:
    """The input's own cells: what an earlier failed-rows file added is replaced, not repeated."""
    if layout.header is None:
        return cells
    return [
        cell for name, cell in zip(layout.header, cells, strict=True) if name not in ADDED_COLUMNS
    ]


def _header(layout: Layout) -> bytes:
    if layout.header is None:
        return b""
    return _csv_line(layout, [*_own(layout, layout.header), *ADDED_COLUMNS])


def _cells(layout: Layout, cells: list[str], added: tuple[str | int | None, ...]) -> bytes:
    return _csv_line(layout, [*_own(layout, cells), *added])


def _csv_line(layout: Layout, cells: Sequence[str | int | None]) -> bytes:
    text = io.StringIO()
    # Python 3.11 puts quotes around a CR only when the line's end has one, too.
    csv.writer(text, delimiter=layout.delimiter, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n").encode() + b"\n"


def _object(raw: str, added: tuple[str | int | None, ...]) -> bytes:
    """The record's own text with the added keys at its end: no number is read and written anew."""
    members = [text for name, text in _members(raw.strip(_JSON_SPACE)) if name not in ADDED_COLUMNS]
    members += [
        f"{json.dumps(name)}: {json.dumps(value)}"
        for name, value in zip(ADDED_COLUMNS, added, strict=True)
    ]
    return ("{" + ", ".join(members) + "}\n").encode()


def _members(text: str) -> list[tuple[str, str]]:
    """The members of a JSON object that is known to be sound, each with its own text."""
    found = []
    at = _skip_space(text, 1)
    while text[at] != "}":
        begin = at
        name, at = _raw_decode(text, at)
        at = _skip_space(text, _skip_space(text, at) + 1)
        _, at = _raw_decode(text, at)
        found.append((name, text[begin:at]))
        at = _skip_space(text, at)
        if text[at] == ",":
            at = _skip_space(text, at + 1)
    return found


def _skip_space(text: str, at: int) -> int:
    while text[at] in _JSON_SPACE:
        at += 1
    return at
