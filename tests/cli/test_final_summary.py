"""The final summary of a run: what became of it, where the files are, and commands to paste."""

import re
import shlex
import subprocess
import sys
from itertools import takewhile

import pytest

from batchconv.cli.say import fitted
from batchconv.simulator import API_SECRET, Behaviour, FaultRule, Simulator
from tests.shells import Ended, Shell, behave, ids
from tests.terminals import Terminal

BOOKS = re.compile(r"read \d+ = settled \d+ \+ .* \+ unsent \d+")


@pytest.fixture
async def simulator():
    async with Simulator(Behaviour()) as running:
        yield running


def commands(ended: Ended) -> list[str]:
    """What the final summary says to paste."""
    lines = [line for line in ended.err.splitlines() if not line.startswith("see: ")]
    return [line.partition(": ")[2] for line in lines if ": batchconv " in line]


async def paste(shell: Shell, command: str) -> Ended:
    """Run a line of the terminal as a person would, by a shell."""
    program, *arguments = shlex.split(command)
    assert program == "batchconv"
    return await shell.start(*arguments).end()


async def test_when_all_is_well_nothing_is_left_to_do(tmp_path, simulator):
    shell = Shell(tmp_path, simulator.base_url)
    ended = await shell.uploaded(shell.write("in.csv", ids(5)))
    books, traffic, results = ended.err.splitlines()[-3:]
    assert BOOKS.fullmatch(books)
    assert re.fullmatch(r"5 requests in .*, [\d.]+ a second; latency p50 .*, p95 .*", traffic)
    assert results == "results: in.results.jsonl"


async def test_rows_that_failed_are_sent_again_by_the_command_that_is_told(tmp_path, simulator):
    behave(simulator, FaultRule("503", every=4))
    shell = Shell(tmp_path, simulator.base_url, "--auth", "basic", "--max-attempts", "1")
    name = shell.write("in it's.csv", ids(8))
    ended = await shell.uploaded(name, "--timezone", "Europe/Berlin", "-o", "out.jsonl", "-v")
    assert (ended.code, ended.books.failed) == (1, 2)
    (command,) = commands(ended)
    assert f"send the failed rows again with: {command}" in ended.err
    behave(simulator)
    again = await paste(shell, command)
    assert (again.code, again.books.accepted) == (0, 2), again.err
    assert simulator.stats.accepted_ids == dict.fromkeys(ids(8), 1)
    assert commands(again) == []


async def test_rows_that_were_mended_are_sent_by_the_command_that_is_told(tmp_path, simulator):
    """Options about the rows are kept, those about the file that they came from are not."""
    (tmp_path / "odd").write_bytes("ref;wann;done\nid1;20.11.2026;x\nid2;x;ja\n".encode("utf-16"))
    shell = Shell(tmp_path, simulator.base_url)
    ended = await shell.uploaded(
        "odd", "--format", "csv", "--encoding", "utf-16", "--delimiter", ";",
        "--map", "message_id=ref", "--map", "timestamp=wann", "--map", "delivered=done",
        "--timestamp-format", "%d.%m.%Y", "--summary", "s.json",
    )  # fmt: skip
    assert (ended.code, ended.books.invalid) == (1, 2)
    (command,) = commands(ended)
    assert f"correct the failed rows, then: {command}" in ended.err
    failed = tmp_path / "odd.failed.csv"
    text = failed.read_text().replace("id1;20.11.2026;x;", "id1;20.11.2026;no;")
    failed.write_text(text.replace("id2;x;ja;", "id2;20.11.2026;yes;"))
    again = await paste(shell, command)
    assert (again.code, again.books.accepted) == (0, 2), again.err
    assert simulator.stats.accepted_ids == {"id1": 1, "id2": 1}


async def test_when_some_failed_and_some_need_mending_either_is_told(tmp_path, simulator):
    behave(simulator, FaultRule("503", every=4))
    shell = Shell(tmp_path, simulator.base_url, "--max-attempts", "1")
    ended = await shell.uploaded(shell.write("in.csv", [*ids(8), " "]))
    resend, feed_back = commands(ended)
    assert (
        f"send the failed rows again with: {resend}\nor correct the failed rows, then: {feed_back}"
        in ended.err
    )
    assert resend.endswith("in.results.jsonl")
    assert feed_back.endswith("in.failed.csv")


