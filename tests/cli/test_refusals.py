"""Commands that cannot be meant so: exit code 2, and a sentence that says what to do instead."""

import os
import subprocess
import sys

import pytest

from tests.shells import ACCOUNT

RESULTS = "in.simulated.results.jsonl"
FAILED = "in.simulated.failed.csv"
REFUSED = [
    ("upload --simulate --resume --overwrite in.csv", "--resume and --overwrite cannot be used"),
    ("upload --simulate --retry none in.csv", "give --resume as well"),
    ("upload --simulate --no-failed --failed f.csv in.csv", "--failed and --no-failed cannot be"),
    ("upload --simulate --resume in.csv other.csv", "name the results with -o, in the first run"),
    (f"upload --simulate --overwrite {FAILED}", "--overwrite would begin another\n  leave it out"),
    (f"upload --simulate in.csv {FAILED}", "upload the failed rows by themselves"),
    ("upload --simulate=fla in.csv", "did you mean flaky?"),
    ("upload --simulate -o - --resume in.csv", "name a file with -o"),
    ("upload --profile= in.csv", "the value is empty"),
    (f"audit {FAILED} --results {RESULTS}", "name the files that were uploaded first"),
    (f"failed {RESULTS} {FAILED}", "name the files that were uploaded first"),
    (f"validate {RESULTS}", f"to send its failed rows again: batchconv resend {RESULTS}"),
    (f"dismiss {RESULTS}", "Give --row, --reason, --outcome or --all"),
    (f"dismiss {RESULTS} --all --reason bad-delivered", "--all cannot be used with --row"),
    (f"dismiss {RESULTS} --row in.csv", "not an input and a row's number, such as export.csv:17"),
    (f"dismiss {RESULTS} --row in.csv:99", "outstanding are: 1 invalid; see batchconv report"),
    (f"dismiss {RESULTS} --reason bad-deliverd", "did you mean bad-delivered or"),
    (f"dismiss {RESULTS} --reason xyzzy", "see batchconv manual reasons"),
]


def batchconv(folder, command):
    return subprocess.run(
        [sys.executable, "-m", "batchconv", *command.split()],
        cwd=folder,
        env=os.environ | ACCOUNT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One with a job that has an invalid row."""
    folder = tmp_path_factory.mktemp("refused")
    (folder / "in.csv").write_text("message_id,delivered\nA1,true\nA2,perhaps\n")
    (folder / "other.csv").write_text("message_id,delivered\nA1,true\n")
    assert batchconv(folder, "upload --simulate in.csv").returncode == 1
    return folder


@pytest.mark.parametrize(("command", "sentence"), REFUSED)
def test_it_is_refused_with_what_to_do_and_changes_nothing(folder, command, sentence):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    done = batchconv(folder, command)
    assert sentence in done.stderr
    assert done.returncode == 2
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_what_inputs_lack_of_a_job_is_told(folder):
    assert "1 more is outstanding in the job, and not in these inputs" in (
        batchconv(folder, f"failed {RESULTS} other.csv").stdout
    )
    assert "1 bad outcome is of rows that are not in the inputs any more" in (
        batchconv(folder, f"audit other.csv --results {RESULTS}").stdout
    )


def test_strict_names_the_rows_for_which_nothing_is_sent(folder):
    done = batchconv(folder, "upload --simulate --strict -o strict.simulated.results.jsonl in.csv")
    assert "in.csv row 2, line 3: delivered 'perhaps' is neither true nor false" in done.stderr
    assert "1 row is invalid of 2 that were read: with --strict nothing is sent" in done.stderr
    assert done.returncode == 1
    assert not (folder / "strict.simulated.results.jsonl").exists()
