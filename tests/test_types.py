"""The types of the library, as a strict checker sees them in a program of a user's own."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.shells import ROOT

PROGRAM = """\
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import assert_type

from batchconv import (
    BasicAuth,
    BatchconvError,
    ConversionClient,
    ConversionRefused,
    ExitCode,
    OpenUpload,
    Reason,
    Result,
    Secret,
    Settings,
    Summary,
    upload,
    upload_sync,
)


async def rows() -> AsyncIterator[dict[str, object]]:
    yield {"message_id": "0C", "delivered": True}


def script(path: Path) -> None:
    summary = upload_sync(path, [{"message_id": "0C", "delivered": True}], rows())
    assert_type(summary, Summary)
    print(summary)


async def main(path: str) -> int:
    async with ConversionClient(BasicAuth("key", Secret("secret"))) as client:
        try:
            reply = await client.sms_conversion("0C", True, "2020-01-01 12:00:00")
            assert_type(reply.status, int | None)
        except ConversionRefused as refused:
            assert_type(refused.reply.status, int | None)
    settings = Settings(rate=10, auth="basic", max_duration=3600.0)
    async with OpenUpload(path, settings=settings, environment={}) as run:
        async for outcome in run:
            assert_type(outcome.result, Result)
            assert_type(outcome.row.number, int)
            assert_type(outcome.reason, Reason | None)
            assert_type(outcome.detail, str | None)
    assert_type(run.summary.exit_code, ExitCode)
    try:
        summary = await upload(path, settings=settings)
    except BatchconvError as error:
        assert_type(error.hint, str | None)
        return error.exit_code
    return summary.exit_code


asyncio.run(main("export.csv"))
"""


@pytest.fixture
def check(tmp_path):
    """Runs mypy on a program outside the project, for a Python in which batchconv is installed."""
    environment = tmp_path / "environment"
    venv.create(environment, symlinks=True)
    (site,) = environment.glob("lib/python*/site-packages")
    # As an installed package lies there: a checker looks for its py.typed, and not for an
    # editable install. What it needs is taken from where the tests have it.
    (site / "batchconv").symlink_to(ROOT / "batchconv")
    (site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")

    def run(program: str) -> str:
        (tmp_path / "program.py").write_text(program, encoding="utf-8")
        python = Path(environment, "bin", "python")
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary",
             f"--python-executable={python}", "program.py"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert not done.stderr, done.stderr
        return done.stdout

    return run


def test_a_users_program_is_accepted_by_a_strict_checker_and_its_mistakes_are_not(check):
    assert check(PROGRAM) == ""
    for right, wrong in [
        ("upload(path, settings", "upload(3, settings"),
        ("Settings(rate=10", "Settings(rat=10"),
        ('"0C", True', '"0C", "yes"'),
        ('BasicAuth("key", Secret("secret"))', 'BasicAuth("key", "secret")'),
    ]:
        assert right in PROGRAM
        told = check(PROGRAM.replace(right, wrong))
        assert told.count("error: ") == 1, told
