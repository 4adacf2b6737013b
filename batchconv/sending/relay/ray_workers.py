"""Workers that Ray runs, on this machine or on many."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

from batchconv.sending.relay.framed_link import FramedLink
from batchconv.sending.relay.launcher import Events, WorkerTerms
from batchconv.sending.relay.ray_process import RayProcess


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
            await worker.begin(self._terms)
        except BaseException:
            worker.kill()
            raise
        return worker


class RayWorker(FramedLink):
    """The way to a worker that Ray runs; it gets the name of its process and machine from there."""

    def __init__(self, events: Events) -> None:
        super().__init__("a worker of Ray's", events)
        self.why = "Ray ended it, or its machine is gone"
        self._gone = asyncio.Event()

    def kill(self) -> None:
        """End it at once: the bridge does when its line is closed."""
        self.line.transport.abort()

    async def close(self) -> None:
        """End it."""
        self.line.transport.close()
        await self._gone.wait()

    def heard(self, value: Any) -> None:
        """Take in what came: its name first."""
        if isinstance(value, tuple):
            (self.name,) = value
        else:
            super().heard(value)

    def gone(self) -> None:
        """Take in that the line is closed."""
        self._gone.set()
        super().gone()
