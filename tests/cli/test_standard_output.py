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
    ["failed", "in.simulated.results.jsonl", "in.csv"],
    ["failed", "bad.simulated.results.jsonl", "bad.csv", "-o", "-"],
    ["manual", "rate"],
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
    """One with two inputs and their results; a row of `bad.csv` is outstanding."""
    folder = tmp_path_factory.mktemp("stdout")
    for name, delivered, code in (("in.csv", "true", 0), ("bad.csv", "perhaps", 1)):
        (folder / name).write_text(f"message_id,delivered\nA1,{delivered}\n")
        done = batchconv(folder, "upload", "--simulate", name, stdout=subprocess.PIPE)
        assert done.returncode == code, done.stderr
    return folder


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_full_disk_under_standard_output_is_5_and_told_in_a_sentence(folder, arguments):
    with open("/dev/full", "wb") as full:
        done = batchconv(folder, *arguments, stdout=full)
    assert done.returncode == 5, done.stderr
    assert "standard output cannot be written: No space left on device" in done.stderr
    assert "defect" not in done.stderr


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_standard_output_at_all_is_5_and_told_in_a_sentence(folder, arguments):
    """`batchconv report in.results.jsonl >&-`."""
    done = batchconv(folder, *arguments, preexec_fn=lambda: os.close(1))
    assert "standard output cannot be written: Bad file descriptor" in done.stderr
    assert "defect" not in done.stderr
    assert done.returncode == 5


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
