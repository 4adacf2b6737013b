"""How far one run reaches with more machines: calculated from what a row costs in each place.

Nothing here was run on a hundred machines. Measured are: the CPU that a row takes in the process
that reads, keeps the rate and writes, while rows are under way for 20 and for 200 ms; the CPU that
it takes in a worker; and what a call of Ray takes. The rest is arithmetic, which leaves out the
network, the server, and a cluster's own troubles: it is the most that can be.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from math import ceil
from pathlib import Path

from batchconv.model import Reply
from batchconv.operations.upload import prepare_upload
from batchconv.sending.event_loop import new_event_loop
from batchconv.sending.relay.launcher import Events
from batchconv.sending.relay.messages import Request, make_answer
from batchconv.sending.relay.relay import Relay
from batchconv.settings.options import Settings
from tests.bench.data import write_csv
from tests.bench.figures import Figure, Scale
from tests.bench.workers import worker_cost

_ROWS = 60_000
_CORES = 4  # of each machine
_LATENCIES = (0.02, 0.2)  # seconds
_MACHINES = (1, 10, 100)
_IN_FLIGHT = 2000  # while the first process is measured
_CALL = 0.0009  # seconds of CPU for a call of Ray in the process that makes it, measured
_PAUSE = 0.03  # seconds between two calls to a worker of Ray's


class _Echo:
    """A worker that answers after a while, and costs next to nothing."""

    name = "echo"

    def __init__(self, events: Events, latency: float) -> None:
        self._events = events
        self._latency = latency
        self._loop = asyncio.get_running_loop()
        self._beat()

    def _beat(self) -> None:
        self._events.heard([])
        self._timer = self._loop.call_later(0.5, self._beat)

    def send(self, requests: list[Request]) -> None:
        answers = [make_answer(one[0], Reply(200, self._latency)) for one in requests]
        self._loop.call_later(self._latency, self._events.heard, answers)

    def keep(self, connections: int) -> None:
        """It has none."""

    def kill(self) -> None:
        self._timer.cancel()

    async def close(self) -> None:
        self._timer.cancel()


class _Echoes:
    def __init__(self, latency: float) -> None:
        self._latency = latency

    async def launch(self, events: Events) -> _Echo:
        return _Echo(events, self._latency)


def scaling(folder: Path, scale: Scale) -> list[Figure]:
    """Rows a second with 1, 10 and 100 machines of four cores, 20 and 200 ms away: calculated."""
    path = write_csv(folder, _ROWS // scale.divisor)
    worker = min(worker_cost(folder, scale) for _ in range(scale.samples))
    first = {
        latency: min(_first_process(path, folder, latency) for _ in range(scale.samples))
        for latency in _LATENCIES
    }
    return list(_figures(worker, first))


def _first_process(path: Path, folder: Path, latency: float) -> float:
    """Seconds of CPU a row where the worker is somewhere else."""
    settings = Settings(
        rate=None, concurrency=_IN_FLIGHT, results=str(folder / "echo.jsonl"), overwrite=True
    )

    @asynccontextmanager
    async def connect():
        async with Relay(_Echoes(latency), 2, patience=60.0) as relay:
            yield relay

    account = {"VONAGE_API_KEY": "key", "VONAGE_API_SECRET": "secret"}
    run = prepare_upload([str(path)], settings, account, connect=connect)
    gc.freeze()  # as the command does
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        began = time.process_time()
        summary = runner.run(run.run())
        return (time.process_time() - began) / summary.books.read


def _figures(worker: float, first: dict[float, float]) -> Iterator[Figure]:
    yield Figure("CPU a row, a worker", worker * 1e6, "µs")
    for latency, cost in first.items():
        yield Figure(f"CPU a row, first process, {latency * 1000:.0f} ms", cost * 1e6, "µs")
    for latency, cost in first.items():
        for machines in _MACHINES:
            reach = reached(machines, worker, cost, latency)
            yield Figure(
                f"{machines} x {_CORES} cores, {latency * 1000:.0f} ms: {reach.limit}",
                reach.rows,
                "rows/s",
                1 / (worker + cost),
                f"one process; --concurrency {reach.in_flight:,}",
            )
    most = 1 / first[_LATENCIES[0]]
    yield Figure("cores that one first process keeps busy", most * worker, "cores")
    yield Figure("million rows: CPU of workers", worker * 1e6, "s")


@dataclasses.dataclass(frozen=True, slots=True)
class Reach:
    """What so many machines come to.

    Attributes:
        rows: a second.
        limit: what there would have to be more of.
        in_flight: rows that have to be under way for it.
    """

    rows: float
    limit: str
    in_flight: int


def reached(machines: int, worker: float, first: float, latency: float) -> Reach:
    """The most rows a second, and the rows in flight that it takes.

    The first process has a core, Ray's bridge another; all others send. On one machine there is no
    Ray. A row waits for a call on its way there and back; the bridge makes one after the other.

    Args:
        machines: of four cores.
        worker: seconds of CPU a row.
        first: the same in the first process.
        latency: seconds until the server answers.
    """
    senders = machines * _CORES - (1 if machines == 1 else 2)
    rows = min(1 / first, senders / worker)
    limit = "the first process" if 1 / first < senders / worker else "the workers"
    calls = 0.0 if machines == 1 else 2 * max(_PAUSE, 2 * senders * _CALL)
    return Reach(rows, limit, ceil(rows * (latency + calls)))
