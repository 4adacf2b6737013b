"""The inputs that a command names → those that are read: folders and patterns become files.

It happens once, before anything is opened. What is left out is told, never passed over in silence:
a row that nobody read is a row lost.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from batchconv.errors import InputError
from batchconv.source.files import File, unreadable
from batchconv.source.names import (
    DATA_SUFFIXES,
    PARQUET_SUFFIXES,
    Input,
    format_suffix,
    is_pattern,
    is_stdin,
    pattern_stem,
    stem,
)

_READ_IN_FOLDERS = (*DATA_SUFFIXES, ".txt", "")
# What this program writes itself, often beside its inputs: results would be taken for conversions.
_OWN = re.compile(r"\.(?:results|failed(?:\.[0-9]+)?)\.(?:jsonl|csv|tsv|raw)$")
_DIGITS = re.compile(r"([0-9]+)")
_SHOWN = 5


class Expanded(NamedTuple):
    """What is to be read.

    Attributes:
        inputs: in the order in which they are read.
        left_out: files and folders that were found and are not read.
    """

    inputs: list[Input]
    left_out: list[str]

    def note(self) -> str | None:
        """A sentence about what is left out; None when nothing is."""
        if not self.left_out:
            return None
        more = len(self.left_out) - _SHOWN
        told = ", ".join(self.left_out[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        return f"not read, as their names are not those of data: {told}"


def expand(names: Sequence[str]) -> Expanded:
    """The inputs for which *names* stand.

    A folder stands for the data files in it and below it, a pattern (`*`, `**`, `?`, `[...]`) for
    what it matches; a name that is there as it is stands for itself. What a folder or a pattern
    gives is in natural order (part-9 before part-10), and is read once, however often and under
    whatever names it is found.

    Raises:
        InputError: a file is not there, or a folder or a pattern gives none.
    """
    expanded = Expanded([], [])
    named: set[_Place] = set()
    found: set[_Place] = set()
    for name in names:
        if (paths := _stands_for(name, expanded.left_out)) is None:
            place = _place(name)
            if place not in found:
                expanded.inputs.append(name if isinstance(name, Input) else Input(name))
                named.add(place)
            continue
        for path in paths:
            place = _place(path)
            if place not in named and place not in found:
                expanded.inputs.append(Input(path))
                found.add(place)
    return expanded


def run_stem(name: str) -> str:
    """What files of a run are called after its first input, *name* as it was given.

    A folder or a pattern has a name of its own, which stays when new files come: else the next
    night's run would not know the last one's results.
    """
    if is_stdin(name) or (os.path.lexists(name) and not Path(name).is_dir()):
        return stem(name)
    return pattern_stem(name) if is_pattern(name) or Path(name).is_dir() else stem(name)


_Place = tuple[int, int] | str


def _place(name: str) -> _Place:
    """What makes a file itself under any name, links included."""
    try:
        found = os.stat(name)  # noqa: PTH116 - a path may be any text here
    except (OSError, ValueError):
        return str(name)
    return found.st_dev, found.st_ino


def _stands_for(name: str, left_out: list[str]) -> list[str] | None:
    """The files for which a folder or a pattern stands; None for a name that is one itself."""
    if isinstance(name, Input) or is_stdin(name):
        return None
    if os.path.lexists(name) or not is_pattern(name):
        if not Path(name).is_dir():
            if not os.path.lexists(name):
                File(name).close()  # it says best what is wrong
            return None
        paths = sorted(_look_in(name, left_out), key=_natural)
        if not paths:
            raise InputError(
                f"{name} holds no data files",
                hint=f"files with these endings are read: {', '.join(DATA_SUFFIXES)}; name others "
                "themselves",
            )
        return paths
    paths = sorted(_match(name, left_out), key=_natural)
    if not paths:
        raise InputError(f"{name} matches no file", hint="check the pattern and the folder")
    return paths


def _natural(path: str) -> list[tuple[int, str]]:
    """For sorting: digits as numbers, everything else as it is."""
    parts = _DIGITS.split(path)
    return [(int(part) if index % 2 else -1, part) for index, part in enumerate(parts)]


def _look_in(folder: str, left_out: list[str]) -> Iterator[str]:
    """The data files in *folder* and below it."""
    for place, folders, files in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not _is_aside(name)]
        inner = [Path(place, name) for name in folders]
        left_out += [str(path) for path in inner if path.is_symlink()]
        for name in files:
            path = str(Path(place, name))
            if _is_aside(name):
                continue
            if format_suffix(name) not in _READ_IN_FOLDERS or _OWN.search(name):
                left_out.append(path)
            elif _may_have_rows(path, left_out):
                yield path


def _match(pattern: str, left_out: list[str]) -> Iterator[str]:
    """The files that *pattern* matches, and those in folders that it matches."""
    asked = Path(pattern).parts
    for path in glob.iglob(pattern, recursive=True):  # noqa: PTH207 - pathlib finds hidden files, too
        parts = set(Path(path).parts).difference(asked)
        if any(map(_is_aside, parts)) and not any(map(_is_aside, asked)):
            continue
        if Path(path).is_dir():
            # What is below a folder `**` matches by itself.
            if "**" not in asked:
                yield from _look_in(path, left_out)
        elif _OWN.search(path) and not _OWN.search(pattern):
            left_out.append(path)
        elif _may_have_rows(path, left_out):
            yield path


def _is_aside(name: str) -> bool:
    """Whether a file or folder is not for readers: `.crc`, `_SUCCESS`, `_temporary`."""
    return name.startswith((".", "_"))


def _may_have_rows(path: str, left_out: list[str]) -> bool:
    """Whether to open a file: an empty one has no rows, but an empty .parquet is a damaged one."""
    if not Path(path).is_file():
        left_out.append(path)
        return False
    return Path(path).stat().st_size > 0 or format_suffix(path) in PARQUET_SUFFIXES


def _unreadable(error: OSError) -> None:
    raise unreadable(str(error.filename), error)
