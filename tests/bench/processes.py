"""Programs run in processes of their own: what they took, and the simulator they speak to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

from batchconv.simulator import API_KEY, API_SECRET

PYTHON = (sys.executable, "-m")
BATCHCONV = (*PYTHON, "batchconv")
PLAIN_POST = (*PYTHON, "tests.bench.plain_post")
PLAIN_READ = (*PYTHON, "tests.bench.plain_read")

_ROOT = Path(__file__).parents[2]
_LIMIT = 900.0  # seconds that no measured program may take


class ProcessError(Exception):
    """A measured program did not do what it was started for."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process took from its start to its end.

    Attributes:
        wall: seconds on the clock.
        cpu: seconds of user and system time.
        peak: the most memory it held, in MiB. Linux hands a new process its parent's peak
            until it outgrows it, so this program stays small: it imports no HTTP library.
        output: what it wrote to standard output.
    """

    wall: float
    cpu: float
    peak: float
    output: bytes


def environment() -> dict[str, str]:
    """The surroundings of every measured program: the simulator's account, no stray settings."""
    return {
        **undisturbed(os.environ),
        "VONAGE_API_KEY": API_KEY,
        "VONAGE_API_SECRET": API_SECRET,
        "PYTHONPATH": str(_ROOT),
    }


def undisturbed(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without the settings of whoever works on this machine."""
    kept = {name: value for name, value in environ.items() if not _sets_something(name)}
    return {**kept, "XDG_CONFIG_HOME": str(_ROOT / "tests" / "no-settings-here")}


def _sets_something(name: str) -> bool:
    return name.startswith(("BATCHCONV_", "_BATCHCONV", "VONAGE_", "NEXMO_")) or (
        name.lower().endswith("_proxy")
    )


def run(
    command: Sequence[str], *, folder: Path, exits: int | None = 0, limit: float = _LIMIT
) -> Usage:
    """Run a program to its end in *folder*; it is killed after *limit* seconds.

    With None for *exits* it may end with any code but that of a defect.

    Raises:
        ProcessError: it did not exit as it should.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors,
            env=environment(), cwd=folder,
        )  # fmt: skip
        watchdog = threading.Timer(limit, process.kill)
        watchdog.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        watchdog.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        right = process.returncode not in (70, -9) if exits is None else process.returncode == exits
        if not right:
            told = errors.read().decode(errors="replace")[-2000:]
            slow = f", stopped after {limit:g} s" if wall > limit else ""
            raise ProcessError(f"{' '.join(command)}: exit {process.returncode}{slow}\n{told}")
        unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
        return Usage(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / unit, out.read())


@dataclass(frozen=True, slots=True)
class StandIn:
    """A running `batchconv simulate`.

    Attributes:
        base_url: what uploads are given.
        pid: of its process, which may have children.
    """

    base_url: str
    pid: int = 0

    def stats(self) -> Mapping[str, Any]:
        """What it has seen so far; asking is a connection of its own."""
        with urlopen(self.base_url.replace("/conversions", "/stats"), timeout=10) as reply:  # noqa: S310 - loopback
            told: Mapping[str, Any] = json.load(reply)
        return told

    def connections(self) -> int:
        """Connections that were opened by others than this method."""
        return int(self.stats()["connections"]) - 1


@contextmanager
def stand_in(latency: str, *options: str) -> Iterator[StandIn]:
    """Start the simulator on a free port; a fresh one for each sample, for it remembers ids."""
    command = (*BATCHCONV, "simulate", "--port", "0", "--latency", latency, *options)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(), text=True
    ) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            if "http://" not in said:
                raise ProcessError(f"{' '.join(command)} did not start: {said!r}")
            yield StandIn("http://" + said.partition("http://")[2].split()[0], process.pid)
        finally:
            process.terminate()


class Sent(NamedTuple):
    """What an upload told of itself.

    Attributes:
        usage: of its process.
        seconds: between its start and its finish, without the program's own start-up.
        summary: its summary.
    """

    usage: Usage
    seconds: float
    summary: Mapping[str, Any]


def upload(
    folder: Path,
    path: Path,
    server: StandIn,
    *options: str,
    concurrency: int | str = 50,
    exits: int = 0,
) -> Sent:
    """Run `batchconv upload`, without a rate unless *options* name one.

    Its results are in `results.jsonl` afterwards.

    Raises:
        ProcessError: not every row was accepted, or it exited in another way than it should.
    """
    summary = folder / "summary.json"
    used = run(
        [
            *BATCHCONV, "upload", str(path), "--base-url", server.base_url, "--rate", "none",
            "--concurrency", str(concurrency), "--summary", str(summary), "--overwrite",
            "-o", str(folder / "results.jsonl"), "-q", *options,
        ],
        folder=folder,
        exits=exits,
    )  # fmt: skip
    told = json.loads(summary.read_text(encoding="utf-8"))
    return Sent(used, seconds_between(told["started"], told["finished"]), told)


def plain(
    folder: Path, path: Path, server: StandIn, *, concurrency: int = 50
) -> tuple[Usage, float]:
    """Run the plain loop over the same rows; also the seconds of its sending."""
    used = run([*PLAIN_POST, str(path), server.base_url, str(concurrency)], folder=folder)
    return used, float(used.output)


def seconds_between(begin: str, end: str) -> float:
    """Seconds from one RFC 3339 moment to another."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()
