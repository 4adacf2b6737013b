"""`--log-file`: all that is told, with times, added to a file."""

import json
import re

import pytest

from batchconv.simulator import Behaviour, Simulator
from tests.shells import Shell, ids

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")


@pytest.fixture
async def shell(tmp_path):
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "--log-file", "log")
        shell.write("in.csv", ids(3))
        yield shell
    shell.close()


@pytest.mark.parametrize("quiet", [[], ["-q"]])
async def test_every_line_has_its_time_and_runs_follow_one_another(shell, quiet):
    for _ in range(2):
        ended = await shell.uploaded("in.csv", "--resume", *quiet)
        assert ended.code == 0, ended.err
        assert bool(quiet) == (ended.err == "")
    lines = (shell.folder / "log").read_text().splitlines()
    assert all(map(TIME.match, lines)), lines
    assert sum("read 3 = " in line for line in lines) == 2
    assert (shell.folder / "log").stat().st_mode & 0o777 == 0o600


async def test_an_error_before_the_run_stands_there_too(shell):
    assert (await shell.uploaded("in.csv", "none.csv")).code == 5
    assert "none.csv" in (shell.folder / "log").read_text()


async def test_events_stand_there_as_json(shell):
    ended = await shell.uploaded("in.csv", "--log-format", "json")
    assert ended.code == 0
    lines = [json.loads(line) for line in (shell.folder / "log").read_text().splitlines()]
    assert lines[-1]["event"] == "run-ended"


@pytest.mark.parametrize("name", ["in.csv", "in.results.jsonl", "none/log", "note"])
async def test_what_is_no_log_is_not_written_to(shell, name):
    (shell.folder / "note").write_text("mine, without an end")
    ended = await shell.uploaded("in.csv", "--log-file", name)
    assert ended.code == 2, ended.err
    assert (shell.folder / "note").read_text() == "mine, without an end"
    assert (shell.folder / "in.csv").read_text().startswith("message_id,delivered\nid0,true\n")


async def test_settings_that_are_better_mended_are_told_in_json_where_all_is(shell):
    shell.env["BATCHCONV_NONSENSE"] = "1"
    ended = await shell.uploaded("in.csv", "--log-format", "json")
    lines = [json.loads(line) for line in ended.err.splitlines()]
    assert "BATCHCONV_NONSENSE" in lines[0]["message"]


async def test_a_profile_behind_a_blank_is_answered_with_the_equals_sign(shell):
    ended = await shell.start("upload", "--simulate", "flaky").end()
    assert ended.code == 2
    assert "Did you mean --simulate=flaky?" in ended.err
