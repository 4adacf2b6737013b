"""What makes a run stop by itself: too many errors, too much time, an outage; exit 3, resumable."""

import json
import resource

import pytest

from batchconv.sending.traffic import ErrorLimit
from batchconv.simulator import Behaviour, FaultRule, Simulator
from tests.shells import Shell, ids


def refuse(share: float) -> Behaviour:
    return Behaviour(faults=(FaultRule("420", share=share),))


@pytest.mark.parametrize(
    ("limit", "bad", "settled", "exceeded"),
    [
        (ErrorLimit(0), 0, 10, False),
        (ErrorLimit(0), 1, 10, True),
        (ErrorLimit(10), 10, 10, False),
        (ErrorLimit(10), 11, 11, True),
        (ErrorLimit(5, percent=True), 999, 999, False),
        (ErrorLimit(5, percent=True), 50, 1000, False),
        (ErrorLimit(5, percent=True), 51, 1000, True),
        (ErrorLimit(0.1, percent=True), 2, 1999, True),
        (ErrorLimit(100, percent=True), 5000, 5000, False),
    ],
)
def test_a_limit_is_exceeded_by_more_and_a_share_only_from_a_thousand_rows_on(
    limit, bad, settled, exceeded
):
    assert limit.exceeded(bad, settled) is exceeded


async def test_more_errors_than_allowed_stop_the_run_and_a_resume_sends_the_rest(tmp_path):
    async with Simulator(refuse(0.5)) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("a.csv", ids(500))
        first = await shell.uploaded("a.csv", "--max-errors", "20", "--concurrency", "4")
        assert first.code == 3
        assert 20 < first.books.rejected <= 20 + 4
        assert first.books.read < 500
        assert "more than --max-errors 20" in first.err
        assert "resume with: batchconv upload" in first.err
        rest = await shell.uploaded("a.csv", "--resume")
    assert rest.code == 1
    assert len(shell.results("a.results.jsonl")) == 500
    assert simulator.stats.repeats == 0


async def test_invalid_rows_count_as_errors_too(tmp_path):
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("a.csv", [" "] * 5 + ids(1000))
        ended = await shell.uploaded("a.csv", "--max-errors", "4")
    assert ended.code == 3
    assert ended.books.invalid == 5


async def test_a_share_of_errors_is_not_heeded_before_a_thousand_rows(tmp_path):
    """The first hundred rows are bad, 10 % of a thousand; 4 % of all of them."""
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("a.csv", [" "] * 100 + ids(2400))
        fine = await shell.uploaded("a.csv", "--max-errors", "10%")
        strict = await shell.uploaded("a.csv", "--max-errors", "9%", "-o", "b.jsonl")
    assert (fine.code, fine.books.accepted) == (1, 2400)
    assert (strict.code, strict.books.invalid) == (3, 100)
    assert 850 < strict.books.accepted < 1100


async def test_no_errors_at_all_are_allowed_by_0(tmp_path):
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("a.csv", ["ok", " ", *ids(2000)])
        ended = await shell.uploaded("a.csv", "--max-errors", "0")
    assert ended.code == 3
    assert ended.books.accepted < 2000


@pytest.mark.parametrize("text", ["-1", "5.5", "101%", "%", "many", "nan%"])
async def test_a_limit_that_is_none_is_exit_2(tmp_path, text):
    shell = Shell(tmp_path, "http://127.0.0.1:9/conversions")
    shell.write("a.csv", ids(1))
    ended = await shell.uploaded("a.csv", "--max-errors", text)
    assert ended.code == 2
    assert "write 100, or a share of them: 5%" in ended.err


