"""Packed bytes → plain ones, as soon as anything is there, and everything that comes before damage.

One loop for all compressions: each has several members (streams, frames), one behind the other,
and each is read by an object with the interface of the standard library's decompressors.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from typing import Protocol

from batchconv.reading.sources.names import Compression

MAGIC: dict[bytes, Compression] = {
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zst",
    # Frames that are to be skipped; some packers begin with one.
    **{bytes([0x50 + kind, 0x2A, 0x4D, 0x18]): "zst" for kind in range(16)},
}
"""How packed data begin."""

_STEP = 1 << 14  # bytes that one call may give: what is lost when a call meets damage
_SMALL_STEP = 64  # bytes that one call may give when everything before the damage is looked for
_BZIP2_PIECE = 1 << 12  # packed bytes
_MOST_HELD = 64 << 20  # bytes of bzip2 blocks; one has 46 million at most
_MOST_REPLAYED = 1 << 20  # packed bytes kept so that nothing is lost at all
_MOST_MEMORY = 256 << 20  # bytes that xz data may ask for; `xz -9` asks for 65 MB


class DamagedError(Exception):
    """The packed data break off or make no sense; the text says which."""


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
        self._packed = b""
        self._ready = memoryview(b"")

    @property
    def eof(self) -> bool:
        return self._inner.eof and not self._ready

    @property
    def needs_input(self) -> bool:
        return not (self._packed or self._ready or self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data + self._packed

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        self._packed += data
        while not self._ready and self._packed and not self._inner.eof:
            # Few bytes at a time: they could be many blocks.
            piece, self._packed = self._packed[:_BZIP2_PIECE], self._packed[_BZIP2_PIECE:]
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
        return b"".join(found)


def unpack(pieces: Iterator[bytes], compression: Compression) -> Iterator[bytes]:
    """The plain bytes of packed *pieces*, member after member; zeros behind the last are padding.

    Raises:
        DamagedError: they break off, make no sense, or something else stands behind them. What
            comes before has been handed out by then, but for up to 16 KiB in members of more than
            a megabyte. Of bzip2, whole blocks have, and all of them were sound.
    """
    new, errors = _kind(compression)
    rest = next(pieces, b"")
    behind = ""
    while rest:
        member = _Member(new, errors)
        try:
            rest = yield from member.unpack(rest, pieces)
        except DamagedError:
            if behind and not member.given:
                raise DamagedError(behind) from None
            raise
        behind = f"something that is no {compression} data stands behind the end of its data"
        rest = rest.lstrip(b"\0")
        while not rest and (piece := next(pieces, b"")):
            rest = piece.lstrip(b"\0")


_Errors = tuple[type[Exception], ...]


def _kind(
    compression: Compression,
) -> tuple[Callable[[], _Decompressor], _Errors]:
    """What makes a decompressor, and what it raises."""
    # Imported when they are needed: every start of the program would pay for them.
    match compression:
        case "bz2":
            return _Bzip2, (OSError, ValueError)
        case "xz":
            import lzma  # noqa: PLC0415 - start-up

            return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _MOST_MEMORY), (lzma.LZMAError,)
        case "zst":
            if sys.version_info >= (3, 14):
                from compression import zstd  # noqa: PLC0415 - an extra
            else:
                from backports import zstd  # noqa: PLC0415 - an extra

            return zstd.ZstdDecompressor, (zstd.ZstdError,)
        case _:
            return _Gzip, (zlib.error,)


class _Member:
    """One member of packed data.

    A call that meets damage gives nothing, not even what came before the damage. So the calls are
    remembered while they are few: then they are made again, the last piece byte by byte.

    Attributes:
        given: bytes that have been handed out.
    """

    def __init__(self, new: Callable[[], _Decompressor], errors: _Errors) -> None:
        self.given = 0
        self._new = new
        self._errors = errors
        self._calls: list[bytes] = []
        self._room = _MOST_REPLAYED
        self._before = 0  # what was given before the last piece was taken

    def unpack(self, piece: bytes, pieces: Iterator[bytes]) -> Generator[bytes, None, bytes]:
        """Yield the plain bytes; returns what stands behind the member in its last piece."""
        inner = self._new()
        while True:
            self._remember(piece)
            try:
                out = inner.decompress(piece, _STEP)
            except self._errors as error:
                if self._room >= 0:
                    yield self._replay()
                raise DamagedError(_why(error)) from None
            if out:
                self.given += len(out)
                yield out
            if inner.eof:
                return inner.unused_data
            piece = next(pieces, b"") if inner.needs_input else b""
            if inner.needs_input and not piece:
                raise DamagedError("the packed data end too early")

    def _remember(self, piece: bytes) -> None:
        if piece:
            self._before = self.given
        self._room -= len(piece)
        if self._room >= 0:
            self._calls.append(piece)
        else:
            self._calls.clear()

    def _replay(self) -> bytes:
        """What the call that met damage would have given, had it given what came before that."""
        inner, found = self._new(), bytearray()
        last = max(at for at, piece in enumerate(self._calls) if piece)
        for piece in self._calls[:last]:
            inner.decompress(piece, _STEP)
        piece = self._calls[last]
        try:
            for at in range(len(piece)):
                found += inner.decompress(piece[at : at + 1], _SMALL_STEP)
                while not (inner.needs_input or inner.eof):
                    found += inner.decompress(b"", _SMALL_STEP)
        except self._errors:
            del found[: self.given - self._before]
        self.given += len(found)
        return bytes(found)


def _why(error: Exception) -> str:
    if "memory" in str(error).lower():
        return "unpacking takes more memory than anyone should need; pack the file again"
    return "the packed data make no sense from some point on"
