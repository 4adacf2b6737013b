"""A blocking iterator, read in a thread of its own, for one event loop.

The source may block (a pipe, a slow disk) and mapping costs time; neither may hold up requests in
flight. The queue in between is the loop's own and holds a few batches. A batch is bounded in rows
and in bytes by its maker, and none is put into the queue while the rows under way hold too much.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import CancelledError, Future
from typing import Generic, NamedTuple, TypeVar

from batchconv.reading.row_memory import RowMemory

T = TypeVar("T")

BATCHES_AHEAD = 4
_TURN = 64  # items taken between two chances for other tasks
_LOOK = 1.0  # seconds between two looks whether the loop is still there


class _End(NamedTuple):
    """There are no more batches; the error is what the iterator raised, if it did."""

    error: Exception | None


class Prefetcher(Generic[T]):
    """The items of all *batches*, in order; a few batches are read ahead.

    The thread is a daemon: one that is stuck in a read when the run stops does not keep the
    program alive. `close` is enough to end one that is not stuck.

    Args:
        batches: read in the thread.
        memory: what the rows under way hold; each has to be removed once it is settled.

    Attributes:
        ended: all there is has been read, or it was closed.
        reading: the thread is in the iterator, and not waiting for space.
    """

    def __init__(self, batches: Iterable[Sequence[T]], memory: RowMemory | None = None) -> None:
        self.ended = False
        self._over = False  # nothing more can be taken but what is in `_current`
        self.reading = True
        self._handed_over_all = False
        self._memory = RowMemory() if memory is None else memory
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Sequence[T] | _End] = asyncio.Queue(BATCHES_AHEAD)
        self._next_batch = asyncio.Lock()
        self._current: deque[T] = deque()
        self._read = 0
        self._taken = 0
        self._error: Exception | None = None
        self._closing = threading.Lock()  # held while something is begun to be handed over
        self._closed = False
        self._handing_over: Future[None] | None = None
        threading.Thread(
            target=self._read_all, args=(batches,), name="batchconv-reader", daemon=True
        ).start()

    @property
    def ahead(self) -> int:
        """Items that have been read and not been taken."""
        return self._read - self._taken

    @property
    def coming(self) -> bool:
        """The thread will hand something over without anybody's taking anything before."""
        return not (self._handed_over_all or self._queue.full()) and self._memory.space.is_set()

    def take_at_once(self) -> T | None:
        """The next item if it is there already; else `take` gives it."""
        if not self._current:
            return None
        self._taken += 1
        return self._current.popleft()

    async def take(self) -> T | None:
        """The next item; None when there are no more. Several tasks may take.

        Raises:
            Exception: whatever the iterator raised, once its items are all taken.
        """
        if self._taken % _TURN == 0:
            # A long stretch of rows that never wait for anything must not freeze the loop. Before
            # an item is taken: a task that is cancelled here has taken none.
            await asyncio.sleep(0)
        while not self._current:
            # One task waits for the next batch; the others wait for that one, and share it.
            async with self._next_batch:
                if not self._current and not self._over:
                    self._receive(await self._queue.get())
            if self._over and not self._current:
                if self._error is not None:
                    raise self._error from None
                return None
        self._taken += 1
        return self._current.popleft()

    def _receive(self, batch: Sequence[T] | _End) -> None:
        if self._over:
            return  # it was closed meanwhile
        if isinstance(batch, _End):
            self._over, self._error = True, batch.error
        else:
            self._current.extend(batch)

    def close(self) -> None:
        """Stop reading; what has been read ahead can no longer be taken."""
        with self._closing:
            self._closed = self.ended = self._over = True
            if self._handing_over is not None:
                self._handing_over.cancel()
        self._error = None
        self._current.clear()
        while not self._queue.empty():  # space for the end
            self._queue.get_nowait()
        self._queue.put_nowait(_End(None))  # for a task that waits for the next batch
        self._memory.space.set()

    def _read_all(self, batches: Iterable[Sequence[T]]) -> None:
        # Nobody else holds the iterator: when this thread drops it, its files are closed.
        error = None
        try:
            for batch in batches:
                self._read += len(batch)
                if not self._hand_over(batch) or self.ended:
                    break
        except Exception as raised:  # noqa: BLE001 - it is raised again where it can be handled
            error = raised
        del batches
        if not self.ended:
            self.ended = True
            self._hand_over(_End(error))

    async def _put(self, batch: Sequence[T] | _End) -> None:
        if not isinstance(batch, _End):
            await self._memory.space.wait()
            self._memory.add(batch)
        await self._queue.put(batch)
        self._handed_over_all = isinstance(batch, _End)

    def _hand_over(self, batch: Sequence[T] | _End) -> bool:
        """Put it into the queue, waiting for space; False when nobody takes it any more.

        Once this is closed the loop may stand still for good, without ever being closed.
        """
        with self._closing:
            if self._closed:
                return False
            putting = self._put(batch)
            try:
                done = asyncio.run_coroutine_threadsafe(putting, self._loop)
            except RuntimeError:
                putting.close()
                return False
            self._handing_over = done
        self.reading = False
        # A loop that is closed before it has begun with this never says anything about it.
        while not self._loop.is_closed():
            try:
                done.result(_LOOK)
            except TimeoutError:
                continue
            except CancelledError:
                return False
            self.reading = True
            return True
        putting.close()
        return False
