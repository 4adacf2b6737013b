"""Progress: what a person sees at a terminal, and what stands in a log."""

import asyncio
import os
import re
import signal
import subprocess
import sys

import pytest

from batchconv.simulator import Behaviour, FaultRule, Simulator
from tests.shells import Ended, Shell, behave, ids
from tests.terminals import PROGRAM, Terminal

HANG = Behaviour(latency=0.01, faults=(FaultRule("hang", every=30),))
BOOKS = "read 59 = settled 0 + accepted 59 + rejected 0"


@pytest.fixture
async def simulator():
    """29 rows are accepted, and the thirtieth hangs until it is asked to behave."""
    async with Simulator(HANG) as running:
        yield running


class Desk:
    """A folder with a file of rows, and a terminal in front of it."""

    def __init__(self, folder, simulator, rows=59, **env):
        self.shell = Shell(folder, simulator.base_url, "--timeout", "1s", "--concurrency", "3")
        self.shell.env |= {"TERM": "xterm-256color"} | env
        self.shell.write("in.csv", ids(rows))

    def upload(self, *arguments, **how) -> Terminal:
        return Terminal(
            "upload", *self.shell.options, "in.csv", *arguments,
            folder=self.shell.folder, env=self.shell.env, **how,
        )  # fmt: skip


@pytest.mark.parametrize("columns", [120, 80, 50, 33, 20, 8])
async def test_a_bar_tells_how_far_it_is_and_leaves_with_the_run(columns, tmp_path, simulator):
    async with Desk(tmp_path, simulator).upload(columns=columns) as terminal:
        # A bar may be on the screen in part.
        whole = ("%", "retr", "p95") if columns >= 80 else ("%",)
        await terminal.shows(lambda screen: all(part in screen.text for part in whole))
        screen = list(terminal.screens)[-1]
        behave(simulator)
        assert await terminal.end() == 0
        seen = " ".join("\n".join(terminal.display).split())
    if columns >= 50:
        bar = screen[next(n for n, line in enumerate(screen) if "%" in line) :]
        assert "of 59 rows" in bar[0]
    if columns >= 80:
        assert "━" in bar[0]
        assert re.search(r"accepted \d+  rejected 0  failed 0  invalid 0  \d retr", bar[1])
        assert re.search(r"\d in flight\s+p50 \d+ ms\s+p95 \d+ ms", "\n".join(bar))
    assert "━" not in seen
    assert ("unsent 0" if columns > 8 else "results") in seen


async def test_no_line_of_the_bar_is_wider_than_the_terminal_also_after_it_was_resized(
    tmp_path, simulator
):
    """Some shells export COLUMNS, which is not true any more then."""
    behave(simulator, latency=0.1)
    desk = Desk(tmp_path, simulator, rows=400, COLUMNS="30")
    async with desk.upload(columns=100) as terminal:
        for columns, widest in ((100, 99), (40, 39), (90, 89)):
            terminal.resize(columns, 24)
            before = len(_frames(terminal.written))
            await terminal.shows(
                lambda screen, then=before: len(_frames(screen.written)) > then + 2
            )
            lines = _frames(terminal.written)[-2]  # the last one may be half
            assert max(map(len, lines)) <= widest
            if columns >= 90:
                assert len(lines[0]) == widest
        behave(simulator)
        assert await terminal.end() == 0
        assert "unsent 0" in terminal.text.replace("\n", "")


def _frames(written):
    """What was drawn, each time; the lines of it without colours."""
    drawn = re.split(rb"(?:\r?\x1b\[2K(?:\x1b\[1A)?)+", written)
    return [re.sub(r"\x1b\[[0-9;]*m", "", one.decode()).split("\r\n") for one in drawn]


async def test_it_tells_of_an_outage_while_it_lasts(tmp_path, simulator):
    behave(simulator, status_for_all=503)
    async with Desk(tmp_path, simulator).upload("--backoff-base", "10ms") as terminal:
        await terminal.shows(lambda screen: re.search("outage for .*; next probe", screen.text))
        above = terminal.text.split("━")[0]
        behave(simulator)
        assert await terminal.end() == 0
        assert "batchconv: outage: over after" in terminal.text
    assert "batchconv: outage: the server answered 503" in above


