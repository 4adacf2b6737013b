"""Workers as processes of this machine, each at the other end of a socket pair."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
import subprocess
import sys

from batchconv.sending.relay.framed_link import FramedLink
from batchconv.sending.relay.launcher import Events, WorkerError, WorkerSettings
from batchconv.sending.signals import without_signals

_MODULE = "batchconv.sending.relay.process"
_PRIVATE = ("VONAGE_", "NEXMO_", "BATCHCONV_")  # variables that no worker inherits
_LONGEST_END = 1.0  # seconds from the end of its line to the end of a worker


class LocalWorkers:
    """Starts worker processes.

    Args:
        settings: how each of them is to send.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = pickle.dumps(settings)  # it holds secrets: it has no place in a `repr`

    async def launch(self, events: Events) -> WorkerProcess:
        """Start a process; returns when it is ready.

        Raises:
            WorkerError: it could not be started.
        """
        try:
            process, ours = _start()
        except OSError as error:  # too many processes, no memory, too many open files
            raise WorkerError(f"a process cannot be started: {error.strerror}") from None
        worker = WorkerProcess(process, events)
        try:
            await worker.connect(ours)
            await worker.begin(self._settings)
        except BaseException:
            await worker.close()
            raise
        return worker


def _start() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A process, and the other end of the socket pair that is its standard input.

    It is started with the same modules as this one, and none from the current folder. It has a
    session of its own: Ctrl-C in a terminal is for the process that hands out the rows, which
    gives the requests in flight a little time. A service manager signals every process, so signals
    are blocked as well, which is inherited.
    """
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)
    }
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    ours, theirs = socket.socketpair()
    try:
        with theirs, without_signals():
            process = subprocess.Popen(  # noqa: S603 - this interpreter and a module of this program
                [sys.executable, "-P", "-m", _MODULE],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
    except BaseException:
        ours.close()
        raise
    return process, ours


class WorkerProcess(FramedLink):
    """The way to a worker process."""

    def __init__(self, process: subprocess.Popen[bytes], events: Events) -> None:
        super().__init__(f"process {process.pid}", events)
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._ending: asyncio.Task[None] | None = None

    async def connect(self, ours: socket.socket) -> None:
        """Open its line; when that is cancelled, the process is ended."""
        try:
            await self._loop.create_unix_connection(lambda: self.line, sock=ours)
        except BaseException:
            self._process.kill()
            raise

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    async def close(self) -> None:
        """End it in good order, and wait until it is gone."""
        self.give_up()
        self.line.close()
        self.gone()
        if self._ending is not None:
            await self._ending

    def gone(self) -> None:
        """Take in that the line is closed."""
        if self._ending is None:
            self._ending = self._loop.create_task(self._end())

    async def _end(self) -> None:
        """See to it that the process is gone, and say why."""
        status = await asyncio.to_thread(self._wait)
        self.ended(self.why or _ending(status))

    def _wait(self) -> int:
        try:
            return self._process.wait(_LONGEST_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _ending(status: int) -> str:
    """How a process ended, in half a sentence."""
    if status >= 0:
        return f"it ended with status {status}"
    try:
        return f"it was killed by {signal.Signals(-status).name}"
    except ValueError:  # a real-time signal
        return f"it was killed by signal {-status}"
