"""What fsspec knows of a URL: the file it leads to, or the files in a folder of a store."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from batchconv.errors import UsageError, install_command
from batchconv.reading.sources.names import is_folder_url, is_loopback

if TYPE_CHECKING:
    from types import SimpleNamespace

    import aiohttp

BLOCK = 4 << 20
"""Bytes asked for at once."""

_HTTP = ("http", "https")
_S3 = ("s3", "s3a")
_AS_IT_IS = {"Accept-Encoding": "identity"}  # data are decompressed here, and only once
_ENCODED = re.compile("[!-~]+")
_RANGE = re.compile(r"bytes (?:([0-9]+)-[0-9]+|\*)/([0-9]+)")
_CONNECT, _SILENCE = 30, 60  # seconds


class OpenFile(NamedTuple):
    """A file that fsspec opened.

    Attributes:
        file: what fsspec gives; it has `read`, `seek` and `close`.
        jumps: it can be read from any place on, again and again.
        size: bytes, where they are known.
        fs: the file's file system, which some close when nobody holds them.
    """

    file: Any
    jumps: bool
    size: int | None
    fs: Any


def open_url(address: str) -> OpenFile:
    """Open what *address* leads to.

    Raises:
        UsageError: fsspec, or what it needs for such URLs, is not installed.
        Exception: whatever fsspec and its libraries raise; their texts may hold secrets.
    """
    protocol = protocol_of(address)
    fs, path = _filesystem(address)
    if protocol in _HTTP:
        return _open_http(fs, path)
    how = {"block_size": BLOCK, "cache_type": "none"} if protocol in _S3 else {}
    file = fs.open(path, "rb", **how)
    if (getattr(file, "details", None) or {}).get("type") == "directory":
        raise IsADirectoryError  # s3fs takes one for an empty file
    return OpenFile(file, file.seekable(), getattr(file, "size", None), fs)


def left_in(file: Any) -> bytes:
    """What had come when a transfer in one go broke off: aiohttp has it and gives it to nobody."""
    take = getattr(getattr(getattr(file, "r", None), "content", None), "_read_nowait", None)
    return b"" if take is None else bytes(take(-1))


def find_files(address: str) -> list[tuple[str, int | None]] | None:
    """URL and bytes of each file below a folder (by its looks), or of a pattern.

    None when *address* stands for itself: what has no folders (HTTP), or a file of that very name.

    Raises:
        UsageError, Exception: as `open_url` does.
    """
    if protocol_of(address) in _HTTP or "::" in address:
        return None
    fs, path = _filesystem(address)
    if is_folder_url(address):
        found = fs.find(path, detail=True)
    elif fs.exists(path):
        return None
    else:
        found = fs.glob(path, detail=True)
    return [
        (fs.unstrip_protocol(name), told.get("size"))
        for name, told in found.items()
        if told["type"] == "file"
    ]


def protocol_of(address: str) -> str:
    """The word before the colon."""
    return address.partition("://")[0].lower()


def _filesystem(address: str) -> tuple[Any, str]:
    protocol = protocol_of(address)
    try:
        import fsspec  # noqa: PLC0415 - an extra
        from fsspec.registry import known_implementations  # noqa: PLC0415 - an extra
    except ImportError:
        raise UsageError(
            f"{protocol}://... is read by fsspec, which is not installed",
            hint=install_command("remote"),
        ) from None
    options: dict[str, Any] = {}
    if "::" in address:
        pass  # the options would be those of the outer one
    elif protocol in _HTTP:
        options = _http_options(encoded=_ENCODED.fullmatch(address) is not None)
    elif protocol in _S3:
        configured = fsspec.config.conf.get(protocol, {}).get("config_kwargs", {})
        # Proxy variables are not read unasked; a configuration of fsspec asks.
        options = {"use_listings_cache": False, "config_kwargs": {"proxies": {}, **configured}}
    try:
        found: tuple[Any, str] = fsspec.core.url_to_fs(address, **options)
    except ImportError:
        needed = known_implementations.get(protocol, {}).get("err", "another package")
        raise UsageError(
            f"{protocol}://... cannot be read with what is installed", hint=f"fsspec says: {needed}"
        ) from None
    except ValueError:
        raise UsageError(
            f"{protocol}://... is a kind of URL that is unknown to fsspec",
            hint="such as s3://bucket/export.csv or https://host/export.csv",
        ) from None
    return found


def _http_options(*, encoded: bool) -> dict[str, Any]:
    return {
        "encoded": encoded,
        "get_client": _http_client,
        "headers": _AS_IT_IS,
        "use_listings_cache": False,
    }


async def _http_client(loop: Any) -> aiohttp.ClientSession:
    import aiohttp  # noqa: PLC0415 - an extra

    async def watch(_session: Any, _context: SimpleNamespace, told: Any) -> None:
        """Follow no redirect into the clear."""
        target = told.response.headers.get("Location", "")
        if target.lower().startswith("http://") and not is_loopback(target):
            raise PermissionError

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(watch)
    return aiohttp.ClientSession(
        loop=loop,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT, sock_read=_SILENCE),
        trace_configs=[trace],
    )


def _open_http(fs: Any, url: str) -> OpenFile:
    """Open a URL in parts where its server gives parts, else in one go."""
    from fsspec.asyn import sync  # noqa: PLC0415 - an extra

    # HEAD would not do: a URL that is signed for GET is often refused, and many servers that give
    # parts do not say so.
    first = sync(fs.loop, _fetch, fs, url, 0, 1, {})
    if first is None:
        # A size makes fsspec ask nobody for it, and a block of nothing makes it read in one go.
        file = fs.open(url, "rb", size=1, block_size=0, headers=_AS_IT_IS)
        return OpenFile(file, False, None, fs)
    size = first.version.size
    return OpenFile(_HttpFile(fs, url, first.version) if size else io.BytesIO(), True, size, fs)


class FileExpiredError(Exception):
    """What a URL leads to is no longer what was opened."""


class _Version(NamedTuple):
    """What tells one version of a file from another."""

    size: int
    tag: str | None
    modified: str | None

    def is_same(self, other: _Version) -> bool:
        """Whether all values that both have are equal; a weak tag counts, too."""
        return self.size == other.size and all(
            mine is None or theirs is None or mine == theirs
            for mine, theirs in ((self.tag, other.tag), (self.modified, other.modified))
        )


class _Part(NamedTuple):
    content: bytes
    version: _Version


class _HttpFile:
    """What a URL leads to, read in parts, all of one version.

    Parts of two versions of a file would make rows that stand in neither.
    """

    def __init__(self, fs: Any, url: str, version: _Version) -> None:
        self._fs = fs
        self._url = url
        self._version = version
        tag = version.tag or ""
        self._same = {"If-Match": tag} if tag.startswith('"') else {}  # for strong ones only
        self._at = 0

    def seek(self, at: int) -> None:
        """Read from that byte on."""
        self._at = at

    def read(self, size: int) -> bytes:
        """So many bytes, or fewer at the end."""
        from fsspec.asyn import sync  # noqa: PLC0415 - an extra

        size = min(size, self._version.size - self._at)
        if size <= 0:
            return b""
        part = sync(self._fs.loop, _fetch, self._fs, self._url, self._at, size, self._same)
        if part is None or not self._version.is_same(part.version):
            raise FileExpiredError
        return bytes(part.content)

    def close(self) -> None:
        """Nothing to close: each part was a request of its own."""


async def _fetch(fs: Any, url: str, at: int, size: int, same: dict[str, str]) -> _Part | None:
    """Part of a file; None from a server that gives none."""
    session = await fs.set_session()
    headers = {**_AS_IT_IS, **same, "Range": f"bytes={at}-{at + size - 1}"}
    async with session.get(fs.encode_url(url), headers=headers) as reply:
        told = _RANGE.fullmatch(reply.headers.get("Content-Range", ""))
        empty = reply.status == 416 and told is not None and told[2] == "0"
        if reply.status == 416 and at:
            raise FileExpiredError  # it has become shorter
        if not empty:
            reply.raise_for_status()
        if told is None or not (empty or (reply.status == 206 and told[1] == str(at))):
            return None
        version = _Version(
            int(told[2]), reply.headers.get("ETag"), reply.headers.get("Last-Modified")
        )
        content = b"" if empty else await _body(reply, size)
        return _Part(content, version)


async def _body(reply: aiohttp.ClientResponse, most: int) -> bytes:
    """The body, of which no more is taken than was asked for."""
    found = bytearray()
    async for piece in reply.content.iter_any():
        found += piece
        if len(found) > most:
            break
    return bytes(found[:most])
