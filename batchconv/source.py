"""A path or `-` → one decompressed byte stream, read as it arrives.

Magic bytes beat the name, `--compression` beats both. A chunk is handed on as soon as anything
is there: a pipe that gives one row a second gives one row a second. Foreign exceptions become
`InputError` here.
"""

from __future__ import annotations

import gzip
import io
import os
import select
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, cast

from batchconv.errors import InputError, UsageError

Compression = Literal["none", "gz"]
COMPRESSIONS: tuple[Compression, ...] = ("none", "gz")

STDIN = "-"
_CHUNK = 1 << 15  # bytes; rows of larger ones are no faster, and delay the first
_MAGIC: dict[bytes, Compression] = {b"\x1f\x8b": "gz"}
_SUFFIXES: dict[str, Compression] = {".gz": "gz", ".gzip": "gz"}
_FORMAT_SUFFIXES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".txt")
BLANK = b" \t\r\n\xef\xbb\xbf\xff\xfe\x00"
"""Bytes that may come before the first one that tells: spaces and byte order marks."""
# Told by name so that the answer is a sentence and not ten thousand unreadable rows.
_UNKNOWN_MAGIC = {
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip (or a spreadsheet)",
    b"PAR1": "Parquet",
}
_ALL_MAGIC = (*_MAGIC, *_UNKNOWN_MAGIC)


def is_stdin(name: str) -> bool:
    """Whether *name* stands for standard input."""
    return name == STDIN


def stem(name: str) -> str:
    """The base name without format and compression suffixes; standard input's is `stdin`."""
    if is_stdin(name):
        return "stdin"
    path = Path(name)
    while path.suffix.lower() in (*_SUFFIXES, *_FORMAT_SUFFIXES):
        path = path.with_suffix("")
    return path.name


def format_suffix(name: str) -> str:
    """The suffix that may tell the format: `.csv` of `export.csv.gz`; empty when there is none."""
    path = Path(name)
    if path.suffix.lower() in _SUFFIXES:
        path = path.with_suffix("")
    return "" if is_stdin(name) else path.suffix.lower()


def require(name: str) -> None:
    """Refuse an input that is not there, before anything else is looked at.

    Raises:
        InputError: it does not exist.
        UsageError: it is a URL; user-info and query of one are not shown.
    """
    if "://" in name:
        # Not even its host is shown: where a password ends in a URL is hard to tell.
        raise UsageError(
            f"{name.partition('://')[0]}://... is a URL, and inputs are read from files",
            hint="fetch it first, or pipe it in: curl -sS URL | batchconv upload -",
        )
    if not is_stdin(name) and not os.path.lexists(name):
        _open(name)


def can_reopen(name: str) -> bool:
    """Whether *name* can be read twice: a regular file can, a pipe cannot."""
    if is_stdin(name):
        return False
    try:
        return stat.S_ISREG(os.stat(name).st_mode)  # noqa: PTH116 - a path may be any text here
    except OSError:
        return False


class _Raw(io.RawIOBase):
    """An open file whose first bytes can be looked at before they are read."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._head = b""

    def look(self) -> bytes:
        """The first bytes: as many as it takes to know a magic number, and whatever came along."""
        while any(magic.startswith(self._head) and magic != self._head for magic in _ALL_MAGIC):
            while (chunk := self._file.read(_CHUNK)) is None:
                self._wait()
            if not chunk:
                break
            self._head += chunk
        return self._head

    def _wait(self) -> None:
        """Wait after a read that gave None, "later": a pipe that its other user made so."""
        poller = select.poll()
        poller.register(self._file, select.POLLIN)
        poller.poll()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]  # the io module hands over a memoryview
        if self._head:
            size = min(len(buffer), len(self._head))
            buffer[:size] = self._head[:size]
            self._head = self._head[size:]
            return size
        while (size := self._file.readinto(buffer)) is None:
            self._wait()
        return size


class ByteStream:
    """The decompressed bytes of one input, in chunks.

    Raises:
        InputError: from the constructor when the input cannot be opened, from iteration when it
            is damaged or cannot be read further. What came before has been handed out by then.
    """

    def __init__(self, name: str, compression: Compression | None = None) -> None:
        self.name = name
        self._file = _open(name)
        raw = _Raw(self._file)
        try:
            packed = (compression or _told_by(name, raw.look())) == "gz"
        except OSError as error:
            self._file.close()
            raise _unreadable(name, error) from None
        except UsageError:
            self._file.close()
            raise
        self._stream = (
            gzip.GzipFile(fileobj=cast("io.BufferedReader", raw), mode="rb") if packed else raw
        )
        self._chunks = self._read_chunks()
        self._peeked = b""

    def __iter__(self) -> Iterator[bytes]:
        if self._peeked:
            peeked, self._peeked = self._peeked, b""
            yield peeked
        yield from self._chunks

    def _read_chunks(self) -> Iterator[bytes]:
        try:
            while chunk := self._read():
                yield chunk
        except EOFError:
            raise InputError(
                f"{self.name} is damaged: the compressed data end too early",
                hint="the rows before the damage were read; copy or export the file again",
            ) from None
        except (gzip.BadGzipFile, zlib.error):
            raise InputError(
                f"{self.name} is damaged: the compressed data make no sense from some point on",
                hint="the rows before the damage were read; copy or export the file again",
            ) from None
        except OSError as error:
            raise _unreadable(self.name, error) from None

    def peek(self) -> bytes:
        """The first decompressed bytes, which iteration will still yield.

        They reach up to the first one that is not blank, unless 64 KiB are; empty at the end.
        """
        while len(self._peeked) < _CHUNK and not self._peeked.strip(BLANK):
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            self._peeked += chunk
        return self._peeked

    def _read(self) -> bytes:
        if isinstance(self._stream, gzip.GzipFile):
            return self._stream.read1(_CHUNK)
        return self._stream.read(_CHUNK) or b""

    def close(self) -> None:
        """Close the input; standard input's descriptor stays open."""
        self._stream.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _open(name: str) -> io.FileIO:
    # Unbuffered: a buffered reader waits until its buffer is full, and sys.stdin's lock would
    # stop the interpreter from ending while a read is under way.
    try:
        return io.FileIO(0, "rb", closefd=False) if is_stdin(name) else io.FileIO(name, "rb")
    except IsADirectoryError:
        raise InputError(
            f"{name} is a directory", hint=f"name the files in it: {name.rstrip('/')}/*.csv"
        ) from None
    except FileNotFoundError:
        raise InputError(f"{name} does not exist", hint="check the name and the folder") from None
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from None


def _unreadable(name: str, error: OSError | ValueError) -> InputError:
    why = (error.strerror if isinstance(error, OSError) else None) or "unreadable"
    return InputError(f"{name} cannot be read: {why}", hint="check the file and its permissions")


def _told_by(name: str, head: bytes) -> Compression:
    for magic, compression in _MAGIC.items():
        if head.startswith(magic):
            return compression
    for magic, what in _UNKNOWN_MAGIC.items():
        if head.startswith(magic):
            raise UsageError(
                f"{name} is {what}, which is not read here",
                hint="unpack or export it as CSV, TSV or JSON Lines, plain or gzip",
            )
    return "none"
