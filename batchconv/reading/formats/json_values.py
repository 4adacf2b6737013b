"""Text → JSON values, one after the other or in an array, however they are laid out.

Pretty-printed, without anything in between, with commas, after record separators (RFC 7464): one
value at a time is held. What a value holds is not judged here, but for where it ends.

Not by ijson: it gives values without their text and lines, which failed rows need, takes the last
of two equal keys, and ends at the first bad value, which here costs one row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from batchconv.reading.formats.decoding import Decoder
from batchconv.reading.formats.lines import WouldWait

_BETWEEN = re.compile("[\\s,\x1e\x1a\ufeff]*")
_SCALAR = re.compile(r'[^\s,\[\]{}"\x1e]*')
_KNOWN = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null|NaN|-?Infinity")
_IN_STRING = re.compile(r'[\\"]')
_STRUCTURE = re.compile(r'["\[\]{}]')
_MEMBER = re.compile(r'[\s,]*"((?:[^"\\]|\\.)*)"\s*:\s*')
_SHOWN = 20  # characters of what is not a value
_scan = json.JSONDecoder().raw_decode


class Value(NamedTuple):
    """A value as it stands there; of one that is too long, its beginning."""

    line: int
    text: str
    too_long: bool


class BrokenOff(Exception):  # noqa: N818 - it names what the text is
    """The text ends within a value or an array, or no value stands where one has to."""


class _Brackets:
    """Where a value that begins with a bracket or a quote ends; each character is seen once."""

    def __init__(self, depth: int = 0) -> None:
        self._depth = depth
        self._in_string = self._escaped = False

    def end(self, text: str, at: int) -> int | None:
        """The place behind the value's end; None when it ends in what comes next."""
        while at < len(text):
            if self._escaped:
                self._escaped = False
                at += 1
                continue
            found = (_IN_STRING if self._in_string else _STRUCTURE).search(text, at)
            if found is None:
                return None
            at = found.end()
            mark = found[0]
            if mark == "\\":
                self._escaped = True
            elif mark == '"':
                self._in_string = not self._in_string
            else:
                self._depth += 1 if mark in "[{" else -1
            if self._depth <= 0 and not self._in_string:
                return at
        return None


