"""One time limit for many exchanges, at the price of a dictionary's entry for each.

`asyncio.timeout` makes a timer for each exchange, and aiohttp's own limits cost twice that; of
a thousand such timers hardly one ever fires. Here one timer looks after all: with the same limit
for all, the first to begin is the first to be due.
"""

from __future__ import annotations

import asyncio
from typing import cast

_Task = asyncio.Task[object]


def this_task() -> _Task:
    """The task that runs now."""
    return cast("_Task", asyncio.current_task())


class Deadlines:
    """Cancels tasks whose exchange takes too long; `expired` then tells them so.

    Args:
        seconds: how long an exchange may take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        # In order of beginning: when it is due, and how often it had been cancelled before.
        self._due: dict[_Task, tuple[float, int]] = {}
        self._cancelled: dict[_Task, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: _Task) -> None:
        """The exchange of a task begins."""
        due = self._loop.time() + self._seconds
        self._due[task] = due, task.cancelling()
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._look)

    def end(self, task: _Task) -> None:
        """The exchange is over, however it ended."""
        self._due.pop(task, None)
        self._cancelled.pop(task, None)

    def expired(self, task: _Task) -> bool:
        """Whether the `CancelledError` that *task* has just met says that its time was up.

        False when somebody else has cancelled it, too: then it must be passed on.
        """
        before = self._cancelled.pop(task, None)
        return before is not None and task.uncancel() <= before

    def close(self) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        self._timer = None
        late = []
        for task, (due, _) in self._due.items():
            if due > now:
                self._timer = self._loop.call_at(due, self._look)
                break
            late.append(task)
        for task in late:
            self._cancelled[task] = self._due.pop(task)[1]
            task.cancel()
