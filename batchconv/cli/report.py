"""`batchconv report`: what happened, for people."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

import click

from batchconv.cli.options import FileName, GroupedCommand
from batchconv.cli.say import say
from batchconv.journal.append_only_file import STDOUT


@click.command("report", cls=GroupedCommand)
@click.argument("results", metavar="RESULTS...", nargs=-1, required=True, type=FileName())
@click.option(
    "--html",
    metavar="FILE",
    type=FileName(),
    help="Write an HTML page that needs no network; - for standard output.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def report(results: Sequence[str], html: str | None, as_json: bool) -> None:
    """Tell what happened to the rows of RESULTS, and what to do next.

    RESULTS are the results files of jobs, in any order, or - for standard input. What is said
    of their runs comes from the runs files beside them. Of a row's outcomes the last counts. Exits
    with 0 when there is a report, whatever it says.

    \b
      batchconv report export.results.jsonl
      batchconv report export.results.jsonl --html night.html
      batchconv upload -o - export.csv | batchconv report -
    """
    from batchconv.report.facts import verdict  # noqa: PLC0415 - start-up: --help needs none of it
    from batchconv.report.making import make_report  # noqa: PLC0415 - start-up
    from batchconv.report.page import check_page, to_html, write_page  # noqa: PLC0415 - start-up
    from batchconv.report.wording import visible  # noqa: PLC0415 - start-up

    if html == STDOUT and as_json:
        raise click.UsageError("--json and --html - would both go to standard output")
    if html is not None:
        check_page(html, results)
    made = make_report(results)
    if html == STDOUT:
        say(to_html(made).encode())
        return
    if html is not None:
        write_page(made, html)
    if as_json:
        from batchconv.report.as_json import to_json  # noqa: PLC0415 - start-up

        say(to_json(made))
    elif html is not None:
        say(f"{verdict(made).headline}: {visible(html, 1000)}")
    else:
        from batchconv.report.text import to_text  # noqa: PLC0415 - start-up

        say(to_text(made, width=_width(), colour=_colour(), encoding=sys.stdout.encoding))


def _width() -> int:
    # A pipe has no width; what is said there must not depend on the terminal it is far from.
    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 100


def _colour() -> bool:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") in ("dumb", "unknown")
    return sys.stdout.isatty() and not plain
