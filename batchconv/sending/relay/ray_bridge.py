"""The process between a run and Ray's workers; the module that uses ray.

It passes on bytes that it does not look into. Whatever Ray does to the process that uses it
happens to this one and not to the run: Ray takes SIGTERM, prints to standard output, and ends the
process when its own parts are gone. And when the run is gone, even by SIGKILL, this process sees
the end of its socket and takes everything of Ray along.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import pickle
import signal
import socket
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray

from batchconv.errors import printable
from batchconv.sending.event_loop import new_event_loop
from batchconv.sending.relay.frames import frame
from batchconv.sending.relay.process import serve
from batchconv.sending.relay.ray_process import Orders
from batchconv.sending.relay.worker import Worker

_MOST_AT_ONCE = 1 << 18  # bytes that a call carries
# Seconds between two calls of a kind: each costs a millisecond of CPU at both ends, whatever it
# carries. A row that comes alone leaves at once.
_PAUSE = 0.03
_LONGEST_START = 55.0  # seconds for a worker; a cluster may have to find it a place first
_OBJECT_STORE = 100 << 20  # bytes, of which next to nothing is used; Ray takes 75 MB or more
_PR_SET_CHILD_SUBREAPER = 36  # of linux/prctl.h
_LONGEST_CONNECT = 10.0  # seconds
_LONGEST_REASON = 200  # characters of what Ray says


class Actor:
    """A worker in a process of Ray's: it serves one end of a socket pair as any worker does."""

    async def begin(self) -> tuple[int, str, str]:
        """Start; the number of the process, its machine's id and its address."""
        ours, theirs = socket.socketpair()
        self._reader, self._writer = await asyncio.open_connection(sock=ours, limit=_MOST_AT_ONCE)
        self._serving = asyncio.create_task(serve(theirs, Worker))
        context = ray.get_runtime_context()
        return os.getpid(), context.get_node_id(), ray.util.get_node_ip_address()

    async def take(self, data: bytes) -> None:
        """Bytes for the worker."""
        self._writer.write(data)
        await self._writer.drain()

    async def answers(self) -> bytes:
        """Bytes from the worker, as soon as there are any; none when it has ended."""
        return await self._reader.read(_MOST_AT_ONCE)


