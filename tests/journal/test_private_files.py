"""Whatever the program writes holds personal data: it is for its owner alone, under any umask."""

import os
import stat
from pathlib import Path

import pytest

from batchconv.simulator import Behaviour, FaultRule, Simulator
from tests.shells import Shell

# A row that is accepted, one that is refused, one that is invalid, one that cannot be parsed.
DIRTY = 'message_id,delivered\nid1,true\n-refused,true\n,true\n"never closed,true\n'
OUTPUTS = (
    *("--ledger", "sent.ledger", "--summary", "summary.json", "--duplicates", "skip"),
    *("--concurrency", "1", "--max-attempts", "2", "--backoff-base", "1ms"),
)


def openly() -> int:
    return os.umask(0)


def open_to_others(folder: Path, *own: str) -> dict[str, str]:
    """The files that somebody else could read or change, with their modes; all but *own*."""
    modes = {path.name: path.stat().st_mode for path in folder.iterdir() if path.is_file()}
    assert len(modes) > len(own)
    return {n: stat.filemode(m) for n, m in modes.items() if m & 0o077 and n not in own}


@pytest.mark.parametrize("results", ["out.jsonl", "out.csv"])
async def test_no_output_is_open_to_others_during_a_run_or_after_it(tmp_path, results):
    faults = (FaultRule("420", share=0.3),)
    async with Simulator(Behaviour(latency=0.02, faults=faults)) as simulator:
        shell = Shell(tmp_path, simulator.base_url, *OUTPUTS, "-o", results)
        rows = "".join(f"id{n},true\n" for n in range(40))
        (tmp_path / "in.csv").write_text(DIRTY.replace('"never', f'{rows}"never'))
        running = shell.upload("in.csv", before=openly)
        await running.reached(simulator, 20)
        assert open_to_others(tmp_path, "in.csv") == {}
        during = {path.name for path in tmp_path.iterdir()}
        ended = await running.end()
        assert ended.code == 1
        assert open_to_others(tmp_path, "in.csv") == {}
        after = {path.name for path in tmp_path.iterdir()}
        resent = await shell.start(
            "resend", "--base-url", simulator.base_url, "--include", "rejected", results,
            before=openly,
        ).end()  # fmt: skip
        assert resent.code in (0, 1), resent.err
    assert open_to_others(tmp_path, "in.csv") == {}
    assert {results, "out.runs.jsonl", "out.failed.csv", "sent.ledger"} <= during
    assert "sent.ledger-wal" in during
    assert {"summary.json", "out.failed.csv"} <= after


async def test_a_killed_run_leaves_nothing_that_is_open_to_others(tmp_path):
    async with Simulator(Behaviour(latency=0.01)) as simulator:
        shell = Shell(tmp_path, simulator.base_url, *OUTPUTS)
        (tmp_path / "in.csv").write_text(DIRTY + "".join(f"id{n},true\n" for n in range(60)))
        await shell.upload("in.csv", before=openly).kill_after(simulator, 20)
        assert open_to_others(tmp_path, "in.csv") == {}
        ended = await shell.uploaded("in.csv", "--resume", before=openly)
    assert ended.code == 0, ended.err
    assert open_to_others(tmp_path, "in.csv") == {}
