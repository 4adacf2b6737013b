"""Which rows an earlier run has settled: the results file, read back.

A file of ten million lines is read at every resume, so lines that this program wrote are taken
apart by one regular expression over whole blocks; lines that were written anew by something else
go through the json module.
"""

from __future__ import annotations

import binascii
import csv
import io
import json
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, BinaryIO, NamedTuple

from batchconv.errors import InputError, UsageError
from batchconv.keys import KeyBag
from batchconv.model import Outcome, Reason, Result, Row
from batchconv.results import CSV_HEADER, ResultLine, is_csv, no_result

_BLOCK = 1 << 20  # bytes
_TEXT = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_OWN_LINE = re.compile(
    rb'^\{"source":(' + _TEXT + rb'),"row":(\d+),"line":(?:\d+|null),"key":"([0-9a-f]{32})",'
    rb'"message_id":(?:null|' + _TEXT + rb'),"delivered":(?:true|false|null),'
    rb'"timestamp":(?:null|"[^"\\]*"),"channel":(?:null|"[a-z]*"),'
    rb'"outcome":"(accepted|rejected|failed|invalid|skipped)",'
    rb'"status":(null|\d+),"attempts":(\d+),"elapsed_ms":(?:null|[-+.e\d]+),'
    rb'"reason":(?:null|"([-a-z]*)"),"detail":(?:null|' + _TEXT + rb'),"at":"[^"\\]*",'
    rb'"run":"[^"\\]*","target":(' + _TEXT + rb")\}\r?\n",
    re.MULTILINE,
)
_RESULTS = frozenset(Result)
_REASONS = frozenset(Reason)
_JSON_BEGIN = b'{"source":"'
_LONGEST_LINE = 1 << 26  # bytes


class Entry(NamedTuple):
    """What a journal needs of a line."""

    source: str
    row: int
    key: bytes
    outcome: str
    status: int | None
    attempts: int
    reason: str | None
    target: str


class Tail(NamedTuple):
    """How a results file ends.

    Attributes:
        end: where its entries end.
        torn: bytes of a torn line that come after.
        unended: the last entry is whole, and only the end of its line is missing.
    """

    end: int
    torn: int
    unended: bool = False


def _find_tail(path: str, file: BinaryIO) -> Tail:
    """Look for a last line without an end: what a crash in the middle of a write leaves.

    Raises:
        InputError: nothing but such a line is there, and it does not begin as ours do.
    """
    size = file.seek(0, io.SEEK_END)
    end = _end_of_lines(file, size)
    file.seek(end)
    torn = file.read(_LONGEST_LINE)
    if is_csv(path):
        ours = CSV_HEADER
    else:
        ours = _JSON_BEGIN
        try:
            _entry(json.loads(torn))
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        else:
            return Tail(size, 0, unended=True)
    if not end and not (torn.startswith(ours) or ours.startswith(torn)):
        raise no_result(path, 1)
    return Tail(end, size - end)


def _end_of_lines(file: BinaryIO, size: int) -> int:
    at = size
    while at > 0:
        begin = max(0, at - _BLOCK)
        file.seek(begin)
        found = file.read(at - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        at = begin
    return 0


def read_entries(path: str) -> Iterator[Entry]:
    """The entries of a results file, JSON Lines or CSV; a torn last line is left out.

    Raises:
        InputError: a line is no result, or the file cannot be read.
    """
    with _opened(path) as file:
        yield from _read(path, file, _find_tail(path, file))


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path may be any text here
            yield file
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}", hint="check the name and the permissions"
        ) from None


def _read(path: str, file: BinaryIO, tail: Tail) -> Iterator[Entry]:
    file.seek(0)
    return (_read_csv if is_csv(path) else _read_json)(path, file, tail.end)


def _read_json(path: str, file: BinaryIO, end: int) -> Iterator[Entry]:
    number = 0
    sources: dict[bytes, str] = {}
    rest = b""
    while block := file.read(min(_BLOCK, end - file.tell())):
        block = rest + block
        cut = block.rfind(b"\n") + 1
        rest = block[cut:]
        lines = block.count(b"\n")
        found = _OWN_LINE.findall(block, 0, cut)
        if len(found) != lines:
            yield from _read_foreign(path, block[:cut], number)
        else:
            for source, row, key, outcome, status, attempts, reason, target in found:
                yield Entry(
                    sources.get(source) or _text(source, sources),
                    int(row),
                    binascii.unhexlify(key),
                    outcome.decode(),
                    None if status == b"null" else int(status),
                    int(attempts),
                    reason.decode() or None,
                    sources.get(target) or _text(target, sources),
                )
        number += lines
    if rest:
        yield from _read_foreign(path, rest + b"\n", number)


def _text(raw: bytes, known: dict[bytes, str]) -> str:
    """A JSON text; the same few stand in every line."""
    if len(known) > 10_000:
        known.clear()
    text: str = json.loads(raw)
    known[raw] = text
    return text


def _read_foreign(path: str, block: bytes, number: int) -> Iterator[Entry]:
    for line in block.split(b"\n")[:-1]:
        number += 1
        if line.strip():
            try:
                yield _entry(json.loads(line))
            except (ValueError, KeyError, TypeError, RecursionError):
                raise no_result(path, number) from None


def _entry(found: dict[str, Any]) -> Entry:
    source, target, outcome = found["source"], found["target"], found["outcome"]
    if outcome not in _RESULTS or not isinstance(source, str) or not isinstance(target, str):
        raise ValueError(outcome)
    status = found["status"]
    return Entry(
        source,
        int(found["row"]),
        _key(found["key"]),
        outcome,
        int(status) if status else None,
        int(found["attempts"]),
        found["reason"] or None,
        target,
    )


