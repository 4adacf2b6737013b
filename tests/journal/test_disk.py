"""When a disk or a file fails the run stops with 5, and what was written is good."""

import asyncio
import errno
import gzip
import os
import resource
import subprocess
from pathlib import Path

import pytest

from batchconv.journal import append_only_file as output
from batchconv.simulator import Behaviour, Simulator
from tests.shells import Shell, Wire, ids, results, upload_here


@pytest.fixture
def wire(tmp_path, monkeypatch):
    """Uploads of this process run in an empty folder and go nowhere."""
    monkeypatch.chdir(tmp_path)
    wire = Wire()
    wire.plug_in(monkeypatch)
    return wire


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv"])
async def test_a_file_that_may_grow_no_further_stops_the_run_and_can_be_gone_on_with(
    tmp_path, name
):
    async with Simulator(Behaviour(latency=0.001)) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "-o", name, "--concurrency", "4")
        shell.write("in.csv", ids(60))

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))

        full = await shell.uploaded("in.csv", before=limit)
        assert full.code == 5, full.err
        assert f"{name} cannot be written: File too large" in full.err
        assert "resume with: batchconv upload --resume" in full.err
        data = (tmp_path / name).read_bytes()
        assert 0 < len(data) <= 5_000
        assert data.endswith(b"\n")
        written = data.count(b"\n") - name.endswith(".csv")
        assert full.books.accepted == written
        assert full.books.unsent > 0
        ended = await shell.uploaded("in.csv", "--resume")
    assert ended.code == 0
    assert ended.books[:3] == (60, written, 60 - written)
    assert simulator.stats.repeats <= 4
    assert set(simulator.stats.accepted_ids) == set(ids(60))


@pytest.fixture
def tiny(tmp_path):
    """A disk of 16 KiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("mounting is not permitted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_stops_the_run_and_can_be_gone_on_with(tmp_path, tiny):
    """Failed rows and results share it; each is good for itself."""
    async with Simulator(Behaviour(status_for_all=420)) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "-o", "tiny/r.jsonl", "--concurrency", "4")
        shell.write("in.csv", ids(60))
        full = await shell.uploaded("in.csv")
        assert full.code == 5, full.err
        assert "cannot be written: No space left on device" in full.err
        written = len(results(tiny / "r.jsonl"))
        assert full.books.rejected == written > 0
        before = simulator.stats.requests
        again = await shell.uploaded("in.csv", "--resume")
        assert again.code == 5, "still no room"
        assert simulator.stats.requests - before <= 1
        subprocess.run(["mount", "-o", "remount,size=1m", str(tiny)], check=True)  # noqa: ASYNC221 - it takes a millisecond
        ended = await shell.uploaded("in.csv", "--resume")
    assert ended.code == 1
    assert len(results(tiny / "r.jsonl")) == 60
    failed = [
        line.split(",")[0]
        for path in tiny.glob("r.failed*.csv")
        for line in path.read_text(encoding="utf-8").splitlines()[1:]
    ]
    assert set(failed) == set(ids(60))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("at", [0, 1, 7])
def test_a_write_that_fails_stops_the_run_and_the_row_is_unsent(wire, monkeypatch, number, at):
    Path("in.csv").write_text(
        "message_id,delivered\n" + "".join(f"{one},1\n" for one in ids(20)), encoding="utf-8"
    )
    writes = 0
    write = os.write

    def failing(fd, data):
        nonlocal writes
        if Path(f"/proc/self/fd/{fd}").readlink().name != "r.simulated.jsonl":
            return write(fd, data)
        writes += 1
        if writes == at + 1:
            write(fd, data[:50])
            raise OSError(number, os.strerror(number))
        return write(fd, data)

    with monkeypatch.context() as patch:
        patch.setattr(output.os, "write", failing)
        summary = upload_here("in.csv", results="r.simulated.jsonl", concurrency=1)
    assert summary.exit_code == 5
    assert summary.books.counts()["accepted"] == at
    assert summary.books.unsent == 1
    assert any(line.startswith("1 unsent row may have reached the API") for line in summary.lines())
    assert len(results(Path("r.simulated.jsonl"))) == at
    summary = upload_here("in.csv", results="r.simulated.jsonl", resume=True)
    assert (summary.exit_code, summary.traffic.unknown_repeats) == (0, 1)
    assert wire.sent == {**dict.fromkeys(ids(20), 1), f"id{at}": 2}


def test_a_disk_that_loses_what_was_written_is_told_of(wire, monkeypatch):
    Path("in.csv").write_text("message_id,delivered\na,1\n", encoding="utf-8")

    fsync = os.fsync

    def failing(fd):
        if Path(f"/proc/self/fd/{fd}").readlink().name != "r.simulated.jsonl":
            return fsync(fd)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    summary = upload_here("in.csv", results="r.simulated.jsonl")
    assert summary.exit_code == 5
    assert "cannot be written: Input/output error" in summary.stops[0].why
    assert wire.sent == {"a": 1}


def test_a_sync_under_way_when_the_run_ends_is_waited_for(wire, monkeypatch):
    """Else its failure would be nobody's."""
    del wire
    Path("in.csv").write_text("message_id,delivered\na,1\n", encoding="utf-8")
    file = output.AppendOnlyFile("r.jsonl")
    file.write(b"x\n")

    async def main():
        begun, go_on = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(_):
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "fsync", slow)
        syncing = asyncio.create_task(asyncio.to_thread(file.sync))
        await begun.wait()
        closing = asyncio.create_task(asyncio.to_thread(file.close))
        await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(syncing, closing, return_exceptions=True)

    assert [type(one) for one in asyncio.run(main())] == [output.OutputError] * 2


