"""Whole blocks of a results file taken apart at once; what is unusual is left to a slower way.

A file of ten million lines is read at every resume. Lines that this program wrote are matched by
one regular expression, from their first byte to their last, and of most of them nothing but the
key is taken out: that is three times as fast as the json module.
"""

from __future__ import annotations

import csv
import io
import json
import re
from binascii import unhexlify
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import AnyStr, NamedTuple

from batchconv.journal.results import ResultLine
from batchconv.model import Result

RESULTS = frozenset(result.value for result in Result)
_KEY_SIZE = 32  # hexadecimal digits


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


class Keys(NamedTuple):
    """Entries of one source, outcome and target, of which only the keys are wanted.

    Attributes:
        keys: of 16 bytes each, one behind the other.
    """

    source: str
    outcome: str
    target: str
    keys: bytes


# What is matched here is what the json module takes, too: nothing damaged is let through.
_PLAIN = rb"[ !#-\[\]-~]*+"  # ASCII that needs no escape
_TEXT = rb'"%b(?:\\(?:["\\/bfnrt]|u[0-9a-f]{4})%b)*+"' % (_PLAIN, _PLAIN)
_NUMBER = rb"(?:0|[1-9]\d{0,18}+)"
_ELAPSED = _NUMBER + rb"(?:\.\d++)?+(?:e[-+]\d++)?+"
_ANY_OUTCOME = b"|".join(outcome.encode() for outcome in sorted(RESULTS))
_HEX = b"[0-9a-f]{%d}" % _KEY_SIZE


def line_pattern(
    *,
    source: bytes = _TEXT,
    row: bytes = _NUMBER,
    key: bytes = _HEX,
    outcome: bytes = b"(?:" + _ANY_OUTCOME + b")",
    status: bytes = b"(?:null|" + _NUMBER + b")",
    attempts: bytes = _NUMBER,
    reason: bytes = b'(?:null|"[-a-z]*+")',
    target: bytes = _TEXT,
) -> bytes:
    """A pattern for a line as this program writes it, made of patterns for its values."""
    return (
        rb'\{"source":%b,"row":%b,"line":(?:null|%b),"key":"%b","message_id":(?:null|%b),'
        rb'"delivered":(?:true|false|null),"timestamp":(?:null|"%b"),"channel":(?:null|"[a-z]*+"),'
        rb'"outcome":"%b","status":%b,"attempts":%b,"elapsed_ms":(?:null|%b),"reason":%b,'
        rb'"detail":(?:null|%b),"at":"%b","run":"%b","target":%b\}\r?\n'
    ) % (
        source, row, _NUMBER, key, _TEXT, _PLAIN,
        outcome, status, attempts, _ELAPSED, reason,
        _TEXT, _PLAIN, _PLAIN, target,
    )  # fmt: skip


OWN_LINE = re.compile(
    b"^"
    + line_pattern(
        source=b"(" + _TEXT + b")",
        row=b"(" + _NUMBER + b")",
        key=b"(" + _HEX + b")",
        outcome=b"(" + _ANY_OUTCOME + b")",
        status=b"(null|" + _NUMBER + b")",
        attempts=b"(" + _NUMBER + b")",
        reason=b'(?:null|"([-a-z]*+)")',
        target=b"(" + _TEXT + b")",
    ),
    re.MULTILINE,
)
"""A line as this program writes it, in which nothing needs the json module but texts."""

_Kind = tuple[AnyStr, AnyStr, AnyStr]  # source, outcome, target
_first = itemgetter(0)


