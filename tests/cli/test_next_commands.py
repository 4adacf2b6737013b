"""Every command that is printed runs as it is in a POSIX shell, whatever files are called."""

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile

import pytest

from batchconv.cli import cli
from batchconv.cli.next_commands import Given
from tests.commands import command
from tests.shells import ROOT

# The invalid row comes first, so that the first run has told it and the next one settles it.
ROWS = "message_id,delivered\nB1,maybe\n" + "".join(f"A{n},true\n" for n in range(6))
NAMES = {
    "leading dash": b"-in.csv",
    "two dashes": b"--resume",
    "blanks, quotes, dollar and backslash": b'my  it\'s "$(touch oops)" \\n%s`x`.csv',
    "line breaks": b"two\nlines\n",
    "no text": b"caf\xe9.csv",
    "letters beyond ASCII": "Übersicht 日本.csv".encode(),
}


@pytest.fixture
def run(tmp_path):
    """Runs a command line in a shell where `batchconv` is this program."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "batchconv"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m batchconv "$@"\n')
    program.chmod(0o755)
    folder = tmp_path / "here"
    folder.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "XDG_CONFIG_HOME": str(tmp_path),
    }

    def run(command, *arguments):
        return subprocess.run(
            [shutil.which("sh"), "-c", command, "sh", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )

    run.folder = folder
    return run


def printed(error: bytes, words: str) -> str:
    found = re.search(rf"^.*{words}: (.*)$", error.decode(), re.MULTILINE)
    assert found, error
    return found[1]


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_printed_command_goes_on_with_the_same_file(run, name):
    (run.folder / os.fsdecode(name)).write_text(ROWS)
    first = run(
        'batchconv upload --simulate --rate 4 --max-duration 400ms -- "$1"', os.fsdecode(name)
    )
    assert first.returncode == 3, first.stderr
    again = printed(first.stderr, "resume with")
    assert again.isprintable()
    last = run(again.replace("--max-duration 400ms ", ""))
    assert last.returncode == 0, last.stderr
    assert b"unsent 0" in last.stderr
    assert b"settled 0 " not in last.stderr, "it found what the first had done"
    assert not (run.folder / "oops").exists()


def test_a_printed_command_has_the_options_that_matter_and_no_others(run):
    (run.folder / "in.csv").write_text(ROWS.replace(",", ";"), encoding="latin-1")
    done = run(
        "batchconv upload --simulate=calm --delimiter ';' --encoding latin-1 --format csv "
        "--max-age 10000d -v --auth basic --rate 1000 in.csv"
    )
    assert done.returncode == 1, done.stderr
    told = printed(done.stderr, "then")
    assert "--simulate " in told
    assert "--auth basic" in told
    for word in ("--encoding", "--format", "--delimiter", "--max-age", "-v", "--log-format"):
        assert word not in told


@pytest.mark.parametrize("words", ["validate --true ok", "upload --true ok --simulate"])
def test_an_input_that_has_to_be_piped_is_piped_into_the_same_command(run, words):
    """Nobody who rehearses gets a command that sends in earnest."""
    with tarfile.open(run.folder / "my export.tar", "w") as archive:
        info = tarfile.TarInfo("a.csv")
        info.size = len(data := b"message_id,delivered\nA1,ok\n")
        archive.addfile(info, io.BytesIO(data))
    refused = run(f"batchconv {words} 'my export.tar'")
    piped = refused.stderr.decode().splitlines()[1].strip()
    assert piped.endswith(f"| batchconv {words} -")
    done = run(piped)
    assert done.returncode == 0, done.stderr


def test_a_printed_command_shows_no_query_of_a_url_and_takes_the_key_from_the_environment():
    upload = command("upload")
    words = ["--api-key", "abcd1234", "https://host/export.csv?sig=secret#secret"]
    # A command keeps the help option of the first context that it gets.
    with upload.make_context("upload", list(words), **cli.context_settings) as context:
        told = Given(context).resume()
    assert told == (
        """batchconv upload --resume --api-key "$VONAGE_API_KEY" 'https://host/export.csv?...'"""
    )
