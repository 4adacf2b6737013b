"""`batchconv upload`: the main job."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from batchconv.cli.options import GroupedCommand, GroupedOption, make_settings, settings_options
from batchconv.config import TELLING, Settings

if TYPE_CHECKING:
    from batchconv.pipeline import Run
    from batchconv.summary import Summary

_DEFAULT = click.core.ParameterSource.DEFAULT
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _UploadCommand(GroupedCommand):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # `--simulate` takes its profile only behind "=": an input that follows it is an input.
        given = ["--simulate=calm" if arg == "--simulate" else arg for arg in args]
        return super().parse_args(ctx, given)


@click.command("upload", cls=_UploadCommand)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@settings_options(Settings)
@click.option(
    "-q",
    "--quiet",
    is_flag=True,
    cls=GroupedOption,
    group=TELLING,
    help="Say nothing unless the exit code is not 0.",
)
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    cls=GroupedOption,
    group=TELLING,
    help="Tell of every attempt that was not accepted.",
)
@click.option(
    "--simulate", metavar="[=PROFILE]", cls=GroupedOption,
    help="Send to an embedded stand-in of the API: calm (the default), flaky, throttled or outage.",
)  # fmt: skip
def upload(inputs: Sequence[str], quiet: bool, verbose: bool, **values: Any) -> None:
    """Send every row of INPUT to the Conversion API, and write what became of it.

    INPUT is a CSV, TSV or JSON Lines file, plain or gzip, or - for standard input.

    \b
      batchconv upload export.csv
      batchconv upload --simulate export.csv
      zcat old/*.gz | batchconv upload - -o old.results.jsonl
    """
    if verbose:
        logging.basicConfig(stream=sys.stderr, format="%(message)s")
        logging.getLogger("batchconv").setLevel(logging.DEBUG)
    settings = make_settings(Settings, values)
    rate_given = click.get_current_context().get_parameter_source("rate") is not _DEFAULT
    if settings.simulate and not rate_given:
        settings = dataclasses.replace(settings, rate=None)

    from batchconv.uploading import prepare_upload  # noqa: PLC0415 - --help must not wait for aiohttp

    run = prepare_upload(inputs, settings, os.environ)
    if run.summary.torn and not quiet:
        click.echo(
            f"{run.summary.results}: a torn last line of {run.summary.torn} bytes was cut off; its "
            "row is sent again",
            err=True,
        )
    summary = asyncio.run(_run(run))
    if summary.exit_code or not quiet:
        _tell(summary)
    sys.exit(summary.exit_code)


async def _run(run: Run) -> Summary:
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        # A signal that whoever started us ignores (nohup) stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, run.interrupt, number)
    return await run.run()


def _tell(summary: Summary) -> None:
    for line in summary.lines():
        click.echo(line, err=True)
    for damage in summary.damages:
        click.echo(f"batchconv: {damage}", err=True)
    for stop in summary.stops:
        click.echo(f"batchconv: stopped: {stop.why}", err=True)
        if stop.hint:
            click.echo(f"  {stop.hint}", err=True)
    if summary.results != "-":
        click.echo(f"results: {summary.results}", err=True)
    for path in summary.failed:
        click.echo(f"failed rows: {path}", err=True)
