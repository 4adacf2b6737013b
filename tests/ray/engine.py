"""Runs through Ray, its parts killed and stopped: what is sent, said, written and left behind.

Each test starts a Ray, which takes seconds; so each looks at all that it can.
"""

import asyncio
import json
import os
import random
import re
import secrets
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import pytest

from batchconv.simulator import API_SECRET, Behaviour, Simulator
from tests.bench.processes import undisturbed
from tests.ray import machine
from tests.shells import ACCOUNT, ROOT, Shell, ids

pytest.importorskip("ray")

TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
SLOW = Behaviour(latency=0.02, latency_spread=0.02)


@pytest.fixture
def mark():
    """A text in the environment of everything that a test starts; nothing of it may be left."""
    text = f"mark-{uuid.uuid4().hex}"
    yield text
    left = machine.processes(text)
    for process in left:
        process.signal(signal.SIGKILL)
    assert left == []


@pytest.fixture
def scratch():
    """The folder for temporary files, with a name short enough for Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="b", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def shell_of(tmp_path, scratch, mark):
    """Starts runs with two workers of Ray's, with a home of their own."""

    def make(base_url, *options):
        made = Shell(
            tmp_path, base_url, "--engine", "ray", "--workers", "2", "--concurrency", "40",
            "--timeout", "5s", *options,
        )  # fmt: skip
        made.env |= {"MARK": mark, "HOME": str(tmp_path / "home"), "TMPDIR": str(scratch)}
        (tmp_path / "home").mkdir(exist_ok=True)
        return made

    return make


async def audited(shell, *inputs, results="in.results.jsonl"):
    ended = await shell.start("audit", *inputs, "--results", results).end()
    assert ended.code == 0, ended.out + ended.err


async def test_killed_and_stopped_workers_lose_no_row_and_standard_output_stays_clean(
    shell_of, scratch, mark, tmp_path
):
    draw = random.Random(1)
    hits = [signal.SIGKILL] * 8 + [signal.SIGSTOP]
    async with Simulator(SLOW) as simulator:
        shell = shell_of(
            simulator.base_url, "-o", "-", "--rate", "400", "--workers", "3", "--max-attempts", "99"
        )
        shell.write("in.csv", ids(4000))
        running = shell.upload("in.csv")
        for hit in hits:
            assert await running.reached(simulator, draw.randint(50, 300))
            assert await asyncio.to_thread(machine.becomes, lambda: machine.actors(mark), 30)
            draw.choice(machine.actors(mark)).signal(hit)
        check_privacy(mark, scratch, tmp_path / "home")
        ended = await running.end()
    assert ended.code == 0, ended.err
    assert sorted(json.loads(line)["message_id"] for line in ended.out.splitlines()) == sorted(
        ids(4000)
    )
    assert set(simulator.stats.accepted_ids) == set(ids(4000))
    assert simulator.stats.repeats <= len(hits) * 40
    assert ended.books.accepted == 4000
    (lost,) = re.findall(r"(\d+) workers lost, ", ended.err)
    assert 3 <= int(lost) <= len(hits)  # one that was killed while it started was never there
    assert machine.all_gone(mark)
    assert list(scratch.iterdir()) == []


def check_privacy(mark, scratch, home):
    """What Ray opens to everyone stands behind a door; no secret is in arguments or files."""
    assert all(API_SECRET not in process.name for process in machine.processes(mark))
    (folder,) = scratch.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert machine.holding(folder, API_SECRET) == []
    assert list(home.rglob("*token*")) == []
    assert machine.listened_on(mark) == {"127.0.0.1"}
    (token,) = {
        entry
        for process in machine.processes(mark)
        for entry in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
        if entry.startswith(b"RAY_AUTH_TOKEN=")
    }
    assert machine.holding(scratch, token.partition(b"=")[2].decode()) == []