async def test_a_run_that_was_stopped_goes_on_by_the_command_that_is_told(tmp_path, simulator):
    behave(simulator, account_enabled=False)
    shell = Shell(tmp_path, simulator.base_url)
    ended = await shell.uploaded(shell.write("in.csv", ids(8)))
    assert ended.code == 4
    (command,) = commands(ended)
    told = ended.err.split("batchconv: stopped: ")[1]
    why, hint, *_ = told.splitlines()
    assert "402" in why
    assert hint.startswith("  ask the vendor's support to enable it")
    behave(simulator)
    again = await paste(shell, command)
    assert (again.code, again.books.accepted) == (0, 8)


async def test_a_finished_run_that_is_resumed_still_tells_what_failed(tmp_path, simulator):
    behave(simulator, FaultRule("503", every=4))
    shell = Shell(tmp_path, simulator.base_url, "--max-attempts", "1")
    await shell.uploaded(shell.write("in.csv", ids(8)))
    ended = await shell.uploaded("in.csv", "--resume", "--retry", "none")
    assert ended.code == 0, "it speaks of this run"
    assert "nothing to send: 2 rows are outstanding as before" in ended.err
    assert "outstanding in the job: 2 rows (2 failed)" in ended.err
    assert [command.split()[:2] for command in commands(ended)] == [["batchconv", "resend"]]


@pytest.mark.parametrize("faults", [FaultRule("503", every=4), FaultRule("420", every=4)])
async def test_results_on_standard_output_cannot_be_gone_on_with(faults, tmp_path, simulator):
    behave(simulator, faults)
    shell = Shell(tmp_path, simulator.base_url, "--max-attempts", "1")
    ended = await shell.uploaded(shell.write("in.csv", ids(8)), "-o", "-", "--no-failed")
    assert ended.code == 1
    assert commands(ended) == []


async def test_a_resend_that_was_stopped_is_given_once_more(tmp_path, simulator):
    behave(simulator, FaultRule("503", every=2))
    shell = Shell(tmp_path, simulator.base_url, "--max-attempts", "1")
    first = await shell.uploaded(shell.write("in.csv", ids(40)))
    (resend,) = commands(first)
    behave(simulator, account_enabled=False)
    stopped = await paste(shell, resend)
    assert stopped.code == 4
    assert stopped.err.count("batchconv: stopped: ") == 1
    (again,) = commands(stopped)
    behave(simulator)
    assert (await paste(shell, again)).code == 0
    assert simulator.stats.accepted_ids == dict.fromkeys(ids(40), 1)


async def test_one_row_is_one_row(tmp_path, simulator):
    shell = Shell(tmp_path, simulator.base_url)
    ended = await shell.uploaded(shell.write("in.csv", ["id", " "]))
    assert "1 request in " in ended.err
    assert "outstanding in the job: 1 row (1 invalid)" in ended.err
    assert "failed rows: in.failed.csv" in ended.err


async def test_a_key_that_was_an_argument_is_a_variable_in_the_commands(tmp_path, simulator):
    behave(simulator, FaultRule("503", every=2), FaultRule("420", every=3), any_account=True)
    (tmp_path / "secret").write_text(API_SECRET)
    shell = Shell(tmp_path, simulator.base_url, "--max-attempts", "1")
    for key in (["--api-key", "verysecretkey"], ["--api-key=verysecretkey"]):
        ended = await shell.uploaded(
            shell.write("in.csv", ids(9)), *key, "--api-secret-file", "secret", "--overwrite"
        )
        assert ended.code == 1
        assert len(commands(ended)) == 2
        assert all('--api-key "$VONAGE_API_KEY"' in command for command in commands(ended))
        assert "verysecretkey" not in ended.err


async def test_simulated_runs_go_on_simulated(tmp_path, simulator):
    shell = Shell(tmp_path, simulator.base_url)
    shell.write("in.csv", [*ids(3), " "])
    ended = await shell.start("upload", "--simulate", "in.csv").end()
    (command,) = commands(ended)
    assert command == "batchconv upload --simulate in.simulated.failed.csv"


