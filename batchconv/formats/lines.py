"""Bytes → lines of text, one by one, none of them longer than allowed.

The standard library's text reader has no bound on a line, stops at the first byte that does not
decode, and cannot go back; `str.splitlines` splits at U+2028. So lines are cut here, chunk by
chunk, with `io.StringIO` doing the cutting in C.
"""

from __future__ import annotations

import codecs
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator

from batchconv.errors import UsageError

# Byte order mark, the encoding that it tells, and that encoding's name where a mark may follow.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "utf-32"),  # begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be", "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16"),
)
_MARK_SIZE = max(len(mark) for mark, _, _ in _MARKS)
_WITHOUT_MARK = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
_NO_TEXT = {"idna", "punycode", "undefined"}  # text encodings by name that read no text


def _escape(error: UnicodeError) -> tuple[str, int]:
    """Bytes that do not decode become lone surrogates U+DC00 + byte."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in bad), error.end


_ESCAPE = "batchconv-escape"
_ESCAPED = re.compile("([\udc00-\udcff]+)")
codecs.register_error(_ESCAPE, _escape)


def to_bytes(text: str, encoding: str) -> bytes:
    """The bytes that *text* was decoded from, those that did not decode included."""
    # An error handler of the codec cannot do it: UTF-16's takes no odd number of bytes.
    return b"".join(
        bytes(ord(char) & 0xFF for char in piece)
        if index % 2
        else piece.encode(encoding, "replace")
        for index, piece in enumerate(_ESCAPED.split(text))
    )


class TooLong(Exception):  # noqa: N818 - it names what the line is
    """The line, or the record that it belongs to, is longer than allowed."""


class Doomed(Exception):  # noqa: N818 - it names what the record is
    """The record runs into lines that an earlier record has already come to grief on."""


class _Cut(str):
    """The beginning of a line that is longer than allowed."""

    __slots__ = ()


class Lines:
    """The lines of a byte stream, with their ends, for readers of records.

    A reader iterates; after each record it calls `begin_record`. When a record turns out to be
    bad, `go_back` hands its lines but the first out again. Between two records a reader may ask
    for all lines that are there at once, with `take_block`.

    Attributes:
        number: the number of the line handed out last, from 1.
        taken: the lines handed out since the record began.
        dirty: bytes that did not decode have been seen; they are lone surrogates in the text.
        encoding: what the bytes are decoded with; one that puts no mark in front.
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
        self.dirty = False
        self.encoding = encoding or "utf-8"
        self._guess_encoding = encoding is None
        self._size = 0  # bytes of the lines taken, where there are several
        self._doomed_until = 0
        self._chunks = iter(chunks)
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
    def at_edge(self) -> bool:
        """All lines that were cut have been handed out: the next may have to be waited for."""
        return not self._ready

    def take_block(self) -> list[str]:
        """All lines that are there, as if each was handed out and its record done with.

        None of them is too long, and all bytes in them have decoded. Empty at the end, and where
        that cannot be said: then iteration tells what is wrong with which line.
        """
        if not self._ready and not self._cut_more():
            return []
        block = list(self._ready)
        if max(map(len, block)) > self._surely_short:
            return []
        if self.dirty and _ESCAPED.search("".join(block)):
            return []
        self._ready.clear()
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
            raise Doomed

    def begin_record(self) -> None:
        """The lines taken so far are done with."""
        self.taken.clear()

    def doom(self) -> None:
        """From now on, refuse records that go on over a line up to the last one as `Doomed`.

        For a reader whose record came to grief on that line, and who knows that another one
        that reaches into these lines would, too.
        """
        self._doomed_until = self.number

    def go_back(self) -> str:
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

    def _cut_blocks(self) -> Iterator[list[str]]:
        begun: list[str] = []  # pieces of a line whose end has not come yet
        size = 0
        skipping = False  # inside a line of which the beginning was handed out already
        for text in self._decoded():
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

    def _decoded(self) -> Iterator[str]:
        head = b""
        for chunk in self._chunks:
            head += chunk
            if len(head) >= _MARK_SIZE:
                break
        head = self._strip_mark(head)
        decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        yield self._decode(decoder, head, final=False)
        for chunk in self._chunks:
            yield self._decode(decoder, chunk, final=False)
        yield self._decode(decoder, b"", final=True)

    def _strip_mark(self, head: bytes) -> bytes:
        """The first bytes without a byte order mark, which tells the encoding if nobody did."""
        named = codecs.lookup(self.encoding).name
        for mark, encoding, with_mark in _MARKS:
            if head.startswith(mark) and (self._guess_encoding or named in (encoding, with_mark)):
                self.encoding = encoding
                return head[len(mark) :]
        self.encoding = _WITHOUT_MARK.get(named, self.encoding)
        return head

    def _decode(self, decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool) -> str:
        try:
            return decoder.decode(chunk, final)
        except UnicodeDecodeError:
            # The decoder keeps its state: the same bytes are decoded again, now forgivingly.
            decoder.errors = _ESCAPE
            self.dirty = True
            return decoder.decode(chunk, final)


def _size_of(line: str) -> int:
    return len(line) if line.isascii() else len(line.encode("utf-8", "surrogatepass"))


def check_encoding(encoding: str) -> str:
    """The name of a text encoding that Python knows.

    Raises:
        UsageError: it does not.
    """
    try:
        found = codecs.lookup(encoding)
        if found._is_text_encoding and found.name not in _NO_TEXT:  # noqa: SLF001 - the only way to tell; bytes.decode() asks it too
            return encoding
    except (LookupError, ValueError):
        pass
    raise UsageError(
        f"--encoding {encoding}: there is no such text encoding",
        hint="usual ones are utf-8, utf-16, latin-1 and cp1252",
    )