def _key(text: str) -> bytes:
    key = binascii.unhexlify(text)
    if len(key) != 16:
        raise ValueError(text)
    return key


def _read_csv(path: str, file: BinaryIO, end: int) -> Iterator[Entry]:
    if not end:
        return
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_LINE))
    header = file.readline()
    if header.rstrip(b"\r\n") != CSV_HEADER.rstrip(b"\n"):
        raise no_result(path, 1)
    number = 1
    size = len(header)
    while size < end and (line := file.readline()):
        number += 1
        size += len(line)
        if not line.strip():
            continue
        try:
            cells = next(csv.reader([line.decode()], strict=True))
            yield _entry(dict(zip(ResultLine._fields, cells, strict=True)))
        except (ValueError, KeyError, csv.Error):
            raise no_result(path, number) from None


class Settled(NamedTuple):
    """A row that an earlier run settled.

    Attributes:
        restore: its outcome, where the failed-rows file lacks the row; else None.
    """

    restore: Outcome | None


_NOTHING_TO_RESTORE = Settled(None)
_WANTED = 1  # the tag of keys whose entry is among those that the failed rows may lack
_WANTED_FIRST, _WANTED_LAST = frozenset({_WANTED}), frozenset({0})
_ROW = attrgetter("row")
_BAD = {Result.FAILED.value, Result.REJECTED.value, Result.INVALID.value}


class Journal:
    """Counts what is settled; a row that matches is counted off.

    Outcomes are counted by source and key; those whose source is not among the run's inputs (a
    file that was renamed) by key alone. There may be as many equal rows as there are outcomes.

    Args:
        sources: the run's inputs.
        target: where the run sends to.

    Attributes:
        outcomes: of the earlier runs, by result.
    """

    def __init__(self, sources: Iterable[str], target: str) -> None:
        self.outcomes: Counter[Result] = Counter()
        self._bag = KeyBag()
        self._wanted: dict[bytes, list[Entry]] = {}
        self._salts = {source: number for number, source in enumerate(dict.fromkeys(sources), 1)}
        self._target = target

    def load(self, path: str, has_failed: Callable[[str, int], bool]) -> Tail:
        """Take in a results file, and tell how it ends.

        Args:
            path: the results file.
            has_failed: whether the failed-rows file of a source has the row of that number.

        Raises:
            UsageError: it tells of another target.
            InputError: it is no results file.
        """
        self._has_failed = has_failed
        with _opened(path) as file:
            tail = _find_tail(path, file)
            self._take_in(path, _read(path, file, tail))
        return tail

    def _take_in(self, path: str, entries: Iterable[Entry]) -> None:
        outcomes: Counter[str] = Counter()
        salts, add, target = self._salts, self._bag.add, self._target
        for entry in entries:
            if entry.target != target:
                raise UsageError(
                    f"{path} tells of a run against {entry.target!r}, and this one is against "
                    f"{target!r}",
                    hint="name another results file with -o, or send to the same target",
                )
            outcomes[entry.outcome] += 1
            key = salted(entry.key, salts.get(entry.source, 0))
            if entry.outcome in _BAD and not self._has_failed(entry.source, entry.row):
                add(key, _WANTED)
                self._wanted.setdefault(key, []).append(entry)
            else:
                add(key)
        for wanted in self._wanted.values():
            wanted.sort(key=_ROW)
        self.outcomes = Counter({Result(name): count for name, count in outcomes.items()})

    def look_up(self, row: Row) -> Settled | None:
        """What an earlier run made of *row*, counting it off; None when it has no outcome."""
        if not len(self._bag):
            return None
        plain = binascii.unhexlify(row.key())
        for key in (salted(plain, self._salts.get(row.source, 0)), plain):
            wanted = self._wanted.get(key, ())
            # Of equal rows each has its own copy in the failed rows: the one that is missing.
            at = bisect_left(wanted, row.number, key=_ROW)
            exact = at < len(wanted) and wanted[at].row == row.number
            tag = self._bag.take(key, _WANTED_FIRST if exact else _WANTED_LAST)
            if tag == _WANTED:
                return self._restore(row, self._wanted[key].pop(at if exact else 0))
            if tag is not None:
                return _NOTHING_TO_RESTORE
        return None

    def _restore(self, row: Row, entry: Entry) -> Settled:
        # Of a source that is no input it can be asked only now: its rows' file is another's.
        if entry.source not in self._salts and self._has_failed(row.source, entry.row):
            return _NOTHING_TO_RESTORE
        return Settled(_outcome(row, entry))


def _outcome(row: Row, entry: Entry) -> Outcome:
    """The outcome that *entry* tells of, with the number that the row had then."""
    return Outcome(
        row._replace(number=entry.row),
        None,
        Result(entry.outcome),
        entry.status,
        entry.attempts,
        # A later version may know other reasons.
        reason=Reason(entry.reason) if entry.reason in _REASONS else None,
    )


def salted(key: bytes, salt: int) -> bytes:
    """The key in the namespace of its source; 0 is that of all sources that are no inputs."""
    if not salt:
        return key
    return (int.from_bytes(key) ^ (salt * 0x9E3779B97F4A7C15F39CC0605CEDC835 % _SPAN)).to_bytes(16)


_SPAN = 1 << 128
