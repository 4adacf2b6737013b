"""--max-age: what is too old is skipped, through the real path."""

import json
import time

import pytest

from batchconv.model import NO_FIELDS, Conversion, Reason, Result, Row
from batchconv.sending.age_limit import AgeLimit, moment_text
from batchconv.simulator import Behaviour, Simulator
from tests.shells import Shell

NOON = 1_795_608_000  # 2026-11-25 12:00:00 UTC


def conversion(timestamp):
    row = Row("a.csv", 1, 2, NO_FIELDS, None, None, None)
    return Conversion(row, "id", True, timestamp, "sms")


@pytest.mark.parametrize(
    ("timestamp", "most", "too_old"),
    [
        ("2026-11-25 11:45:00", 900.0, False),  # just as old as is allowed
        ("2026-11-25 11:44:59", 900.0, True),
        ("2026-11-25 11:59:59", 0.5, False),  # times are known to the second
        ("2026-11-25 11:59:58", 0.5, True),
        ("2030-01-01 00:00:00", 900.0, False),
        ("0001-01-01 00:00:00", 1e300, False),  # longer than there is a calendar
        ("0999-12-31 23:59:59", 900.0, True),
        (None, 900.0, False),
    ],
)
def test_a_row_is_too_old_when_its_time_lies_further_back(timestamp, most, too_old):
    outcome = AgeLimit(most, lambda: NOON + 0.7).turn_away(conversion(timestamp))
    assert (outcome is not None) == too_old
    if outcome is not None:
        assert (outcome.result, outcome.reason) == (Result.SKIPPED, Reason.TOO_OLD)
        assert timestamp in outcome.detail


def test_the_limit_moves_on_with_the_clock():
    now = [float(NOON)]
    limit = AgeLimit(60.0, lambda: now[0])
    assert limit.turn_away(conversion("2026-11-25 11:59:30")) is None
    now[0] += 31
    assert limit.turn_away(conversion("2026-11-25 11:59:30")) is not None


@pytest.fixture
async def simulator():
    async with Simulator(Behaviour()) as simulator:
        yield simulator


@pytest.fixture
def shell(tmp_path, simulator):
    shell = Shell(tmp_path, simulator.base_url)
    yield shell
    shell.close()


def write_ages(shell, ending=""):
    """One row of now, one of an hour ago in another zone's notation, one without a time."""
    hour_ago = time.strftime("%Y-%m-%dT%H:%M:%S+02:00", time.gmtime(time.time() - 3600 + 7200))
    (shell.folder / "in.csv").write_text(
        "message_id,delivered,timestamp\n"
        f"new,1,{moment_text(time.time())}\nold,1,{hour_ago}\nnone,1,\n" + ending
    )


async def test_old_rows_are_skipped_and_a_resume_judges_them_anew(shell, simulator):
    write_ages(shell)
    ended = await shell.uploaded("in.csv", "--max-age", "15m")
    assert ended.code == 0, ended.err
    assert (ended.books.accepted, ended.books.skipped) == (2, 1)
    (old,) = [line for line in shell.results("in.results.jsonl") if line["outcome"] == "skipped"]
    assert (old["message_id"], old["reason"], old["attempts"]) == ("old", "too-old", 0)
    assert "15 min of --max-age" in old["detail"]
    assert set(simulator.stats.accepted_ids) == {"new", "none"}
    assert not (shell.folder / "in.failed.csv").exists()
    again = await shell.uploaded("in.csv", "--resume", "--max-age", "15m")
    assert (again.code, again.books.settled, again.books.skipped) == (0, 3, 0)
    again = await shell.uploaded("in.csv", "--resume")
    assert (again.code, again.books.settled, again.books.accepted) == (0, 2, 1)


async def test_a_setting_outside_the_command_line_holds_and_a_flag_undoes_it(shell):
    write_ages(shell)
    (shell.folder / "limits.toml").write_text('max_age = "15m"\n')
    ended = await shell.uploaded("in.csv", "--config", "limits.toml")
    assert ended.books.skipped == 1
    shell.env["BATCHCONV_MAX_AGE"] = "2h"
    ended = await shell.uploaded("in.csv", "--config", "limits.toml", "--overwrite")
    assert ended.books.accepted == 3
    shell.env["BATCHCONV_MAX_AGE"] = "1m"
    ended = await shell.uploaded("in.csv", "--overwrite", "--max-age", "none")
    assert ended.books.accepted == 3


async def test_a_ledger_does_not_remember_what_was_too_old(shell, simulator):
    write_ages(shell)
    await shell.uploaded("in.csv", "--max-age", "15m", "--ledger", "sent.db")
    ended = await shell.uploaded("in.csv", "--ledger", "sent.db", "--overwrite")
    assert (ended.books.accepted, ended.books.skipped) == (1, 2)
    assert simulator.stats.accepted_ids == {"new": 1, "none": 1, "old": 1}


async def test_what_failed_is_resent_however_old_it_is(shell):
    shell.write("in.csv", ["a"])
    line = {
        "source": "in.csv", "row": 1, "line": 2, "key": "k" + "0" * 32,
        "replaces": None, "corrects": None, "message_id": "a",
        "delivered": True, "timestamp": "2020-01-01 00:00:00", "channel": "sms",
        "outcome": "failed", "status": 503, "attempts": 5, "elapsed_ms": 1.0,
        "reason": "server-error", "detail": "down", "at": "2026-11-25T12:00:00.000Z", "run": "r",
        "target": "",
    }  # fmt: skip
    await shell.uploaded("in.csv", "-o", "probe.jsonl")
    line["target"] = shell.results("probe.jsonl")[0]["target"]
    (shell.folder / "in.results.jsonl").write_text(json.dumps(line) + "\n")
    shell.env["BATCHCONV_MAX_AGE"] = "15m"
    ended = await shell.start("resend", "in.results.jsonl", *shell.options).end()
    assert (ended.code, ended.books.accepted) == (0, 1), ended.err
