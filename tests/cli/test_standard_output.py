"""Standard output that takes no more: a full disk is an error, a reader that left is not."""

import os
import subprocess
import sys

import pytest

COMMANDS = [
    ["--help"],
    ["--version"],
    ["upload", "--help"],
    ["validate", "in.csv"],
    ["validate", "--json", "in.csv"],
    ["audit", "in.csv", "--results", "in.simulated.results.jsonl"],
    ["report", "in.simulated.results.jsonl"],
    ["report", "--json", "in.simulated.results.jsonl"],
    ["report", "--html", "-", "in.simulated.results.jsonl"],
    ["config", "show"],
    ["config", "init", "-"],
    ["completion", "bash"],
    ["simulate"],
]


def batchconv(folder, *arguments, **streams):
    return subprocess.run(
        [sys.executable, "-m", "batchconv", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **streams,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One with an input and its results."""
    folder = tmp_path_factory.mktemp("stdout")
    (folder / "in.csv").write_text("message_id,delivered\nA1,true\n")
    done = batchconv(
        folder,
        "upload",
        "--simulate",
        "-o",
        "in.simulated.results.jsonl",
        "in.csv",
        stdout=subprocess.PIPE,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_full_disk_under_standard_output_is_5_and_told_in_a_sentence(folder, arguments):
    with open("/dev/full", "wb") as full:
        done = batchconv(folder, *arguments, stdout=full)
    assert done.returncode == 5, done.stderr
    assert "standard output cannot be written: No space left on device" in done.stderr
    assert "defect" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [each for each in COMMANDS if each != ["simulate"]], ids=" ".join
)
def test_a_reader_that_has_left_ends_a_command_quietly_with_0(folder, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = batchconv(folder, *arguments, stdout=writer)
    finally:
        os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 0
