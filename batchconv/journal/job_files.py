"""The names of a job's files: beside its input, so that the same command finds its job again."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from batchconv.errors import OutputError, UsageError
from batchconv.journal.append_only_file import STDOUT
from batchconv.reading.own_files import OwnFile, what_is
from batchconv.reading.sources import is_stdin, is_url, run_stem

SUFFIXES = (".jsonl", ".csv")
_SIMULATED = ".simulated"
_RESULTS = ".results"
FAILED_NAME = re.compile(r"(?P<stem>.+)\.failed(?:\.[0-9]+)?\.(?:csv|tsv|jsonl)", re.DOTALL)


class JobFiles(NamedTuple):
    """Where the files of a job are.

    Attributes:
        results: the journal; what is not a regular file, such as `-`, is a job of this run alone.
        runs: the runs file; None where there is no job.
        folder: beside the results.
        stem: what the names of its files begin with.
        looked_for: names under which a job was looked for.
    """

    results: str
    runs: str | None
    folder: Path
    stem: str
    looked_for: tuple[str, ...] = ()

    @property
    def exists(self) -> bool:
        """Whether there is a job."""
        return self.runs is not None and bool(_size(self.results) or _size(self.runs))

    @property
    def failed_folder(self) -> Path:
        """Where the failed rows of several inputs go."""
        return self.folder / f"{self.stem}.failed"

    def failed_files(self) -> Iterator[Path]:
        """The failed-rows files of the job that are there."""
        with suppress(OSError):
            for path in sorted(self.folder.iterdir()):
                named = FAILED_NAME.fullmatch(path.name)
                if named and named["stem"] == self.stem and _is_failed_rows(path):
                    yield path
        for place, _, names in os.walk(self.failed_folder):
            for path in sorted(Path(place, name) for name in names):
                if _is_failed_rows(path):
                    yield path

    def all_failed_files(self, named: Iterable[str], *, by_name: bool = True) -> list[str]:
        """The failed-rows files of the job that are there, by their names or in *named*.

        Args:
            named: what its runs have written, as they called it: beside the results is looked, too.
            by_name: also those that are not in *named*.
        """
        found = {os.path.realpath(path): str(path) for path in self.failed_files() if by_name}
        for name in named:
            for path in (Path(name), self.folder / Path(name).name):
                if _is_failed_rows(path):
                    found.setdefault(os.path.realpath(path), str(path))
                    break
        return list(found.values())


def name_job(inputs: Sequence[str], results: str | None, *, simulated: bool) -> JobFiles:
    """The job of an upload.

    Args:
        inputs: as they were named.
        results: as `-o` names them, or None.
        simulated: it is a job of its own.

    Raises:
        UsageError: there are two jobs of that name.
    """
    if results is not None:
        return named_job(results, simulated=simulated)
    folder, stem = _beside(inputs[0])
    stem = _with_simulated(stem, simulated=simulated)
    names = tuple(str(folder / f"{stem}{_RESULTS}{suffix}") for suffix in SUFFIXES)
    there = [name for name in names if _size(name)]
    if len(there) > 1:
        raise UsageError(
            f"{there[0]} and {there[1]} both exist, and it is not clear which is meant",
            hint="name one of them with -o",
        )
    found = there[0] if there else names[0]
    return JobFiles(found, str(folder / f"{stem}.runs.jsonl"), folder, stem, names)


def named_job(results: str, *, simulated: bool = False) -> JobFiles:
    """The job whose results file has that name."""
    path = Path(results)
    if results == STDOUT or (path.exists() and not path.is_file()):
        folder = Path() if results == STDOUT else path.parent
        return JobFiles(results, None, folder, "stdout" if results == STDOUT else path.name)
    suffix = path.suffix if path.suffix.lower() in SUFFIXES else ""
    base = path.name.removesuffix(suffix)
    middle = _RESULTS if base.endswith(_RESULTS) and base != _RESULTS else ""
    stem = _with_simulated(base.removesuffix(middle), simulated=simulated)
    name = str(path.parent / f"{stem}{middle}{suffix}")
    return JobFiles(name, str(path.parent / f"{stem}.runs.jsonl"), path.parent, stem, (name,))


def job_of_failed_rows(name: str, *, simulated: bool) -> JobFiles | None:
    """The job that a failed-rows file or a folder of them belongs to by its name, or None."""
    path = Path(name)
    named = FAILED_NAME.fullmatch(path.name)
    if named:
        return _existing(path.parent, named["stem"], simulated=simulated)
    for place in (path, *path.parents):
        if place.suffix == ".failed" and place.stem:
            return _existing(place.parent, place.stem, simulated=simulated)
    return None


def tells_job(name: str, results: str) -> bool:
    """Whether a failed-rows file is of the job with those results by its name."""
    try:
        job = job_of_failed_rows(name, simulated=False)
    except UsageError:
        return False
    return job is not None and os.path.realpath(job.results) == os.path.realpath(results)


def _existing(folder: Path, stem: str, *, simulated: bool) -> JobFiles:
    """The job of that stem; its results may be named without `.results`, as `-o` can say it."""
    job = name_job([str(folder / f"{stem}.csv")], None, simulated=simulated)
    if not _size(job.results):
        for suffix in SUFFIXES:
            named = named_job(str(folder / f"{stem}{suffix}"), simulated=simulated)
            if _size(named.results) and what_is(named.results) is OwnFile.RESULTS:
                return named
    return job


def set_aside(files: JobFiles) -> list[tuple[str, str]]:
    """Rename the files of a job so that a new one can begin; nothing is deleted.

    Only regular files are renamed, and only those that are a job's.

    Returns:
        Old and new names.

    Raises:
        UsageError: under the name of the results there is something else.
        OutputError: one cannot be renamed.
    """
    check_own(files)
    moved: list[tuple[str, str]] = []
    if files.runs is None:
        return moved
    old = [Path(name) for name in (files.results, files.runs) if _is_regular(name)]
    failed = list(files.failed_files())
    when = _free_time(files, [*old, *failed])
    for path in [*failed, *old]:
        inner = path.relative_to(files.folder)
        new = files.folder / _renamed(str(inner), files.stem, when)
        try:
            new.parent.mkdir(parents=True, exist_ok=True)
            path.rename(new)
        except OSError as error:
            raise OutputError(
                f"{path} cannot be renamed as {new}: {error.strerror}",
                hint="nothing was sent; move the old files yourself, or name others with -o",
            ) from None
        moved.append((str(path), str(new)))
    return moved


def check_own(files: JobFiles) -> None:
    """Refuse to touch what stands under the name of a job and is none; raises UsageError."""
    for name, kind in ((files.results, OwnFile.RESULTS), (files.runs, OwnFile.RUNS)):
        if name and _is_regular(name) and _size(name) and what_is(name) is not kind:
            raise UsageError(
                f"{name} exists and is not a {kind.value} of batchconv",
                hint="name another place for the results with -o",
            )


def _free_time(files: JobFiles, paths: Sequence[Path]) -> str:
    """A time for the new names, that of the results, under which nothing stands yet."""
    try:
        seconds = int(Path(files.results).stat().st_mtime)
    except OSError:
        seconds = int(datetime.now(UTC).timestamp())
    while True:
        when = f"{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%SZ}"
        names = (_renamed(str(path.relative_to(files.folder)), files.stem, when) for path in paths)
        if not any(os.path.lexists(files.folder / name) for name in names):
            return when
        seconds += 1


def _renamed(name: str, stem: str, when: str) -> str:
    return f"{stem}.{when}{name.removeprefix(stem)}"


def _beside(name: str) -> tuple[Path, str]:
    """The folder that an input lies in, and what the files of its job are called."""
    stem = run_stem(name)
    if is_stdin(name) or is_url(name):
        return Path(), stem
    path = Path(name)
    if path.is_dir():
        if path.name in ("", ".."):
            return path / os.pardir, path.resolve().name or stem
        return path.parent, stem
    if not os.path.lexists(path):
        fixed = [part for part in path.parts if not re.search(r"[*?\[]", part)]
        if len(fixed) < len(path.parts):
            first = next(n for n, part in enumerate(path.parts) if part not in fixed)
            return Path(*path.parts[:first]), stem
    return path.parent, stem


def _with_simulated(stem: str, *, simulated: bool) -> str:
    return f"{stem}{_SIMULATED}" if simulated and not stem.endswith(_SIMULATED) else stem


def _is_failed_rows(path: Path) -> bool:
    return _is_regular(str(path)) and what_is(str(path)) is OwnFile.FAILED_ROWS


def _is_regular(name: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(name).st_mode)  # noqa: PTH116 - a path may be any text here
    except (OSError, ValueError):
        return False


def _size(name: str) -> int:
    try:
        return os.stat(name).st_size if _is_regular(name) else 0  # noqa: PTH116 - as above
    except (OSError, ValueError):
        return 0
