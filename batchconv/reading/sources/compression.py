"""Compressed bytes → plain ones, as soon as anything is there, and what comes before damage.

One loop for all compressions: each has several members (streams, frames), one behind the other,
and each is read by an object with the interface of the standard library's decompressors.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

from batchconv.reading.sources.names import Compression

STEP = 1 << 14
"""Plain bytes that one call may give: what is lost when a call meets damage."""
_CUT_OFF = "the compressed data end too early"
_BZIP2_PIECE = 1 << 12  # compressed bytes
_MOST_HELD = 8 << 20  # bytes of bzip2 blocks; only one of long runs of a byte has more
_MOST_MEMORY = 96 << 20  # bytes that xz data may ask for; `xz -9` asks for 65 MB


class DamagedError(Exception):
    """The compressed data break off or make no sense; the text says which."""


class _Decompressor(Protocol):
    """What `bz2`, `lzma` and `zstd` have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """`zlib`'s decompressor with the interface of the others; it checks checksum and length."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)  # 31: with gzip's header and trailer
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        tail = self._inner.unconsumed_tail
        out = self._inner.decompress(tail + data if tail else data, max_length)
        # A full measure may mean that there is more inside, though all input is taken.
        self.needs_input = len(out) < max_length and not self._inner.unconsumed_tail
        return out


class _Bzip2:
    """`bz2`'s decompressor, giving whole blocks: only then it has looked at their checksums.

    A block is 900,000 bytes, or up to 50 times as many if they hardly differ.
    """

    def __init__(self) -> None:
        import bz2  # noqa: PLC0415 - start-up

        self._inner = bz2.BZ2Decompressor()
        self._waiting = b""
        self._has_more = False  # of what has come already
        self._ready = memoryview(b"")

    @property
    def eof(self) -> bool:
        return self._inner.eof and not self._ready

    @property
    def needs_input(self) -> bool:
        return not (self._waiting or self._has_more or self._ready or self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data + self._waiting

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        self._waiting += data
        while not (self._ready or self._inner.eof) and (self._waiting or self._has_more):
            # Few bytes at a time: they could be many blocks.
            piece = b""
            if not self._has_more:
                piece, self._waiting = self._waiting[:_BZIP2_PIECE], self._waiting[_BZIP2_PIECE:]
            self._ready = memoryview(self._blocks(piece))
        out, self._ready = bytes(self._ready[:max_length]), self._ready[max_length:]
        return out

    def _blocks(self, piece: bytes) -> bytes:
        """The blocks that end in *piece*; what is left of one that is beyond all measure."""
        found = [self._inner.decompress(piece, _MOST_HELD)]
        size = len(found[0])
        # It calls for more input while it still has output, and looks at the checksum after that.
        while not self._inner.eof and size < _MOST_HELD:
            more = self._inner.decompress(b"", _MOST_HELD)
            if not more and self._inner.needs_input:
                break
            found.append(more)
            size += len(more)
        self._has_more = size >= _MOST_HELD
        return b"".join(found)


def decompress(pieces: Iterator[bytes], compression: Compression) -> Iterator[bytes]:
    """The plain bytes of compressed *pieces*, member after member; zeros behind one are padding.

    Raises:
        DamagedError: they break off, make no sense, or something else stands behind them. What
            comes before has been handed out by then, but for the last 16 KiB. Of bzip2, whole
            blocks have, and all of them were sound.
    """
    new, errors = _decompressor(compression), _errors(compression)
    rest = next(pieces, b"")
    why = None
    while rest:
        inner, piece, given = new(), rest, False
        while not inner.eof:
            if inner.needs_input and not piece and not (piece := next(pieces, b"")):
                raise DamagedError(
                    why if why and not given else "the compressed data end too early"
                )
            try:
                out = inner.decompress(piece, STEP)
            except errors as error:
                raise DamagedError(why if why and not given else _why(error)) from None
            piece = b""
            if out:
                given = True
                yield out
        why = f"other bytes follow the end of its {compression} data"
        rest = inner.unused_data.lstrip(b"\0")
        while not rest and (piece := next(pieces, b"")):
            rest = piece.lstrip(b"\0")


def _errors(compression: Compression) -> tuple[type[Exception], ...]:
    """What a decompressor raises for data that make no sense."""
    # Imported when they are needed: every start of the program would pay for them.
    match compression:
        case "bz2":
            return OSError, ValueError
        case "xz":
            import lzma  # noqa: PLC0415 - start-up time

            return (lzma.LZMAError,)
        case "zst":
            return (_zstd().ZstdError,)
        case _:
            return (zlib.error,)


def _decompressor(compression: Compression) -> Callable[[], _Decompressor]:
    match compression:
        case "bz2":
            return _Bzip2
        case "xz":
            import lzma  # noqa: PLC0415 - start-up time

            return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _MOST_MEMORY)
        case "zst":
            return cast("Callable[[], _Decompressor]", _zstd().ZstdDecompressor)
        case _:
            return _Gzip


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415 - start-up time
    else:
        from backports import zstd  # noqa: PLC0415 - start-up time
    return zstd


def _why(error: Exception) -> str:
    if "memory" in str(error).lower():
        return "decompression needs too much memory; compress the file with a smaller window"
    return "the compressed data are corrupt"
