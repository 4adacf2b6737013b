"""A results file for a report: its lines some thousand at a time, and what is known of them."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory

from batchconv.errors import InputError
from batchconv.journal.append_only_file import STDOUT
from batchconv.journal.reader import ResultsReader
from batchconv.journal.results import CSV_HEADER, ResultLine

_AT_ONCE = 5_000  # lines
_LONGEST = 1e12  # milliseconds that an exchange may take: thirty years
_MOST_ATTEMPTS = 9_999
_REASON = re.compile(r"[-a-z]{1,40}")
_OWN_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d\d\d)Z", re.ASCII)


class ResultsFile:
    """A results file that can be read again and again.

    Args:
        path: of the file.

    Attributes:
        torn: a last line without an end is left out.
    """

    def __init__(self, path: str) -> None:
        self._reader = ResultsReader(path)
        self.torn = self._reader.tail().torn > 0

    def batches(self) -> Iterator[list[ResultLine]]:
        """The lines in order; raises InputError when one is none."""
        lines = self._reader.lines()
        while batch := list(islice(lines, _AT_ONCE)):
            yield batch


@contextmanager
def kept(path: str) -> Iterator[str]:
    """A name under which *path* can be read again: what can be read only once is copied.

    Raises:
        InputError: it cannot be read.
    """
    try:
        if path != STDOUT and stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - any text
            yield path
            return
        with TemporaryDirectory(prefix="batchconv-") as folder:
            copy = Path(folder, "results")
            piped = path == STDOUT
            with (
                copy.open("wb") as to,
                open(0 if piped else path, "rb", closefd=not piped) as file,
            ):
                shutil.copyfileobj(file, to)
            with copy.open("rb") as file:
                as_csv = file.read(len(CSV_HEADER)).startswith(CSV_HEADER.rstrip(b"\n"))
            yield str(copy.rename(copy.with_suffix(".csv" if as_csv else ".jsonl")))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "that is not a file name"
        raise InputError(
            f"{path} cannot be read: {why}", hint="check the name and the permissions"
        ) from None


def milliseconds(at: str) -> int | None:
    """A moment of a results file as Unix time; None where it is none."""
    own = _OWN_MOMENT.fullmatch(at)
    if own is not None:
        second = _unix_second(own[1])
        return None if second is None else second * 1000 + int(own[2])
    try:
        moment = datetime.fromisoformat(at)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        return None


@lru_cache(maxsize=10_000)
def _unix_second(text: str) -> int | None:
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    except (ValueError, OverflowError):
        return None


def seconds_of(elapsed: object) -> float | None:
    """How long an exchange took; None where a line does not tell, or what cannot be."""
    if isinstance(elapsed, bool) or not isinstance(elapsed, int | float):
        return None
    return elapsed / 1000 if isfinite(elapsed) and 0 <= elapsed < _LONGEST else None


def reason_of(line: ResultLine) -> str:
    """The reason of a line, empty where it has none; `other` for anything that is not a word."""
    reason = line.reason
    if not reason:
        return ""
    return reason if isinstance(reason, str) and _REASON.fullmatch(reason) else "other"


def attempts_of(attempts: int) -> int:
    """How many attempts a line reports, within what can be."""
    return min(max(attempts, 0), _MOST_ATTEMPTS)


def status_of(status: int | None) -> str:
    """An HTTP status as a text, empty where there was none."""
    return str(status) if status is not None and 0 <= status <= 9_999 else ""