class Bridge:
    """Carries bytes between the run and Ray's workers, on a line of its own for each worker.

    Args:
        control: with each byte the end of a line arrives, for a worker that is to be started;
            when it is closed, everything ends.
        own: Ray was started for this run.
    """

    def __init__(self, control: socket.socket, *, own: bool) -> None:
        self._control = control
        self._own = own
        self._lines: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the run closes its end, or this machine's part of Ray has ended."""
        loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        loop.add_reader(self._control, self._take_line)
        await self._over.wait()
        loop.remove_reader(self._control)
        for line in self._lines:
            line.cancel()
        if self._lines:
            await asyncio.wait(self._lines)

    def _take_line(self) -> None:
        data, handles, _, _ = socket.recv_fds(self._control, 1, 1)
        if not data:
            self._over.set()
        for handle in handles:
            line = asyncio.create_task(self._carry(socket.socket(fileno=handle)))
            self._lines.add(line)
            line.add_done_callback(self._lines.discard)

    async def _carry(self, line: socket.socket) -> None:
        """Start a worker; carry what the run and the worker say until one of them is gone."""
        reader, writer = await asyncio.open_connection(sock=line, limit=_MOST_AT_ONCE)
        try:
            if await asyncio.to_thread(_is_alive):
                await self._work(reader, writer)
            else:  # the run starts this process, and Ray, again
                writer.write(frame("this machine's part of Ray has ended"))
                self._over.set()
        finally:
            writer.close()

    async def _work(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        make = ray.remote(max_restarts=0, max_task_retries=0, max_concurrency=4)(Actor)
        # A Ray of its own has a worker for each that the run wants; elsewhere each takes a core.
        actor = make.options(num_cpus=0 if self._own else 1, scheduling_strategy="SPREAD").remote()
        process: _Process | None = None
        try:
            async with asyncio.timeout(_LONGEST_START):
                pid, machine, address = await actor.begin.remote()
            if machine == ray.get_runtime_context().get_node_id():
                process = _Process(pid)
            writer.write(frame((f"actor {pid} on {address}",)))
            await _first_to_end(_listen(actor, writer), _hand_over(reader, actor))
        except TimeoutError:
            writer.write(frame(f"Ray found no place for a worker in {_LONGEST_START:.0f} seconds"))
        except ray.exceptions.RayError as error:
            if process is None:
                writer.write(frame(f"Ray started no worker: {_reason(error)}"))
        finally:
            ray.kill(actor)
            if process is not None:
                process.kill()


class _Process:
    """A process of this machine, which Ray does not end while it is stopped (SIGSTOP)."""

    def __init__(self, pid: int) -> None:
        self._handle: int | None = None
        with suppress(AttributeError, OSError):  # not on macOS; or it is gone already
            self._handle = os.pidfd_open(pid)

    def kill(self) -> None:
        """End it; no other process that has got its number since."""
        if self._handle is not None:
            with suppress(OSError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            os.close(self._handle)


async def _listen(actor: Any, writer: asyncio.StreamWriter) -> None:
    while data := await actor.answers.remote():
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(_PAUSE)


async def _hand_over(reader: asyncio.StreamReader, actor: Any) -> None:
    while data := await reader.read(_MOST_AT_ONCE):
        await actor.take.remote(data)
        await asyncio.sleep(_PAUSE)


async def _first_to_end(*calls: Coroutine[Any, Any, None]) -> None:
    """Run them until one ends; the others are cancelled. Raises what that one raised."""
    tasks = [asyncio.create_task(call) for call in calls]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        task.result()


def _is_alive() -> bool:
    """Whether this machine is a part of the cluster; a Ray of its own has no other."""
    here = ray.get_runtime_context().get_node_id()
    return any(node["Alive"] for node in ray.nodes() if node["NodeID"] == here)


def _reason(error: BaseException) -> str:
    """The first line of what Ray says, which may go on for a page."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = printable(lines[0] if lines else type(error).__name__)
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 3]}..."


def _not_there(error: Exception, address: str | None) -> str:
    """Why there is no Ray."""
    if address is None or not isinstance(error, OSError):
        return f"Ray cannot be started: {_reason(error)}"
    if address == "auto":
        return "no Ray cluster runs on this machine; --engine-address HOST:PORT names its head"
    return f"no Ray cluster answers at {address}: {error.strerror or 'no connection'}"


def _connect(orders: Orders) -> int:
    """Start Ray, or connect to it; how many cores it has."""
    if orders.address is None:
        ray.init(
            address="local",
            num_cpus=orders.workers,
            object_store_memory=_OBJECT_STORE,
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
            _temp_dir=orders.folder,
        )
    else:
        if orders.address != "auto":  # which Ray looks for; it would try any other for a minute
            host, _, port = orders.address.rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), _LONGEST_CONNECT).close()
        ray.init(address=orders.address, log_to_driver=False, configure_logging=False)
    return int(ray.cluster_resources().get("CPU", 0))


def _adopt() -> None:
    """Become the parent of whatever Ray's processes leave behind: workers that are still starting.

    Linux only; `prctl` is not in the standard library.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_all() -> None:
    """End every process below this one, stopped ones too, and then its group with itself."""
    while children := _children():
        for pid in children:
            os.kill(pid, signal.SIGKILL)  # it is not reaped yet: the number is its own
        for pid in children:
            os.waitpid(pid, 0)  # then its children are those of this process
    os.killpg(0, signal.SIGKILL)


def _children() -> list[int]:
    found: list[int] = []
    for path in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # a thread that has ended
            found += map(int, path.read_text(encoding="ascii").split())
    return found


def main() -> None:
    """Serve the socket at standard input until it is closed."""
    control = socket.socket(fileno=0)
    with control.makefile("rb") as file:
        orders: Orders = pickle.load(file)  # noqa: S301 - made by the process that started this
    _adopt()
    try:
        cores = _connect(orders)
    except Exception as error:  # noqa: BLE001 - the outermost edge: the run reports it
        control.sendall(frame(_not_there(error, orders.address)))
        return
    control.sendall(frame((cores,)))
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(Bridge(control, own=orders.address is None).run())
    if orders.address is None:
        _end_all()  # an orderly end takes seconds, and nothing of it is worth that
    else:
        ray.shutdown()
