"""Workers that Ray runs, on this machine or on many."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

from batchconv.sending.relay.frames import FrameProtocol
from batchconv.sending.relay.launcher import Events, WorkerError, WorkerTerms
from batchconv.sending.relay.messages import Request
from batchconv.sending.relay.ray_process import RayProcess

_LONGEST_START = 60.0  # seconds; the process that speaks to Ray gives up before


class RayWorkers:
    """Starts workers through Ray.

    Args:
        ray: the process that speaks to it.
        terms: what a worker finds its settings by, where it runs.
    """

    def __init__(self, ray: RayProcess, terms: WorkerTerms) -> None:
        self._ray = ray
        self._terms = pickle.dumps(terms)

    async def launch(self, events: Events) -> RayWorker:
        """Have Ray start a worker; returns when it is ready.

        Raises:
            WorkerError: it could not be started.
        """
        worker = RayWorker(events)
        await self._ray.add_line(worker.line)
        try:
            worker.line.send(self._terms)
            async with asyncio.timeout(_LONGEST_START):
                await worker.ready
        except TimeoutError:
            worker.kill()
            raise WorkerError("a worker of Ray's did not begin within a minute") from None
        except BaseException:
            worker.kill()
            raise
        return worker


class RayWorker:
    """The way to a worker that Ray runs.

    Attributes:
        line: its end of the line.
        name: the number of its process and its machine.
        ready: done when it can be handed requests; a WorkerError when it ended before.
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._why = "Ray ended it, or its machine is gone"
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self.name = "a worker of Ray's"
        self.line = FrameProtocol(self._heard, self._gone)
        self.ready: asyncio.Future[None] = self._loop.create_future()

    def send(self, requests: list[Request]) -> None:
        """Hand over requests."""
        self.line.send(requests)

    def keep(self, connections: int) -> None:
        """Tell it how many connections are of use."""
        self.line.send(connections)

    def kill(self) -> None:
        """End it at once: the bridge does when its line is closed."""
        self.line.transport.abort()

    async def close(self) -> None:
        """End it."""
        self.line.transport.close()
        await self._ended.wait()

    def _heard(self, value: Any) -> None:
        match value:
            case str():
                self._why = value
            case (str(name),):
                self.name = name
            case _ if self.ready.done():
                self._events.heard(value)
            case _:
                self.ready.set_result(None)

    def _gone(self) -> None:
        self._ended.set()
        if self.ready.done():
            self._events.ended(self._why)
        else:
            self.ready.set_exception(WorkerError(f"{self.name}: {self._why}"))
