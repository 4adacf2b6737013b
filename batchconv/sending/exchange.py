"""One exchange below aiohttp's session: when its request is written, and how its reply is read.

aiohttp opens the connection, keeps it, and parses the reply. Its own request and response do much
that one row needs nothing of (cookies, redirects, traces, bodies, timers): those are left out here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.http import HttpProcessingError

from batchconv.model import Reply
from batchconv.sending.deadlines import Deadlines, this_task
from batchconv.sending.reply_head import ReplyHead, expect_reply
from batchconv.sending.transport import Turn, at_once

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from multidict import CIMultiDictProxy


class Exchange:
    """One exchange: its request, its turn, its time limit, and whether it was written.

    Args:
        request: the bytes to write.
        turn: awaited when there is a connection.
        deadlines: what ends it when it takes too long from its turn on.
        fresh: its connection is used for nothing else.
    """

    def __init__(self, request: bytes, turn: Turn, deadlines: Deadlines, *, fresh: bool) -> None:
        self.request = request
        self.fresh = fresh
        self.written = False
        self.head: ReplyHead | None = None
        self._turn = turn
        self._deadlines = deadlines
        self._began = time.perf_counter()
        self._task = this_task()
        current_exchange.set(self)

    async def wait_for_turn(self, usable: Callable[[], bool]) -> None:
        """Wait for the moment at which the request may be written: its time begins then."""
        await self._turn(usable)
        self._deadlines.begin(self._task)
        self._began = time.perf_counter()
        self.written = True

    @property
    def elapsed(self) -> float:
        """Seconds since it began, or since its turn came."""
        return time.perf_counter() - self._began

    def begun_reply(self) -> Reply | None:
        """A reply that aiohttp did not read to the end of its head; None when no status came."""
        if self.head is None or self.head.status is None:
            return None
        return Reply(self.head.status, self.elapsed, self.head.retry_after)

    def expired(self) -> bool:
        """Whether it was cancelled because its time was up."""
        return self._deadlines.expired(self._task)

    def end(self) -> None:
        """It is over, however it ended; its connection keeps this, but none of what was sent."""
        self._deadlines.end(self._task)
        self.request = b""
        self._turn = at_once
        self.head = None


class UnusableConnection(aiohttp.ClientConnectionError):
    """The server has closed a connection, or sent something, before there was a request on it."""


current_exchange: ContextVar[Exchange] = ContextVar("current_exchange")
"""The exchange that a task is at: aiohttp passes no value of this program to a request."""


class Request(aiohttp.ClientRequest):
    """A request that waits for its turn when it has a connection.

    It is not written to a connection on which an answer is already waiting. That answer belongs
    to none of our requests; it would be taken for the answer to this one, and every later answer
    for the one before it.

    What is written is the exchange's request, and nothing of aiohttp's own: none of its exceptions
    can show the secrets in it.
    """

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Write the request.

        Raises:
            UnusableConnection: nothing was written.
            ClientConnectionError: the connection was lost.
            NotWritten: its turn raised it.
        """
        protocol = conn.protocol
        if protocol is None or protocol.should_close:
            raise UnusableConnection
        exchange = current_exchange.get()
        await exchange.wait_for_turn(lambda: not protocol.should_close)
        transport = protocol.transport
        if transport is None:
            raise aiohttp.ClientConnectionError
        exchange.head = expect_reply(transport, protocol)
        if exchange.fresh:
            protocol.force_close()  # afterwards, whatever the server says
        transport.write(exchange.request)
        return Response(conn)  # type: ignore[return-value]  # what the session uses of one


class Response:
    """A reply: what this program and aiohttp's session use of a `ClientResponse`.

    Args:
        connection: on which it comes.

    Attributes:
        status: of the final reply; those before it, 1xx, are passed over.
        headers: its fields.
        content: its body, to be read or given up.
    """

    status: int
    headers: CIMultiDictProxy[str]
    content: aiohttp.StreamReader
    _raw_cookie_headers = None  # the session keeps none

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def start(self, connection: Connection) -> None:
        """Read its head.

        Raises:
            HttpProcessingError: what came is not a reply in HTTP, or one that aiohttp refuses.
        """
        protocol = connection.protocol
        if protocol is None:
            raise aiohttp.ClientConnectionError
        message, body = await protocol.read()
        while message.code < 200:
            if message.code == 101:  # to another protocol, for which nobody asked
                raise HttpProcessingError
            message, body = await protocol.read()
        self.status, self.headers, self.content = message.code, message.headers, body
        body.on_eof(connection.release)

    def release(self) -> None:
        """Give the connection back: to be used again, if the body was read."""
        self._connection.release()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