async def test_it_tells_of_throttling_while_it_lasts(tmp_path, simulator):
    behave(simulator, status_for_all=429, retry_after="1")
    async with Desk(tmp_path, simulator, rows=2).upload() as terminal:
        await terminal.shows(lambda screen: "throttled for " in screen.text)
        behave(simulator)
        assert await terminal.end() == 0
        assert "throttled for" not in terminal.text


async def test_it_tells_that_it_stops_and_what_it_still_waits_for(tmp_path, simulator):
    behave(simulator, FaultRule("hang", share=1.0))
    async with Desk(tmp_path, simulator).upload("--timeout", "30s") as terminal:
        await terminal.shows(lambda screen: "3 in flight" in screen.text)
        terminal.type(b"\x03")
        await terminal.shows(lambda screen: "SIGINT; 3 still in flight" in screen.text)
        terminal.type(b"\x03")
        assert await terminal.end() == 130
        assert "unsent 3" in terminal.text.replace("\n", "")


async def test_from_a_pipe_it_waits_for_input_and_claims_no_end(tmp_path, simulator):
    desk = Desk(tmp_path, simulator)
    async with Terminal(
        "upload", *desk.shell.options, "-", folder=tmp_path, env=desk.shell.env,
        streams=("stdout", "stderr"), stdin=subprocess.PIPE,
    ) as terminal:  # fmt: skip
        terminal.process.stdin.write(b"message_id,delivered\na,true\nb,true\n")
        terminal.process.stdin.flush()
        await terminal.shows(lambda screen: "waiting for input" in screen.text)
        assert "2 rows" in terminal.text
        assert "%" not in terminal.text
        assert " left" not in terminal.text
        terminal.process.stdin.close()
        assert await terminal.end() == 0


async def test_what_is_logged_stands_above_the_bar_in_whole_lines(tmp_path, simulator):
    behave(simulator, FaultRule("420", every=2), latency=0.05)
    async with Desk(tmp_path, simulator, rows=40).upload("-v", lines=200) as terminal:
        assert await terminal.end() == 1
        assert "━" in "".join("".join(screen) for screen in terminal.screens)
        rows = [line for line in terminal.display if re.match("in.csv row .*: rejected", line)]
        assert len(rows) == 20
        assert "━" not in terminal.text


async def test_without_colours_nothing_is_coloured(tmp_path, simulator):
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        async with Desk(tmp_path, simulator, **env).upload("--overwrite") as terminal:
            await terminal.shows(lambda screen: "in flight" in screen.text)
            behave(simulator)
            assert await terminal.end() == 0
            colours = re.findall(rb"\x1b\[[0-9;]*m", terminal.written)
            assert any(re.search(rb"[\[;]3[0-9]", one) for one in colours) is coloured
        behave(simulator, *HANG.faults, latency=HANG.latency)


@pytest.mark.parametrize("term", ["dumb", ""])
async def test_a_terminal_that_cannot_draw_gets_lines(term, tmp_path, simulator):
    behave(simulator)
    async with Desk(tmp_path, simulator, TERM=term).upload("--progress", "bar") as terminal:
        assert await terminal.end() == 0
        assert BOOKS in terminal.text
    assert not _controls(terminal.written)


@pytest.mark.parametrize("arguments", [["-q"], ["--progress", "none"], ["--progress", "plain"]])
async def test_who_wants_no_bar_gets_none(arguments, tmp_path, simulator):
    behave(simulator, latency=0.05)
    async with Desk(tmp_path, simulator).upload(*arguments) as terminal:
        assert await terminal.end() == 0
        assert ("unsent 0" in terminal.text.replace("\n", "")) is (arguments != ["-q"])
    assert not _controls(terminal.written)
    assert terminal.written if arguments != ["-q"] else not terminal.written


async def test_rows_and_bar_do_not_mix_on_one_terminal(tmp_path, simulator):
    behave(simulator, latency=0.05)
    desk = Desk(tmp_path, simulator)
    async with desk.upload("-o", "-", "--progress", "bar", columns=1000) as terminal:
        assert await terminal.end() == 0
    assert not _controls(terminal.written)
    assert terminal.written.count(b'{"source":"in.csv"') == 59


async def test_rows_to_a_file_and_a_bar_do(tmp_path, simulator):
    desk = Desk(tmp_path, simulator)
    with (tmp_path / "rows").open("wb") as rows:
        async with desk.upload("-o", "-", streams=("stdin", "stderr"), stdout=rows) as terminal:
            await terminal.shows(lambda screen: "━" in screen.text)
            behave(simulator)
            assert await terminal.end() == 0
    assert (tmp_path / "rows").read_bytes().count(b"\n") == 59


