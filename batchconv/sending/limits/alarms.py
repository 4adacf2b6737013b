"""What has gone on for too long ends the run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from batchconv.sending.stops import Stop


class Alarms:
    """Timers, each by a name of its own, that give up when they are not cancelled in time.

    Args:
        patience: seconds.
        give_up: called with the reason.
    """

    def __init__(self, patience: float, give_up: Callable[[Stop], None]) -> None:
        self._patience = patience
        self._give_up = give_up
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def set(self, name: str, stop: Callable[[], Stop]) -> None:
        """Give up with what *stop* gives when the patience is over."""
        loop = asyncio.get_running_loop()
        self._timers[name] = loop.call_later(self._patience, lambda: self._give_up(stop()))

    def cancel(self, name: str) -> None:
        """It is over."""
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """The run is over."""
        for name in list(self._timers):
            self.cancel(name)
