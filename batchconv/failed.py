"""The failed-rows files: the rows that were not accepted, as they were, ready to feed back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from batchconv.columns import ADDED_COLUMNS
from batchconv.errors import UsageError
from batchconv.formats import Layout
from batchconv.formats.lines import ESCAPE
from batchconv.model import Outcome, Result
from batchconv.output import LineFile
from batchconv.source import stem

_WRITTEN = frozenset({Result.FAILED, Result.REJECTED, Result.INVALID})
_raw_decode = json.JSONDecoder().raw_decode
_JSON_SPACE = " \t\r\n"


def plan_paths(
    inputs: Sequence[str], folder: Path, suffix_of: Callable[[str], str], named: str | None = None
) -> dict[str, Path]:
    """Input → its failed-rows file: `<stem>.failed.<suffix>`, numbered when names clash.

    Args:
        inputs: as named by the user.
        folder: beside the results.
        suffix_of: the format's suffix for an input, without a dot.
        named: what the user named: a file for one input, else a folder.

    Raises:
        UsageError: one file was named for several inputs.
    """
    inputs = list(dict.fromkeys(inputs))
    if named is not None:
        target = Path(named)
        if target.is_dir():
            folder = target
        elif len(inputs) == 1:
            return {inputs[0]: target}
        else:
            raise UsageError(
                f"--failed {named} is no folder, and there are {len(inputs)} inputs with a "
                "failed-rows file each",
                hint=f"make the folder: mkdir {named}",
            )
    paths: dict[str, Path] = {}
    for name in inputs:
        number, middle = 1, "failed"
        while (path := folder / f"{stem(name)}.{middle}.{suffix_of(name)}") in paths.values():
            number += 1
            middle = f"failed.{number}"
        paths[name] = path
    return paths


class FailedRows:
    """Writes each row that was not accepted to the file of its input; makes none until then."""

    def __init__(self, paths: dict[str, Path], layouts: dict[str, Layout]) -> None:
        self._paths = paths
        self._layouts = layouts
        self._files: dict[Path, LineFile] = {}

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
        if row.cells is not None and row.fault is None:
            self._file(path, lambda: _header(layout)).write(_cells(layout, row.cells, added))
        elif row.raw is not None and row.fault is None:
            self._file(path).write(_object(row.raw, added))
        else:
            raw = (row.raw or "").rstrip("\r\n") + "\n"
            self._file(path.with_suffix(".raw")).write(raw.encode(layout.encoding, ESCAPE))

    def _file(self, path: Path, header: Callable[[], bytes] | None = None) -> LineFile:
        file = self._files.get(path)
        if file is None:
            begin = not path.exists() or path.stat().st_size == 0
            file = self._files[path] = LineFile(str(path), fresh=False)
            if begin and header is not None:
                file.write(header())
        return file

    def sync(self) -> None:
        """Push all files to the disk."""
        for file in list(self._files.values()):
            file.sync()

    def close(self) -> None:
        """Push all files to the disk and close them."""
        for file in self._files.values():
            file.close()


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
    csv.writer(text, delimiter=layout.delimiter, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


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
