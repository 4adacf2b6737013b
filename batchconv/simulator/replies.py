"""The bytes that go back: replies as they should be, and replies as they should not."""

from __future__ import annotations

import asyncio
import socket
import struct
from http import HTTPStatus

from aiohttp.abc import AbstractStreamWriter

ELSEWHERE = "/elsewhere"
"""Where a 3xx points. It answers 200, so that following a redirect looks like success."""

_CHUNK = b"x" * 62_500
_CHUNKS = 320  # of them make 20 MB
_DRIPS = 100
_DRIP_SECONDS = 0.1
_GARBAGE = b"\x00\xff this is not HTTP \xfe\r\n\r\n"


def reply(status: int, text: str, *, method: str, keep: bool, retry_after: str | None) -> bytes:
    """A whole reply with *text* as its body; *keep* leaves the connection open."""
    body = text.encode()
    headers = "" if keep else "Connection: close\r\n"
    if status in (204, 304):
        body = b""
    else:
        headers += f"Content-Length: {len(body)}\r\n"
    if 300 <= status < 400:
        headers += f"Location: {ELSEWHERE}\r\n"
    if status == 405:
        headers += "Allow: POST\r\n"
    if retry_after is not None:
        headers += f"Retry-After: {retry_after}\r\n"
    return _head(status, headers) + (b"" if method == "HEAD" else body)


def _head(status: int, headers: str) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Refused" if status < 500 else "Failed"
    return f"HTTP/1.1 {status} {phrase}\r\nContent-Type: text/plain\r\n{headers}\r\n".encode()


async def misbehave(transport: asyncio.Transport, writer: AbstractStreamWriter, word: str) -> None:
    """Do what `FAULT_WORDS` says of *word*, and end the connection.

    *writer* belongs to *transport* and knows when the client has caught up.
    """
    match word:
        case "reset" | "reset-after":
            # Lingering for 0 s makes the kernel send RST instead of FIN.
            connection = transport.get_extra_info("socket")
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        case "hang":
            await asyncio.get_running_loop().create_future()
        case "garbage":
            transport.write(_GARBAGE)
        case "cut":
            transport.write(_head(200, "Content-Length: 1000\r\n") + b"OK, and the rest is")
        case "huge":
            await _pour(transport, writer, _CHUNK, _CHUNKS, pause=0)
        case "drip":
            await _pour(transport, writer, b".", _DRIPS, pause=_DRIP_SECONDS)
    transport.close()


async def _pour(
    transport: asyncio.Transport,
    writer: AbstractStreamWriter,
    piece: bytes,
    pieces: int,
    *,
    pause: float,
) -> None:
    """A 200 whose body is so many pieces, *pause* seconds apart, until the client leaves."""
    transport.write(_head(200, f"Content-Length: {pieces * len(piece)}\r\n"))
    for _ in range(pieces):
        if transport.is_closing():
            return
        transport.write(piece)
        try:
            await writer.drain()
        except ConnectionError:
            return
        if pause:
            await asyncio.sleep(pause)