async def test_in_the_background_it_does_not_draw(tmp_path, simulator):
    """`batchconv ... &` at an interactive shell, which goes on using the terminal."""
    behave(simulator, latency=0.05)
    desk = Desk(tmp_path, simulator)
    async with desk.upload(
        program=("sh", "-c", 'set -m; "$@" & wait $!', "sh", *PROGRAM)
    ) as terminal:
        assert await terminal.end() == 0
        assert BOOKS in terminal.text.replace("\n", "")
    assert not _controls(terminal.written)


def _controls(written: bytes) -> list[bytes]:
    return re.findall(rb"[^\r\n\x20-\x7e\x80-\xff]", written)


@pytest.mark.parametrize("progress", ["auto", "bar", "plain", "none"])
async def test_a_log_never_gets_a_control_character(progress, tmp_path, simulator):
    behave(simulator, FaultRule("420", every=3))
    desk = Desk(tmp_path, simulator)
    ended = await desk.shell.uploaded("in.csv", "--progress", progress, "-v")
    assert ended.code == 1
    assert not _controls(ended.err.encode())


async def test_a_name_with_control_characters_is_told_without_them(tmp_path, simulator):
    desk = Desk(tmp_path, simulator)
    ended = await desk.shell.uploaded("no\x1b[31m\n\u009bsuch.csv")
    assert ended.code == 5
    assert "no\\x1b[31m\\x0a\\x9bsuch.csv" in ended.err


async def minutely(shell: Shell, *arguments: str, minute: float = 0.2) -> Ended:
    """The program as it is, but for the length of its minute."""
    script = (
        "import sys, batchconv.telemetry.progress_lines as plain\n"
        f"plain.EVERY = {minute}\n"
        "from batchconv.cli import main\nmain()"
    )
    process = start(shell, sys.executable, "-c", script, "upload", *shell.options, *arguments)
    err = await _ended(process)
    return Ended(process.returncode, "", err.decode())


async def test_elsewhere_a_plain_line_a_minute_tells_the_same(tmp_path, simulator):
    behave(simulator, latency=0.05)
    desk = Desk(tmp_path, simulator)
    ended = await minutely(desk.shell, "in.csv")
    lines = ended.err.splitlines()
    plain = [line for line in lines if " in flight" in line]
    assert plain
    columns = 5  # a heading, and a line for each field
    assert lines[columns : columns + len(plain)] == plain
    assert lines[columns + len(plain)].startswith(BOOKS)
    for line in plain:
        assert re.fullmatch(
            r"\d+ of 59 rows \(\d+%\) after [\d.]+ m?s, [\d.]+ a second, \d+ s left; "
            r"accepted \d+, rejected 0, failed 0, invalid 0; 0 retries; [0-3] in flight; "
            r"p50 \d+ ms; p95 \d+ ms",
            line,
        ), line


async def test_a_run_of_less_than_a_minute_has_no_such_line(tmp_path, simulator):
    behave(simulator, latency=0.05)
    ended = await Desk(tmp_path, simulator).shell.uploaded("in.csv")
    assert ended.err.splitlines()[5].startswith(BOOKS)  # the columns are told before


async def test_a_reader_of_the_log_that_leaves_harms_nothing(tmp_path, simulator):
    behave(simulator, FaultRule("420", every=2), latency=0.01)
    desk = Desk(tmp_path, simulator)
    reading, writing = os.pipe()
    process = start(
        desk.shell, *PROGRAM, "upload", *desk.shell.options, "in.csv", "-v", stderr=writing
    )
    os.close(writing)
    os.close(reading)
    await _ended(process)
    assert process.returncode == 1
    assert len(desk.shell.results("in.results.jsonl")) == 59


async def test_a_reader_of_the_log_that_is_stuck_holds_up_nothing(tmp_path, simulator):
    """All rows are settled while nobody reads what is told of them, a pipe's worth and more."""
    behave(simulator, FaultRule("420", share=1.0))
    desk = Desk(tmp_path, simulator, rows=3000)
    running = start(
        desk.shell, *PROGRAM, "upload", *desk.shell.options, "in.csv", "-v", "--max-errors", "none"
    )
    await simulator.wait_for_requests(3000)
    err = await _ended(running)
    assert running.returncode == 1
    assert len(desk.shell.results("in.results.jsonl")) == 3000
    assert err.count(b": rejected, ") == 3000


