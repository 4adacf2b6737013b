"""The inputs that a command names → those that are read: folders and patterns become files.

It happens once, before anything is opened. What is left out is told, never passed over in silence:
a row that nobody read is a row lost.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from batchconv.errors import InputError, UsageError
from batchconv.reading.sources.files import File, unreadable
from batchconv.reading.sources.names import (
    DATA_SUFFIXES,
    PARQUET_SUFFIXES,
    Input,
    as_input,
    format_suffix,
    is_aside,
    is_pattern,
    is_stdin,
    is_url,
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
        return f"found and not read: {told}"


def expand(names: Sequence[str]) -> Expanded:
    """The inputs for which *names* stand.

    A folder stands for the data files in it and below it, a pattern (`*`, `**`, `?`, `[...]`) for
    what it matches; a name that is there as it is stands for itself. What a folder or a pattern
    gives is in natural order (part-9 before part-10), and is read once, however often and under
    whatever names it is found.

    Raises:
        UsageError: a URL cannot be read, or two of them look the same without what is secret.
        InputError: a file is not there, or a folder or a pattern gives none.
    """
    expanded = Expanded([], [])
    named: set[_Place] = set()
    found: set[_Place] = set()
    for name in names:
        given = name if isinstance(name, Input) else as_input(name)
        paths = None if given is name else _stands_for(given, expanded.left_out)
        if paths is None:
            place = _place(given)
            if place not in found:
                expanded.inputs.append(given)
                named.add(place)
            continue
        for path in sorted(paths, key=_natural):
            place = _place(as_input(path))
            if place not in named and place not in found:
                expanded.inputs.append(as_input(path))
                found.add(place)
    _refuse_twins(expanded.inputs)
    return expanded


def run_stem(name: str) -> str:
    """What files of a run are called after its first input, *name* as it was given.

    A folder or a pattern has a name of its own, which stays when new files come: else the next
    night's run would not know the last one's results.
    """
    if is_url(name):
        name = as_input(name)
        return pattern_stem(name) if name.endswith("/") or is_pattern(name) else stem(name)
    several = not is_stdin(name) and (
        Path(name).is_dir() or (is_pattern(name) and not os.path.lexists(name))
    )
    return pattern_stem(name) if several else stem(name)


_Place = tuple[int, int] | str


def _place(name: Input) -> _Place:
    """What makes a file itself under any name, links included."""
    try:
        found = os.stat(name.address)  # noqa: PTH116 - a path may be any text here
    except (OSError, ValueError):
        return name.address
    return found.st_dev, found.st_ino


def _refuse_twins(inputs: list[Input]) -> None:
    """Refuse URLs that differ in what results do not show: nobody could tell their rows apart."""
    seen: dict[Input, str] = {}
    for name in inputs:
        if seen.setdefault(name, name.address) != name.address:
            raise UsageError(
                f"two inputs are {name} when what may be secret is left out, as it is in the "
                "results",
                hint="upload them in two runs, each with results of its own: -o",
            )


def _stands_for(name: Input, left_out: list[str]) -> list[str] | None:
    """The files for which a folder or a pattern stands; None for a name that is one itself."""
    pattern = is_pattern(name)
    if is_url(name):
        folder = name.endswith("/")
        paths = _find_remote(name, left_out) if folder or pattern else None
    elif is_stdin(name):
        return None
    else:
        literal = os.path.lexists(name)
        folder = literal and Path(name).is_dir()
        if folder:
            paths = list(_look_in(name, left_out))
        elif pattern and not literal:
            paths = list(_match(name, left_out))
        else:
            paths = None
        if not (literal or pattern):
            File(name).close()  # it says best what is wrong
    if paths == []:
        raise _nothing(name, folder=folder)
    return paths


def _nothing(name: str, *, folder: bool) -> InputError:
    if folder:
        return InputError(
            f"{name} holds no data files",
            hint=f"files with these endings are read: {', '.join(DATA_SUFFIXES)}; name others "
            "themselves",
        )
    return InputError(f"{name} matches no file", hint="check the pattern and the folder")


def _natural(path: str) -> list[tuple[int, str]]:
    """For sorting: digits as numbers, everything else as it is."""
    parts = _DIGITS.split(path)
    return [(int(part) if index % 2 else -1, part) for index, part in enumerate(parts)]


def _look_in(folder: str, left_out: list[str]) -> Iterator[str]:
    """The data files in *folder* and below it."""
    for place, folders, files in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not is_aside(name)]
        inner = [Path(place, name) for name in folders]
        left_out += [str(path) for path in inner if path.is_symlink()]
        for name in files:
            path = Path(place, name)
            if not path.is_file():
                left_out.append(str(path))
            elif _is_wanted(str(path), [name], path.stat().st_size, left_out):
                yield str(path)


def _match(pattern: str, left_out: list[str]) -> Iterator[str]:
    """The files that *pattern* matches, and those in folders that it matches."""
    asked = Path(pattern).parts
    for name in glob.iglob(pattern, recursive=True):  # noqa: PTH207 - pathlib finds hidden files, too
        path = Path(name)
        new = set(path.parts).difference(asked)
        if path.is_dir():
            # What is below a folder `**` matches by itself.
            if "**" not in asked and not any(map(is_aside, new)):
                yield from _look_in(name, left_out)
        elif not path.is_file():
            left_out.append(name)
        elif _is_wanted(name, new, path.stat().st_size, left_out, pattern):
            yield name


def _find_remote(name: Input, left_out: list[str]) -> list[str] | None:
    """The files in a folder of a store and below it, or those that a pattern matches."""
    from batchconv.reading.sources.remote import find  # noqa: PLC0415 - an extra

    found = find(name)
    if found is None:
        return None
    asked = name.split("/")
    pattern = "" if name.endswith("/") else name
    return [
        url
        for url, size in found
        if _is_wanted(url, set(url.split("/")).difference(asked), size, left_out, pattern)
    ]


def _is_wanted(
    path: str, new: Iterable[str], size: int, left_out: list[str], pattern: str = ""
) -> bool:
    """Whether a file that was found is read; if that is not plain to see, it is noted.

    Args:
        path: of the file.
        new: the parts of it that the user did not name.
        size: in bytes. An empty file has no rows; an empty .parquet is a damaged one.
        left_out: where it is noted.
        pattern: which matched it; empty for a folder, in which endings tell what is data.
    """
    if any(map(is_aside, new)) and not any(map(is_aside, pattern.split("/"))):
        return False
    own = _OWN.search(path) and not _OWN.search(pattern)
    if own or (not pattern and format_suffix(path) not in _READ_IN_FOLDERS):
        left_out.append(path)
        return False
    return size > 0 or format_suffix(path) in PARQUET_SUFFIXES


def _unreadable(error: OSError) -> None:
    raise unreadable(str(error.filename), error)
