"""A signal ends a run in good order, a second one at once; the files are good either way."""

import asyncio
import os
import signal
from collections import Counter

import pytest

from batchconv.operations.target import Target
from batchconv.operations.upload import prepare_upload
from batchconv.settings.options import Settings
from batchconv.simulator import Behaviour, FaultRule, Simulator
from tests.shells import Shell, Wire, ids

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
HANG = Behaviour(faults=(FaultRule("hang", share=1.0),))
signals = pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)


@signals
async def test_one_signal_stops_in_good_order_and_nothing_is_sent_twice(tmp_path, number):
    """At several moments of one upload, each of which but the first is a resume."""
    async with Simulator(Behaviour(latency=0.01)) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "--resume", "--concurrency", "4")
        shell.write("in.csv", ids(60))
        settled = 0
        for requests in (1, 7, 20):
            ended = await shell.upload("in.csv").signal_after(simulator, requests, number)
            assert ended.code == CODES[number], ended.err
            assert f"interrupted by {number.name}" in ended.err
            assert "resume with: batchconv upload --resume --base-url" in ended.err
            assert ended.books.settled == settled
            assert ended.books.accepted >= requests
            settled = len(shell.results("in.results.jsonl"))
            assert settled == simulator.stats.accepted
        ended = await shell.uploaded("in.csv")
    assert ended.code == 0
    assert ended.books.settled == settled
    assert simulator.stats.accepted_ids == dict.fromkeys(ids(60), 1)


@signals
async def test_two_signals_stop_at_once_and_the_files_are_good(tmp_path, number):
    async with Simulator(HANG) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "--concurrency", "3")
        shell.write("in.csv", ids(9))
        running = shell.upload("in.csv")
        assert await running.reached(simulator, 3)
        running.signal(number)
        while b"SigPnd" in (status := _status(running.process.pid)) and _pending(status):
            pass
        running.signal(number)
        ended = await running.end()
        assert ended.code == CODES[number]
        assert ended.books[:3] == (3, 0, 0)
        assert ended.books.unsent == 3
        assert shell.results("in.results.jsonl") == []
        simulator.behaviour = simulator._judge._behaviour = Behaviour()  # noqa: SLF001 - it is fixed
        ended = await shell.uploaded("in.csv", "--resume")
    assert ended.code == 0
    assert simulator.stats.accepted_ids == dict.fromkeys(ids(9), 1)


def _status(pid: int) -> bytes:
    with open(f"/proc/{pid}/status", "rb") as file:
        return file.read()


def _pending(status: bytes) -> bool:
    return any(
        int(line.split()[1], 16) for line in status.splitlines() if line.startswith(b"ShdPnd")
    )


async def test_requests_in_flight_are_given_five_seconds(tmp_path):
    """The one test that waits them out; the pool's own tests do it in no time."""
    behaviour = Behaviour(faults=(FaultRule("hang", every=3),))
    async with Simulator(behaviour) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "--concurrency", "3")
        shell.write("in.csv", ids(30))
        ended = await shell.upload("in.csv").signal_after(simulator, 9, signal.SIGTERM)
    assert ended.code == 143
    assert ended.books.unsent == 3
    assert len(shell.results("in.results.jsonl")) == ended.books.accepted == 6


async def test_a_signal_that_the_parent_ignores_stays_ignored(tmp_path):
    """What nohup does; SIGTERM still works."""
    async with Simulator(Behaviour(latency=0.01)) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "--concurrency", "2")
        shell.write("in.csv", ids(60))
        running = shell.upload(
            "in.csv", before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
        )
        assert await running.reached(simulator, 3)
        running.signal(signal.SIGHUP)
        assert await running.reached(simulator, 10), "it goes on"
        ended = await running.signal_after(simulator, 1, signal.SIGTERM)
    assert ended.code == 143
    assert "SIGHUP" not in ended.err


