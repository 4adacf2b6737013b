"""The simulator as an HTTP server on aiohttp: it asks the judge and acts on the answer.

Replies are written to the transport as ready-made bytes: benches share the machine's cores with
this server, and it takes a quarter less of them than with aiohttp's own responses.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpProcessingError

from batchconv.errors import UsageError
from batchconv.simulator.behaviour import Behaviour
from batchconv.simulator.checks import Request, check, split_target
from batchconv.simulator.faults import Action, retry_after_header
from batchconv.simulator.judge import Judge
from batchconv.simulator.replies import ELSEWHERE, misbehave, reply
from batchconv.simulator.stats import Received, Stats

_LONGEST_LINE = 4 * 1024 * 1024
"""Far beyond what is accepted, so that a long target is refused with a status of its own."""
_STOP_SECONDS = 1.0


class _Sent(web.StreamResponse):
    """Stands for a reply that is already on its way (or for none) towards aiohttp."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._stays = keep_alive

    @property
    def keep_alive(self) -> bool:
        """Whether the connection serves on."""
        return self._stays

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Nothing to do."""
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing to do."""


_KEEP = _Sent(keep_alive=True)
_CLOSE = _Sent(keep_alive=False)


class _Server(web.Server):
    """aiohttp's low-level server, telling how many connections were opened."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        on_connection: Callable[[], None],
    ) -> None:
        super().__init__(
            handler,
            handler_cancellation=True,
            access_log=None,
            logger=_quiet_logger(),
            max_line_size=_LONGEST_LINE,
            max_field_size=65_536,
        )
        self._on_connection = on_connection

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Count it."""
        self._on_connection()
        super().connection_made(handler, transport)


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


def _quiet_logger() -> logging.Logger:
    """A logger that reports defects here but not clients that do not speak HTTP."""
    logger = logging.getLogger(__name__)
    logger.addFilter(_is_ours)
    return logger


class Simulator:
    """A simulator of the Conversion API in the running event loop: `async with Simulator(...)`.

    Attributes:
        behaviour: how it answers.
        stats: what it has seen so far.

    Raises:
        UsageError: on entering, when the address cannot be listened on.
    """

    def __init__(self, behaviour: Behaviour, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.behaviour = behaviour
        self.stats = Stats()
        self._host = host
        self._port = port
        self._judge = Judge(behaviour)
        self._in_flight = 0
        self._waiting: set[asyncio.Task[object]] = set()
        self._awaited: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def base_url(self) -> str:
        """What to give to `--base-url`; its port is known once the simulator is entered."""
        return f"{self._origin}/conversions"

    @property
    def stats_url(self) -> str:
        """Where the counts can be read as JSON (`?ids=1` adds the ids) and reset by DELETE."""
        return f"{self._origin}/stats"

    @property
    def _origin(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 - looked for, not listened on
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self._host).is_loopback
        except ValueError:
            return self._host == "localhost"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self.stats.wall_offset = time.time() - loop.time()
        self._web = _Server(self._handle, self._connected)
        try:
            self._server = await loop.create_server(self._web, self._host, self._port, backlog=1024)
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or "this is not an address"
            raise UsageError(
                f"cannot listen on {self._host} port {self._port}: {why}",
                hint="leave --port out and a free one is taken",
            ) from None
        # A name can stand for several addresses, and each has a port of its own then.
        self._host, self._port = self._server.sockets[0].getsockname()[:2]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        transports = [connection.transport for connection in self._web.connections]
        self._web.pre_shutdown()
        for task in self._waiting:
            task.cancel()
        await self._web.shutdown(_STOP_SECONDS)
        for transport in transports:
            # A client that reads nothing would keep a half-written reply, and so us, for ever.
            if isinstance(transport, asyncio.Transport):
                transport.abort()
        await self._server.wait_closed()
        # Aborted transports close their sockets in the next turn of the loop.
        await asyncio.sleep(0)

    async def wait_for_requests(self, count: int) -> None:
        """Return once `stats.requests` has reached *count*."""
        if self.stats.requests < count:
            reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._awaited.append((count, reached))
            await reached

    def _wake(self) -> None:
        for count, reached in self._awaited:
            if self.stats.requests >= count and not reached.done():
                reached.set_result(None)
        self._awaited = [waiter for waiter in self._awaited if not waiter[1].done()]

    def _connected(self) -> None:
        self.stats.connections += 1

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        target = request.raw_path
        path, query = split_target(target)
        if path == "/stats":
            return self._tell(request.method, query)
        if path == ELSEWHERE:
            self.stats.redirects_followed += 1
            return web.Response(text="OK")
        now = asyncio.get_running_loop().time()
        asked = Request(request.method, target, request.headers.get("Authorization"))
        checked = check(self.behaviour, asked)
        self._in_flight += 1
        try:
            action = self._judge.judge(checked, now, self._in_flight)
            self.stats.arrived(now, self._in_flight)
            self.stats.decided(checked, action)
            if self.behaviour.record_arrivals:
                self.stats.arrivals.append(now)
            if self.behaviour.record_requests:
                self.stats.received.append(Received(*checked[:4], action.status))
            if self._awaited:
                self._wake()
            return await self._act(request, action)
        finally:
            self._in_flight -= 1

    def _tell(self, method: str, query: str) -> web.Response:
        if method == "DELETE":
            self.stats.reset()
            return web.Response(status=204)
        if method not in ("GET", "HEAD"):
            return web.Response(status=405, text="GET or DELETE")
        return web.json_response(self.stats.as_dict(ids="ids=1" in query.split("&")))

    async def _act(self, request: web.BaseRequest, action: Action) -> web.StreamResponse:
        told = False
        task = asyncio.current_task()
        if task is not None and (action.delay or action.word):
            self._waiting.add(task)
        try:
            if action.delay:
                await asyncio.sleep(action.delay)
            transport = request.transport
            if transport is None or transport.is_closing():
                return _CLOSE
            if action.status:
                told = True
                self.stats.by_status[action.status] += 1
            if action.word is not None:
                await misbehave(transport, request.writer, action.word)
                return _CLOSE
            keep = request.keep_alive
            status = action.status or 500
            retry_after = retry_after_header(self.behaviour, status, time.time())
            transport.write(
                reply(
                    status, action.text, method=request.method, keep=keep, retry_after=retry_after
                )
            )
            return _KEEP if keep else _CLOSE
        finally:
            if task is not None:
                self._waiting.discard(task)
            if action.accepted and not told:
                self.stats.lost_replies += 1