def start(shell: Shell, *command: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """A command of any kind in the shell's folder."""
    return subprocess.Popen(command, cwd=shell.folder, env=shell.env, stderr=stderr)


async def _ended(process: subprocess.Popen[bytes]) -> bytes:
    _, err = await asyncio.to_thread(process.communicate)
    return err or b""


@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-", ">&- 2>&-"])
async def test_without_standard_error_nothing_of_it_lands_in_a_file(closed, tmp_path, simulator):
    behave(simulator, FaultRule("420", every=2))
    desk = Desk(tmp_path, simulator)
    process = start(
        desk.shell, "sh", "-c", f'exec "$@" {closed}', "sh", *PROGRAM, "upload",
        *desk.shell.options, "in.csv", "-v", "--summary", "s.json",
    )  # fmt: skip
    await _ended(process)
    assert process.returncode == 1
    assert len(desk.shell.results("in.results.jsonl")) == 59
    failed = (tmp_path / "in.failed.csv").read_text().splitlines()
    assert len(failed) == 1 + 29
    assert {len(line.split(",")) for line in failed} == {11}


async def test_without_standard_output_rows_cannot_go_there(tmp_path, simulator):
    behave(simulator)
    desk = Desk(tmp_path, simulator)
    process = start(
        desk.shell, "sh", "-c", 'exec "$@" >&-', "sh", *PROGRAM, "upload",
        *desk.shell.options, "in.csv", "-o", "-",
    )  # fmt: skip
    err = await _ended(process)
    assert process.returncode == 5
    assert b"standard output cannot be written" in err


async def test_a_terminal_that_hangs_up_ends_the_run_in_good_order(tmp_path, simulator):
    desk = Desk(tmp_path, simulator)
    terminal = desk.upload("--timeout", "30s")
    await terminal.shows(lambda screen: "in flight" in screen.text)
    behave(simulator)
    process = terminal.process
    terminal.hang_up()
    await _ended(process)
    assert process.returncode == 128 + signal.SIGHUP
    assert desk.shell.results("in.results.jsonl")


async def test_while_it_gets_ready_it_says_so(tmp_path, simulator):
    """A pipe that has not given its header yet."""
    behave(simulator)
    desk = Desk(tmp_path, simulator)
    async with Terminal(
        "upload", *desk.shell.options, "-", folder=tmp_path, env=desk.shell.env,
        streams=("stdout", "stderr"), stdin=subprocess.PIPE,
    ) as terminal:  # fmt: skip
        await terminal.shows(lambda screen: screen.text)
        assert terminal.display == [
            "getting ready: reading the inputs and the results of earlier runs"
        ]
        terminal.process.stdin.write(b"message_id,delivered\na,true\n")
        terminal.process.stdin.close()
        assert await terminal.end() == 0
        assert "getting ready" not in terminal.text


async def test_rows_that_are_typed_are_not_written_over(tmp_path, simulator):
    behave(simulator, latency=0.5)  # long enough for a bar
    desk = Desk(tmp_path, simulator)
    async with Terminal(
        "upload", *desk.shell.options, "-", folder=tmp_path, env=desk.shell.env
    ) as terminal:
        terminal.type(b"message_id,delivered\na,true\n")
        await simulator.wait_for_requests(1)
        terminal.type(b"b,true\n")
        await simulator.wait_for_requests(2)
        terminal.type(b"\x04")
        assert await terminal.end() == 0
        typed = ["message_id,delivered", "a,true", "b,true"]
        assert [line for line in terminal.display if line in typed] == typed
    assert not _controls(terminal.written)


async def test_a_bar_that_cannot_be_drawn_is_told_of_and_done_without(tmp_path, simulator):
    behave(simulator, latency=0.05)
    desk = Desk(tmp_path, simulator)
    script = (
        "import batchconv.telemetry.progress_bar as bar\n"
        "def broken(*_):\n    raise LookupError('a secret')\n"
        "bar.draw = broken\n"
        "from batchconv.cli import main\nmain()"
    )
    async with desk.upload(program=(sys.executable, "-c", script), columns=400) as terminal:
        assert await terminal.end() == 0
        told, books, *_ = [one for one in terminal.display if one.startswith(("batch", BOOKS))]
    assert re.fullmatch("batchconv: a defect in batchconv: LookupError at .* without a bar", told)
    assert books.startswith(BOOKS)
    assert "a secret" not in terminal.text
