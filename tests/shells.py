"""The program as people run it: a process of its own, in a folder, against a simulator."""

import asyncio
import atexit
import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from batchconv.model import Conversion, Reply
from batchconv.operations.target import Target
from batchconv.operations.upload import prepare_upload
from batchconv.sending.transport import Turn, at_once
from batchconv.settings.options import Settings
from batchconv.simulator import API_KEY, API_SECRET, Behaviour, FaultRule, Simulator
from batchconv.telemetry.summary import Summary
from tests.bench.processes import undisturbed

ROOT = Path(__file__).parent.parent
ACCOUNT = {"VONAGE_API_KEY": API_KEY, "VONAGE_API_SECRET": API_SECRET}
_BOOKS = re.compile(
    r"read (\d+) = settled (\d+) \+ accepted (\d+) \+ rejected (\d+) \+ failed (\d+) \+ "
    r"invalid (\d+) \+ skipped (\d+) \+ unsent (\d+)"
)


class Books(NamedTuple):
    """The equation of a run's last word, checked."""

    read: int
    settled: int
    accepted: int
    rejected: int
    failed: int
    invalid: int
    skipped: int
    unsent: int


class Ended(NamedTuple):
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def books(self) -> Books:
        found = _BOOKS.search(self.err)
        assert found, self.err
        books = Books(*map(int, found.groups()))
        assert books.read == sum(books[1:]), books
        assert "Traceback" not in self.err, self.err
        return books


class Running:
    """A process that was started and not waited for."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._loop = asyncio.get_running_loop()
        self._ending: asyncio.Future[tuple[bytes | None, bytes | None]] = self._loop.create_future()
        # A daemon: a process that hangs must not keep the tests from ending.
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        streams = self.process.communicate()
        with contextlib.suppress(RuntimeError):  # the test that started it is over
            self._loop.call_soon_threadsafe(self._ending.set_result, streams)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def end(self) -> Ended:
        out, err = await self._ending
        return Ended(self.process.returncode, (out or b"").decode(), (err or b"").decode())

    async def ends_within(self, seconds: float) -> bool:
        """Whether it ends by itself in that time."""
        await asyncio.wait({self._ending}, timeout=seconds)
        return self._ending.done()

    async def reached(self, simulator: Simulator, requests: int) -> bool:
        """Wait until so many more requests have come; False when it ends by itself before."""
        wanted = asyncio.ensure_future(
            simulator.wait_for_requests(simulator.stats.requests + requests)
        )
        both: set[asyncio.Future[Any]] = {wanted, self._ending}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        return not wanted.cancel()

    async def kill_after(self, simulator: Simulator, requests: int) -> Ended:
        """Kill it when so many more requests have come; it may have ended by itself before."""
        await self.reached(simulator, requests)
        self.process.kill()
        return await self.end()

    async def signal_after(
        self, simulator: Simulator, requests: int, number: int, *, times: int = 1
    ) -> Ended:
        """The same with any signal."""
        if await self.reached(simulator, requests):
            for _ in range(times):
                self.process.send_signal(number)
        return await self.end()


def children(pid: int) -> list[int]:
    """The processes that a process has started and that are still there."""
    try:
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:
        return []


class Shell:
    """Starts the program in a folder; everything it starts is ended with it.

    Args:
        folder: where it runs.
        base_url: where it sends to.
        options: given to every upload.
    """

    def __init__(self, folder: Path, base_url: str, *options: str) -> None:
        self.folder = folder
        self.options = ("--base-url", base_url, "--rate", "none", *options)
        self.env = undisturbed(os.environ) | {
            **ACCOUNT,
            "PYTHONPATH": str(ROOT),
            "XDG_CONFIG_HOME": str(folder),
        }
        self._started: list[subprocess.Popen[bytes]] = []
        atexit.register(self.close)

    def start(
        self,
        *arguments: str,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = subprocess.PIPE,
        before: Callable[[], object] | None = None,
        keep_descriptors: bool = False,
    ) -> Running:
        """Start `batchconv ARGUMENTS`."""
        process = subprocess.Popen(
            [sys.executable, "-m", "batchconv", *arguments],
            cwd=self.folder,
            env=self.env,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            close_fds=not keep_descriptors,
            preexec_fn=before,  # noqa: PLW1509 - sets limits and signals, and nothing else
        )
        self._started.append(process)
        return Running(process)

    def upload(self, *arguments: str, **how: Any) -> Running:
        """Start an upload to the simulator."""
        return self.start("upload", *self.options, *arguments, **how)

    async def uploaded(self, *arguments: str, **how: Any) -> Ended:
        """An upload to its end."""
        return await self.upload(*arguments, **how).end()

    def close(self) -> None:
        """Kill whatever is still running."""
        for process in self._started:
            process.kill()

    def write(self, name: str, ids: Iterable[str]) -> str:
        """Write a CSV with these ids, and return its name."""
        rows = "".join(f"{one},true\n" for one in ids)
        (self.folder / name).write_text(f"message_id,delivered\n{rows}", encoding="utf-8")
        return name

    def results(self, name: str) -> list[dict[str, Any]]:
        """The results in a file of whole lines."""
        return results(self.folder / name)


def results(path: Path, *, may_be_torn: bool = False) -> list[dict[str, Any]]:
    """The lines of a JSON Lines results file; with *may_be_torn* the last one may be half."""
    data = path.read_bytes() if path.exists() else b""
    *lines, torn = data.split(b"\n")
    assert may_be_torn or not torn, torn
    return [json.loads(line) for line in lines]


def ids(count: int, prefix: str = "id") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def behave(simulator: Simulator, *faults: FaultRule, **more: Any) -> None:
    """Let the simulator answer in another way from now on."""
    behaviour = Behaviour(faults=faults, **more)
    simulator.behaviour = simulator._judge._behaviour = behaviour  # noqa: SLF001 - it has no such gate


class Wire:
    """Takes the network's place: counts what would be sent, and answers as told.

    Attributes:
        sent: how often each id was sent.
        accepted: how often each was answered with 200.
        status: id → status; 200 for all others.
    """

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.status: dict[str, int] = {}

    workers = None

    def keep(self, connections: int) -> None:
        """It has none."""

    async def exchange(self, conversion: Conversion, turn: Turn = at_once) -> Reply:
        await asyncio.sleep(0)
        await turn(lambda: True)
        one = conversion.message_id
        status = self.status.get(one, 200)
        self.sent[one] += 1
        self.accepted[one] += status == 200
        return Reply(status, 0.001)

    def plug_in(self, monkeypatch: Any) -> None:
        """Make every upload of this process go here."""

        @contextlib.asynccontextmanager
        async def client(_: Target) -> Any:
            yield self

        monkeypatch.setattr(Target, "client", client)
        monkeypatch.setattr(os, "fsync", lambda _: None)


def upload_here(*inputs: str, **settings: Any) -> Summary:
    """An upload in this process, its books checked."""
    settings = {"simulate": "calm", "rate": None, "concurrency": 3, **settings}
    run = prepare_upload(inputs, Settings(**settings), {})
    summary = asyncio.run(run.run())
    summary.books.check()
    return summary
