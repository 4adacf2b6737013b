"""One run at a time on a results file, and nothing written to what is not its own."""

import json
import os
import signal
import stat

import pytest

from batchconv.simulator import Behaviour, FaultRule, Simulator
from tests.shells import Shell, ids

HANG = Behaviour(faults=(FaultRule("hang", share=1.0),))


@pytest.mark.parametrize("how", ["--resume", "--overwrite"])
async def test_a_second_run_on_the_same_results_is_told_who_holds_them(tmp_path, how):
    async with Simulator(HANG) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "-o", "r.jsonl", "--concurrency", "2")
        shell.write("in.csv", ids(5))
        first = shell.upload("in.csv")
        assert await first.reached(simulator, 2)
        os.link(tmp_path / "r.jsonl", tmp_path / "other-name.jsonl")
        for name in ("r.jsonl", "other-name.jsonl"):
            second = await shell.uploaded("in.csv", how, "-o", name)
            assert second.code == 75
            assert f"{name} is in use by process {first.process.pid}" in second.err
            assert "Traceback" not in second.err
        assert simulator.stats.requests == 2
        assert first.process.poll() is None
        first.signal(signal.SIGKILL)
        await first.end()
        third = shell.upload("in.csv", "--resume")
        assert await third.reached(simulator, 2), "the lock went with its holder"
        third.process.kill()
        await third.end()


async def test_runs_on_different_results_do_not_hinder_each_other(tmp_path):
    async with Simulator(Behaviour(latency=0.005)) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("in.csv", ids(20))
        runs = [shell.upload("in.csv", "-o", f"{name}.jsonl") for name in "ab"]
        assert [(await run.end()).code for run in runs] == [0, 0]
    assert simulator.stats.accepted_ids == dict.fromkeys(ids(20), 2)


@pytest.mark.parametrize(
    ("option", "way"),
    [
        ("-o", "soft"),
        ("-o", "hard"),
        ("--summary", "sub/../in.csv"),
        ("--summary", "in.csv"),
        ("--failed", "folder/in.csv"),
    ],
)
async def test_an_output_that_is_the_input_is_refused(tmp_path, option, way):
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("in.csv", ids(3))
        (tmp_path / "sub").mkdir()
        (tmp_path / "soft").symlink_to("in.csv")
        (tmp_path / "folder").symlink_to(".")
        os.link(tmp_path / "in.csv", tmp_path / "hard")
        before = (tmp_path / "in.csv").read_bytes()
        ended = await shell.uploaded("in.csv", option, way, "--overwrite")
    assert ended.code == 2
    assert "is the input in.csv" in ended.err
    assert simulator.stats.requests == 0
    assert (tmp_path / "in.csv").read_bytes() == before


async def test_new_files_are_for_their_owner_only(tmp_path):
    """They hold personal data; a summary holds none."""
    async with Simulator(Behaviour(status_for_all=420)) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "-o", "r.jsonl", "--summary", "s.json")
        shell.write("in.csv", ["a", ""])
        with (tmp_path / "in.csv").open("a", encoding="utf-8") as file:
            file.write("x,true,more\n")
        ended = await shell.uploaded("in.csv", before=lambda: os.umask(0o022))
    assert ended.code == 1
    for name in ("r.jsonl", "r.runs.jsonl", "r.failed.csv"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600, name
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))["rejected"] == 1
