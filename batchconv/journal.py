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
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, NamedTuple

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


class TornTail(NamedTuple):
    """Where the whole lines of a file end, and how many bytes of a torn one come after."""

    end: int
    bytes: int


def find_tail(file: BinaryIO) -> TornTail:
    """Look for a last line without an end: what a crash in the middle of a write leaves."""
    size = file.seek(0, io.SEEK_END)
    at = size
    while at > 0:
        begin = max(0, at - _BLOCK)
        file.seek(begin)
        found = file.read(at - begin).rfind(b"\n")
        if found >= 0:
            return TornTail(begin + found + 1, size - begin - found - 1)
        at = begin
    return TornTail(0, size)


def read_entries(path: str) -> Iterator[Entry]:
    """The entries of a results file, JSON Lines or CSV; a torn last line is left out.

    Raises:
        InputError: a line is no result, or the file cannot be read.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path may be any text here
            end = find_tail(file).end
            file.seek(0)
            yield from (_read_csv if is_csv(path) else _read_json)(path, file, end)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}", hint="check the name and the permissions"
        ) from None


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


def _entry(found: dict[str, str]) -> Entry:
    if found["outcome"] not in _RESULTS:
        raise ValueError(found["outcome"])
    status = found["status"]
    return Entry(
        found["source"],
        int(found["row"]),
        _key(found["key"]),
        found["outcome"],
        int(status) if status else None,
        int(found["attempts"]),
        found["reason"] or None,
        found["target"],
    )


def _key(text: str) -> bytes:
    key = binascii.unhexlify(text)
    if len(key) != 16:
        raise ValueError(text)
    return key


def _read_csv(path: str, file: BinaryIO, end: int) -> Iterator[Entry]:
    if not end:
        return
    header = file.readline()
    if header.rstrip(b"\r\n") != CSV_HEADER.rstrip(b"\n"):
        raise no_result(path, 1)
    number = 1
    size = len(header)
    while size < end and (line := file.readline()):
        number += 1
        size += len(line)
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

    def load(self, path: str, has_failed: Callable[[str, int], bool]) -> None:
        """Take in a results file.

        Args:
            path: the results file.
            has_failed: whether the failed-rows file of a source has the row of that number.

        Raises:
            UsageError: it tells of another target.
            InputError: it is no results file.
        """
        outcomes: Counter[str] = Counter()
        salts, add, target = self._salts, self._bag.add, self._target
        for entry in read_entries(path):
            if entry.target != target:
                raise UsageError(
                    f"{path} tells of a run against {entry.target!r}, and this one is against "
                    f"{target!r}",
                    hint="name another results file with -o, or send to the same target",
                )
            outcomes[entry.outcome] += 1
            key = salted(entry.key, salts.get(entry.source, 0))
            add(key)
            if entry.outcome in _BAD and not has_failed(entry.source, entry.row):
                self._wanted.setdefault(key, []).append(entry)
        self.outcomes = Counter({Result(name): count for name, count in outcomes.items()})

    def look_up(self, row: Row) -> Settled | None:
        """What an earlier run made of *row*, counting it off; None when it has no outcome."""
        if not len(self._bag):
            return None
        plain = binascii.unhexlify(row.key())
        for key in (salted(plain, self._salts.get(row.source, 0)), plain):
            if self._bag.take(key) is not None:
                wanted = self._wanted.get(key)
                return Settled(_outcome(row, wanted.pop())) if wanted else _NOTHING_TO_RESTORE
        return None


def _outcome(row: Row, entry: Entry) -> Outcome:
    reason = Reason(entry.reason) if entry.reason else None
    return Outcome(row, None, Result(entry.outcome), entry.status, entry.attempts, reason=reason)


def salted(key: bytes, salt: int) -> bytes:
    """The key in the namespace of its source; 0 is that of all sources that are no inputs."""
    if not salt:
        return key
    return (int.from_bytes(key) ^ (salt * 0x9E3779B97F4A7C15F39CC0605CEDC835 % _SPAN)).to_bytes(16)


_SPAN = 1 << 128
