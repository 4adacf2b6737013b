"""The transport that hands rows to workers, and keeps as many workers running as it should.

A row is handed over when its turn has come. It goes to the worker with the fewest rows; of those
with as few, to the one that was handed one longest ago. What is handed over in one turn of the
event loop leaves together, so a single row leaves at once. A worker that ends, or that says nothing
for a while, is replaced. What it had is given back as `worker-lost`: nobody knows whether it was
sent.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import count
from math import ceil
from types import TracebackType
from typing import Self

from batchconv.errors import BatchconvError, ExitCode, UsageError
from batchconv.model import Conversion, Reason, Reply
from batchconv.sending.durations import show_duration
from batchconv.sending.relay.launcher import Events, Launcher, Link, WorkerError
from batchconv.sending.relay.messages import Answer, Request, make_request, reply_of
from batchconv.sending.traffic import WorkerCounts
from batchconv.sending.transport import Turn

MOST_SILENT = 10
"""Seconds without a sign of life after which a worker is ended; it gives one every half second."""

_TICK = 1.0  # seconds; counted one by one, so that a pause of this process blames no worker
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 15.0  # seconds before a worker is started again
_LASTED = 10.0  # seconds after which the end of a worker says nothing about the next


class NoWorkersError(BatchconvError):
    """All workers are gone, and none could be started for as long as the run waits."""

    exit_code = ExitCode.LIMIT


class WorkerDefectError(BatchconvError):
    """A defect of this program, in a worker."""

    exit_code = ExitCode.DEFECT


class _Worker:
    """A worker that runs, or is about to, and what it has been handed."""

    def __init__(self) -> None:
        self.link: Link
        self.pending: dict[int, tuple[asyncio.Future[Reply], float]] = {}
        self.silent = 0  # ticks since it was heard
        self._loop = asyncio.get_running_loop()
        self._handed: list[Request] = []

    def hand(self, request: Request) -> asyncio.Future[Reply]:
        """Hand over a request; what it comes to."""
        future = self._loop.create_future()
        self.pending[request[0]] = future, self._loop.time()
        if not self._handed:
            self._loop.call_soon(self._flush)
        self._handed.append(request)
        return future

    def _flush(self) -> None:
        handed, self._handed = self._handed, []
        self.link.send(handed)

    def heard(self, answers: list[Answer]) -> None:
        """Take the answers."""
        self.silent = 0
        for number, values in answers:
            future, _ = self.pending.pop(number)
            if future.done():  # its request was given up
                continue
            if isinstance(values, str):
                future.set_exception(WorkerDefectError(f"in a worker: {values}", hint=_REPORT))
            else:
                future.set_result(reply_of(values))

    def lose(self) -> None:
        """It is gone: nobody knows whether its requests were sent."""
        now = self._loop.time()
        for future, began in self.pending.values():
            if not future.done():
                future.set_result(Reply(None, now - began, trouble=Reason.WORKER_LOST))
        self.pending.clear()


_REPORT = "please report it with this line; the results file is good"


class Relay:
    """Exchanges conversions through workers. An async context manager.

    Exchanges wait for the first worker: to start one may take Ray half a minute, and a signal may
    come meanwhile. Where none can be started, every exchange raises UsageError.

    Args:
        launcher: starts a worker.
        workers: how many there are to be.
        patience: seconds without any worker after which exchanges raise NoWorkersError.
        instead: how to send without these workers, in half a sentence.
    """

    def __init__(
        self,
        launcher: Launcher,
        workers: int,
        *,
        patience: float,
        instead: str = "--workers 1 sends without them",
    ) -> None:
        self._instead = instead
        self._launcher = launcher
        self._wanted = workers
        self._patience = patience
        self._up: list[_Worker] = []  # the one that was handed a request longest ago comes first
        self._numbers = count()
        self._kept: int | None = None
        self._lost = self._restarted = 0
        self._failed_starts = 0
        self._failed = 0  # slots whose first start was in vain
        self._why = ""
        self._without = 0.0  # since when there is no worker, where there is none
        self._never_up = True

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._slots = [self._loop.create_task(self._keep_one()) for _ in range(self._wanted)]
        for slot in self._slots:
            slot.add_done_callback(lambda _: self._tell_change())
        self._tick()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        self._timer.cancel()
        for slot in self._slots:
            slot.cancel()
        self._up.clear()
        await asyncio.wait(self._slots)

    @property
    def workers(self) -> WorkerCounts:
        """How the workers are."""
        return WorkerCounts(
            self._wanted,
            len(self._up),
            self._lost,
            self._restarted,
            self._failed_starts,
            self._why,
        )

    async def exchange(self, conversion: Conversion, turn: Turn, *, fresh: bool = False) -> Reply:
        """Have one conversion sent by a worker.

        Raises:
            NotWritten: *turn* raised it.
            UsageError: no worker could be started at all.
            NoWorkersError: there has been none for too long.
            WorkerDefectError: a defect of this program.
        """
        if not self._up:
            await self._wait_for_worker()
        await turn(self._usable)
        worker = min(self._up, key=_load)
        self._up.remove(worker)
        self._up.append(worker)
        return await worker.hand(make_request(next(self._numbers), conversion, fresh=fresh))

    def keep(self, connections: int) -> None:
        """So many connections are of use, shared out among the workers."""
        self._kept = ceil(connections / self._wanted)
        for worker in self._up:
            worker.link.keep(self._kept)

    def _usable(self) -> bool:
        return bool(self._up)

    async def _wait_for_worker(self) -> None:
        while not self._up:
            if self._never_up and self._failed == self._wanted:
                raise UsageError(f"no worker could be started: {self._why}", hint=self._instead)
            left = None if self._never_up else self._without + self._patience - self._loop.time()
            if left is not None and left <= 0:
                raise NoWorkersError(
                    f"no worker could be started for {show_duration(self._patience)}: {self._why}",
                    hint=f"find out what ends them, then resume; {self._instead}",
                )
            await self._next_change(left)

    async def _next_change(self, most: float | None = None) -> None:
        """Wait until a worker has come up or could not be started, or so many seconds."""
        for slot in self._slots:
            if slot.done():
                slot.result()  # it raises: nothing but a defect ends one
        with suppress(TimeoutError):
            async with asyncio.timeout(most):
                await self._changed.wait()

    def _tell_change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _keep_one(self) -> None:
        """Keep one worker running; start it anew when it ends, ever later if it ends at once."""
        wait = _FIRST_WAIT
        for start in count():
            began = self._loop.time()
            try:
                await self._run_one(again=start > 0)
            except WorkerError as error:
                self._why = str(error)
                self._failed_starts += 1
                self._failed += start == 0
            if self._loop.time() - began > _LASTED:
                wait = _FIRST_WAIT
            self._tell_change()
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    async def _run_one(self, *, again: bool) -> None:
        """Start a worker, and return when it has ended."""
        worker, ended = _Worker(), self._loop.create_future()

        def end(why: str) -> None:
            if not ended.done():
                ended.set_result(why)

        worker.link = await self._launcher.launch(Events(worker.heard, end))
        self._restarted += again
        self._begin(worker)
        try:
            self._end(worker, await ended)
        except asyncio.CancelledError:
            await worker.link.close()
            raise

    def _begin(self, worker: _Worker) -> None:
        self._up.insert(0, worker)
        self._never_up = False
        if self._kept is not None:
            worker.link.keep(self._kept)
        self._tell_change()

    def _end(self, worker: _Worker, why: str) -> None:
        self._up.remove(worker)
        self._lost += 1
        if worker.silent > MOST_SILENT:
            why = f"it gave no sign of life for {MOST_SILENT} s"
        self._why = f"{worker.link.name}: {why}"
        if not self._up:
            self._without = self._loop.time()
        worker.lose()

    def _tick(self) -> None:
        self._timer = self._loop.call_later(_TICK, self._tick)
        for worker in self._up:
            worker.silent += 1
            if worker.silent > MOST_SILENT:
                worker.link.kill()


def _load(worker: _Worker) -> int:
    return len(worker.pending)
