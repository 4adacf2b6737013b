"""What the pool sends through, and the clocks it goes by: both are passed in.

A test passes a transport and clocks of its own, and runs the whole pipeline without a network and
in virtual time.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from batchconv.model import Conversion, Reply
from batchconv.sending.traffic import WorkerCounts

Turn = Callable[[Callable[[], bool]], Awaitable[None]]
"""Awaited by a transport when it is about to write a request, its connection open.

It returns at the moment at which the request may be written. It is given a function that says
whether the connection can still be used, and raises `NotWritten` when it no longer can, or when
the request is to wait for another reason: the transport lets that pass.
"""


class NotWritten(Exception):  # noqa: N818 - no error: the request begins again
    """A request did not get its turn on this connection: it has to begin again."""


async def at_once(usable: Callable[[], bool]) -> None:
    """The turn of a request that nothing holds back."""
    if not usable():
        raise NotWritten


class Transport(Protocol):
    """Carries conversions to the API and replies back."""

    @property
    def workers(self) -> WorkerCounts | None:
        """How its workers are; None where it sends in this process."""
        ...

    async def exchange(self, conversion: Conversion, turn: Turn, *, fresh: bool = False) -> Reply:
        """One conversion, one exchange; never raises for anything the network does.

        Args:
            conversion: what to send.
            turn: awaited when it is about to be written.
            fresh: not on a connection that was used before.

        Raises:
            NotWritten: *turn* raised it.
        """
        ...

    def keep(self, connections: int) -> None:
        """Called with how many connections are of use whenever that changes."""
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