class QuickJson:
    """Blocks of lines of JSON.

    Args:
        keys_only: outcomes of which only the keys are wanted.
    """

    def __init__(self, keys_only: frozenset[str]) -> None:
        self._keys_only = {outcome.encode() for outcome in keys_only}
        self._texts: dict[bytes, str] = {}
        # Most lines of a file differ only in what nobody wants to know.
        self._usual: _Kind[bytes] | None = None
        self._pattern = OWN_LINE

    def read(self, block: bytes, count: int) -> Sequence[Entry | Keys] | None:
        """The entries of *count* lines; None when one of them is not as this program writes it."""
        found = self._pattern.findall(block)
        if len(found) != count:
            return None
        if self._usual is None:
            return self._sort(found, count)
        # Of each line there is a key or, where it is not the usual one, the whole of it.
        keys = b"".join(map(_first, found))
        usual = [_keys(self._usual, keys, self._text)]
        if len(keys) == count * _KEY_SIZE:
            return usual
        others = b"".join(other for _, other in found)
        return usual + self._sort(OWN_LINE.findall(others), count)

    def _sort(self, found: Iterable[Sequence[bytes]], count: int) -> list[Entry | Keys]:
        kinds, entries = _sorted(found, self._keys_only, self._text, nothing=b"null")
        most = max(kinds, key=lambda kind: len(kinds[kind]), default=None)
        if most is not None and len(kinds[most]) > count // 2:
            self._expect(most)
        return entries + [_keys(kind, b"".join(keys), self._text) for kind, keys in kinds.items()]

    def _expect(self, usual: _Kind[bytes]) -> None:
        source, outcome, target = usual
        self._usual = usual
        wanted = line_pattern(
            source=re.escape(source), key=b"(" + _HEX + b")", outcome=outcome,
            target=re.escape(target),
        )  # fmt: skip
        self._pattern = re.compile(b"^(?:%b|(%b))" % (wanted, line_pattern()), re.MULTILINE)

    def _text(self, raw: bytes) -> str:
        """A JSON text, or a bare word; the same few stand in every line."""
        text = self._texts.get(raw)
        if text is None:
            if len(self._texts) > 10_000:
                self._texts.clear()
            text = str(json.loads(raw)) if raw.startswith(b'"') else raw.decode()
            self._texts[raw] = text
        return text


_COLUMN = {name: number for number, name in enumerate(ResultLine._fields)}
_wanted = itemgetter(
    *(
        _COLUMN[name]
        for name in ("source", "row", "key", "outcome", "status", "attempts", "reason", "target")
    )
)


class QuickCsv:
    """The same for CSV."""

    def __init__(self, keys_only: frozenset[str]) -> None:
        self._keys_only = set(keys_only)

    def read(self, block: bytes, count: int) -> Sequence[Entry | Keys] | None:
        """The entries of *count* lines; None when one of them is no record of its own."""
        try:
            lines = io.StringIO(block.decode(), newline="\n")
            records = list(csv.reader(lines, strict=True))
            if len(records) != count or {*map(len, records)} - {0, len(_COLUMN)}:
                return None
            found = [_wanted(cells) for cells in records if cells]
            for _, row, key, outcome, status, attempts, _, _ in found:
                int(row), int(attempts), int(status or 0)
                if len(key) != _KEY_SIZE or outcome not in RESULTS:
                    return None
            kinds, entries = _sorted(found, self._keys_only, str, nothing="")
            return entries + [_keys(kind, "".join(keys), str) for kind, keys in kinds.items()]
        except (ValueError, csv.Error):
            return None


def _sorted(
    found: Iterable[Sequence[AnyStr]],
    keys_only: set[AnyStr],
    text: Callable[[AnyStr], str],
    *,
    nothing: AnyStr,
) -> tuple[dict[_Kind[AnyStr], list[AnyStr]], list[Entry | Keys]]:
    """Keys by what they share, and entries."""
    kinds: dict[_Kind[AnyStr], list[AnyStr]] = {}
    entries: list[Entry | Keys] = []
    for source, row, key, outcome, status, attempts, reason, target in found:
        if outcome in keys_only:
            kind = source, outcome, target
            if kind in kinds:
                kinds[kind].append(key)
            else:
                kinds[kind] = [key]
        else:
            entries.append(
                Entry(
                    text(source),
                    int(row),
                    unhexlify(key),
                    text(outcome),
                    None if status == nothing else int(status),
                    int(attempts),
                    text(reason) or None,
                    text(target),
                )
            )
    return kinds, entries


def _keys(kind: _Kind[AnyStr], keys: AnyStr, text: Callable[[AnyStr], str]) -> Keys:
    source, outcome, target = map(text, kind)
    return Keys(source, outcome, target, unhexlify(keys))
