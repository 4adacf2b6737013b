"""The only reader of results files.

`ResultsReader.lines` gives every line as it stands, `ResultsReader.fold` only what counting needs.
A last line that a crash has torn is left out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

from batchconv.errors import InputError
from batchconv.journal.parsing import NOT_OURS, parse_csv, parse_json
from batchconv.journal.quick_blocks import Keys, QuickBlocks
from batchconv.journal.results import CSV_HEADER, ResultLine, is_csv, no_result

_BLOCK = 1 << 17  # bytes; larger ones leave the processor's cache
_JSON_BEGIN = b'{"source":"'
_LONGEST_LINE = 1 << 26  # bytes


class Tail(NamedTuple):
    """How a results file ends.

    Attributes:
        end: where its lines end.
        torn: bytes of a torn line that come after.
        unended: the last line is whole, and only its end is missing.
    """

    end: int
    torn: int
    unended: bool = False


class ResultsReader:
    """Reads a results file, JSON Lines or CSV, as far as it goes when a reading begins.

    Args:
        path: of the file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._parse = parse_csv if is_csv(path) else parse_json

    def tail(self) -> Tail:
        """How the file ends.

        Raises:
            InputError: it cannot be read, or nothing in it is ours.
        """
        with _opened(self._path) as file:
            return self._find_tail(file)

    def lines(self) -> Iterator[ResultLine]:
        """Every line, in order.

        Raises:
            InputError: one is not a result, or the file cannot be read.
        """
        for number, text in self._blocks():
            yield from self._parsed(number, text)

    def fold(self) -> Iterator[Keys | ResultLine]:
        """The same lines for counting; of most only the key, and many together.

        Lines together are of one kind, and are the first outcomes of their rows. Of the lines of
        some thousand rows that follow each other, the order is lost.
        """
        if is_csv(self._path):
            yield from self.lines()
            return
        quick = QuickBlocks()
        for number, text in self._blocks():
            found, rest = quick.read(text)
            if found is not None:
                yield found
            yield from self._parsed(number, rest)

    def texts(self) -> Iterator[list[bytes]]:
        """All lines as they stand, some hundred at a time; blank ones are left out.

        Raises:
            InputError: the file cannot be read.
        """
        for _, text in self._blocks():
            yield [line for line in text.split(b"\n") if line]

    def _parsed(self, number: int, text: bytes) -> Iterator[ResultLine]:
        """The lines of a block; *number* is that of its first, or about it."""
        for at, line in enumerate(text.split(b"\n"), number):
            if line.strip():
                try:
                    yield self._parse(line)
                except NOT_OURS:
                    raise no_result(self._path, at) from None

    def _blocks(self) -> Iterator[tuple[int, bytes]]:
        """Whole lines, many at a time, with the number of the first; without a header."""
        with _opened(self._path) as file:
            end = self._find_tail(file).end
            file.seek(0)
            number = 1
            if is_csv(self._path) and end:
                csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_LINE))
                if file.readline().rstrip(b"\r\n") != CSV_HEADER.rstrip(b"\n"):
                    raise no_result(self._path, 1)
                number = 2
            rest = b""
            while block := file.read(min(_BLOCK, end - file.tell())):
                cut = block.rfind(b"\n") + 1
                if cut:
                    text = rest + block[:cut]
                    yield number, text
                    number += text.count(b"\n")
                    rest = b""
                rest += block[cut:]
            if rest:
                yield number, rest + b"\n"

    def _find_tail(self, file: BinaryIO) -> Tail:
        """Look for a last line without an end: what a crash in the middle of a write leaves."""
        size = file.seek(0, io.SEEK_END)
        end = end_of_lines(file, size)
        file.seek(end)
        torn = file.read(_LONGEST_LINE)
        ours = CSV_HEADER if is_csv(self._path) else _JSON_BEGIN
        if torn.strip() and not is_csv(self._path):
            try:
                parse_json(torn)
            except NOT_OURS:
                pass
            else:
                return Tail(size, 0, unended=True)
        if not end and torn.strip() and not (torn.startswith(ours) or ours.startswith(torn)):
            raise no_result(self._path, 1)
        return Tail(end, size - end)


def end_of_lines(file: BinaryIO, size: int) -> int:
    """Where the last whole line of a file of *size* bytes ends; 0 when it has none."""
    at = size
    while at > 0:
        begin = max(0, at - _BLOCK)
        file.seek(begin)
        found = file.read(at - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        at = begin
    return 0


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path may be any text here
            if not file.seekable():
                raise InputError(
                    f"{path} is a pipe, and results are read more than once",
                    hint="write them to a file first",
                )
            yield file
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "that is not a file name"
        raise InputError(
            f"{path} cannot be read: {why}", hint="check the name and the permissions"
        ) from None
