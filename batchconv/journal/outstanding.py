"""The rows of a job whose last outcome is bad, one by one, with the values in their lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import NamedTuple

from batchconv.journal.books import OUTSTANDING
from batchconv.journal.key_multiset import KeyMultiset
from batchconv.journal.quick_blocks import Keys
from batchconv.journal.reader import ResultsReader
from batchconv.journal.results import ResultLine, is_final
from batchconv.model import Result, read_key

# Skipped: as too old. It is not bad, but a later line may take its place.
_TAGS = {outcome: bytes([number]) for number, outcome in enumerate((*OUTSTANDING, Result.SKIPPED))}
_OUTCOMES = list(_TAGS)
_NOTE = Struct(">B6sIIBHH")  # outcome, row, run, source, reason, status, attempts
_LINE = Struct(">6sII")
_MOST_REASONS = 255
_MOST_ROW = (1 << 48) - 1
_MOST_SMALL = (1 << 16) - 1


class Outstanding(NamedTuple):
    """A row whose last outcome is bad.

    Attributes:
        row: its number in its source.
        run: the id of the run that has settled it so.
    """

    outcome: Result
    source: str
    row: int
    run: str
    reason: str | None
    status: int | None
    attempts: int


class OutstandingRows:
    """Follows the lines of a journal: what it holds at the end are the outcomes that stand.

    A row takes 36 bytes and is on disk when there are very many.
    """

    def __init__(self) -> None:
        self._rows = KeyMultiset(note=_NOTE.size)
        self._runs = _Numbers()
        self._sources = _Numbers()
        self._reasons = _Numbers(_MOST_REASONS)

    def load(self, results: ResultsReader) -> None:
        """Take in a results file; raises InputError when it is none."""
        for one in results.fold():
            if not isinstance(one, Keys):
                self.add(one)

    def add(self, line: ResultLine) -> Outstanding | None:
        """Take in one line; the outcome whose place it takes."""
        key = read_key(line.key)
        before = None
        if line.replaces is not None:
            replaced = key if line.corrects is None else read_key(line.corrects)
            before = self.take(replaced, Result(line.replaces), line.row)
        if not is_final(line):
            note = _NOTE.pack(
                _TAGS[Result(line.outcome)][0],
                _number(line.row),
                self._runs.of(line.run),
                self._sources.of(line.source),
                self._reasons.of(line.reason or ""),
                min(line.status or 0, _MOST_SMALL),
                min(line.attempts, _MOST_SMALL),
            )
            self._rows.add(key, note)
        return before

    def take(self, key: bytes, outcome: Result, row: int) -> Outstanding | None:
        """Take away an outcome of *key*, that of the row of that number if there is one."""
        tag = _TAGS.get(outcome)
        if tag is None or not len(self._rows):
            return None
        note = self._rows.take(key, tag + _number(row)) or self._rows.take(key, tag)
        return None if note is None else self._read(note)

    def standing(self, lines: Iterable[ResultLine | Keys]) -> Iterator[ResultLine]:
        """Those of *lines*, which are the same ones once more, whose bad outcome is the last.

        Each is taken away: they can be asked for once.
        """
        for line in lines:
            if isinstance(line, Keys) or line.outcome not in OUTSTANDING or not len(self._rows):
                continue
            begin = _TAGS[Result(line.outcome)] + _LINE.pack(
                _number(line.row), self._runs.of(line.run), self._sources.of(line.source)
            )
            if self._rows.take(read_key(line.key), begin) is not None:
                yield line

    def _read(self, note: bytes) -> Outstanding:
        tag, row, run, source, reason, status, attempts = _NOTE.unpack(note)
        return Outstanding(
            _OUTCOMES[tag],
            self._sources.text(source),
            int.from_bytes(row),
            self._runs.text(run),
            self._reasons.text(reason) or None,
            status or None,
            attempts,
        )


class _Numbers:
    """Texts that come again and again, each with a number."""

    def __init__(self, most: int = (1 << 32) - 1) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []
        self._most = most

    def of(self, text: str) -> int:
        """The number of a text; what goes beyond the most shares the last one."""
        number = self._numbers.get(text)
        if number is None:
            if len(self._texts) >= self._most:
                return self._most - 1
            number = self._numbers[text] = len(self._texts)
            self._texts.append(text)
        return number

    def text(self, number: int) -> str:
        return self._texts[number]


def _number(row: int) -> bytes:
    return min(max(row, 0), _MOST_ROW).to_bytes(6)
