"""`batchconv upload`: the main job."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from batchconv.cli.layers import FLAG, told_of
from batchconv.cli.options import FileName, settings_options
from batchconv.cli.running import SendingCommand, run_and_exit, sending_settings
from batchconv.cli.say import exit_with
from batchconv.reading.sources.names import is_url
from batchconv.sending.certificates import import_aiohttp_without_certificates
from batchconv.settings.options import Settings

if TYPE_CHECKING:
    from batchconv.journal.outcome_writer import Watch
    from batchconv.pipeline import Run


@click.command("upload", cls=SendingCommand)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=FileName())
@settings_options(Settings)
def upload(inputs: Sequence[str], **values: Any) -> None:
    """Send every row of INPUT to the Conversion API, and write its outcome.

    INPUT is a CSV, TSV, JSON, JSON Lines or Parquet file, plain or compressed, a folder or a
    quoted pattern of them, a URL, or - for standard input.

    \b
      batchconv upload export.csv
      batchconv upload --dry-run export.csv
      batchconv upload --simulate export.csv
      batchconv upload --resume export.csv
      batchconv upload export.failed.csv
      batchconv upload 'old/part-*.csv.gz'
      tail -n 0 -F events.jsonl | batchconv upload -

    Options can also stand in a file and in the environment (BATCHCONV_RATE=50): see
    `batchconv config`.
    """
    settings = sending_settings(values)
    if not any(is_url(name) for name in inputs):  # a library that reads those has its own needs
        import_aiohttp_without_certificates()

    told = told_of(click.get_current_context())
    given = {name for name, value in told.items() if value.origin == FLAG}
    if settings.dry_run:
        from batchconv.cli.dry_run import run_dry  # noqa: PLC0415 - start-up

        exit_with(run_dry(inputs, settings, os.environ, given))

    from batchconv.operations.upload import prepare_upload  # noqa: PLC0415 - start-up

    def prepare(watch: Watch | None) -> Run:
        return prepare_upload(inputs, settings, os.environ, watch, given=given)

    run_and_exit(prepare, settings)
