"""Exit codes: which of several a run ends with; and the command that installs an extra."""

import itertools
import subprocess
import sys

import pytest

from batchconv.errors import ExitCode, install_command

ORDER = [70, 4, 5, 2, 75, (129, 130, 143), 3, 1, 0]


def test_of_two_codes_the_first_in_the_published_order_holds():
    for first, second in itertools.combinations(ORDER, 2):
        for one in first if isinstance(first, tuple) else (first,):
            for other in second if isinstance(second, tuple) else (second,):
                assert ExitCode.first_of([other, one]) == one
                assert ExitCode.first_of([one, other]) == one


def test_a_run_without_any_reason_ends_with_0():
    assert ExitCode.first_of([]) == 0


@pytest.mark.parametrize("unknown", [99, -1, 255, 137])
def test_a_code_that_nobody_knows_is_a_defect_and_breaks_nothing(unknown):
    assert ExitCode.first_of([3, unknown]) == 70


def test_no_code_is_99_which_a_scheduler_reads_as_skipped():
    assert 99 not in set(ExitCode)


@pytest.mark.parametrize(
    ("pip", "called"),
    [
        (True, "PYTHON -m pip install batchconv[metrics]"),
        (False, "uv pip install --python PYTHON batchconv[metrics]"),
    ],
)
def test_an_extra_is_installed_for_the_python_that_runs(tmp_path, monkeypatch, pip, called):
    """A `pip` from the search path may belong to another one: to the system's, beside pipx's."""
    folder = tmp_path / "Joe's programs"
    folder.mkdir()
    for name in ("python", "uv", "pip"):
        (folder / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (folder / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    if not pip:
        monkeypatch.setitem(sys.modules, "pip", None)
    done = subprocess.run(
        ["/bin/sh", "-c", install_command("metrics")],
        env={"PATH": str(folder)}, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    shown = done.stdout.strip().replace(str(folder / "python"), "PYTHON")
    assert shown == called.replace("PYTHON -m", "python -m")
