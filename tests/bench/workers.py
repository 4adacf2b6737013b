"""Benches of workers: rows a second and the CPU that each place takes, beside other programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from batchconv.simulator import API_KEY, API_SECRET
from tests.bench.data import rows, write_csv
from tests.bench.figures import Figure, Scale
from tests.bench.processes import BATCHCONV, PLAIN_POST, ProcessError, StandIn, environment
from tests.bench.servers import server

_ROWS = 60_000
_IN_FLIGHT = 100
_MANY = 1000  # through Ray a row is under way for longer
_TICK = os.sysconf("SC_CLK_TCK")
_EVERY = 0.02  # seconds between two looks at the processes
_WORKERS = (1, 2, 4)
_TWO_CORES = 1.6
"""What two workers on two cores are to send, by what one process does."""


class _Sent(NamedTuple):
    """What one program took for all rows.

    Attributes:
        wall: seconds.
        cpu: seconds of user and system time by place: the program, its workers, what else there
            is of Ray, the server.
    """

    wall: float
    cpu: dict[str, float]

    def without(self, start: _Sent) -> _Sent:
        """The same less what a single row takes."""
        cpu = {place: seconds - start.cpu[place] for place, seconds in self.cpu.items()}
        return _Sent(self.wall - start.wall, cpu)


def workers(folder: Path, scale: Scale) -> list[Figure]:
    """60,000 rows, no latency, 100 in flight, without start-up: rows a second, and CPU by place."""
    count = _ROWS // scale.divisor
    path, tiny = write_csv(folder, count), write_csv(folder, 1)
    commands: dict[str, Callable[[Path, StandIn], Sequence[str]]] = {
        f"--workers {number}": _upload(folder, number) for number in _WORKERS
    }
    if find_spec("ray") is not None:
        commands |= {
            f"--workers {number}, Ray, {_MANY} in flight": _upload(
                folder, number, "--engine", "ray", "--concurrency", str(_MANY)
            )
            for number in _WORKERS[:2]
        }
    commands["plain loop"] = lambda file, api: (
        *PLAIN_POST, str(file), api.base_url, str(_IN_FLIGHT),
    )  # fmt: skip
    if shutil.which("curl"):
        commands["curl -Z"] = lambda file, api: _curl(file, api, count if file == path else 1)
    best: dict[str, _Sent] = {}
    speed: dict[str, float] = {}
    for _ in range(scale.samples):  # each of them in turn, so that a busy moment hits all alike
        for name, command in commands.items():
            with server(folder) as api:
                start = _measure(command(tiny, api), folder, api)
                sent = _measure(command(path, api), folder, api)
            if (found := (count - 1) / (sent.wall - start.wall)) > speed.get(name, 0.0):
                best[name], speed[name] = sent.without(start), found
    return list(_figures(best, speed, count - 1))


def worker_cost(folder: Path, scale: Scale) -> float:
    """Seconds of CPU that a row takes in a worker process."""
    count = _ROWS // scale.divisor
    path, tiny = write_csv(folder, count), write_csv(folder, 1)
    command = _upload(folder, 2)
    with server(folder) as api:
        start = _measure(command(tiny, api), folder, api)
        sent = _measure(command(path, api), folder, api)
    return sent.without(start).cpu["workers"] / (count - 1)


def _figures(best: dict[str, _Sent], speed: dict[str, float], count: int) -> Iterator[Figure]:
    one = speed["--workers 1"]
    cores = os.cpu_count() or 1
    for name, sent in best.items():
        promised = _TWO_CORES if name == "--workers 2" and cores >= 2 else None
        yield Figure(name, speed[name], "rows/s", one, "rows/s, one process", floor=promised)
        for place, seconds in sent.cpu.items():
            yield Figure(f"{name}: CPU a row, {place}", seconds / count * 1e6, "µs")


def _upload(folder: Path, number: int, *more: str) -> Callable[[Path, StandIn], Sequence[str]]:
    return lambda file, api: (
        *BATCHCONV, "upload", str(file), "--base-url", api.base_url, "--rate", "none",
        "--concurrency", str(_IN_FLIGHT), "--workers", str(number), "-q", "--overwrite",
        "-o", str(folder / "results.jsonl"), *more,
    )  # fmt: skip


def _curl(file: Path, api: StandIn, count: int) -> Sequence[str]:
    config = file.with_suffix(".conf")
    account = {"api_key": API_KEY, "api_secret": API_SECRET}
    names = ("message-id", "delivered", "timestamp")
    urls = (
        f"{api.base_url}/sms?{urlencode({**dict(zip(names, row, strict=True)), **account})}"
        for row in rows(count)
    )
    config.write_text(
        "".join(f'url = "{url}"\noutput = "/dev/null"\n' for url in urls), encoding="utf-8"
    )
    return [
        "curl", "-q", "-s", "--fail-early", "-f", "-X", "POST", "-K", str(config),
        "-Z", "--parallel-max", str(_IN_FLIGHT),
    ]  # fmt: skip


def _measure(command: Sequence[str], folder: Path, api: StandIn) -> _Sent:
    """Run a program to its end, and look at all processes all the while."""
    before = _times(api.pid)
    began = time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, env=environment(),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        seen: dict[int, float] = {}
        places: dict[int, str] = {}
        while process.poll() is None:
            seen |= (now := _times(process.pid))
            places |= {pid: _place(pid) or places.get(pid, "workers") for pid in now}
            time.sleep(_EVERY)
    wall = time.perf_counter() - began
    if process.returncode:
        raise ProcessError(f"{' '.join(command)}: exit {process.returncode}")
    cpu = Counter({"program": seen.pop(process.pid, 0.0)})
    for pid, seconds in seen.items():
        cpu[places[pid]] += seconds
    cpu["server"] = sum(_times(api.pid).values()) - sum(before.values())
    return _Sent(wall, cpu)


def _times(pid: int) -> dict[int, float]:
    """Seconds of user and system time of a process and of its children, each by itself."""
    found = {}
    for each in (pid, *_children(pid)):
        try:
            fields = Path(f"/proc/{each}/stat").read_text(encoding="ascii").rpartition(")")[2]
        except OSError:
            continue
        found[each] = sum(map(int, fields.split()[11:13])) / _TICK
    return found


def _children(pid: int) -> list[int]:
    """Processes that any thread of it started, and those that these started."""
    mine: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            mine += map(int, path.read_text(encoding="ascii").split())
    return mine + [each for child in mine for each in _children(child)]


def _place(pid: int) -> str | None:
    """Whether a process that the program started is a worker, or a part of Ray that is none.

    None when it is over.
    """
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except OSError:
        return None
    if not command:  # it has ended, and nobody has asked how
        return None
    of_ray = any(word in command for word in ("ray::", "/ray/", "ray_bridge"))
    return "Ray" if of_ray and not command.startswith("ray::Actor") else "workers"
