"""What the failed-rows files of a run are called."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from batchconv.journal.job_files import JobFiles
from batchconv.reading.sources import is_stdin, is_url, stem

_URL = re.compile(r"^[A-Za-z0-9+.-]+://")
_NUMBER = re.compile(r"\.[0-9]+$")


def name_failed_rows(
    files: JobFiles, inputs: Sequence[str], named: str | None, *, fed: bool
) -> Callable[[str, str], Path]:
    """What tells the first name of the failed-rows file for an input and a suffix.

    Args:
        files: of the job.
        inputs: as they were named.
        named: what `--failed` says: a file, or a folder for several inputs.
        fed: the inputs are failed-rows files themselves.
    """
    folder = files.failed_folder
    single = len(inputs) == 1 and not _is_several(inputs[0])
    if named is not None:
        folder = Path(named)
        if single and not folder.is_dir():
            return lambda _source, _suffix: folder
    if fed:
        return lambda source, suffix: _again(files, source, suffix)
    if single:
        where = folder if named is not None else files.folder
        return lambda _source, suffix: where / f"{files.stem}.failed{suffix}"
    roots = [_root(name) for name in inputs]
    return lambda source, suffix: folder / _inner(source, roots, suffix)


def _again(files: JobFiles, source: str, suffix: str) -> Path:
    """The name of a failed-rows file for rows of another one, which are bad still."""
    path = Path(source)
    if path.is_relative_to(files.failed_folder):
        return path.with_name(_NUMBER.sub("", stem(source)) + suffix)
    return files.folder / f"{files.stem}.failed{suffix}"


def _is_several(name: str) -> bool:
    if is_stdin(name):
        return False
    if is_url(name):
        return name.endswith("/") or "*" in name or "[" in name
    path = Path(name)
    return path.is_dir() or (glob.has_magic(name) and not path.exists())


def _root(name: str) -> Path:
    """The folder below which the paths of an input's files are their own."""
    path = Path(_URL.sub("", name))
    if not _is_several(name):
        return Path()
    fixed: list[str] = []
    for part in path.parts:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed)


def _inner(source: str, roots: Sequence[Path], suffix: str) -> PurePosixPath:
    """The path of an input's own, with another suffix; it leads out of no folder."""
    path = Path("stdin" if is_stdin(source) else _URL.sub("", source))
    for root in sorted(roots, key=lambda root: -len(root.parts)):
        if path.is_relative_to(root):
            path = path.relative_to(root)
            break
    folders = [part for part in path.parts[:-1] if part not in ("/", "..", ".")]
    return PurePosixPath(*folders, stem(path.name) + suffix)
