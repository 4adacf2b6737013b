"""What a worker does, wherever it runs: requests in, answers out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from batchconv.model import Reply
from batchconv.sending.client import HttpClient
from batchconv.sending.limits.rate_limiter import RateLimiter
from batchconv.sending.relay.launcher import WorkerSettings
from batchconv.sending.relay.messages import Answer, Request, conversion_of, make_answer
from batchconv.sending.stops import defect_stop
from batchconv.sending.transport import NotWritten, Turn, at_once

_SOON = 0.0002  # seconds that are not worth a timer
_SLACK = 0.0045  # seconds: half of 1 % of any rate; each worker may be one request over as well
_BEAT = 0.5  # seconds from one sign of life to the next


class Worker:
    """Sends what it is handed, each request in a task of its own, over one `HttpClient`.

    An async context manager; when it is left, whatever is not answered yet is dropped.

    Args:
        settings: how to send.
        answer: called with the answers of each turn of the event loop, and with none of them
            every half second, as a sign of life.
    """

    def __init__(self, settings: WorkerSettings, answer: Callable[[list[Answer]], None]) -> None:
        self._client = HttpClient(
            settings.auth,
            base_url=settings.base_url,
            timeout=settings.timeout,
            connections=settings.connections,
            ca_file=settings.ca_file,
            proxy=settings.proxy,
        )
        self._rate = settings.rate
        self._deliver = answer
        self._answers: list[Answer] = []
        self._tasks: dict[int, asyncio.Task[None]] = {}  # by the number of the request

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._turn = at_once if self._rate is None else even_turns(self._rate)
        await self._client.__aenter__()
        self._beat()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._client.__aexit__(kind, error, traceback)

    def take(self, requests: Iterable[Request]) -> None:
        """Send these."""
        for request in requests:
            self._tasks[request[0]] = self._loop.create_task(self._send(request))

    def keep(self, connections: int) -> None:
        """So many connections are of use."""
        self._client.keep(connections)

    async def _send(self, request: Request) -> None:
        answer: Answer
        try:
            answer = make_answer(request[0], await self._exchange(request))
        except Exception as error:  # noqa: BLE001 - the outermost edge: the relay reports it
            answer = request[0], defect_stop(error).why
        del self._tasks[request[0]]
        if not self._answers:
            self._loop.call_soon(self._flush)
        self._answers.append(answer)

    async def _exchange(self, request: Request) -> Reply:
        conversion, fresh = conversion_of(request), request[1]
        while True:
            with suppress(NotWritten):
                return await self._client.exchange(conversion, self._turn, fresh=fresh)

    def _flush(self) -> None:
        answers, self._answers = self._answers, []
        self._deliver(answers)

    def _beat(self) -> None:
        self._timer = self._loop.call_later(_BEAT, self._beat)
        self._deliver([])


def even_turns(rate: float) -> Turn:
    """A turn that lets requests out evenly, so many a second.

    The relay keeps the rate as well. But what it hands out evenly would leave in a burst where
    connections are slow to open.
    """
    limiter, line = RateLimiter(None), asyncio.Lock()
    limiter.set_rate(rate, most_slack=_SLACK)
    clock = asyncio.get_running_loop().time

    async def turn(usable: Callable[[], bool]) -> None:
        async with line:
            while (delay := limiter.wait(clock())) > _SOON and usable():
                await asyncio.sleep(delay)
            if not usable():
                raise NotWritten
            limiter.reserve(clock())

    return turn