@signals
async def test_a_run_that_waits_for_a_silent_pipe_can_be_stopped(tmp_path, number):
    """In the middle of a line."""
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        reader, writer = os.pipe()
        running = shell.upload("-", stdin=reader)
        os.close(reader)
        os.write(writer, b"message_id,delivered\na,true\nb,true\nc,tr")
        ended = await running.signal_after(simulator, 2, number)
        os.close(writer)
    assert ended.code == CODES[number]
    assert ended.books.accepted == 2
    assert {line["message_id"] for line in shell.results("stdin.results.jsonl")} == {"a", "b"}


async def test_a_closed_standard_output_stops_the_upload_with_5(tmp_path):
    """`batchconv upload in.csv -o - | head -1`."""
    async with Simulator(Behaviour(latency=0.001)) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "--concurrency", "2")
        shell.write("in.csv", ids(5_000))
        reader, writer = os.pipe()
        running = shell.upload("in.csv", "-o", "-", stdout=writer)
        os.close(writer)
        with os.fdopen(reader, "rb") as lines:
            first = await asyncio.to_thread(lines.readline)
            assert first.startswith(b'{"source":"in.csv"')
        ended = await running.end()
    assert ended.code == 5
    assert "the reader of standard output is gone" in ended.err
    assert ended.books.read < 5_000
    assert "resume with" not in ended.err


async def test_a_closed_standard_error_does_not_change_the_code(tmp_path):
    """`batchconv upload in.csv 2>&1 | head -1` in a script that looks at the code."""
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("in.csv", ids(3))
        reader, writer = os.pipe()
        os.close(reader)
        running = shell.upload("in.csv", before=lambda: os.dup2(writer, 2))
        os.close(writer)
        assert (await running.end()).code == 0


async def test_two_signals_end_a_run_whose_output_nobody_reads(tmp_path):
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("in.csv", ids(3_000))
        reader, writer = os.pipe()
        running = shell.upload("in.csv", "-o", "-", stdout=writer)
        os.close(writer)
        assert await running.reached(simulator, 500)
        for _ in range(2):
            running.signal(signal.SIGTERM)
            while _pending(_status(running.process.pid)):
                pass
        stuck = not await running.ends_within(5)
        os.close(reader)
        await running.end()
    shell.close()
    assert not stuck


@signals
async def test_a_signal_that_comes_when_all_is_done_changes_nothing(tmp_path, number):
    """In the last moment of the process."""
    (tmp_path / "shim").mkdir()
    (tmp_path / "shim" / "sitecustomize.py").write_text(
        f"import os\nend = os._exit\n"
        f"os._exit = lambda code: (os.kill(os.getpid(), {number}), end(code))\n"
    )
    shell = Shell(tmp_path, "unused")
    shell.env["PYTHONPATH"] = f"{tmp_path / 'shim'}:{shell.env['PYTHONPATH']}"
    shell.write("in.csv", ids(3))
    ended = await shell.start("upload", "--simulate", "in.csv").end()
    assert (ended.code, ended.books.accepted) == (0, 3), ended.err
    assert "defect" not in ended.err


@pytest.mark.parametrize("again", [False, True])
async def test_a_signal_before_the_pool_is_there_is_not_lost(tmp_path, monkeypatch, again):
    """It may come while the client is being opened."""
    monkeypatch.chdir(tmp_path)
    wire = Wire()
    wire.plug_in(monkeypatch)
    (tmp_path / "in.csv").write_text("message_id,delivered\na,1\nb,1\n", encoding="utf-8")
    opened = Target.client

    def interrupting(target):
        for _ in range(1 + again):
            run.interrupt(signal.SIGTERM)
        return opened(target)

    monkeypatch.setattr(Target, "client", interrupting)
    run = prepare_upload(["in.csv"], Settings(simulate="calm", rate=None), {})
    summary = await run.run()
    assert summary.exit_code == 143
    assert wire.sent == Counter()
