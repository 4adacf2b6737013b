"""What a run tells of rows that are outstanding, and commands that put them right."""

import json
import os
import re
import shlex
from typing import Any

import pytest

from tests.shells import Ended, Shell

BAD = "message_id,delivered\nA1,true\nA2,maybe\n,true\n"


@pytest.fixture
def shell(tmp_path):
    (tmp_path / "in.csv").write_text(BAD)
    return Shell(tmp_path, "")


async def simulated(shell: Shell, *arguments: str, **how: Any) -> Ended:
    return await shell.start("upload", "--simulate", *arguments, **how).end()


def printed(ended: Ended, words: str) -> str:
    found = re.search(rf"^{words}: (batchconv .*)$", ended.err, re.MULTILINE)
    assert found, ended.err
    return found[1]


async def paste(shell: Shell, command: str) -> Ended:
    return await shell.start(*shlex.split(command)[1:]).end()


async def test_a_file_that_failed_names_is_told_by_the_run_and_by_its_report(shell, tmp_path):
    ended = await simulated(shell, "--failed", "mine.csv", "-v", "in.csv")
    assert "failed rows: mine.csv" in ended.err
    command = printed(ended, "correct the failed rows, then")
    assert command == "batchconv upload --simulate -o in.simulated.results.jsonl mine.csv", (
        "the job cannot be told by the name, and how this run was shown is of no interest"
    )
    report = await shell.start("report", "--json", "in.simulated.results.jsonl").end()
    commands = [step["command"] for step in json.loads(report.out)["next"]]
    assert any(one and one.endswith("mine.csv") and " -o " in one for one in commands), commands
    mine = tmp_path / "mine.csv"
    mine.write_text(mine.read_text().replace("A2,maybe", "A2,no"))
    fed = await paste(shell, command)
    assert (fed.code, fed.books.accepted, fed.books.settled) == (0, 1, 1), fed.err


async def test_a_file_without_outstanding_rows_is_not_to_be_corrected(shell, tmp_path):
    await simulated(shell, "in.csv")
    failed = tmp_path / "in.simulated.failed.csv"
    head, first, _ = failed.read_text().splitlines()
    failed.write_text(f"{head}\n{first.replace('maybe', 'no')}\n")
    ended = await simulated(shell, failed.name)
    assert (ended.code, ended.books.accepted) == (0, 1), ended.err
    assert "correct the failed rows" not in ended.err
    written = await paste(shell, printed(ended, "write the 1 outstanding row to a file with"))
    assert "1 row is outstanding in in.csv" in written.out, written.err


async def test_rows_that_were_never_read_are_told_of(shell, tmp_path):
    rows = "".join(f"A{number},true\n" for number in range(40_000))
    (tmp_path / "many.csv").write_text(f"message_id,delivered\n{rows}")
    ended = await simulated(shell, "--rate", "5", "--max-duration", "1s", "many.csv")
    assert ended.code == 3
    told = re.search(
        r"stopped before the end of the input: (\d+) rows were read and not sent, the rest was",
        ended.err,
    )
    assert told, ended.err
    assert int(told[1]) == ended.books.unsent < 40_000 - ended.books.accepted
    report = await shell.start("report", "many.simulated.results.jsonl").end()
    assert report.out.startswith(f"Stopped before the end of the input: {told[1]} rows were read")


async def test_rows_that_an_option_takes_are_sent_by_the_command_that_is_told(shell, tmp_path):
    (tmp_path / "in.csv").write_text(
        "message_id,delivered,timestamp\nA1,ja,25.11.2026 10:00\nA2,nein,26.11.2026 10:00\n"
        "A3,true,27.11.2026 10:00\nA4,false,\n"
    )
    first = await simulated(shell, "in.csv")
    assert first.books.invalid == 3
    again = await paste(
        shell, printed(first, "send the invalid rows with an option that takes them")
    )
    assert again.code in (0, 1), again.err
    if again.code:  # a time behind a boolean comes to light when that is understood
        command = printed(again, "send the invalid rows with an option that takes them")
        again = await paste(shell, command)
    assert "outstanding" not in again.err.split("read ")[1], again.err


async def test_nothing_to_send_is_not_all_well(shell):
    await simulated(shell, "in.csv")
    fed = await simulated(shell, "in.simulated.failed.csv")
    assert "nothing to send: 2 rows are unchanged" in fed.err
    assert printed(fed, "correct the failed rows, then").endswith(" in.simulated.failed.csv")
    again = await simulated(shell, "--resume", "in.csv")
    assert "nothing to send: 2 rows are outstanding as before" in again.err
    assert "nothing to do" not in fed.err + again.err


async def test_a_job_without_outcomes_is_a_job(shell, tmp_path):
    await simulated(shell, "in.csv")
    (tmp_path / "in.simulated.results.jsonl").write_text("")
    again = await simulated(shell, "--resume", "in.csv")
    assert "in.simulated.results.jsonl: 0 outcomes" in again.err
    assert "no job at" not in again.err


@pytest.mark.parametrize("options", [["-o", "-"], ["--no-failed"]])
async def test_where_no_failed_rows_are_kept_the_option_is_named(options, shell):
    ended = await simulated(shell, *options, "in.csv")
    assert "in no file: --failed PATH writes one" in ended.err


async def test_no_run_can_go_on_from_a_pipe_so_no_command_says_so(shell, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        ended = await simulated(shell, "-o", "pipe", "in.csv")
        stopped = await simulated(shell, "-o", "pipe", "--max-errors", "0", "in.csv")
    finally:
        os.close(reader)
    assert (ended.code, stopped.code) == (1, 3)
    assert "in no file: --failed PATH writes one" in ended.err
    assert "batchconv upload" not in ended.err + stopped.err
    assert "batchconv failed" not in ended.err


async def test_rows_that_may_have_arrived_are_sent_again_by_whichever_run_is_next(shell):
    """Without a job no run resumes: the next one begins anew."""
    with open("/dev/full", "wb") as full:
        ended = await simulated(shell, "-o", "-", "in.csv", stdout=full.fileno())
    assert ended.code == 5
    assert "may have reached the API all the same" in ended.err
    assert ended.err.count("a new run sends them again") == 1
    assert "resume" not in ended.err
