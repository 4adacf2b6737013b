"""A reply's head is kept until its exchange is over, so that nothing that follows can take it back.

aiohttp gives a whole piece of what it received to its parser. When a body is longer than its
Content-Length, belongs to a 204, or has a broken chunk, and stands in one piece with the status
line, the parser raises, and the status that it had read is lost. curl, requests and node keep it.
It also raises in the middle of a head: at a field that it does not understand, that contradicts
another, or that is long. What it would not tell is read here.
"""

from __future__ import annotations

import asyncio
import re

_BLANK_LINE = b"\r\n\r\n"
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)[ \r]")
_RETRY_AFTER = re.compile(rb"\r\nRetry-After:([^\r]*)\r\n", re.IGNORECASE)
_CLASS_AT = len(b"HTTP/1.1 ")  # the first digit of a status
_MOST_BEFORE_A_REPLY = 1 << 18
"""Bytes of heads; aiohttp takes 128 fields of 8 KiB, but no more than this of replies 1xx."""


class ReplyHead(asyncio.Protocol):
    """Stands between a transport and aiohttp's protocol, and keeps the head of the reply.

    Args:
        transport: of a connection.
        inner: aiohttp's protocol, which reads replies.
    """

    def __init__(self, transport: asyncio.Transport, inner: asyncio.Protocol) -> None:
        self._transport = transport
        self._inner = inner
        self._whole = True
        self._head = bytearray()
        self._passed_over = 0  # bytes of replies 1xx

    def expect_reply(self) -> None:
        """A request is about to be written."""
        self._whole = False
        self._head.clear()
        self._passed_over = 0

    @property
    def status(self) -> int | None:
        """Of the reply, as soon as it has come; None before, and when it is not HTTP."""
        line = _STATUS_LINE.match(self._head)
        return None if line is None else int(line[1])

    @property
    def retry_after(self) -> str | None:
        """That field of the reply, when it has come whole."""
        field = _RETRY_AFTER.search(self._head)
        return None if field is None else field[1].decode("latin-1").strip()

    def data_received(self, data: bytes) -> None:
        if not self._whole:
            self._keep(data)
            if not self._whole and self._passed_over + len(self._head) > _MOST_BEFORE_A_REPLY:
                self._transport.abort()  # replies 1xx without end
                return
        self._inner.data_received(data)

    def _keep(self, data: bytes) -> None:
        """Take in what belongs to the head; a reply 1xx is followed by another head."""
        head = self._head
        looked = max(0, len(head) + 1 - len(_BLANK_LINE))
        head += data
        while (end := head.find(_BLANK_LINE, looked)) >= 0:
            end += len(_BLANK_LINE)
            if head[_CLASS_AT : _CLASS_AT + 1] != b"1":
                self._whole = True
                del head[end:]
                return
            self._passed_over += end
            del head[:end]
            looked = 0

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


def expect_reply(transport: asyncio.Transport, protocol: asyncio.Protocol) -> ReplyHead:
    """Have the head of the next reply on a connection kept."""
    between = transport.get_protocol()
    if not isinstance(between, ReplyHead):
        between = ReplyHead(transport, protocol)
        transport.set_protocol(between)
    between.expect_reply()
    return between
