"""Bytes → lines of text, none of them longer than allowed.

The standard library's text reader has no bound on a line and cannot go back; `str.splitlines`
splits at U+2028. So lines are cut here, chunk by chunk, with `io.StringIO` doing the cutting in C.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from batchconv.reading.formats.decoding import UNDECODED, Decoder

MARK = "\ufeff"
"""A byte order mark; joined files have one wherever a file begins."""


class TooLong(Exception):  # noqa: N818 - it names what the line is
    """The line, or the record that it belongs to, is longer than allowed."""


class WouldWait(Exception):  # noqa: N818 - it names what the next line would take
    """The next line has not come yet, and it was not to be waited for."""


class _Cut(str):
    """The beginning of a line that is longer than allowed."""

    __slots__ = ()


class Lines:
    """A cursor over the lines of a byte stream, each with its end: LF, CRLF or CR.

    `mark` is where a record begins. A reader iterates from there, and may `rewind` to any line
    behind the mark. Between two records it may take all lines that are there at once. A byte
    order mark at the beginning of a line is not part of it.

    Args:
        chunks: the bytes.
        max_bytes: the most that a line, or the lines since the mark, may have.
        encoding: see `Decoder`.
        newline: a single LF where a lone CR ends no line.
        skip: lines at the beginning that are passed over; they have numbers all the same.

    Attributes:
        number: the number of the line handed out last, from 1.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        max_bytes: int,
        encoding: str | None = None,
        newline: str = "",
        skip: int = 0,
    ) -> None:
        self.number = 0
        self._decoder = Decoder(chunks, encoding)
        self._max_bytes = max_bytes
        self._newline = newline
        # A character is four bytes at most, so most lines need not be measured.
        self._surely_short = max_bytes // 4
        self._window: list[str] = []  # lines from the mark on, as far as they have been cut
        self._mark = self._at = 0  # places in it
        self._size = 0  # bytes of the lines between them
        self._blocks = self._cut_blocks()
        for _ in range(skip):
            self.skip()

    def lines(self, *, wait: bool = True) -> Iterator[str]:
        """Yield the lines from here on.

        Raises:
            TooLong: the lines since the mark are longer than allowed; the last one was taken.
            WouldWait: without *wait*, the next line is not there yet.
        """
        while self._at < len(self._window) or self._cut_more(wait=wait):
            line = self._window[self._at]
            self._at += 1
            self.number += 1
            self._size += _size_of(line)
            if self._size > self._max_bytes or line.__class__ is _Cut:
                raise TooLong
            yield line

    def __iter__(self) -> Iterator[str]:
        return self.lines()

    def _cut_more(self, *, wait: bool = True) -> bool:
        """Cut the next lines, waiting for as many bytes as make one; False at the end."""
        if not wait:
            raise WouldWait
        for block in self._blocks:
            del self._window[: self._mark]
            self._at -= self._mark
            self._mark = 0
            self._window.extend(block)
            if block:
                return True
        return False

    @property
    def dirty(self) -> bool:
        """Lone surrogates may stand in the text: mostly bytes that did not decode."""
        return self._decoder.dirty

    @property
    def encoding(self) -> str:
        """What the bytes are decoded with; one that puts no mark in front."""
        return self._decoder.encoding

    @property
    def at_edge(self) -> bool:
        """All lines that were cut have been handed out: the next may have to be waited for."""
        return self._at == len(self._window)

    @property
    def taken(self) -> list[str]:
        """The lines handed out since the mark."""
        return self._window[self._mark : self._at]

    @property
    def count(self) -> int:
        """How many these are."""
        return self._at - self._mark

    def mark(self) -> None:
        """The lines handed out so far are done with; the next one begins a record."""
        self._mark = self._at
        self._size = 0

    def rewind(self, keep: int = 0) -> None:
        """Hand the lines since the mark but the first *keep* out again."""
        self.number -= self.count - keep
        self._at = self._mark + keep
        self._size = sum(map(_size_of, self.taken))

    def first(self) -> str:
        """The line behind the mark; of one that is too long, its beginning.

        That is the same however the chunks fell.
        """
        return self._window[self._mark][: self._max_bytes]

    def take_block(self, most: int) -> list[str]:
        """The lines that are there, *most* at most; the mark stays in front of them.

        None of them is too long, and all bytes in them have decoded. Empty at the end, and where
        that cannot be said: then iteration tells what is wrong with which line.
        """
        self.mark()
        if self.at_edge and not self._cut_more():
            return []
        block = self._window[self._at : self._at + most]
        if max(map(len, block)) > self._surely_short:
            return []
        if self.dirty and UNDECODED.search("".join(block)):
            return []
        self._at += len(block)
        self.number += len(block)
        return block

    def peek(self, most: int = 1) -> list[str]:
        """The next lines, *most* at most, without taking them; they are waited for."""
        while len(self._window) - self._at < most and self._cut_more():
            pass
        return self._window[self._at : self._at + most]

    def skip(self) -> None:
        """Pass over the next line, however long it is."""
        if not self.at_edge or self._cut_more():
            self._at += 1
            self.number += 1
            self.mark()

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
                lines = self._cut("".join(begun))
                if skipping:
                    del lines[0]
                    skipping = False
                yield lines
                begun.clear()
                size = 0
            if not skipping:
                begun.append(piece[end:])
                size += len(piece) - end
                if size > self._max_bytes:
                    yield [_Cut("".join(begun)[: self._max_bytes].removeprefix(MARK))]
                    skipping = True
            if skipping:
                begun[:] = ["\r"] if self._ends_in_cr(piece) else []
                size = len(begun)
        if not skipping:
            yield self._cut("".join(begun))

    def _cut(self, text: str) -> list[str]:
        lines = list(io.StringIO(text, newline=self._newline))
        return [line.removeprefix(MARK) for line in lines] if MARK in text else lines

    def _last_end(self, text: str) -> int:
        end = text.rfind("\n") + 1
        if self._newline == "":
            end = max(end, text.rfind("\r", 0, -1) + 1)
        return end

    def _ends_in_cr(self, text: str) -> bool:
        return self._newline == "" and text.endswith("\r")


def _size_of(line: str) -> int:
    return len(line) if line.isascii() else len(line.encode("utf-8", "surrogatepass"))
