"""What the pool sends through, and the clocks it goes by: both are passed in.

A test passes a transport and clocks of its own, and runs the whole pipeline without a network and
in virtual time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from batchconv.model import Conversion, Reply


class Transport(Protocol):
    """Carries conversions to the API and replies back."""

    async def exchange(self, conversion: Conversion) -> Reply:
        """One conversion, one exchange; never raises for anything the network does."""
        ...

    def keep(self, connections: int) -> None:
        """Told how many connections are of use whenever that changes."""
        ...


OpenTransport = Callable[[], AbstractAsyncContextManager[Transport]]
"""Opens a transport for as long as the context lasts."""


class Clock(NamedTuple):
    """The clocks of a run.

    Attributes:
        monotonic: seconds that never go back.
        wall: Unix seconds.
    """

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


SYSTEM_CLOCK = Clock()
"""The clocks of this machine."""
