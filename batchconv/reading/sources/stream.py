"""An input → one stream of plain bytes, in pieces, as they arrive.

Magic bytes beat the name, `--compression` beats both. A piece is handed on as soon as anything is
there: a pipe that gives one row a second gives one row a second. Foreign exceptions become
`InputError` here and in the modules that open inputs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import BinaryIO, Self, cast

from batchconv.errors import InputError
from batchconv.reading.sources import signatures
from batchconv.reading.sources.compression import DamagedError, decompress
from batchconv.reading.sources.files import PIECE, File, Opened
from batchconv.reading.sources.names import (
    Compression,
    Input,
    OwnInput,
    as_input,
    compressed_as,
    folder_values,
    is_url,
)
from batchconv.reading.sources.signatures import BLANK

_FOUR_NULS = b"\0\0\0\0"  # in no text of any encoding
_MOST_PEEKED = 4 * PIECE  # bytes


class ByteStream:
    """The plain bytes of one input, in pieces.

    Args:
        name: the input.
        compression: how it is compressed; None to tell it from the first bytes, then the name.
        sleep: waits before a server is asked again.

    Attributes:
        name: as results and people see it.
        folder_values: what the folders around it say of its rows.
        format_name: the name that tells the format: of a zip, that of the file in it.
        compression: how it is compressed.
        compression_named: the user has named it.
        size: bytes of the file as it lies there; None for a pipe.
        position: bytes of it that have been read, before decompression.
        counted: how much of it has been handed out whole: bytes before decompression, and the line
            ends in them; none as long as the first piece is being decompressed.
        lines: line ends among the bytes handed out.
        fresh_lines: those of the last piece, which may not have been parsed yet.

    Raises:
        UsageError: from the constructor when it is a zip without one data file, or what it needs
            is not installed.
        InputError: from the constructor when the input cannot be opened, from iteration when it
            is damaged or cannot be read further. What came before has been handed out by then.
    """

    def __init__(
        self,
        name: str,
        compression: Compression | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = str(name)
        self.folder_values = folder_values(name)
        self._opened = _open(name, sleep)
        self.size = self._opened.size
        self.position = self.lines = self.fresh_lines = 0
        self.counted = (0, 0)
        self.format_name = self.name
        self.compression_named = compression is not None
        self._head = b""
        self._peeked = b""
        self._spools: list[BinaryIO] = []
        try:
            self.compression = compression or _told_by(self.name, self._look())
            self._pieces = self._counted(self._plain())
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[bytes]:
        if self._peeked:
            peeked, self._peeked = self._peeked, b""
            yield peeked
        yield from self._pieces

    def _look(self) -> bytes:
        """The first bytes: as many as it takes to know a signature, and whatever came along."""
        while signatures.is_partial(self._head) and (piece := self._opened.read()):
            self._head += piece
        return self._head

    def _raw(self) -> Iterator[bytes]:
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

    def _plain(self) -> Iterator[bytes]:
        if self.compression == "none":
            return self._raw()
        try:
            if self.compression == "zip":
                from batchconv.reading.sources.zips import OneFile  # noqa: PLC0415 - start-up

                inner = OneFile(self.name, self._opened.jumping() or self._spooled(self._raw()))
                self.format_name = inner.name
                return self._told_damage(iter(inner))
        except DamagedError as damage:
            raise damaged(self.name, str(damage)) from None
        return self._told_damage(decompress(self._raw(), self.compression))

    def _told_damage(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from pieces
        except DamagedError as damage:
            raise damaged(self.name, str(damage)) from None

    def peek(self, lines: int = 0) -> bytes:
        """The first plain bytes, which iteration will still yield.

        They reach up to the first one that is not blank, unless 32 KiB are, and so far that
        binary data can be recognised; and on to so many ends of lines, unless 128 KiB hold
        fewer. Empty at the end.
        """
        while self._is_too_short(self._peeked, lines) and (piece := next(self._pieces, b"")):
            self._peeked += piece
        return self._peeked

    def _is_too_short(self, head: bytes, lines: int) -> bool:
        return (
            (len(head) < PIECE and not head.strip(BLANK))
            or (len(head) < signatures.LONGEST and _FOUR_NULS in head)
            or signatures.is_partial(head)
            or (len(head) < _MOST_PEEKED and head.lstrip(BLANK).count(b"\n") < lines)
        )

    def arrives(self, seconds: float) -> bool:
        """Whether more bytes, or the end, come within *seconds*; True where none are late."""
        return self._opened.arrives(seconds)

    def jumping(self) -> BinaryIO:
        """All of it for a reader that jumps about in it, from the beginning; no iteration then.

        What is compressed, or comes from where nobody can jump, goes to a temporary file first,
        which has no name and is gone when the stream is closed.

        Raises:
            InputError: it is damaged, or no space is left for the temporary file.
        """
        there = self._opened.jumping() if self.compression == "none" else None
        return there or self._spooled(self)

    def _spooled(self, pieces: Iterable[bytes]) -> BinaryIO:
        import tempfile  # noqa: PLC0415 - start-up: few runs need it, and it brings much along

        spool = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - closed by close()
        self._spools.append(spool)
        try:
            for piece in pieces:
                spool.write(piece)
            spool.seek(0)
        except OSError as error:
            why = error.strerror or "unknown error"
            raise InputError(
                f"{self.name} cannot be read: its temporary copy cannot be written: {why}",
                hint="free some space, or set the variable TMPDIR to a folder with more",
            ) from None
        return spool

    def close(self) -> None:
        """Close the input; standard input's descriptor stays open."""
        self._opened.close()
        for spool in self._spools:
            spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _open(name: str, sleep: Callable[[float], None]) -> Opened:
    if isinstance(name, OwnInput):
        return name.open()
    if not is_url(name):
        return File(name)
    from batchconv.reading.sources.remote import Remote  # noqa: PLC0415 - an extra

    return Remote(name if isinstance(name, Input) else as_input(name), sleep)


def damaged(name: str, why: str) -> InputError:
    """The error for an input whose content breaks off or makes no sense; *why* is a clause."""
    return InputError(
        f"{name} is damaged: {why}",
        hint="the rows before the damage were read; copy or export the file again",
    )


def _told_by(name: str, head: bytes) -> Compression:
    """The compression of an input that begins with *head*.

    A name may say that text is compressed which is not; but what is not text either is damaged.
    """
    return signatures.compression_of(head) or compressed_as(name)
