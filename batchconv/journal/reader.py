"""The only reader of results files.

`ResultsReader.lines` gives every line as it stands, `ResultsReader.fold` only what counting needs.
A last line that a crash has torn is left out.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, BinaryIO, NamedTuple

from batchconv.errors import InputError
from batchconv.journal.results import CSV_HEADER, ResultLine, is_csv, no_result
from batchconv.model import Reason, Result, read_key

RESULTS = frozenset(result.value for result in Result)
_FINAL = frozenset({Result.ACCEPTED.value, Result.SKIPPED.value})

_BLOCK = 1 << 17  # bytes; larger ones leave the processor's cache
_JSON_BEGIN = b'{"source":"'
_LONGEST_LINE = 1 << 26  # bytes
_KEY_SIZE = 32  # hexadecimal digits
_NOT_OURS = (ValueError, KeyError, TypeError, RecursionError, csv.Error)
_values = itemgetter(*ResultLine._fields)


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


class Kind(NamedTuple):
    """What many lines have in common, which are final and the first outcomes of their rows."""

    source: str
    outcome: str
    reason: str | None
    target: str


class Keys(NamedTuple):
    """Lines of one kind, of which only the keys are wanted.

    Attributes:
        keys: of 16 bytes each, one behind the other.
    """

    kind: Kind
    keys: bytes


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
        quick = _QuickBlocks()
        for number, text in self._blocks():
            found, rest = quick.read(text)
            if found is not None:
                yield found
            yield from self._parsed(number, rest)

    def _parsed(self, number: int, text: bytes) -> Iterator[ResultLine]:
        """The lines of a block; *number* is that of its first, or about it."""
        for at, line in enumerate(text.split(b"\n"), number):
            if line.strip():
                try:
                    yield self._parse(line)
                except _NOT_OURS:
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
            except _NOT_OURS:
                pass
            else:
                return Tail(size, 0, unended=True)
        if not end and torn.strip() and not (torn.startswith(ours) or ours.startswith(torn)):
            raise no_result(self._path, 1)
        return Tail(end, size - end)


def is_final(line: ResultLine) -> bool:
    """Whether no later run has anything to do with the row; `too-old` is judged anew."""
    return line.outcome in _FINAL and line.reason != Reason.TOO_OLD


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
            yield file
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "that is not a file name"
        raise InputError(
            f"{path} cannot be read: {why}", hint="check the name and the permissions"
        ) from None


def parse_json(line: bytes) -> ResultLine:
    """A line of a JSON Lines results file.

    Raises:
        ValueError, KeyError, TypeError, RecursionError: it is none.
    """
    return _checked(ResultLine._make(_values(json.loads(line))))


def parse_csv(line: bytes) -> ResultLine:
    """A line of a CSV results file; raises as `parse_json`, and csv.Error."""
    cells = next(csv.reader([line.decode().rstrip("\r\n")], strict=True))
    found: dict[str, Any] = dict(zip(ResultLine._fields, cells, strict=True))
    typed: dict[str, Any] = {name: text or None for name, text in found.items()}
    for name, kind in (("row", int), ("line", int), ("status", int), ("elapsed_ms", float)):
        typed[name] = kind(found[name]) if found[name] else None
    typed["source"] = found["source"]
    typed["attempts"] = int(found["attempts"])
    typed["delivered"] = {"true": True, "false": False, "": None}[found["delivered"]]
    return _checked(ResultLine(**typed))


def _checked(line: ResultLine) -> ResultLine:
    """The line if it is one that a run may have written; raises ValueError or TypeError."""
    texts = (line.source, line.at, line.run, line.target)
    numbers = (line.row, line.attempts, line.status or 0, line.line or 0)
    if (
        line.outcome not in RESULTS
        or line.replaces not in (None, *RESULTS)
        or (line.corrects is not None and line.replaces is None)
        or not all(isinstance(text, str) for text in texts)
        or not all(type(number) is int for number in numbers)
    ):
        raise ValueError(line.outcome)
    read_key(line.key)
    if line.corrects is not None:
        read_key(line.corrects)
    return line


# What is matched here is what the json module takes, too: nothing damaged is let through.
_PLAIN = rb"[ !#-\[\]-~]*+"  # ASCII that needs no escape
_TEXT = rb'"%b(?:\\(?:["\\/bfnrt]|u[0-9a-f]{4})%b)*+"' % (_PLAIN, _PLAIN)
_NUMBER = rb"(?:0|[1-9]\d{0,18}+)"
_ELAPSED = _NUMBER + rb"(?:\.\d++)?+(?:e[-+]\d++)?+"


def _own_line(kind: Kind) -> re.Pattern[bytes]:
    """Finds the key of a line of that kind as this program writes it, else the whole line."""
    source, target = (re.escape(json.dumps(text).encode()) for text in (kind.source, kind.target))
    reason = json.dumps(kind.reason).encode()
    wanted = (
        rb'\{"source":%b,"row":%b,"line":(?:null|%b),"key":"k([0-9a-f]{%d})",'
        rb'"replaces":null,"corrects":null,"message_id":(?:null|%b),'
        rb'"delivered":(?:true|false|null),"timestamp":(?:null|"%b"),"channel":(?:null|"[a-z]*+"),'
        rb'"outcome":"%b","status":(?:null|%b),"attempts":%b,"elapsed_ms":(?:null|%b),'
        rb'"reason":%b,"detail":(?:null|%b),"at":"%b","run":"%b","target":%b\}\r?\n'
    ) % (
        source, _NUMBER, _NUMBER, _KEY_SIZE, _TEXT, _PLAIN, kind.outcome.encode(), _NUMBER,
        _NUMBER, _ELAPSED, reason, _TEXT, _PLAIN, _PLAIN, target,
    )  # fmt: skip
    return re.compile(b"^(?:%b|([^\n]*+\n))" % wanted, re.MULTILINE)


class _QuickBlocks:
    """Takes whole blocks of JSON Lines apart at once: three times as fast as the json module.

    A file of ten million lines is read at every resume. Most lines that follow each other differ
    only in what nobody wants to know.
    """

    def __init__(self) -> None:
        self._kind: Kind | None = None
        self._pattern = re.compile(b"^(?:((?!))|([^\n]*+\n))", re.MULTILINE)

    def read(self, block: bytes) -> tuple[Keys | None, bytes]:
        """The keys of the lines of the usual kind, and all other lines."""
        found, rest = self._split(block)
        if len(rest) > len(block) // 2 and self._expect(rest):
            found, rest = self._split(block)
        return found, rest

    def _split(self, block: bytes) -> tuple[Keys | None, bytes]:
        found = self._pattern.findall(block)
        keys = b"".join([key for key, _ in found])
        rest = b"".join([line for _, line in found])
        if self._kind is None or not keys:
            return None, rest
        return Keys(self._kind, bytes.fromhex(keys.decode())), rest

    def _expect(self, lines: bytes) -> bool:
        """Take the kind of the first of *lines* for the usual one; False when that is of no use."""
        try:
            line = parse_json(lines[: lines.index(b"\n")])
        except _NOT_OURS:
            return False  # the caller that reads the lines one by one will say where
        kind = Kind(line.source, line.outcome, line.reason, line.target)
        if kind == self._kind or not is_final(line) or line.replaces is not None:
            return False
        self._kind = kind
        self._pattern = _own_line(kind)
        return True
