"""An input → one stream of plain bytes, in pieces, as they arrive.

Magic bytes beat the name, `--compression` beats both. A piece is handed on as soon as anything is
there: a pipe that gives one row a second gives one row a second. Foreign exceptions become
`InputError` here and in the modules that open inputs.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, Self, cast

from batchconv.errors import InputError, UsageError
from batchconv.reading.sources.compression import MAGIC, DamagedError, unpack
from batchconv.reading.sources.files import PIECE, File, Opened
from batchconv.reading.sources.names import (
    Compression,
    Input,
    as_input,
    is_stdin,
    is_url,
    packed_as,
)

BLANK = b" \t\r\n\xef\xbb\xbf\xff\xfe\x00"
"""Bytes that may come before the first one that tells: spaces and byte order marks."""
PARQUET_MAGIC = b"PAR1"
# Told by name so that the answer is a sentence and not ten thousand unreadable rows.
_REFUSED_MAGIC = {
    b"PK\x03\x04": "zip (or a spreadsheet)",
    b"\xd0\xcf\x11\xe0": "a spreadsheet or another document of Microsoft Office",
    b"PARE": "encrypted Parquet",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
}
_ALL_MAGIC = (*MAGIC, *_REFUSED_MAGIC, PARQUET_MAGIC)
_UNPACKERS = {"gz": "zcat", "bz2": "bzcat", "xz": "xzcat", "zst": "zstdcat"}
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")  # of encodings in which text has NULs


class ByteStream:
    """The plain bytes of one input, in pieces.

    Args:
        name: the input.
        compression: how it is packed; None to tell it from the first bytes, then the name.

    Attributes:
        name: as results and people see it.
        compression: how it is packed.
        size: bytes of the file as it lies there; None for a pipe.
        position: bytes of it that have been read, packed as they are.
        counted: how much of it has been handed out whole: bytes, packed as they are, and the line
            ends in them; none as long as the first piece is being unpacked.
        lines: line ends among the bytes handed out.
        fresh_lines: those of the last piece, which may not have been taken apart yet.

    Raises:
        UsageError: from the constructor when it is something that is not read here.
        InputError: from the constructor when the input cannot be opened, from iteration when it
            is damaged or cannot be read further. What came before has been handed out by then.
    """

    def __init__(self, name: str, compression: Compression | None = None) -> None:
        self.name = str(name)
        self._opened = _open(name)
        self.size = self._opened.size
        self.position = self.lines = self.fresh_lines = 0
        self.counted = (0, 0)
        self._head = b""
        self._peeked = b""
        self._spool: BinaryIO | None = None
        try:
            self.compression = compression or _told_by(self.name, self._look())
        except BaseException:
            self._opened.close()
            raise
        pieces = self._packed()
        self._pieces = self._counted(
            pieces if self.compression == "none" else self._unpacked(pieces)
        )

    def __iter__(self) -> Iterator[bytes]:
        if self._peeked:
            peeked, self._peeked = self._peeked, b""
            yield peeked
        yield from self._pieces

    def _look(self) -> bytes:
        """The first bytes: as many as it takes to know a magic number, and whatever came along."""
        while any(magic.startswith(self._head) and magic != self._head for magic in _ALL_MAGIC):
            piece = self._opened.read()
            if not piece:
                break
            self._head += piece
        return self._head

    def _packed(self) -> Iterator[bytes]:
        if self._head:
            head, self._head = self._head, b""
            self.position += len(head)
            yield head
        while piece := self._opened.read():
            self.counted = (self.position, self.lines)
            self.position += len(piece)
            yield piece

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.fresh_lines = piece.count(b"\n")
            self.lines += self.fresh_lines
            yield piece
        self.fresh_lines = 0

    def _unpacked(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from unpack(pieces, self.compression)
        except DamagedError as damage:
            raise damaged(self.name, str(damage)) from None

    def peek(self) -> bytes:
        """The first plain bytes, which iteration will still yield.

        They reach up to the first one that is not blank, unless 32 KiB are; empty at the end.
        """
        while len(self._peeked) < PIECE and not self._peeked.strip(BLANK):
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._peeked += piece
        return self._peeked

    def jumping(self) -> BinaryIO:
        """All of it for a reader that jumps about in it, from the beginning; no iteration then.

        What is packed, or comes from where nobody can jump, goes to a temporary file first, which
        has no name and is gone when the stream is closed.

        Raises:
            InputError: it is damaged, or there is no room for the temporary file.
        """
        there = self._opened.jumping() if self.compression == "none" else None
        return there or self._spooled()

    def _spooled(self) -> BinaryIO:
        import tempfile  # noqa: PLC0415 - start-up: few runs need it, and it brings much along

        self._spool = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - closed by close()
        try:
            for piece in self:
                self._spool.write(piece)
            self._spool.seek(0)
        except OSError as error:
            why = error.strerror or "unknown error"
            raise InputError(
                f"{self.name} cannot be read: its temporary copy cannot be written: {why}",
                hint="make room, or name a roomier folder in the environment: TMPDIR",
            ) from None
        return self._spool

    def piped_into(self, command: str) -> str:
        """A shell's words that give this input, unpacked, to *command*."""
        name, url = shlex.quote(self.name), is_url(self.name)
        words = [f"curl -sS {name}"] if url else []
        if self.compression != "none":
            words.append(_UNPACKERS[self.compression])
        words.append(command)
        if not (url or is_stdin(self.name)):
            words[0] += f" {name}"
        return " | ".join(words)

    def close(self) -> None:
        """Close the input; standard input's descriptor stays open."""
        self._opened.close()
        if self._spool is not None:
            self._spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _open(name: str) -> Opened:
    if not is_url(name):
        return File(name)
    from batchconv.reading.sources.remote import Remote  # noqa: PLC0415 - an extra

    return Remote(name if isinstance(name, Input) else as_input(name))


def damaged(name: str, why: str) -> InputError:
    """The error for an input whose content breaks off or makes no sense; *why* is a clause."""
    return InputError(
        f"{name} is damaged: {why}",
        hint="the rows before the damage were read; copy or export the file again",
    )


def _told_by(name: str, head: bytes) -> Compression:
    """The compression of an input that begins with *head*.

    Raises:
        UsageError: it is something that is not read here.
    """
    for magic, compression in MAGIC.items():
        if head.startswith(magic):
            return compression
    for magic, what in _REFUSED_MAGIC.items():
        if head.startswith(magic):
            raise UsageError(
                f"{name} is {what}, which is not read here",
                hint="unpack it, or export it as CSV, TSV, JSON Lines or Parquet",
            )
    # A name may say that text is packed which is not; but what is no text either is damaged.
    known = head.startswith((PARQUET_MAGIC, *_MARKS)) or not _NO_TEXT.search(head)
    return "none" if known else packed_as(name)
