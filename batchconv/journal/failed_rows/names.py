"""Which file the failed rows of an input go to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import NamedTuple

from batchconv.errors import UsageError
from batchconv.journal.failed_rows.lines import header
from batchconv.journal.failed_rows.owner import Claim, Claims, begins
from batchconv.reading.formats import Layout
from batchconv.reading.sources import stem

RAW = "raw"
_NO_CLAIM = Claim(0.0, 0)


class FailedFiles(NamedTuple):
    """Where the failed rows of one input go; made when they are needed.

    Attributes:
        rows: rows with their columns.
        raw: records that carry none.
    """

    rows: Path
    raw: Path


class Plan(NamedTuple):
    """The files of all inputs.

    Attributes:
        files: of each input.
        ours: those that belong to the results of the run: they are gone on with, or replaced.
        named: by the user, who wants these and no others.
    """

    files: dict[str, FailedFiles]
    ours: frozenset[Path]
    named: bool = False


class _Series(NamedTuple):
    """The names `<stem>.failed.<suffix>`, `<stem>.failed.2.<suffix>` and so on."""

    folder: Path
    stem: str
    suffix: str

    def name(self, number: int) -> Path:
        middle = "failed" if number == 1 else f"failed.{number}"
        return self.folder / f"{self.stem}.{middle}.{self.suffix}"


def is_used(path: Path) -> bool:
    """Whether something is there."""
    return path.exists() and path.stat().st_size > 0


def following(path: Path) -> Path:
    """The name after one that turned out to be another run's."""
    base, _, rest = path.name.rpartition(".failed.")
    number, _, suffix = rest.rpartition(".")
    return _Series(path.parent, base, suffix).name(int(number or 1) + 1)


def name_files(
    named: str, inputs: Iterable[str], *, ours: bool, option: str = "--failed"
) -> Plan | Path:
    """What the user named with *option*: the file for one input, or a folder for all.

    Raises:
        UsageError: one file was named for several inputs, or it is there and not *ours*.
    """
    target = Path(named)
    names = list(dict.fromkeys(inputs))
    if target.is_dir():
        return target
    if len(names) > 1:
        raise UsageError(
            f"{option} {named} is no folder, and there are {len(names)} inputs with a "
            "failed-rows file each",
            hint=f"make the folder: mkdir {named}",
        )
    if is_used(target) and not ours:
        raise UsageError(
            f"{target} exists and is not empty",
            hint="name another with --failed, go on with it by --resume, or replace it with "
            "--overwrite",
        )
    files = FailedFiles(target, target.with_suffix(f".{RAW}"))
    return Plan({names[0]: files}, frozenset(files), named=True)


_Ranked = dict[tuple[_Series, str | None], list[tuple[Claim, int]]]


class Planner:
    """Input → its files: `<stem>.failed.<suffix>`, numbered when names clash.

    A name that is taken by an earlier run clashes, too, unless the file belongs to the results
    that this run is about, and looks like the input.

    Args:
        layouts: how each input looks.
        folder: beside the results.
    """

    def __init__(self, layouts: Mapping[str, Layout], folder: Path) -> None:
        self._layouts = layouts
        self._folder = folder
        self._taken: set[Path] = set()
        # Thousands of inputs may have one name: 2026-11-20/export.csv and so on.
        stems = Counter(map(stem, layouts))
        self._in_use = {
            both: self._used(*both, stems[both[0].stem]) for both in set(map(self._series, layouts))
        }
        self._next = {both: max(used, default=0) + 1 for both, used in self._in_use.items()}

    def _series(self, name: str) -> tuple[_Series, _Series]:
        """The names for rows, and for raw records."""
        base = stem(name)
        rows = _Series(self._folder, base, self._layouts[name].format)
        return rows, rows._replace(suffix=RAW)

    def _used(self, rows: _Series, raw: _Series, gaps: int) -> list[int]:
        """The numbers in use; a run of several inputs of one name may have left gaps."""
        used = [0]
        number = 0
        while number < used[-1] + gaps:
            number += 1
            if is_used(rows.name(number)) or is_used(raw.name(number)):
                used.append(number)
        return used[1:]

    def candidates(self) -> dict[Path, Layout]:
        """The failed-rows files that are there under the names of inputs, and how these look."""
        looks = {self._series(name): layout for name, layout in self._layouts.items()}
        return {
            path: looks[both]
            for both, used in self._in_use.items()
            for series in both
            for number in used
            if is_used(path := series.name(number))
        }

    def plan(self, claims: Claims | None) -> Plan:
        """Choose the files.

        Args:
            claims: the results' on the candidates; None to begin all anew.
        """
        files = {}
        ranked = self._rank(claims or {})
        for name, layout in self._layouts.items():
            rows, raw = both = self._series(name)
            number = raw_number = 0
            if claims is not None:
                number = self._own(name, rows, ranked, header(layout))
                raw_number = self._own(name, raw, ranked, b"")
            number = number or self._free(rows, self._next[both])
            self._next[both] = max(self._next[both], number + 1)
            raw_number = raw_number or self._free(raw, number)
            files[name] = FailedFiles(rows.name(number), raw.name(raw_number))
            self._taken.update(files[name])
        # Whatever is there already was chosen because it is ours.
        return Plan(files, frozenset(filter(is_used, self._taken)))

    def _rank(self, claims: Claims) -> _Ranked:
        """The claimed numbers of each series, for each input; the strongest claims first.

        A file that is claimed for a source that is no input, or not at all, is anybody's.
        """
        ranked: _Ranked = defaultdict(list)
        for both, used in self._in_use.items():
            for series in both:
                for number in used:
                    found = claims.get(series.name(number))
                    if found is not None:
                        for source, claim in (found or {"": _NO_CLAIM}).items():
                            name = source if source in self._layouts else None
                            ranked[series, name].append((claim, -number))
        for numbers in ranked.values():
            numbers.sort(reverse=True)
        return ranked

    def _own(self, name: str, series: _Series, ranked: _Ranked, begin: bytes) -> int:
        """The number of the input's own file, or 0.

        One that begins otherwise is none: the input's columns have changed.
        """
        for _, negative in (*ranked[series, name], *ranked[series, None]):
            path = series.name(-negative)
            if path not in self._taken and begins(path, begin):
                return -negative
        return 0

    def _free(self, series: _Series, first: int) -> int:
        """The first number from *first* on whose name is neither in use nor taken."""
        return next(
            number
            for number in count(first)
            if series.name(number) not in self._taken and not is_used(series.name(number))
        )
