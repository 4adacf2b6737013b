"""The tasks of a pool: each is waited for, and what one raises is reported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Set
from functools import partial
from typing import Any

Ended = Callable[[asyncio.Task[None]], None]
"""Called with a task that has ended."""


def _nothing(_: asyncio.Task[None]) -> None:
    pass


class TaskSet:
    """Tasks that are at work.

    Args:
        failed: called with every exception that ended one.
    """

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()

    def start(
        self, coroutine: Coroutine[None, None, None], ended: Ended = _nothing
    ) -> asyncio.Task[None]:
        """Start one; *ended* is called when it has ended, also if it was cancelled unbegun."""
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, ended))
        return task

    def _ended(self, ended: Ended, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        ended(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed(error)
        if not self._tasks:
            self._idle.set()

    def cancel(self, *spared: Set[Any]) -> None:
        """Cancel all but some."""
        for task in self._tasks.difference(*spared):
            task.cancel()

    async def wait_until_idle(self) -> None:
        """Wait until none is at work."""
        if self._tasks:
            await self._idle.wait()

    async def wait(self) -> None:
        """Wait for those that are at work now."""
        if self._tasks:
            await asyncio.wait(self._tasks)