@pytest.mark.parametrize(
    ("option", "path", "why"),
    [
        ("-o", "none/r.jsonl", "No such file"),
        ("-o", "/proc/r.jsonl", ""),
        ("-o", "in.csv/r.jsonl", "Not a directory"),
        ("-o", ".", "Is a directory"),
        ("--summary", "none/s.json", "No such file"),
        ("--summary", "in.csv/s.json", "Not a directory"),
        ("--summary", ".", "Is a directory"),
        ("--metrics-file", "none/job.prom", "No such file"),
    ],
)
async def test_an_output_whose_folder_is_none_is_2_before_anything_is_sent(
    tmp_path, option, path, why
):
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("in.csv", ids(3))
        ended = await shell.uploaded("in.csv", option, path)
    assert ended.code == 2
    assert f"{path} cannot be written: {why}" in ended.err
    assert f"name another file with {option}" in ended.err
    assert simulator.stats.requests == 0
    assert [each.name for each in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_that_must_not_be_written_to_is_2(tmp_path):
    (tmp_path / "locked").mkdir(0o500)
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "-o", "locked/r.jsonl")
        shell.write("in.csv", ids(3))
        ended = await shell.uploaded("in.csv")
    assert (ended.code, simulator.stats.requests) == (2, 0)
    assert "Permission denied" in ended.err


async def test_a_packed_input_that_breaks_off_is_sent_up_to_there_and_the_next_one_whole(tmp_path):
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "-o", "r.jsonl")
        # Ids that do not pack well, so that the damage lies in the middle.
        many = [os.urandom(12).hex() for _ in range(1_500)]
        shell.write("in.csv", many)
        shell.write("next.csv", ids(5))
        packed = gzip.compress((tmp_path / "in.csv").read_bytes())
        (tmp_path / "in.csv.gz").write_bytes(packed[: len(packed) // 3])
        ended = await shell.uploaded("in.csv.gz", "next.csv")
        assert ended.code == 5
        assert "in.csv.gz is damaged" in ended.err
        books = ended.books
        assert books.read == books.accepted + books.invalid > 300
        assert books.invalid <= 1, "at most the row that was cut in two"
        assert all(simulator.stats.accepted_ids[one] == 1 for one in ids(5))
        (tmp_path / "in.csv.gz").write_bytes(packed)
        before = simulator.stats.accepted
        fixed = await shell.uploaded("in.csv.gz", "next.csv", "--resume")
    assert fixed.code == (1 if books.invalid else 0)
    assert fixed.books.read == 1_505
    assert fixed.books.accepted == 1_505 - before
    assert simulator.stats.accepted_ids == dict.fromkeys([*many, *ids(5)], 1)
