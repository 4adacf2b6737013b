"""How a relay starts a worker and speaks to it, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from batchconv.sending.proxy import Proxy
from batchconv.sending.relay.messages import Answer, Request
from batchconv.vonage.authentication import Auth


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker has to know to send. It holds secrets, which its `repr` does not show.

    Attributes:
        rate: requests a second that this one worker may write at most; None for no limit.
        The others are those of `HttpClient`.
    """

    auth: Auth
    base_url: str
    timeout: float = 30.0
    connections: int = 100
    ca_file: str | None = None
    proxy: Proxy | None = None
    rate: float | None = None

    def worker_settings(self) -> WorkerSettings:
        """These."""
        return self


class WorkerTerms(Protocol):
    """The first that a worker is sent: its settings, or what it finds them by where it runs."""

    def worker_settings(self) -> WorkerSettings:
        """How to send.

        Raises:
            BatchconvError: they cannot be found there.
        """
        ...


class WorkerError(Exception):
    """A worker could not be started; the text says why, in half a sentence and without secrets."""


class Events(NamedTuple):
    """What a link calls, in the event loop of the relay.

    Attributes:
        heard: the answers that came together; none of them is a sign of life.
        ended: once, when the worker is gone, however it went: why, in half a sentence such as
            "it was killed by SIGKILL". Nothing is heard after it.
    """

    heard: Callable[[list[Answer]], None]
    ended: Callable[[str], None]


class Link(Protocol):
    """The way to one worker that runs."""

    @property
    def name(self) -> str:
        """What people find it by: `process 4711`."""
        ...

    def send(self, requests: list[Request]) -> None:
        """Hand over requests, at least one; never waits and never raises."""
        ...

    def keep(self, connections: int) -> None:
        """Tell the worker how many connections are of use to it."""
        ...

    def kill(self) -> None:
        """End it at once, whatever it is doing; `ended` follows."""
        ...

    async def close(self) -> None:
        """End it in good order, without delay, and wait until it is gone."""
        ...


class Launcher(Protocol):
    """Starts workers."""

    async def launch(self, events: Events) -> Link:
        """Start a worker; returns when it is ready for requests.

        A worker gives a sign of life at least once a second.

        Raises:
            WorkerError: it could not be started; `ended` is not called then.
        """
        ...