async def test_a_run_whose_time_is_over_stops_with_3_and_the_next_night_goes_on(tmp_path):
    async with Simulator(Behaviour(latency=0.02)) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("a.csv", ids(300))
        first = await shell.uploaded(
            "a.csv", "--max-duration", "500ms", "--concurrency", "2", "--summary", "s.json"
        )
        assert first.code == 3
        assert first.books.read < 300
        assert "--max-duration of 500 ms is over" in first.err
        told = json.loads((tmp_path / "s.json").read_text())
        assert (told["exit_code"], told["unsent"]) == (3, first.books.unsent)
        rest = await shell.uploaded("a.csv", "--resume", "--concurrency", "50")
    assert rest.code == 0
    assert len(shell.results("a.results.jsonl")) == 300
    assert set(simulator.stats.accepted_ids.values()) == {1}


async def test_an_outage_is_waited_out_and_told(tmp_path):
    async with Simulator(Behaviour(outages=((0.0, 0.8),))) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("a.csv", ids(300))
        ended = await shell.uploaded("a.csv", "--max-attempts", "1", "--summary", "s.json")
    told = json.loads((tmp_path / "s.json").read_text())
    assert [pause["why"] for pause in told["pauses"]] == ["outage"]
    # With one attempt a row those that came before it was noticed have failed: nine of them.
    assert (ended.code, ended.books.failed, ended.books.accepted) == (1, 9, 291)


async def test_an_outage_longer_than_the_patience_is_exit_3_and_resumable(tmp_path):
    async with Simulator(Behaviour(outages=((0.0, 2.0),))) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("a.csv", ids(300))
        first = await shell.uploaded("a.csv", "--give-up-after", "300ms")
        assert (first.code, first.books.accepted) == (3, 0)
        assert "no row got a final answer for 300 ms; at last, the server answered 503" in first.err
        rest = await shell.uploaded("a.csv", "--resume")
    assert (rest.code, rest.books.accepted) == (0, 300)


async def test_auto_concurrency_sends_everything(tmp_path):
    async with Simulator(Behaviour(latency=0.01, allow_concurrent=8)) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("a.csv", ids(1500))
        ended = await shell.uploaded("a.csv", "--concurrency", "auto")
    assert (ended.code, ended.books.accepted) == (0, 1500)
    assert simulator.stats.most_in_flight > 4


async def test_concurrency_beyond_the_systems_open_files_is_refused_before_anything_is_sent(
    tmp_path,
):
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("a.csv", ids(3))
        few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))  # noqa: E731 - short enough to be named where it is used
        ended = await shell.uploaded("a.csv", "--concurrency", "500", before=few)
        assert ended.code == 2
        assert "--concurrency 500 needs more open files" in ended.err
        fine = await shell.uploaded("a.csv", "--concurrency", "auto", before=few)
    assert (fine.code, simulator.stats.requests) == (0, 3)


async def test_where_the_system_grants_hardly_any_open_files_one_connection_is_allowed(tmp_path):
    shell = Shell(tmp_path, "http://127.0.0.1:9/conversions")
    shell.write("a.csv", ids(3))
    hardly_any = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))  # noqa: E731 - as above
    ended = await shell.uploaded("a.csv", "--concurrency", "2", before=hardly_any)
    assert (ended.code, "; it allows 1\n" in ended.err) == (2, True)


async def test_the_soft_limit_of_open_files_is_raised_as_far_as_the_system_grants(tmp_path):
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("a.csv", ids(3))
        soft = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 2048))  # noqa: E731 - short enough to be named where it is used
        ended = await shell.uploaded("a.csv", "--concurrency", "500", before=soft)
    assert ended.code == 0


@pytest.mark.parametrize(
    ("options", "ok_first", "code"),
    [((), 0, 3), (("--max-errors", "none"), 0, 1), (("--max-errors", "500"), 0, 3), ((), 1, 1)],
)
async def test_a_hundred_rejections_and_nothing_else_stop_a_run(tmp_path, options, ok_first, code):
    async with Simulator(refuse(0.9 if ok_first else 1.0)) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("a.csv", ids(150))
        ended = await shell.uploaded("a.csv", "--concurrency", "1", *options)
    assert (ended.books.accepted > 0) is bool(ok_first)
    assert ended.code == code
    assert ended.books.rejected == (100 if code == 3 else 150 - ended.books.accepted)
