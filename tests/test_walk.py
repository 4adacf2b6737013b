"""The walk of somebody who puts things right, by commands that are printed, until all is well."""

import asyncio
import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from batchconv.simulator import Behaviour, FaultRule, Simulator
from tests.shells import ROOT, Ended, Shell, behave

ROWS = "Message ID,delivered,note\n4477001,true,\n4477002,maybe,fix me\n4477003,perhaps,delete me\n"


@pytest.fixture
async def simulator():
    async with Simulator(Behaviour()) as running:
        yield running


def in_spreadsheet(path: Path, change) -> None:
    """Open a file in a spreadsheet, change rows, and save it as some of them do.

    Semicolons, a byte order mark, every cell quoted, Windows' line ends, columns moved.
    """
    header, *rows = csv.reader(io.StringIO(path.read_text("utf-8")))
    rows = [row for row in map(change, rows) if row]
    table = [row[::-1] for row in (header, *rows)]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(
            table
        )


async def pasted(shell: Shell, command: str) -> Ended:
    """Run a printed command by a shell, as it is."""
    bin_folder = Path(sys.executable).parent
    done = await asyncio.to_thread(
        subprocess.run,
        ["sh", "-c", command],
        cwd=shell.folder,
        env=shell.env | {"PATH": f"{bin_folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


async def test_upload_correct_delete_feed_back_report_audit(tmp_path, simulator):
    shell = Shell(tmp_path, simulator.base_url)
    shell.env["BATCHCONV_BASE_URL"] = simulator.base_url
    (tmp_path / "calls.csv").write_text(ROWS, encoding="utf-8")

    first = await shell.uploaded("calls.csv")
    assert (first.code, first.books.accepted, first.books.invalid) == (1, 1, 2)
    assert "failed rows: calls.failed.csv" in first.err

    def change(row):
        if "delete me" in row:
            return None
        return ["true" if cell == "maybe" else cell for cell in row]

    in_spreadsheet(tmp_path / "calls.failed.csv", change)
    (command,) = re.findall(r"correct the failed rows, then: (.*)", first.err)
    fed_back = await pasted(shell, command)
    assert fed_back.code == 0, fed_back.err
    assert fed_back.books.accepted == 1
    assert simulator.stats.accepted_ids == {"4477001": 1, "4477002": 1}

    told = await pasted(shell, "batchconv report --json calls.results.jsonl")
    report = json.loads(told.out)
    assert (report["rows"], report["accepted"], report["attention"]) == (3, 2, 1)

    # The row that was deleted is outstanding still, until somebody says that it is to stay so.
    again = await pasted(shell, "batchconv failed calls.results.jsonl calls.csv -o -")
    assert [row.split(",")[0] for row in again.out.splitlines()[1:]] == ["4477003"]
    done = await pasted(shell, "batchconv dismiss --row calls.csv:3 calls.results.jsonl")
    assert (done.code, done.out) == (
        0,
        "1 row dismissed (1 invalid) in calls.results.jsonl\n"
        "outstanding in the job: 0 rows\n",
    )  # fmt: skip
    words = (await pasted(shell, "batchconv report calls.results.jsonl")).out
    assert words.startswith("All 3 rows were accepted or skipped\n")
    assert "next" not in words.splitlines()
    audited = await pasted(shell, "batchconv audit calls.csv --results calls.results.jsonl")
    assert audited.code == 0, audited.out
    resumed = await shell.uploaded("calls.csv", "--resume")
    assert (resumed.code, resumed.books.settled) == (0, 3)


async def test_each_command_that_a_run_prints_does_what_it_says(tmp_path, simulator):
    """Rows that failed and rows that are invalid: two commands, and then nothing is left."""
    shell = Shell(tmp_path, simulator.base_url, "--max-attempts", "1")
    behave(simulator, FaultRule("503", every=3))
    name = "odd name's $(x).csv"
    rows = "".join(f"id{n},true\n" for n in range(8))
    (tmp_path / name).write_text(f"message_id,delivered\n{rows}bad,maybe\n", encoding="utf-8")
    first = await shell.uploaded(name)
    assert first.code == 1
    resend, correct = re.findall(r": (batchconv (?:resend|upload) .*)", first.err)[:2]
    behave(simulator)
    sent = await pasted(shell, resend)
    assert (sent.code, sent.books.read) == (0, sent.books.accepted), sent.err
    failed = tmp_path / name.replace(".csv", ".failed.csv")
    failed.write_text(failed.read_text("utf-8").replace("maybe", "no"), encoding="utf-8")
    last = await pasted(shell, correct)
    assert (last.code, last.books.accepted) == (0, 1), last.err
    assert "outstanding" not in last.err
    assert sum(simulator.stats.accepted_ids.values()) == 9


@pytest.mark.parametrize("command", ["dismiss", "failed"])
def test_help_tells_when_it_exits_with_what(command):
    done = subprocess.run(
        [sys.executable, "-m", "batchconv", command, "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"batchconv {command} " in done.stdout