@pytest.mark.parametrize(("part", "rows"), [("raylet", 4500), ("ray_bridge", 1000)])
async def test_a_run_goes_on_when_ray_itself_is_killed(shell_of, scratch, mark, part, rows):
    """Without its raylet Ray goes on for a quarter of a minute, and then gives up its workers."""
    async with Simulator(SLOW) as simulator:
        shell = shell_of(simulator.base_url, "--rate", "200")
        shell.write("in.csv", ids(rows))
        running = shell.upload("in.csv")
        assert await running.reached(simulator, 100)
        machine.named(mark, part).signal(signal.SIGKILL)
        ended = await running.end()
        await audited(shell, "in.csv")
    assert ended.code == 0, ended.err
    assert set(simulator.stats.accepted_ids) == set(ids(rows))
    assert simulator.stats.repeats <= 40
    assert "2 workers lost, 2 started anew" in ended.err
    assert machine.all_gone(mark)
    assert list(scratch.iterdir()) == []


async def test_of_a_killed_run_nothing_is_left_and_a_signal_ends_the_next_in_good_order(
    shell_of, mark
):
    async with Simulator(SLOW) as simulator:
        shell = shell_of(simulator.base_url)
        shell.write("in.csv", ids(4000))
        killed = await shell.upload("in.csv").kill_after(simulator, 500)
        assert killed.code == -signal.SIGKILL
        assert machine.all_gone(mark)
        running = shell.upload("in.csv", "--resume")
        assert await running.reached(simulator, 500)
        for process in machine.processes(mark):  # as systemd does
            process.signal(signal.SIGTERM)
        ended = await running.end()
        assert ended.code == 143
        assert "lost" not in ended.err
        assert ended.books.unsent < 4000
        assert machine.all_gone(mark)
        ended = await shell.uploaded("in.csv", "--resume", "--engine", "local")
        await audited(shell, "in.csv")
    assert ended.code == 0, ended.err
    assert set(simulator.stats.accepted_ids) == set(ids(4000))
    assert simulator.stats.repeats <= 40


@pytest.fixture
def cluster(scratch, mark):
    """Starts a cluster of one machine whose environment has these variables; its address."""
    started = []

    def start(**variables):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = undisturbed(os.environ) | {
            "MARK": mark, "PYTHONPATH": str(ROOT), "HOME": str(scratch), **TOKEN, **variables,
            # A cluster on the loopback alone.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        }  # fmt: skip
        process = subprocess.Popen(
            [
                Path(sys.executable).with_name("ray"), "start", "--head", "--block",
                f"--port={port}", "--num-cpus=2", "--include-dashboard=false",
                "--disable-usage-stats", f"--temp-dir={scratch / 'r'}",
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        started.append(process)
        return f"127.0.0.1:{port}"

    yield start
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    machine.all_gone(mark, 30)


async def test_workers_of_a_cluster_have_the_account_from_their_own_environment(
    shell_of, cluster, mark
):
    """Every core of it is a worker; one with another account sends nothing and says what to do."""
    address = cluster(**ACCOUNT)
    async with Simulator(SLOW) as simulator:
        shell = shell_of(simulator.base_url, "--engine-address", address, "--workers", "auto")
        shell.env |= {**TOKEN, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
        shell.write("in.csv", ids(500))
        own = dict(shell.env)
        shell.env["VONAGE_API_SECRET"] = "canary"
        async with asyncio.timeout(100):
            while (refused := await shell.uploaded("in.csv", "--resume")).code == 2:
                if "no Ray cluster answers at" not in refused.err:  # the cluster is still starting
                    break
        assert refused.code == 2
        assert "another key or secret is set" in refused.err
        assert "set the variables of the account" in refused.err
        assert "canary" not in refused.err
        assert simulator.stats.requests == 0
        shell.env = own
        ended = await shell.uploaded("in.csv", "--resume", "--metrics-file", "m.prom")
        await audited(shell, "in.csv")
    assert ended.code == 0, ended.err
    assert set(simulator.stats.accepted_ids) == set(ids(500))
    assert "batchconv_workers_wanted 2" in (shell.folder / "m.prom").read_text()
    assert machine.actors(mark) == []
