"""A nightly upload that heals itself, as a DAG for Airflow (3.3) and its standard provider.

Key and secret are the login and the password of the connection `vonage`. Exports and results are in
the folder that CONVERSIONS_FOLDER names, which must be the same one every night: it is the results
that `--resume` goes by. A row that was not accepted is in `exports.failed/`; corrected there and
uploaded from the same folder, it is settled. `batchconv` has to be on the workers' PATH.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cached_property
from typing import Any

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import DAG, BaseHook, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

COMMAND = ["batchconv", "upload", "--resume", "--max-duration", "2h", "--auth", "basic", "exports/"]


class Verdict(Enum):
    """What becomes of a task, and what its log says then."""

    DONE = "every row was accepted"
    LOOK = "finished, and some rows were not accepted: they are in the failed-rows files"
    LATER = "not finished: the next try, or the next night's run, goes on where this one ended"
    MEND = "it has to be mended first: batchconv's last words above say what"


def verdict(exit_code: int) -> Verdict:
    """What an exit code of `batchconv upload --resume` asks for.

    Whatever is not among batchconv's own has killed it (137, -9): the results are whole, and go on.
    """
    if exit_code == 0:
        return Verdict.DONE
    if exit_code == 1:
        return Verdict.LOOK
    if exit_code in (2, 4, 5, 70):
        return Verdict.MEND
    return Verdict.LATER


class ConversionUpload(BaseOperator):
    """Runs COMMAND in *folder*, and succeeds, is tried again or fails for good by its exit code.

    It returns the exit code, 0 or 1, so that a task behind it can tell somebody of a 1.
    """

    template_fields = ("folder",)

    def __init__(self, *, folder: str, connection: str = "vonage", **more: Any) -> None:
        super().__init__(**more)
        self.folder = folder
        self.connection = connection

    @cached_property
    def _process(self) -> SubprocessHook:
        return SubprocessHook()

    def execute(self, context: Any) -> int:
        account = BaseHook.get_connection(self.connection)
        environment = {
            **os.environ,
            "VONAGE_API_KEY": account.login or "",
            "VONAGE_API_SECRET": account.password or "",
        }
        code = self._process.run_command(COMMAND, env=environment, cwd=self.folder).exit_code
        found = verdict(code)
        told = f"exit code {code}: {found.value}"
        if found is Verdict.MEND:
            raise AirflowFailException(told)  # no other try
        if found is Verdict.LATER:
            raise AirflowException(told)  # another try after retry_delay
        if found is Verdict.LOOK:
            self.log.warning(told)
        return code

    def on_kill(self) -> None:
        """SIGTERM: requests in flight get their five seconds, and the results are whole."""
        self._process.send_sigterm()


with DAG(
    "conversions",
    schedule="30 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # one run sends whatever earlier nights have left
    max_active_runs=1,  # a second one would end with 75
):
    ConversionUpload(
        task_id="upload",
        folder=os.environ.get("CONVERSIONS_FOLDER", "/srv/conversions"),
        # A night is at most four runs of two hours.
        retries=3,
        retry_delay=timedelta(minutes=15),
        execution_timeout=timedelta(hours=2, minutes=30),
    )
