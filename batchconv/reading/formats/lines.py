"""Bytes → lines of text, none of them longer than allowed.

The standard library's text reader has no bound on a line and cannot go back; `str.splitlines`
splits at U+2028. So lines are cut here, chunk by chunk, with `io.StringIO` doing the cutting in C.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from batchconv.reading.formats.decoding import ESCAPED, Decoder

_MOST_AT_ONCE = 4096  # lines in a block; a record that came to nothing may have left very many


class TooLong(Exception):  # noqa: N818 - it names what the line is
    """The line, or the record that it belongs to, is longer than allowed."""


class RecordTooLong(Exception):  # noqa: N818 - it names what the record is
    """The record runs into lines that an earlier record has already come to grief on."""


class _Cut(str):
    """The beginning of a line that is longer than allowed."""

    __slots__ = ()


class Lines:
    """The lines of a byte stream, with their ends, for readers of records.

    A reader iterates; after each record it calls `begin_record`. When a record turns out to be
    bad, `rewind` hands its lines but the first out again. Between two records a reader may ask
    for all lines that are there at once, with `take_block`.

    Attributes:
        number: the number of the line handed out last, from 1.
        taken: the lines handed out since the record began.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        max_bytes: int,
        encoding: str | None = None,
        newline: str = "",
    ) -> None:
        self.number = 0
        self.taken: list[str] = []
        self._decoder = Decoder(chunks, encoding)
        self._size = 0  # bytes of the lines taken, where there are several
        self._doomed_until = 0
        self._max_bytes = max_bytes
        self._newline = newline
        # A character is four bytes at most, so most lines need not be measured.
        self._surely_short = max_bytes // 4
        self._ready: deque[str] = deque()  # cut, and not handed out yet
        self._blocks = self._cut_blocks()

    def __iter__(self) -> Iterator[str]:
        """Yield lines; raises `TooLong` when the record under way is longer than allowed."""
        taken, ready, surely_short = self.taken, self._ready, self._surely_short
        while ready or self._cut_more():
            line = ready.popleft()
            self.number += 1
            taken.append(line)
            if len(taken) > 1 or len(line) > surely_short:
                self._refuse(line)
            yield line

    def _cut_more(self) -> bool:
        """Cut the next lines, waiting for as many bytes as make one; False at the end."""
        for block in self._blocks:
            self._ready.extend(block)
            if block:
                return True
        return False

    @property
    def dirty(self) -> bool:
        """Bytes that did not decode have been seen; they are lone surrogates in the text."""
        return self._decoder.dirty

    @property
    def encoding(self) -> str:
        """What the bytes are decoded with; one that puts no mark in front."""
        return self._decoder.encoding

    @property
    def at_edge(self) -> bool:
        """All lines that were cut have been handed out: the next may have to be waited for."""
        return not self._ready

    def take_block(self) -> list[str]:
        """The lines that are there, as if each was handed out and its record done with.

        None of them is too long, and all bytes in them have decoded. Empty at the end, and where
        that cannot be said: then iteration tells what is wrong with which line.
        """
        if not self._ready and not self._cut_more():
            return []
        block = list(islice(self._ready, _MOST_AT_ONCE))
        if max(map(len, block)) > self._surely_short:
            return []
        if self.dirty and ESCAPED.search("".join(block)):
            return []
        for _ in block:
            self._ready.popleft()
        self.number += len(block)
        return block

    def put_back(self, block: list[str]) -> None:
        """Hand out again what `take_block` gave, now one by one."""
        self._ready.extendleft(reversed(block))
        self.number -= len(block)

    def _refuse(self, line: str) -> None:
        if line.__class__ is _Cut:
            raise TooLong
        # Each line is measured once: an unclosed quote makes a record of very many.
        if len(self.taken) <= 2:
            self._size = sum(map(_size_of, self.taken))
        else:
            self._size += _size_of(line)
        if self._size > self._max_bytes:
            raise TooLong
        if len(self.taken) > 1 and self.number <= self._doomed_until:
            raise RecordTooLong

    def begin_record(self) -> None:
        """The lines taken so far are done with."""
        self.taken.clear()

    def doom(self) -> None:
        """From now on, refuse records that go on over a line up to the last one as `RecordTooLong`.

        For a reader whose record came to grief on that line, and who knows that another one
        that reaches into these lines would, too.
        """
        self._doomed_until = self.number

    def rewind(self) -> str:
        """Hand all lines of the record but its first out again, and return that first one.

        Of a line that is too long it is the beginning, the same however the chunks fell.
        """
        first = self.taken[0]
        again = self.taken[1:]
        self._ready.extendleft(reversed(again))
        self.number -= len(again)
        self.taken.clear()
        return first[: self._max_bytes]

    def peek(self) -> str | None:
        """The next line without taking it; None at the end."""
        return self._ready[0] if self._ready or self._cut_more() else None

    def skip(self) -> None:
        """Do away with the line that `peek` gave."""
        self._ready.popleft()
        self.number += 1

    def _cut_blocks(self) -> Iterator[list[str]]:
        begun: list[str] = []  # pieces of a line whose end has not come yet
        size = 0
        skipping = False  # inside a line of which the beginning was handed out already
        for text in self._decoder:
            # A CR at the end of the last piece was held back: it may be half of a CRLF.
            held = begun.pop() if begun and self._ends_in_cr(begun[-1]) else ""
            piece = held + text
            size -= len(held)
            end = self._last_end(piece)
            if end:
                begun.append(piece[:end])
                lines = io.StringIO("".join(begun), newline=self._newline)
                if skipping:
                    next(lines)
                    skipping = False
                yield list(lines)
                begun.clear()
                size = 0
            if not skipping:
                begun.append(piece[end:])
                size += len(piece) - end
                if size > self._max_bytes:
                    yield [_Cut("".join(begun)[: self._max_bytes])]
                    skipping = True
            if skipping:
                begun[:] = ["\r"] if self._ends_in_cr(piece) else []
                size = len(begun)
        if not skipping:
            yield list(io.StringIO("".join(begun), newline=self._newline))

    def _last_end(self, text: str) -> int:
        end = text.rfind("\n") + 1
        if self._newline == "":
            end = max(end, text.rfind("\r", 0, -1) + 1)
        return end

    def _ends_in_cr(self, text: str) -> bool:
        return self._newline == "" and text.endswith("\r")


def _size_of(line: str) -> int:
    return len(line) if line.isascii() else len(line.encode("utf-8", "surrogatepass"))
