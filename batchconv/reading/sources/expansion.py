"""The inputs that a command names → those that are read: folders and patterns become files.

It happens once, before anything is opened. What is left out is reported, never
passed over in silence: a row that nobody read is a row lost.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from batchconv.errors import InputError, UsageError
from batchconv.reading.sources.files import File
from batchconv.reading.sources.names import (
    DATA_SUFFIXES,
    PARQUET_SUFFIXES,
    READ_IN_FOLDERS,
    Input,
    as_input,
    format_suffix,
    is_aside,
    is_folder_url,
    is_pattern,
    is_stdin,
    is_url,
    pattern_stem,
    stem,
)
from batchconv.reading.sources.walk import walk_folder, walk_pattern

# The files of a job, which often lie beside its inputs: results would be taken for conversions. A
# time may stand in the names of those that were set aside, and anyone may compress old ones.
_OF_A_JOB = re.compile(
    r"\.(?:results|runs|failed(?:\.[0-9]+)?)(?:\.[0-9]{8}T[0-9]{6}Z)?\.(?:jsonl|csv|tsv|raw)"
    r"(?:\.(?:gz|gzip|bz2|xz|zst|zstd|zip))?$"
    r"|\.failed(?:\.[0-9]+)?(?:\.[0-9]{8}T[0-9]{6}Z)?/"
)
_DIGITS = r"([0-9]+)"
_SHOWN = 5


class Expanded(NamedTuple):
    """What is to be read.

    Attributes:
        inputs: in the order in which they are read.
        left_out: files and folders that were found and are not read.
    """

    inputs: list[Input]
    left_out: list[str]

    def note(self, more: Sequence[str] = ()) -> str | None:
        """A sentence about what is left out, and *more* that was; None when nothing is."""
        names = sorted([*self.left_out, *more], key=_natural)
        if not names:
            return None
        rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return f"found and not read: {', '.join(names[:_SHOWN])}{rest}"


def expand(names: Sequence[str]) -> Expanded:
    """The inputs for which *names* stand.

    A folder stands for the data files in it and below it, a pattern (`*`, `**`, `?`, `[...]`; see
    `walk`) for what it matches; a name that is there as it is stands for itself. What a folder or
    a pattern gives is in natural order (part-9 before part-10). Each file is read once, however
    often and under whatever names it is named and found.

    Raises:
        UsageError: a URL cannot be read, or two of them look the same without what is secret.
        InputError: a file is not there, a folder or a pattern gives none, or one cannot be looked
            into.
    """
    expanded = Expanded([], [])
    seen: set[_Place] = set()
    named = [name if isinstance(name, Input) else as_input(name) for name in names]
    for name, given in zip(names, named, strict=True):
        paths = None if given is name else _stands_for(given, expanded.left_out)
        if paths is None:
            _add(expanded, given, seen)
            continue
        by_name = {_place(one) for one in named}  # read where they are named, under that name
        for path in sorted(paths, key=_natural):
            one = as_input(path, found=True)
            if _place(one) not in by_name:
                _add(expanded, one, seen)
    _refuse_twins(expanded.inputs)
    return expanded


def _add(expanded: Expanded, name: Input, seen: set[_Place]) -> None:
    place = _place(name)
    if place not in seen:
        seen.add(place)
        expanded.inputs.append(name)
    elif not name.found:
        expanded.left_out.append(f"{name} (named twice)")


def run_stem(name: str) -> str:
    """What files of a run are called after its first input, *name* as it was given.

    A folder or a pattern has a name of its own, which stays when new files come: else the next
    night's run would not know the last one's results.
    """
    if is_url(name):
        name = as_input(name)
        return pattern_stem(name) if is_folder_url(name) or is_pattern(name) else stem(name)
    several = not is_stdin(name) and (
        os.path.isdir(name) or (is_pattern(name) and not os.path.lexists(name))  # noqa: PTH112 - a path may be any text here
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
                hint="upload them in two runs, each with its own results file: -o",
            )


def _stands_for(name: Input, left_out: list[str]) -> list[str] | None:
    """The files for which a folder or a pattern stands; None for a name that is one itself."""
    if is_stdin(name):
        return None
    if is_url(name):
        return _find_remote(name, left_out) if is_folder_url(name) or is_pattern(name) else None
    there = os.path.lexists(name)
    folder = os.path.isdir(name)  # noqa: PTH112 - a path may be any text here
    if not folder and (there or not is_pattern(name)):
        if not there:
            File(name).close()  # it says best what is wrong
        return None
    walk = walk_folder(name) if folder else walk_pattern(name)
    asked = _is_of_a_job(name)
    paths = []
    for path, size, matched in walk:
        if size is None:
            left_out.append(as_input(path, found=True))
        elif _is_wanted(path, size, left_out, any_ending=matched, of_a_job=asked):
            paths.append(path)
    if not paths:
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
    parts = re.split(_DIGITS, path)
    return [(int(part) if index % 2 else -1, part) for index, part in enumerate(parts)]


def _find_remote(name: Input, left_out: list[str]) -> list[str] | None:
    """The files in a folder of a store and below it, or those that a pattern matches."""
    from batchconv.reading.sources.remote import find  # noqa: PLC0415 - an extra

    there = find(name)
    if there is None:
        return None
    folder = not is_pattern(name)
    asked = _is_of_a_job(name)
    parts = name.split("/")
    paths = [
        url
        for url, size in there
        if not _is_put_aside(set(url.split("/")).difference(parts), parts)
        and _is_wanted(url, size, left_out, any_ending=not folder, of_a_job=asked)
    ]
    if not paths:
        raise _nothing(name, folder=folder)
    return paths


def _is_of_a_job(name: str) -> bool:
    return any(map(_OF_A_JOB.search, (name, f"{name}/")))


def _is_put_aside(new: Iterable[str], asked: Iterable[str]) -> bool:
    """Whether one of the parts that nobody named is not a reader's, unless the pattern asks so."""
    return any(map(is_aside, new)) and not any(map(is_aside, asked))


def _is_wanted(
    path: str, size: int | None, left_out: list[str], *, any_ending: bool, of_a_job: bool
) -> bool:
    """Whether a file that was found is read; if that is not plain to see, it is noted.

    Args:
        path: of the file.
        size: in bytes, None where nobody knows. An empty file has no rows; an empty .parquet is a
            damaged one.
        left_out: where it is noted.
        any_ending: a pattern matches it; in a folder, endings tell what is data.
        of_a_job: files of a job are what is asked for.
    """
    own = not of_a_job and _OF_A_JOB.search(path)
    if own or not (any_ending or format_suffix(path) in READ_IN_FOLDERS):
        left_out.append(as_input(path, found=True))
        return False
    return size != 0 or format_suffix(path) in PARQUET_SUFFIXES
