"""The one walk through folders of this machine: for a folder, and for a pattern.

A pattern is parsed at its slashes. `*`, `?` and `[...]` match within one name, as in a shell;
`**` as a whole part stands for any number of folders, none included. What is put aside by its name
(`.git`, `_temporary`, `_SUCCESS`) is matched only by a part that begins with the same character.
A folder that is matched stands for all that is in it.

Links to files are read, links to folders are not followed: they may lead round in a circle. The
part of a pattern before its first sign is opened as it is, links included, for it was named.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import NamedTuple

from batchconv.reading.sources.files import unreadable
from batchconv.reading.sources.names import is_aside, is_wild

_ANY_DEPTH = "**"


class Found(NamedTuple):
    """What a walk comes by.

    Attributes:
        path: of it.
        size: bytes of a file; None for what is not a file: a link to a folder, a pipe, a device.
        matched: the pattern matches it by name; else it is in a folder that is looked into.
    """

    path: str
    size: int | None
    matched: bool


def walk_folder(folder: str) -> Iterator[Found]:
    """All that is in *folder* and below it.

    Raises:
        InputError: a folder or a file in it cannot be looked at.
    """
    return _walk(folder, frozenset({0}), ())


def walk_pattern(pattern: str) -> Iterator[Found]:
    """All that *pattern* matches, and all that is in folders that it matches.

    Raises:
        InputError: a folder in which something could match cannot be looked at.
    """
    parts = list(PurePosixPath(pattern).parts)
    first = next((at for at, part in enumerate(parts) if is_wild(part)), len(parts))
    folder = str(PurePosixPath(*parts[:first]))
    wanted = tuple(parts[first:])
    folders_only = pattern.endswith("/")
    found = _walk(folder, _reached(wanted, {0}), wanted)
    return (one for one in found if not (folders_only and one.matched))


_States = frozenset[int]
"""How many parts of the pattern may be behind us, in each way to match the path so far."""


def _walk(top: str, begin: _States, parts: tuple[str, ...]) -> Iterator[Found]:
    states = {top: begin}
    for place, folders, files in os.walk(top, onerror=_refuse):
        here = states.pop(place)
        inside = len(parts) in here  # all of the pattern is behind us
        entered = []
        for name in folders:
            path = os.path.join(place, name)  # noqa: PTH118 - a path may be any text here
            after = _after(name, here, parts)
            if inside and not is_aside(name):
                after |= {len(parts)}
            if not after:
                continue
            if os.path.islink(path):  # noqa: PTH114 - the same
                yield Found(path, None, matched=len(parts) in after)
                continue
            states[path] = after
            entered.append(name)
        folders[:] = entered
        for name in files:
            by_name = len(parts) in _after(name, here, parts)
            if by_name or (inside and not is_aside(name)):
                path = os.path.join(place, name)  # noqa: PTH118 - the same
                yield Found(path, _size(path), by_name)


def _after(name: str, states: _States, parts: tuple[str, ...]) -> _States:
    """What may be behind us once *name* is."""
    found = set()
    for state in states:
        if state == len(parts):
            continue
        part = parts[state]
        if part == _ANY_DEPTH:
            if not is_aside(name):
                found.add(state)
        elif fnmatchcase(name, part) and (not is_aside(name) or part[0] == name[0]):
            found.add(state + 1)
    return _reached(parts, found)


def _reached(parts: tuple[str, ...], states: set[int]) -> _States:
    """The *states*, and those that are reached because `**` may stand for nothing."""
    for state in sorted(states):
        at = state
        while at < len(parts) and parts[at] == _ANY_DEPTH:
            at += 1
            states.add(at)
    return frozenset(states)


def _size(path: str) -> int | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - a path may be any text here
    except FileNotFoundError:
        return None  # a link that leads nowhere, or a file that is gone meanwhile
    except OSError as error:
        raise unreadable(path, error) from None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):  # nothing is there, then
        raise unreadable(str(error.filename), error)
