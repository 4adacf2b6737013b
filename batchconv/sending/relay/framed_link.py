"""The way to a worker at the other end of a line of frames, whatever runs that worker."""

from __future__ import annotations

import asyncio
from typing import Any

from batchconv.sending.relay.frames import FrameProtocol
from batchconv.sending.relay.launcher import Events, WorkerError
from batchconv.sending.relay.messages import Request

_LONGEST_START = 60.0  # seconds; it takes less than one on a machine that is not overloaded


class FramedLink:
    """A `Link`, but for how a worker is ended: that is its launcher's to know.

    Args:
        name: what people find the worker by.
        events: what is called.

    Attributes:
        name: the same.
        line: this end of the line.
        why: the worker ended, in half a sentence, as far as the other end has said it.
    """

    def __init__(self, name: str, events: Events) -> None:
        self.name = name
        self.why = ""
        self.line = FrameProtocol(self.heard, self.gone)
        self._events = events
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def begin(self, terms: bytes) -> None:
        """Send the worker its pickled terms, and wait until it can be handed requests.

        Raises:
            WorkerError: it ended before, or did not begin in time; its launcher is to end it.
        """
        try:
            self.line.send(terms)
            async with asyncio.timeout(_LONGEST_START):
                await self._ready
        except TimeoutError:
            raise WorkerError(f"{self.name} did not begin within a minute") from None

    def send(self, requests: list[Request]) -> None:
        """Hand over requests."""
        self.line.send(requests)

    def keep(self, connections: int) -> None:
        """Tell it how many connections are of use."""
        self.line.send(connections)

    def heard(self, value: Any) -> None:
        """Take in what came: why the worker ends; that it is ready; and from then on, answers."""
        if isinstance(value, str):
            self.why = value
        elif self._ready.done():
            self._events.heard(value)
        else:
            self._ready.set_result(None)

    def gone(self) -> None:
        """Take in that the line is closed."""
        self.ended(self.why)

    def ended(self, why: str) -> None:
        """Say that the worker is gone, and why."""
        if self._ready.done():
            self._events.ended(why)
        else:
            self._ready.set_exception(WorkerError(f"{self.name}: {why}"))

    def give_up(self) -> None:
        """Nobody waits any more for it to begin."""
        self._ready.cancel()