@pytest.mark.parametrize("columns", [40, 80])
async def test_at_a_terminal_words_are_not_torn_apart(columns, tmp_path, simulator):
    """But commands are left whole, for pasting."""
    behave(simulator, FaultRule("420", every=4))
    shell = Shell(tmp_path, simulator.base_url, "--concurrency", "1")
    shell.write("in.csv", ids(8))
    async with Terminal(
        "upload",
        *shell.options,
        "in.csv",
        folder=tmp_path,
        env=shell.env,
        columns=columns,
        lines=60,
    ) as terminal:
        assert await terminal.end() == 1
        display = terminal.display
        lines = terminal.written.decode().replace("\r", "").split("\n")
    reason = "  2 x invalid-parameters, first in.csv row 4 (line 5): the API answered 420: it does "
    reason += "not accept the row's values; check the message id"
    at = next(n for n, line in enumerate(display) if "invalid-parameters" in line)
    told = list(takewhile(lambda line: line.startswith("  "), display[at:]))
    assert " ".join(line.strip() for line in told) == reason.strip()
    assert all(line.startswith("    ") for line in told[1:])
    books = next(n for n, line in enumerate(lines) if line.startswith("read "))
    assert all(len(line) <= columns for line in lines[books : books + 3])
    assert BOOKS.search(" ".join(line.strip() for line in lines[books : books + 5]))
    assert any(re.fullmatch(r"correct the failed rows, then: batchconv .* in.failed.csv", line)
               for line in lines)  # fmt: skip


async def test_what_is_wrong_is_told_in_whole_words_too(tmp_path):
    async with Terminal("upload", "no.csv", "--ledger", "x", "--simulate", folder=tmp_path,
                        env=Shell(tmp_path, "").env, columns=30) as terminal:  # fmt: skip
        assert await terminal.end() == 2
        assert terminal.display == [
            "batchconv: --simulate and",
            "  --ledger cannot be used",
            "  together: a simulated run",
            "  sends nothing",
            "  see: batchconv manual troubl",
            "eshooting",
        ]


async def test_a_command_in_a_hint_is_one_line_on_a_narrow_terminal(tmp_path):
    shell = Shell(tmp_path, "")
    shell.write("in.csv", ids(1))
    assert (await shell.start("upload", "--simulate", "in.csv").end()).code == 0
    results = "in.simulated.results.jsonl"
    async with Terminal("upload", results, folder=tmp_path, env=shell.env,
                        columns=30) as terminal:  # fmt: skip
        assert await terminal.end() == 2
        lines = terminal.written.decode().split("\r\n")
    hint = f"  to send its failed rows again: batchconv resend {results}"
    assert any(line.startswith(hint) for line in lines), lines


@pytest.mark.parametrize(
    ("line", "columns", "broken"),
    [
        ("a b", None, ["a b"]),
        ("a b", 3, ["a b"]),
        ("  one two three four five six", 20, ["  one two three four", "    five six"]),
        ("supercalifragilistic-expialidocious", 20, ["supercalifragilistic-expialidocious"]),
        ("", 20, [""]),
    ],
)
def test_a_line_is_broken_between_words(line, columns, broken):
    assert fitted(line, columns) == broken


def test_the_program_says_nothing_twice(tmp_path):
    """An error before the start is told once, with a hint and a page of the manual."""
    done = subprocess.run(
        [sys.executable, "-m", "batchconv", "upload", "no.csv"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == (
        "batchconv: no.csv does not exist\n"
        "  check the name and the folder\n"
        "  see: batchconv manual troubleshooting\n"
    )


async def test_a_summary_that_cannot_be_written_is_told_and_costs_no_outcome(tmp_path, simulator):
    shell = Shell(tmp_path, simulator.base_url, "--concurrency", "1")
    (tmp_path / "told").mkdir()
    running = shell.upload(shell.write("in.csv", ids(200)), "--summary", "told/summary.json")
    assert await running.reached(simulator, 1)
    (tmp_path / "told").rmdir()
    ended = await running.end()
    assert (ended.code, ended.books.accepted) == (5, 200)
    assert "told/summary.json cannot be written: No such file or directory" in ended.err
