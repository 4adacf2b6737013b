"""`batchconv report` at a terminal, in a pipe and in a program, as a process of its own."""

import fcntl
import json
import os
import pty
import re
import shlex
import stat
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from batchconv.cli import cli
from batchconv.report.making import make_report
from batchconv.report.text import to_text
from batchconv.report.wording import share, visible
from batchconv.simulator import Behaviour, FaultRule, Simulator
from tests.nights import BEGIN, HOSTILE, again, line, run_of, write, write_runs
from tests.shells import ROOT, Shell, ids, upload_here
from tests.test_secrets import KEY, SECRET, assert_clean


def run(*arguments: str, cwd: Path, stdin: bytes = b"", **env: str):
    done = subprocess.run(
        [sys.executable, "-m", "batchconv", "report", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "50"} | env,
    )
    assert b"Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture
def night(tmp_path):
    """An upload that was cut short, with rows of all kinds, and a resend of two of them."""
    outcomes = ["accepted", "rejected", "failed", "invalid", "skipped"]
    lines = [line(n, outcomes[n % 5 if n < 50 else 0]) for n in range(1, 301)]
    lines += [again(2, "failed"), again(7, "failed")]
    path = tmp_path / "export.results.jsonl"
    write(path, lines)
    resend = run_of("again", command="resend", exit_code=0, started=BEGIN + 899)
    write_runs(path, run_of(lines[0].run, exit_code=3, unsent=12, throttled=4), resend)
    return tmp_path


