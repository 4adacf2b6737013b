"""Worker processes: kills, signals, and where secrets are."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from batchconv.sending.relay.launcher import Events, WorkerError, WorkerSettings
from batchconv.sending.relay.local import LocalWorkers
from batchconv.sending.relay.staffing import staff, usable_cores
from batchconv.simulator import API_SECRET, Behaviour, Simulator
from batchconv.vonage.authentication import QueryAuth, Secret
from tests.shells import Shell, children, ids, results, upload_here
from tests.torture import Plan, endure

SLOW = Behaviour(latency=0.01)
ROWS = 1_000


def gone(pid):
    """Whether it has ended; a zombie of somebody else's has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def read(pid, name):
    return Path(f"/proc/{pid}/{name}").read_bytes()


async def until_gone(pids):
    while not all(map(gone, pids)):
        await asyncio.sleep(0.01)


async def started(shell, simulator, requests=100):
    """An upload that is under way, and its workers."""
    shell.write("in.csv", ids(ROWS))
    running = shell.upload("in.csv", "--workers", "2", "--concurrency", "10")
    assert await running.reached(simulator, requests), (await running.end()).err
    workers = children(running.process.pid)
    assert len(workers) == 2
    return running, workers


def sends_to(pid, base_url):
    """Whether it holds a connection there: only a worker that is ready has opened one."""
    port = f":{urlsplit(base_url).port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    inodes = {f"socket:[{row[9]}]" for row in rows if row[2].endswith(port)}
    held = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            held.add(str(handle.readlink()))
    return not held.isdisjoint(inodes)


async def test_kills_of_workers_and_of_the_run_lose_no_row(tmp_path):
    plan = Plan(2, rows=150, workers=2, concurrency=20, hits=["kill all workers"])
    score = await endure(tmp_path, plan)
    assert score.breaches == []
    assert (score.missing, score.workers > 0) == (0, True)


async def test_a_lost_worker_is_replaced_and_reported_once(tmp_path):
    async with Simulator(SLOW) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        running, workers = await started(shell, simulator)
        killed = next(pid for pid in workers if sends_to(pid, simulator.base_url))
        os.kill(killed, signal.SIGKILL)
        ended = await running.end()
        assert ended.code == 0
        warning = f"a worker was lost: process {killed}: it was killed by SIGKILL"
        assert ended.err.count(warning) == 1
        assert "1 worker lost" in ended.err
        assert ended.books.accepted == ROWS
        assert simulator.stats.accepted - ROWS <= 10


async def test_workers_end_with_the_process_that_started_them_and_a_resume_goes_on(tmp_path):
    async with Simulator(SLOW) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        running, workers = await started(shell, simulator)
        running.process.kill()
        await running.end()
        await until_gone(workers)
        ended = await shell.uploaded("in.csv", "--resume")
        assert ended.code == 0
        assert set(simulator.stats.accepted_ids) == set(ids(ROWS))
        assert simulator.stats.accepted - ROWS <= 10


async def test_a_signal_to_all_processes_cuts_no_request_off_and_no_worker_shows_a_secret(tmp_path):
    """As a service manager sends it: workers get it, too, and first."""
    async with Simulator(SLOW) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.env["BATCHCONV_TIMEOUT"] = "20s"
        running, workers = await started(shell, simulator)
        for pid in workers:
            check_hidden(pid, simulator.base_url)
            assert os.getsid(pid) == pid, "Ctrl-C reaches it"
        assert API_SECRET.encode() in read(running.process.pid, "environ")
        for pid in [*workers, running.process.pid]:
            os.kill(pid, signal.SIGTERM)
        ended = await running.end()
        assert ended.code == 143
        assert ended.books.unsent == 0
        assert ended.books.accepted == simulator.stats.accepted
        assert "lost" not in ended.err
        await until_gone(workers)


def check_hidden(pid, base_url):
    """A worker has no secret in its arguments and its environment, and prints nowhere."""
    arguments, environment = read(pid, "cmdline"), read(pid, "environ")
    assert API_SECRET.encode() not in arguments + environment
    assert base_url.encode() not in arguments
    for private in (b"VONAGE_", b"NEXMO_", b"BATCHCONV_"):
        assert private not in environment
    assert {Path(f"/proc/{pid}/fd/{one}").readlink() for one in (1, 2)} == {Path("/dev/null")}


async def test_after_a_second_signal_no_worker_is_left(tmp_path):
    async with Simulator(Behaviour(latency=60.0)) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        running, workers = await started(shell, simulator, requests=10)
        for _ in range(2):
            running.signal(signal.SIGINT)
            await asyncio.sleep(0.1)  # of two at once the system may deliver one
        ended = await running.end()
        assert ended.code == 130
        await until_gone(workers)
        assert results(tmp_path / "in.results.jsonl") == []


async def test_a_worker_says_itself_why_it_cannot_begin_and_shows_no_secret(tmp_path):
    auth = QueryAuth("abcd1234", Secret("not-to-be-seen"))
    gone_meanwhile = str(tmp_path / "ca.pem")
    workers = LocalWorkers(WorkerSettings(auth, "https://127.0.0.1:1", ca_file=gone_meanwhile))
    events = Events(heard=pytest.fail, ended=pytest.fail)
    with pytest.raises(WorkerError, match=r"process \d+: --ca-file .* holds no cert") as error:
        await workers.launch(events)
    assert "not-to-be-seen" not in str(error.value) + repr(workers) + repr(vars(workers).keys())


async def test_what_cannot_be_started_is_reported(monkeypatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    workers = LocalWorkers(WorkerSettings(QueryAuth("a", Secret("b")), "https://127.0.0.1:1"))
    with pytest.raises(WorkerError, match="a process cannot be started: No such file"):
        await workers.launch(Events(heard=pytest.fail, ended=pytest.fail))


async def test_standard_output_holds_results_and_nothing_else(tmp_path):
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("in.csv", ids(30))
        ended = await shell.uploaded("in.csv", "-o", "-", "--workers", "2")
        assert (ended.code, len(ended.out.splitlines())) == (0, 30)


def test_no_more_workers_are_started_than_the_rate_needs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text("message_id,delivered\na,true\n")
    summary = upload_here("in.csv", workers=4, rate=20.0)
    assert summary.workers is None
    assert summary.notes == ["--workers 4: --rate 20 needs only 1"]


@pytest.mark.parametrize(
    ("wanted", "rate", "workers", "spoken"),
    [
        (4, None, 4, False),
        (4, 400.0, 4, False),
        (4, 399.0, 3, True),
        (1, 20.0, 1, False),
        (None, 20.0, 1, False),
        (None, None, usable_cores(), False),
    ],
)
def test_a_worker_for_each_hundred_requests_a_second(wanted, rate, workers, spoken):
    number, notes = staff(wanted, rate)
    assert (number, bool(notes)) == (workers, spoken)
