"""`batchconv resend`: the rows of an earlier run that failed, once more."""

from __future__ import annotations

import os
from typing import Any

import click

from batchconv.cli.options import FileName, settings_options
from batchconv.cli.running import SendingCommand, run_and_exit, sending_settings
from batchconv.sending.certificates import import_aiohttp_without_certificates
from batchconv.settings.option_types import options_of
from batchconv.settings.options import Settings
from batchconv.settings.read_options import ReadSettings

_ABOUT_INPUTS = {
    *options_of(ReadSettings), "max_age", "results", "failed", "no_failed", "resume", "retry",
    "overwrite", "dry_run", "strict",
}  # fmt: skip


@click.command("resend", cls=SendingCommand)
@click.argument("earlier", metavar="RESULTS", type=FileName())
@click.option(
    "--include", type=click.Choice(["rejected"]), help="Send the rejected rows again, too."
)
@settings_options(
    Settings,
    only=[n for n in options_of(Settings) if n not in _ABOUT_INPUTS],
)
def resend(earlier: str, include: str | None, **values: Any) -> None:
    """Send the failed rows of a job again, from the values in its journal.

    For when the input is gone: with the input, `upload --resume` does the same. The outcomes are
    added to RESULTS.

    \b
      batchconv resend export.results.jsonl
    """
    settings = sending_settings(values)
    import_aiohttp_without_certificates()

    from batchconv.operations.resend import prepare_resend  # noqa: PLC0415 - start-up

    run_and_exit(
        lambda watch: prepare_resend(
            earlier, settings, os.environ, include_rejected=include == "rejected", watch=watch
        ),
        settings,
    )
