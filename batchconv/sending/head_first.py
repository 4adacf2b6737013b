"""A reply's head is handed on by itself, so that nothing that follows can take it back.

aiohttp gives a whole piece of what it received to its parser. When a body is longer than its
Content-Length, belongs to a 204, or has a broken chunk, and stands in one piece with the status
line, the parser raises, and the status that it had read is lost. curl, requests and node keep it.
It also raises for fields of the head that contradict each other, such as two lengths: the status
that came before them is kept here.
"""

from __future__ import annotations

import asyncio
import re

_BLANK_LINE = b"\r\n\r\n"
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)[ \r]")
_STATUS_AT = len(b"HTTP/1.1 ")
_STATUS_END = len(b"HTTP/1.1 200 ")
_MOST_BEFORE_A_REPLY = 1 << 18
"""Bytes of heads; aiohttp takes 128 fields of 8 KiB, but no more than this of replies 1xx."""


class HeadFirst(asyncio.Protocol):
    """Stands between a transport and aiohttp's protocol.

    Args:
        transport: of a connection.
        inner: aiohttp's protocol, which reads replies.
    """

    def __init__(self, transport: asyncio.Transport, inner: asyncio.Protocol) -> None:
        self._transport = transport
        self._inner = inner
        self._in_head = False
        self._line = b""  # the start of the reply's head, when that is whole
        self._start = b""  # of the head: up to and with what follows the status
        self._end = b""  # the last bytes of the head so far, in which its end may begin
        self._left = 0

    def expect_reply(self) -> None:
        """A request is about to be written."""
        self._in_head = True
        self._line = self._start = self._end = b""
        self._left = _MOST_BEFORE_A_REPLY

    @property
    def status(self) -> int | None:
        """Of the reply, when its head is whole; None before, and when it is not HTTP."""
        line = _STATUS_LINE.match(self._line)
        return None if line is None else int(line[1])

    def data_received(self, data: bytes) -> None:
        while self._in_head and data:
            head, data = self._split(data)
            self._left -= len(head)
            self._inner.data_received(head)
            if self._in_head and self._left < 0:
                self._transport.abort()  # replies 1xx without end
                return
        if data:
            self._inner.data_received(data)

    def _split(self, data: bytes) -> tuple[bytes, bytes]:
        """What belongs to the head, and what follows; a reply 1xx is followed by another head."""
        if len(self._start) < _STATUS_END:
            self._start = (self._start + data)[:_STATUS_END]
        end = (self._end + data).find(_BLANK_LINE)
        if end < 0:
            self._end = (self._end + data)[1 - len(_BLANK_LINE) :]
            return data, b""
        size = end + len(_BLANK_LINE) - len(self._end)
        self._in_head = self._start[_STATUS_AT : _STATUS_AT + 1] == b"1"
        self._line = self._start
        self._start = self._end = b""
        return data[:size], data[size:]

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


def expect_reply(transport: asyncio.Transport, protocol: asyncio.Protocol) -> HeadFirst:
    """Have the next reply on a connection handed to *protocol* head first."""
    between = transport.get_protocol()
    if not isinstance(between, HeadFirst):
        between = HeadFirst(transport, protocol)
        transport.set_protocol(between)
    between.expect_reply()
    return between
