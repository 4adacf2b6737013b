"""A signal is heeded from the first moment of the process on, and a second one whatever hangs."""

import asyncio
import os
import select
import shutil
import signal
import sys

import pytest

from batchconv.simulator import Behaviour, FaultRule, Simulator
from batchconv.telemetry.background_thread import InThread
from tests.shells import Shell, ids

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
HANGS = """
import os, socket, sys, time
sys.modules["uvloop"] = None  # it resolves names by itself
def hang(*_, **__):
    os.write(int(os.environ["HANGING"]), b"x")
    time.sleep(1000)
"""


@pytest.fixture
def shell(tmp_path):
    shell = Shell(tmp_path, "unused")
    yield shell
    shell.close()


async def opened_to_write(path):
    """A pipe's writing end, once somebody has opened it to read."""
    return await asyncio.to_thread(os.open, path, os.O_WRONLY)


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        (["upload", "--simulate", "-o", "out.jsonl", "pipe"], signal.SIGINT),
        (["upload", "--simulate", "-o", "out.jsonl", "-q", "pipe"], signal.SIGHUP),
        (["validate", "pipe"], signal.SIGTERM),
        (["audit", "pipe", "--results", "old.jsonl"], signal.SIGINT),
        (["report", "pipe"], signal.SIGTERM),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value.name,
)
async def test_a_signal_ends_a_command_that_waits_for_the_beginning_of_a_pipe(
    shell, arguments, number
):
    os.mkfifo(shell.folder / "pipe")
    (shell.folder / "old.jsonl").touch()
    running = shell.start(*arguments)
    writer = await opened_to_write(shell.folder / "pipe")
    running.signal(number)
    ended = await running.end()
    os.close(writer)
    assert ended.code == CODES[number], ended.err
    assert ended.err == (f"batchconv: interrupted by {number.name}\n  see: batchconv manual jobs\n")
    assert not (shell.folder / "out.jsonl").exists()


async def test_an_early_signal_is_told_in_json_where_all_is(shell):
    os.mkfifo(shell.folder / "pipe")
    running = shell.start("upload", "--simulate", "--log-format", "json", "pipe")
    writer = await opened_to_write(shell.folder / "pipe")
    running.signal(signal.SIGTERM)
    ended = await running.end()
    os.close(writer)
    assert '"event":"error"' in ended.err
    assert '"exit_code":143' in ended.err


@pytest.mark.skipif(
    not shutil.which("unshare") or os.geteuid() != 0, reason="only root makes a PID namespace"
)
async def test_the_first_process_of_a_container_heeds_a_signal_while_it_prepares(shell):
    """The system gives it no default actions: without a handler a signal is lost."""
    os.mkfifo(shell.folder / "pipe")
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--pid", "--fork", "--kill-child", sys.executable, "-m", "batchconv"),
        *("validate", "pipe"),
        cwd=shell.folder,
        env=shell.env,
    )
    writer = await opened_to_write(shell.folder / "pipe")
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    with open(children, encoding="ascii") as file:
        os.kill(int(file.read().split()[0]), signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 30) == 143
    os.close(writer)


def test_threads_of_ours_take_no_signal_that_the_main_thread_waits_for():
    """Two at once would both go to such a thread, and a call that hangs would not be broken off."""
    masks = []
    thread = InThread(
        lambda items: masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, items)),
        most=1,
        name="test",
    )
    thread.give(signal.SIGUSR1)
    thread.close()
    assert masks[0] >= set(CODES)
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, []) & set(CODES)


def let_hang(shell: Shell, what: str) -> int:
    """Make the program's *what* hang; returns where a byte comes when it does."""
    (shell.folder / "shim").mkdir()
    (shell.folder / "shim" / "sitecustomize.py").write_text(f"{HANGS}\n{what} = hang\n")
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    shell.env |= {
        "PYTHONPATH": f"{shell.folder / 'shim'}:{shell.env['PYTHONPATH']}",
        "HANGING": str(writer),
    }
    return reader


@pytest.mark.parametrize(
    ("what", "address"),
    [("os.fsync", None), ("socket.getaddrinfo", "https://name.invalid")],
    ids=["a disk that syncs", "a name that is resolved"],
)
async def test_a_second_signal_ends_a_run_at_once_though_a_call_hangs(tmp_path, what, address):
    async with Simulator(Behaviour(faults=(FaultRule("hang", every=3),))) as simulator:
        shell = Shell(tmp_path, address or simulator.base_url, "--concurrency", "3")
        shell.write("in.csv", ids(9))
        hanging = let_hang(shell, what)
        running = shell.upload("in.csv", keep_descriptors=True)
        assert (await asyncio.to_thread(select.select, [hanging], [], [], 30))[0]
        # Two kinds, for the system makes one of two equal signals that come at once.
        running.signal(signal.SIGTERM)
        running.signal(signal.SIGHUP)
        assert await running.ends_within(30), "fsync and the resolver hang for 1000 seconds"
        ended = await running.end()
        assert ended.code in (143, 129)
        assert len(shell.results("in.results.jsonl")) == simulator.stats.accepted
    shell.close()


async def test_a_name_that_is_being_resolved_does_not_hold_up_the_end_of_a_stopped_run(tmp_path):
    shell = Shell(tmp_path, "https://name.invalid")
    shell.write("in.csv", ids(3))
    hanging = let_hang(shell, "socket.getaddrinfo")
    running = shell.upload("in.csv", keep_descriptors=True)
    assert (await asyncio.to_thread(select.select, [hanging], [], [], 30))[0]
    running.signal(signal.SIGTERM)
    assert await running.ends_within(60), "the resolver hangs for 1000 seconds"
    ended = await running.end()
    assert ended.code == 143
    assert ended.books.unsent == ended.books.read
    shell.close()
