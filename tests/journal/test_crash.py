"""Killed at any moment, the program loses nothing and repeats only what was in flight."""

import pytest

from batchconv.simulator import Behaviour, Simulator
from tests.shells import Shell, ids, results
from tests.torture import Ordeal, Plan

THREE = ("a.csv", "b/a.csv.gz", "a.jsonl")


@pytest.mark.parametrize(
    "plan",
    [
        Plan(1, rows=150, concurrency=5, suffix="jsonl", hits=["kill"] * 4),
        Plan(2, rows=150, concurrency=20, suffix="csv", hits=["kill", "kill when written"] * 2),
        Plan(3, rows=150, concurrency=8, suffix="jsonl", faulty=True, hits=["kill"] * 4),
        Plan(4, rows=150, concurrency=1, suffix="csv", faulty=True, hits=["kill when written"] * 4),
        Plan(5, rows=100, concurrency=5, suffix="jsonl", faulty=True, hits=["kill", "cut"] * 3),
        Plan(6, rows=120, inputs=THREE, skip="ledger", hits=["kill", "kill at once"] * 3),
        Plan(7, rows=120, concurrency=None, skip="duplicates", faulty=True, hits=["kill"] * 4),
        Plan(8, rows=120, inputs=THREE, outages=True, hits=["kill", "kill when written"] * 2),
    ],
    ids=lambda plan: f"seed {plan.seed}",
)
async def test_killed_again_and_again_a_run_still_comes_to_its_end(tmp_path, plan):
    """Every run but the first is a resume, and most of them are killed, too."""
    async with Simulator(plan.behaviour) as simulator:
        score = await Ordeal(tmp_path, simulator, plan).run()
    assert not score.breaches
    assert score.missing == 0
    assert score.repeated <= score.bound
    assert score.kills > 2


async def test_what_was_settled_before_a_kill_is_not_sent_again(tmp_path):
    """With one request in flight at a time, each kill repeats one row at most."""
    async with Simulator(Behaviour(latency=0.002)) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "--resume", "--concurrency", "1")
        shell.write("in.csv", ids(40))
        path = tmp_path / "in.results.jsonl"
        for kills in range(1, 5):
            await shell.upload("in.csv").kill_after(simulator, 8)
            settled = {line["message_id"] for line in results(path, may_be_torn=True)}
            assert len(set(simulator.stats.accepted_ids) - settled) <= 1
            assert simulator.stats.repeats <= kills
        ended = await shell.uploaded("in.csv")
        shell.close()
    assert ended.code == 0
    assert set(simulator.stats.accepted_ids) == set(ids(40))
    assert ended.books.read == 40
    assert ended.books.unsent == 0


async def test_the_lock_of_a_killed_run_is_gone_with_it(tmp_path):
    async with Simulator(Behaviour(latency=0.002)) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("in.csv", ids(30))
        killed = await shell.upload("in.csv").kill_after(simulator, 5)
        assert killed.code == -9
        ended = await shell.uploaded("in.csv", "--resume")
    assert ended.code == 0
    assert ended.books.unsent == 0