def in_terminal(*arguments: str, cwd: Path, columns: int, **env: str) -> str:
    """What a person at a terminal so wide would see, with its signs."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    own = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "COLUMNS", "TERM"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "batchconv", "report", *arguments],
        stdin=child,
        stdout=child,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env=own | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color"} | env,
    )
    os.close(child)
    told = b""
    while True:
        try:
            data = os.read(parent, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        told += data
    os.close(parent)
    assert process.wait() == 0
    return told.decode().replace("\r\n", "\n")


def test_a_pipe_gets_the_same_without_control_characters(night):
    done = run("export.results.jsonl", cwd=night)
    assert done.returncode == 0
    assert done.stderr == b""
    told = done.stdout.decode()
    assert re.findall(r"[^\n\x20-\x7e\x80-\U0010ffff]|[\x80-\x9f]", told) == []
    terminal = in_terminal("export.results.jsonl", cwd=night, columns=100)
    assert "\x1b[" in terminal
    assert re.sub(r"\x1b\[[0-9;]*m", "", terminal) == told


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "unknown"}])
def test_a_terminal_without_colours_gets_none(night, env):
    told = in_terminal("export.results.jsonl", cwd=night, columns=100, **env)
    assert "\x1b" not in told
    assert "need attention" in told


@pytest.mark.parametrize("columns", [40, 60, 80, 132])
def test_no_line_is_wider_than_the_terminal_but_the_commands(night, columns):
    told = in_terminal("export.results.jsonl", cwd=night, columns=columns)
    for one in re.sub(r"\x1b\[[0-9;]*m", "", told).splitlines():
        assert len(one) <= columns or one.startswith("    batchconv "), one
    assert "now" in told


def test_a_command_is_not_broken_however_long_it_is(tmp_path):
    name = write(tmp_path / f"{'long ' * 30}.jsonl", [line(1, "failed")])
    (command,) = commands(tmp_path, name)
    for told in (in_terminal(name, cwd=tmp_path, columns=60), run(name, cwd=tmp_path).stdout):
        text = told if isinstance(told, str) else told.decode()
        assert command in text.replace("\x1b[1m", "")


def test_it_answers_in_one_screen(night):
    told = run("export.results.jsonl", cwd=night)
    assert told.stdout.count(b"\n") <= 50


def test_it_tells_what_a_reader_looks_for(night):
    told = run("export.results.jsonl", cwd=night)
    words = " ".join(told.stdout.decode().split())
    for wanted in (
        "28 of 300 rows need attention",
        "The last upload of export.results.jsonl ended with exit code 3, 12 rows unsent",
        "2 outcomes were replaced by later ones",
        "upload resend now",
        "rows 300 2 300",
        "accepted 260 2 262",
        "failed 10 0 8",
        "unsent 12 0",
        '10 invalid-parameters (rejected) row 1 of export.csv (line 2), id "id1": why',
        "p50 80 ms",
        "batchconv upload --resume",
        "batchconv failed export.results.jsonl export.csv",
        "batchconv dismiss --outcome rejected --outcome invalid export.results.jsonl",
    ):
        assert wanted in words, wanted


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_hostile_texts_are_harmless_in_any_encoding(tmp_path, encoding):
    lines = [
        line(n, "failed", source=text, message_id=text, detail=text, reason=f"r-{chr(97 + n)}",
             run=text, target=text)
        for n, text in enumerate(HOSTILE)
    ]  # fmt: skip
    for part in (lines[:8], lines[8:]):
        write(tmp_path / "a.jsonl", part)
        done = run("a.jsonl", cwd=tmp_path, PYTHONIOENCODING=encoding)
        assert done.returncode == 0
        told = done.stdout.decode(encoding)
        assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u200d]", told) == []
    assert r"\x1b[31mred\x07" in told
    assert r"\u202eevil" in told


def test_json_has_these_fields_and_no_others(night):
    done = run("export.results.jsonl", "--json", cwd=night)
    report = json.loads(done.stdout)
    assert report["rows"] == 300
    assert report["unsent"] == 12
    outcomes = {"accepted", "rejected", "failed", "invalid", "skipped"}
    assert set(report) == outcomes | {
        "made", "rows", "replaced", "attention", "unsent", "targets", "jobs", "reasons",
        "latency_ms", "latency_histogram", "runs", "next",
    }  # fmt: skip
    assert set(report["jobs"][0]) == outcomes | {
        "path", "torn", "writer", "outstanding", "unsent", "unfinished_run", "crashes",
        "failed_rows",
    }  # fmt: skip
    assert set(report["runs"][0]) == outcomes | {
        "run", "what", "path", "sources", "targets", "begin", "end", "seconds", "rows", "requests",
        "rows_per_second", "latency_ms", "attempts", "statuses", "timeline", "crashed", "told",
    }  # fmt: skip
    assert set(report["runs"][0]["told"]) == {
        "command", "inputs", "options", "started", "finished", "exit_code", "unsent", "retries",
        "throttled", "unknown_repeats", "workers_lost", "rate", "pauses",
    }  # fmt: skip


def test_json_keeps_texts_as_they_are(tmp_path):
    lines = [line(n, "failed", message_id=text[:400]) for n, text in enumerate(HOSTILE[:3])]
    write(tmp_path / "a.jsonl", lines)
    report = json.loads(run("a.jsonl", "--json", cwd=tmp_path).stdout)
    told = [example["message_id"] for example in report["reasons"][0]["examples"]]
    assert told == HOSTILE[:3]


def test_results_come_from_standard_input_too(night):
    data = (night / "export.results.jsonl").read_bytes()
    done = run("-", cwd=night, stdin=data)
    assert b"28 of 300 rows need attention" in done.stdout
    done = run("-", "export.results.jsonl", cwd=night, stdin=data)
    assert b"56 of 600 rows need attention" in done.stdout


def test_no_standard_input_at_all_is_5(tmp_path):
    """`batchconv report - <&-`."""
    command = [sys.executable, "-m", "batchconv", "report", "-"]
    done = subprocess.run(
        command, stderr=subprocess.PIPE, check=False, cwd=tmp_path, preexec_fn=lambda: os.close(0)
    )
    assert b"- cannot be read: Bad file descriptor" in done.stderr
    assert done.returncode == 5


def test_a_page_goes_to_a_file_or_to_standard_output(night):
    done = run("export.results.jsonl", "--html", "page.html", cwd=night)
    assert done.stdout == b"28 of 300 rows need attention: page.html\n"
    assert stat.S_IMODE((night / "page.html").stat().st_mode) == 0o600
    done = run("export.results.jsonl", "--html", "-", cwd=night, PYTHONIOENCODING="ascii")
    assert done.stdout.startswith(b"<!doctype html>")
    both = run("export.results.jsonl", "--html", "page.html", "--json", cwd=night)
    assert json.loads(both.stdout)["rows"] == 300


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["none.jsonl"], 5, "none.jsonl cannot be read"),
        (["."], 5, "cannot be read: Is a directory"),
        (["export.runs.jsonl"], 5, "export.runs.jsonl is not a results file"),
        (["export.results.jsonl", "--html", "export.runs.jsonl"], 2, "is not a page"),
        (["export.results.jsonl", "--html", "export.results.jsonl"], 2, "would be overwritten"),
        (["export.results.jsonl", "--html", "none/page.html"], 5, "cannot be written"),
        (["export.results.jsonl", "--html", "-", "--json"], 2, "both go to standard output"),
        ([], 2, "Missing argument 'RESULTS...'"),
    ],
)
def test_what_is_wrong_is_told_and_has_its_exit_code(night, arguments, code, word):
    before = {path: path.read_bytes() for path in night.iterdir()}
    done = run(*arguments, cwd=night)
    assert done.returncode == code
    assert word in done.stderr.decode()
    assert done.stdout == b""
    assert {path: path.read_bytes() for path in night.iterdir()} == before


def test_a_reader_that_leaves_is_no_error(night):
    script = (
        "batchconv report export.results.jsonl --json | head -c 1 >/dev/null; echo ${PIPESTATUS[0]}"
    )
    path = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        check=False,
        cwd=night,
        env=os.environ | {"PATH": path},
    )
    assert (done.stdout, done.stderr) == (b"0\n", b"")


# -- what to do next: the commands run -------------------------------------------------------------


def commands(folder: Path, *paths: str) -> list[str]:
    done = run(*paths, "--json", cwd=folder)
    return [step["command"] for step in json.loads(done.stdout)["next"]]


async def do(shell: Shell, command: str) -> int:
    """Run a command of a report as it would be pasted; its exit code."""
    word, *arguments = shlex.split(command)
    assert word == "batchconv"
    ended = await shell.start(*arguments).end()
    assert "Traceback" not in ended.err
    return ended.code


async def test_the_command_for_failed_rows_sends_them_again(tmp_path):
    fault = FaultRule("503", share=0.3)
    async with Simulator(Behaviour(faults=(fault,), first_attempts=1)) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "--max-attempts", "1")
        name = shell.write("a b.csv", ids(30))
        assert (await shell.uploaded(name, "--auth", "basic", "--summary", "s.json")).code == 1
        (command,) = commands(tmp_path, "a b.results.jsonl")
        assert "--auth basic" in command
        assert f"--base-url {simulator.base_url}" in command
        assert "--summary" not in command
        assert await do(shell, command) == 0
        report = make_report([str(tmp_path / "a b.results.jsonl")])
    assert report.outcomes["accepted"] == report.rows == 30
    assert report.replaced > 0
    assert report.steps == ()
    assert [one.what for one in report.runs] == ["upload", "resend"]


@pytest.mark.parametrize("results", [[], ["-o", "elsewhere/other.jsonl"]])
async def test_the_command_for_a_run_that_was_cut_short_goes_on_with_it(tmp_path, results):
    (tmp_path / "elsewhere").mkdir()
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        (tmp_path / "a.csv").write_text("ref;ok\n" + "".join(f"id{n};1\n" for n in range(200)))
        mapped = ("--map", "message_id=ref", "--map", "delivered=ok", "--timezone", "Asia/Tokyo")
        ended = await shell.uploaded(
            "a.csv", *mapped, "--rate", "300", "--max-duration", "0.5s", *results
        )
        assert ended.code == 3
        path = results[-1] if results else "a.results.jsonl"
        (command,) = commands(tmp_path, path)
        assert ("-o" in command) is bool(results)
        codes = [await do(shell, command)]
        while codes[-1] == 3 and len(codes) < 20:
            codes.append(await do(shell, command))
        report = make_report([str(tmp_path / path)])
    assert codes[-1] == 0
    assert report.outcomes["accepted"] == report.rows == 200
    assert {one.what for one in report.runs[1:]} == {"resume"}


async def test_the_commands_for_bad_rows_put_them_right_in_each_way(tmp_path):
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        (tmp_path / "a.csv").write_text("ref,delivered\na,true\nb,maybe\nc,perhaps\nd,so\n")
        assert (await shell.uploaded("a.csv", "--map", "message_id=ref")).code == 1
        correct, dismiss = commands(tmp_path, "a.results.jsonl")
        failed = tmp_path / "a.failed.csv"
        failed.write_text(failed.read_text().replace("maybe", "false"))
        assert await do(shell, correct) == 0
        assert sorted(simulator.stats.accepted_ids) == ["a", "b"]
        failed.unlink()
        write_anew, _ = commands(tmp_path, "a.results.jsonl")
        assert await do(shell, write_anew) == 0
        assert failed.read_text().count("\n") == 3
        assert await do(shell, dismiss) == 0
        report = make_report([str(tmp_path / "a.results.jsonl")])
    assert report.steps == ()
    assert report.attention == 0


def test_a_simulated_run_is_resent_to_the_simulator(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("message_id,delivered\n" + "".join(f"x{n},1\n" for n in range(60)))
    upload_here("a.csv", simulate="flaky", max_attempts=1)
    report = make_report(["a.simulated.results.jsonl"])
    resend = next(step.command for step in report.steps if "resend" in step.command)
    assert "--simulate=flaky" in shlex.split(resend)
    assert "--rate" not in resend


def test_a_command_shows_what_cannot_be_seen_and_still_names_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a\u202e.jsonl", "a\n.jsonl", "a\x1b[31m.jsonl"):
        report = make_report([write(Path(name), [line(1, "failed")])])
        (step,) = report.steps
        assert step.command.isprintable()
        echo = f"batchconv() {{ printf '%s|' \"$@\"; }}; {step.command}"
        done = subprocess.run(["sh", "-c", echo], capture_output=True, text=True, check=True)
        assert done.stdout == f"resend|{name}|"
    (step,) = make_report([write(Path("-o x;$(rm y).jsonl"), [line(1, "failed")])]).steps
    assert shlex.split(step.command) == ["batchconv", "resend", "--", "-o x;$(rm y).jsonl"]


def test_a_run_that_is_still_writing_is_told_and_not_disturbed(tmp_path):
    path = write(tmp_path / "a.jsonl", [line(1), line(2)])
    write_runs(Path(path), run_of(line(1).run, ended=False))
    with open(path, "ab") as file:
        file.write(b'{"source":"half')
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        report = make_report([path])
        told = to_text(report, width=100, colour=False)
    assert "All 2 rows were accepted so far" in told
    assert f"process {os.getpid()} is writing to" in told
    assert "did not end" not in told
    assert report.rows == 2


async def test_no_report_shows_a_secret(tmp_path):
    account = {"VONAGE_API_KEY": KEY, "VONAGE_API_SECRET": SECRET}
    faults = (FaultRule("503", share=0.2), FaultRule("420", share=0.2))
    async with Simulator(Behaviour(faults=faults, api_key=KEY, api_secret=SECRET)) as simulator:
        for auth in ("query", "basic"):
            shell = Shell(tmp_path, simulator.base_url)
            shell.env |= account
            name = shell.write(f"{auth}.csv", ids(30))
            await shell.uploaded(name, "--auth", auth, "--max-attempts", "1")
    names = ["query.results.jsonl", "basic.results.jsonl"]
    for more in ([], ["--json"], ["--html", "-"]):
        told = run(*names, *more, cwd=tmp_path).stdout.decode()
        assert "server-error" in told
        assert_clean(told, f"report {more}")


# -- words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "whole", "told"),
    [(0, 9, "0 %"), (9, 9, "100 %"), (1, 10**6, "<0.1 %"), (10**6 - 1, 10**6, ">99.9 %"),
     (1, 3, "33.3 %"), (0, 0, "\N{EN DASH}")],
)  # fmt: skip
def test_a_share_is_nothing_or_all_only_when_it_is(part, whole, told):
    assert share(part, whole) == told


def test_a_long_text_is_cut_short_also_when_it_grows_by_being_written_out():
    assert visible("a" * 300) == "a" * 200 + "…"
    assert len(visible("\u202e" * 300)) <= 201
    assert visible("\u202e" * 300).startswith(r"\u202e\u202e")
    assert visible("café 😀 é") == "café 😀 é"


def test_the_command_says_that_it_exits_with_0():
    command = cli.get_command(None, "report")
    assert "Exits with 0" in " ".join(command.help.split())
