"""Whose a failed-rows file is: several results files may stand in one folder.

The file itself does not say which results it belongs to. But each of its rows has its number and,
in its columns, its key: the results that it belongs to tell of that number with that key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from io import SEEK_END
from itertools import accumulate, islice
from pathlib import Path
from typing import NamedTuple

from batchconv.errors import BatchconvError
from batchconv.journal.entries import find_tail, opened, read_up_to
from batchconv.journal.failed_rows.lines import Reread, header, number_of
from batchconv.journal.quick_entries import Entry
from batchconv.model import NO_FIELDS, Fault, Reason, Result, Row
from batchconv.reading.formats import Layout
from batchconv.reading.formats.lines import Lines

_SAMPLE = 50  # rows of a file that are looked at
_ENOUGH = 0.5  # of them have to be known
_MOST_LINES = 8  # of a record
_CHUNK = 1 << 20  # bytes
_ANY_FAULT = Fault(Reason.UNREADABLE_RECORD, "")
_DONE = frozenset({Result.ACCEPTED.value, Result.SKIPPED.value})


class Claim(NamedTuple):
    """What speaks for a file's being that of an input.

    Attributes:
        share: how many of the rows that were looked at are known, from 0 to 1.
        rows: how many those are.
    """

    share: float
    rows: int


Claims = dict[Path, dict[str, Claim]]
"""File → source, as the results name it → what speaks for it. A file without any claim is
anybody's: nothing whole stands in it."""

_Place = tuple[int | None, str]  # number and key of a row; the number is not known of raw ones


def find_claims(results: str, candidates: Mapping[Path, Layout], reread: Reread) -> Claims:
    """Those of the *candidates* that hold rows which a results file tells of, or no whole row.

    Args:
        results: the file.
        candidates: failed-rows files, and what their inputs look like.
        reread: for those that hold rows with their columns.

    Raises:
        InputError: it is no results file.
    """
    samples: dict[Path, Sequence[Sequence[_Place]]] = {}
    for path, layout in candidates.items():
        with suppress(BatchconvError, OSError):  # then it is not what it is called, and not ours
            raw = path.suffix == ".raw"
            samples[path] = _raw_sample(path, layout) if raw else _sample(path, layout, reread)
    claims: Claims = {path: {} for path, sample in samples.items() if not sample}
    for (path, source), numbers in _known(results, samples).items():
        claim = Claim(len(numbers) / len(samples[path]), len(numbers))
        if path.suffix == ".raw" or claim.share >= _ENOUGH:
            claims.setdefault(path, {})[source] = claim
    return claims


def _known(
    results: str, samples: Mapping[Path, Sequence[Sequence[_Place]]]
) -> dict[tuple[Path, str], set[int]]:
    """File and source → which rows of the file's sample the results tell of for that source."""
    wanted: dict[_Place, list[tuple[Path, int]]] = defaultdict(list)
    for path, sample in samples.items():
        for number, places in enumerate(sample):
            for place in places:
                wanted[place].append((path, number))
    known: dict[tuple[Path, str], set[int]] = defaultdict(set)
    for entry in _bad_entries(results) if wanted else ():
        key = entry.key.hex()
        for place in ((entry.row, key), (None, key)):
            for path, number in wanted.get(place, ()):
                known[path, entry.source].add(number)
    return known


def _bad_entries(results: str) -> Iterator[Entry]:
    with opened(results) as file:
        for one in read_up_to(results, file, find_tail(results, file), keys_only=_DONE):
            if isinstance(one, Entry) and one.outcome not in _DONE:
                yield one


def _sample(path: Path, layout: Layout, reread: Reread) -> list[list[_Place]]:
    """Of the first rows of a file, where in results they would stand: all that is possible.

    Raises:
        InputError: it holds rows, but none that failed.
    """
    if path.stat().st_size < len(header(layout)) and begins(path, header(layout)):
        return []
    rows = list(islice(reread(path, layout), _SAMPLE))
    if rows and len(rows) < _SAMPLE and not _ends(path):
        rows.pop()  # torn, even where it looks whole
    return [[(number_of(path, row), row.key())] for row in rows if row.fault is None]


def _ends(path: Path) -> bool:
    """Whether the last line of a file that is not empty has an end."""
    with path.open("rb") as file:
        file.seek(-1, SEEK_END)
        return file.read() == b"\n"


def begins(path: Path, begin: bytes) -> bool:
    """Whether a file begins like that, or was torn within its beginning."""
    try:
        with path.open("rb") as file:
            return begin.startswith(file.read(len(begin)))
    except OSError:
        return False


def _raw_sample(path: Path, layout: Layout) -> list[list[_Place]]:
    """The same for records without columns, which may have several lines, however these ended."""
    first = []
    with path.open("rb") as file:
        chunks = iter(lambda: file.read(_CHUNK), b"")
        lines = Lines(chunks, max_bytes=_CHUNK, encoding=layout.encoding, newline="\n")
        for line in islice(lines, _SAMPLE):
            first.append(line)
            lines.mark()
    if len(first) == 1 and not first[0].endswith("\n"):
        return []  # torn
    return [_raw_places(first[begin : begin + _MOST_LINES]) for begin in range(len(first))]


def _raw_places(lines: Sequence[str]) -> list[_Place]:
    """Where the record stands whose first line is the first of *lines*."""
    unread = Row("", 0, None, NO_FIELDS, None, None, _ANY_FAULT)
    return [
        (None, unread._replace(raw=record.rstrip("\r\n") + end).key())
        for record in accumulate(lines)
        for end in ("\n", "\r\n", "\r", "")
    ]
