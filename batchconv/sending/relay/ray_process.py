"""The process that speaks to Ray for a run: its start, its end, and what surrounds it.

Ray is not trusted with a run: it takes signals, prints, and keeps a token and folders where others
can read them. So it never comes into this process; `ray_bridge` is the one that has it.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from batchconv.errors import UsageError, install_command
from batchconv.sending.relay.frames import FrameProtocol
from batchconv.sending.relay.launcher import WorkerError
from batchconv.sending.signals import without_signals

_MAIN = "from batchconv.sending.relay.ray_bridge import main; main()"
_LONGEST_START = 60.0  # seconds
_LONGEST_END = 5.0  # seconds to part from a cluster in good order
_LONGEST_END_OF_OWN = 3.0  # seconds; it takes less than one, unless Ray is still starting
_TICK = 0.01  # seconds
_LONGEST_FOLDER = 30  # characters: below it Ray makes sockets, whose names may have 107
# Everything that a Ray of one's own does and a run has no use for: calls home are off, it listens
# on the loopback alone, and it ends no worker because other programs take memory.
_OWN = {
    "RAY_AUTH_MODE": "token",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_worker_niceness": "0",
}


def require_ray() -> None:
    """Refuse, with a UsageError, to go on without the extra."""
    if find_spec("ray") is None:
        raise UsageError("--engine ray needs Ray", hint=install_command("ray"))


class Orders(NamedTuple):
    """What the process reads first.

    Attributes:
        address: of a cluster; None to start a Ray for this run.
        workers: how many there will be.
        folder: where a Ray of its own writes.
    """

    address: str | None
    workers: int
    folder: str


class RayProcess:
    """The process that speaks to Ray, started when it is first needed, and again if it ends.

    An async context manager, which ends it with all that is of Ray on this machine.

    Args:
        address: of a cluster, in Ray's words; None to start a Ray for this run.
        workers: how many there will be, for a Ray of its own.
        environment: for it, and for the workers of a Ray of its own.
    """

    def __init__(
        self, *, address: str | None, workers: int, environment: Mapping[str, str]
    ) -> None:
        self._address = address
        self._workers = workers
        self._environment = _environment(environment, own=address is None)
        self._bridge: _Bridge | None = None
        self._starting: asyncio.Task[_Bridge] | None = None

    async def __aenter__(self) -> Self:
        self._folder = await asyncio.to_thread(_private_folder)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._starting is not None:
            self._starting.cancel()
            with suppress(asyncio.CancelledError, WorkerError):
                await (await self._starting).close()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def cores(self) -> int:
        """How many cores Ray has; 1 where it cannot be started, which `launch` will explain."""
        try:
            return max(1, (await self._running()).cores)
        except WorkerError:
            return 1

    async def add_line(self, line: FrameProtocol) -> None:
        """Make a line to a worker that it is to start; raises WorkerError when Ray cannot."""
        await (await self._running()).add_line(line)

    async def _running(self) -> _Bridge:
        """The bridge; it is started when there is none, or none any more, for all who wait."""
        if self._bridge is not None and not self._bridge.gone:
            return self._bridge
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start())
        self._bridge = await asyncio.shield(self._starting)
        return self._bridge

    async def _start(self) -> _Bridge:
        ended, self._bridge = self._bridge, None
        if ended is not None:
            await ended.close()
        orders = Orders(self._address, self._workers, f"{self._folder}/r")
        bridge = _Bridge(orders, self._folder, self._environment)
        try:
            await bridge.start(orders)
        except BaseException:
            await bridge.close()
            raise
        return bridge


class _Bridge:
    """The process that speaks to Ray.

    Attributes:
        cores: that Ray has.
        gone: it has ended.
    """

    def __init__(self, orders: Orders, folder: str, environment: dict[str, str]) -> None:
        self.cores = 0
        self.gone = False
        self._own = orders.address is None
        self._why = "the process that speaks to Ray ended"
        self._line = FrameProtocol(self._heard, self._lost)
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._control, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = _start(theirs, folder, environment)
            except OSError as error:
                self._control.close()
                raise WorkerError(f"a process cannot be started: {error.strerror}") from None

    async def start(self, orders: Orders) -> None:
        """Wait for Ray; raises WorkerError when that cannot be had."""
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self._line, sock=self._control.dup())
        self._line.transport.write(pickle.dumps(orders))
        try:
            async with asyncio.timeout(_LONGEST_START):
                await self._ready
        except TimeoutError:
            raise WorkerError("Ray did not start within a minute") from None

    async def add_line(self, line: FrameProtocol) -> None:
        """Give it the other end of a line, for a worker that it is to start."""
        ours, theirs = socket.socketpair()
        with theirs:
            await asyncio.get_running_loop().create_unix_connection(lambda: line, sock=ours)
            try:
                socket.send_fds(self._control, [b"w"], [theirs.fileno()])
            except OSError:
                raise WorkerError(self._why) from None

    async def close(self) -> None:
        """End it with all that is of Ray, and wait until it is gone."""
        with suppress(OSError):  # it has closed its end
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()
        longest = _LONGEST_END_OF_OWN if self._own else _LONGEST_END
        await asyncio.to_thread(_wait, self._process, longest)

    def _heard(self, value: Any) -> None:
        if isinstance(value, str):
            self._why = value
        else:
            (self.cores,) = value
            self._ready.set_result(None)

    def _lost(self) -> None:
        self.gone = True
        if not self._ready.done():
            self._ready.set_exception(WorkerError(self._why))


def _private_folder() -> str:
    """A folder of mode 0700: Ray opens those that it makes in it to everyone."""
    folder = Path(tempfile.mkdtemp(prefix="bc-"))
    if len(str(folder)) > _LONGEST_FOLDER:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="bc-", dir="/tmp"))
    return str(folder)


def _start(
    line: socket.socket, folder: str, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    """The process, with *line* as its standard input, and no signals: they are the run's business.

    It is in a session of its own, which Ctrl-C in a terminal does not reach, and in a folder
    without modules that could be taken for those of Ray.
    """
    with without_signals():
        return subprocess.Popen(  # noqa: S603 - this interpreter and a module of this program
            [sys.executable, "-P", "-c", _MAIN],
            stdin=line.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )


def _wait(process: subprocess.Popen[bytes], longest: float) -> None:
    """Wait until it has ended, or end it; and all of Ray that it has not taken along, its group."""
    ends = time.monotonic() + longest
    # It is not reaped yet, so no other process can have its number.
    while not _has_ended(process.pid) and time.monotonic() < ends:
        time.sleep(_TICK)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _environment(given: Mapping[str, str], *, own: bool) -> dict[str, str]:
    """The environment of the bridge; a Ray of its own hands it on to its workers.

    Ray would write the token that guards it into a file that everyone can read, if it did not
    stand here; like everything in an environment, only the same user can see it.
    """
    environment = {"RAY_USAGE_STATS_ENABLED": "0"}
    if own:
        environment = {**_OWN, "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    kept = {name: text for name, text in given.items() if not (own and name.startswith("RAY_"))}
    modules = os.pathsep.join(str(Path(path).absolute()) for path in sys.path if path)
    return {**kept, **environment, "PYTHONPATH": modules}
