"""A blocking iterator, read in a thread of its own, for one event loop.

The source may block (a pipe, a slow disk) and mapping costs time; neither may hold up requests
in flight. The queue between them is bounded: memory does not follow the input's size, and the
first request leaves before the input has been read.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
_TURN = 64  # items taken between two chances for other tasks


class Feed(Generic[T]):
    """The items of all *batches* in order; when *most* are there, no further batch is read.

    The thread is a daemon: one that is stuck in a read when the run stops does not keep the
    program alive. `close` is enough to end one that is not stuck.
    """

    def __init__(self, batches: Iterable[Sequence[T]], *, most: int = 512) -> None:
        self._batches = batches
        self._most = most
        self._ready: deque[T] = deque()
        self._room = threading.Condition()
        self._arrival = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._taken = 0
        self._hungry = False  # somebody waits for `_arrival`
        self._full = False  # the thread waits for `_room`
        self._ended = False
        self._closed = False
        self._error: Exception | None = None
        threading.Thread(target=self._read, name="batchconv-reader", daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether all there is has been read."""
        return self._ended

    @property
    def ahead(self) -> int:
        """Items that have been read and not been taken."""
        return len(self._ready)

    async def take(self) -> T | None:
        """The next item; None when there are no more. Several tasks may take.

        Raises:
            Exception: whatever the iterator raised, once its items are all taken.
        """
        while True:
            try:
                item = self._ready.popleft()
            except IndexError:
                if self._ended:
                    if self._error is not None and not self._ready:
                        raise self._error from None
                    if not self._ready:
                        return None
                    continue
                await self._wait()
                continue
            self._taken += 1
            if self._taken % _TURN == 0:
                # A long stretch of rows that never wait for anything must not freeze the loop.
                await asyncio.sleep(0)
            if self._full and len(self._ready) <= self._most // 2:
                with self._room:
                    self._full = False
                    self._room.notify()
            return item

    async def _wait(self) -> None:
        # The order matters: the thread adds first and looks at the flag afterwards.
        self._arrival.clear()
        self._hungry = True
        if not self._ready and not self._ended:
            await self._arrival.wait()

    def close(self) -> None:
        """Stop reading; what has been read ahead can no longer be taken."""
        with self._room:
            self._closed = True
            self._full = False
            self._room.notify()
        self._ready.clear()
        self._ended = True
        self._arrival.set()

    def _read(self) -> None:
        # Nobody else holds the iterator: when this thread lets go of it, its files are closed.
        batches, self._batches = self._batches, ()
        try:
            for batch in batches:
                self._ready.extend(batch)
                if self._hungry:
                    self._wake()
                if len(self._ready) >= self._most:
                    self._wait_for_room()
                if self._closed:
                    return
        except Exception as error:  # noqa: BLE001 - it is raised again where it can be handled
            self._error = error
        finally:
            self._ended = True
            self._wake()

    def _wait_for_room(self) -> None:
        with self._room:
            if len(self._ready) >= self._most and not self._closed:
                self._full = True
                self._room.wait_for(lambda: not self._full)

    def _wake(self) -> None:
        self._hungry = False
        try:
            self._loop.call_soon_threadsafe(self._arrival.set)
        except RuntimeError:
            self._closed = True  # the loop is gone, and with it everyone who would take