class Values:
    """A cursor over the values of a text.

    Args:
        chunks: the bytes.
        max_bytes: the most that a value may have.
        encoding: see `Decoder`.
        within: keys, each in the object under the one before; where a value is an object and
            has an array under one of them, the values are those in that array.
        skip: lines at the beginning that are passed over.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        max_bytes: int,
        encoding: str | None = None,
        within: Sequence[str] = (),
        skip: int = 0,
    ) -> None:
        self._decoder = Decoder(chunks, encoding)
        self._pieces: Iterator[str] = iter(self._decoder)
        self._max_bytes = max_bytes
        self._within = within
        self._text = ""
        self._at = 0
        self._line = 1
        self._array_from = 0  # the line that the array begins on that we are in
        self._wrapped = 0  # objects around it
        for _ in range(skip):
            self._skip_line()

    @property
    def dirty(self) -> bool:
        """See `Decoder`."""
        return self._decoder.dirty

    @property
    def wrapped(self) -> int:
        """How many objects are around the array that has the value that came last."""
        return self._wrapped

    @property
    def at_edge(self) -> bool:
        """What has come is taken: the next value must be waited for."""
        found = _BETWEEN.match(self._text, self._at)
        return found is not None and found.end() == len(self._text)

    def next(self, *, wait: bool = True) -> Value | None:
        """The next value; None at the end.

        Raises:
            BrokenOff: there is no sense in what comes next.
            WouldWait: without *wait*, it has not come whole.
        """
        while True:
            if self._wrapped and not self._array_from:
                # What the objects hold behind the array.
                self._take(_Brackets(depth=self._wrapped), wait=wait)
                self._wrapped = 0
            self._pass_between()
            mark = self._text[self._at : self._at + 1]
            if not mark:
                if self._more(wait=wait):
                    continue
                if self._array_from:
                    raise BrokenOff(f"the array that begins on line {self._array_from} has no end")
                return None
            if mark == "[" and not self._array_from:
                self._array_from = self._line
                self._pass(self._at + 1)
            elif mark == "]" and self._array_from:
                self._array_from = 0
                self._pass(self._at + 1)
            elif mark in "]}:":
                raise self._no_value(mark)
            elif not (mark == "{" and not self._array_from and self._enter(wait=wait)):
                return self._value(mark, wait=wait)

    def _value(self, mark: str, *, wait: bool) -> Value:
        if mark in '{["':
            return self._quickly() or self._take(_Brackets(), wait=wait)
        while (found := _SCALAR.match(self._text, self._at)) and found.end() == len(self._text):
            if found.end() - self._at > self._max_bytes or not self._more(wait=wait):
                break
        if found is None or not _KNOWN.fullmatch(found[0]):
            raise self._no_value(self._text[self._at : self._at + _SHOWN])
        return self._to(found.end())

    def _no_value(self, text: str) -> BrokenOff:
        return BrokenOff(f"no JSON value begins on line {self._line} with {text!a}")

    def _quickly(self) -> Value | None:
        """The value that has come whole and is sound, or nearly so; None where it is another."""
        try:
            _, end = _scan(self._text, self._at)
        except (ValueError, RecursionError):
            return None
        return self._to(end)

    def _to(self, end: int) -> Value:
        line, text = self._line, self._text[self._at : end]
        self._pass(end)
        too_long = 4 * len(text) > self._max_bytes < len(text.encode("utf-8", "surrogatepass"))
        return Value(line, text[: self._max_bytes] if too_long else text, too_long)

    def _take(self, brackets: _Brackets, *, wait: bool) -> Value:
        line, seen = self._line, self._at
        head = ""  # of a value that is too long: the rest is dropped
        while (end := brackets.end(self._text, seen)) is None:
            if len(self._text) - self._at > self._max_bytes:
                head = head or self._text[self._at : self._at + self._max_bytes]
                self._pass(len(self._text))
            seen = len(self._text) - self._at
            if not self._more(wait=wait or bool(head)):
                raise BrokenOff(f"the value that begins on line {line} has no end")
        if head:
            self._pass(end)
            return Value(line, head, too_long=True)
        return self._to(end)

    def _enter(self, *, wait: bool) -> bool:
        """Step into the array under the keys in an object that has it; False if it has not."""
        offset = depth = 1  # of the next member, from the bracket; of objects that it is in
        while depth <= len(self._within):
            member = _MEMBER.match(self._text, self._at + offset)
            if member and member.end() < len(self._text):
                mark = self._text[member.end()] if member[1] == self._within[depth - 1] else ""
                if mark == "[":
                    self._array_from, self._wrapped = self._line, depth
                    self._pass(member.end() + 1)
                    return True
                if mark == "{":
                    offset = member.end() + 1 - self._at
                    depth += 1
                    continue
                end = self._end_of_member(member.end(), wait=wait)
                if end is None:
                    return False
                offset = end - self._at
            elif (
                self._text.find("}", self._at + offset) >= 0
                or len(self._text) - self._at > self._max_bytes
                or not self._more(wait=wait)
            ):
                return False
        return False

    def _end_of_member(self, at: int, *, wait: bool) -> int | None:
        """The place behind the value that begins there; None where it cannot be found."""
        offset = at - self._at
        while True:
            at = self._at + offset
            if self._text[at] in '{["':
                end = _Brackets().end(self._text, at)
            else:
                found = _SCALAR.match(self._text, at)
                end = found.end() if found and found.end() < len(self._text) else None
            if end is not None:
                return end
            if len(self._text) - self._at > self._max_bytes or not self._more(wait=wait):
                return None

    def _more(self, *, wait: bool) -> bool:
        """Get the next piece of text, and forget what was taken; False at the end."""
        if not wait:
            raise WouldWait
        for piece in self._pieces:
            if piece:
                self._text = self._text[self._at :] + piece
                self._at = 0
                return True
        return False

    def _pass_between(self) -> None:
        found = _BETWEEN.match(self._text, self._at)
        self._pass(found.end() if found else self._at)

    def _pass(self, to: int) -> None:
        self._line += self._text.count("\n", self._at, to)
        self._at = to

    def _skip_line(self) -> None:
        while (end := self._text.find("\n", self._at)) < 0:
            self._pass(len(self._text))
            if not self._more(wait=True):
                return
        self._pass(end + 1)
