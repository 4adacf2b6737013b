"""`batchconv audit`: the books, proved from the files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from batchconv.cli.options import FileName, GroupedCommand, make_settings, settings_options
from batchconv.cli.say import say, say_aside
from batchconv.settings.read_options import ReadSettings

if TYPE_CHECKING:
    from batchconv.journal.quick_entries import Entry
    from batchconv.model import Row


@click.command("audit", cls=GroupedCommand)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=FileName())
@click.option(
    "--results",
    "results_files",
    metavar="FILE",
    type=FileName(),
    multiple=True,
    required=True,
    help="Results of the upload, then of each resend, in order. Repeatable.",
)
@settings_options(ReadSettings)
def audit(inputs: Sequence[str], results_files: Sequence[str], **values: Any) -> None:
    """Check that every row of INPUT has an outcome and no outcome lacks a row.

    Names each row and each outcome that does not fit. Exits with 0 when all fit, else with 1.
    Give the options about rows that the upload was given.
    """
    from batchconv.operations.audit import audit as reconcile  # noqa: PLC0415 - start-up

    found = reconcile(
        inputs, results_files, make_settings(ReadSettings, values),
        tell_missing=_tell_missing, tell_orphan=_tell_orphan,
    )  # fmt: skip
    told = ", ".join(f"{result.value} {count}" for result, count in found.outcomes.items())
    say(
        f"{found.rows} rows: {told or 'no outcomes'}; {found.missing} without an outcome; "
        f"{found.orphans} outcomes without a row"
    )
    for damage in found.damages:
        say_aside(f"batchconv: {damage}")
    sys.exit(found.exit_code)


def _tell_missing(row: Row) -> None:
    line = "" if row.line is None else f", line {row.line}"
    say(f"no outcome: {row.source} row {row.number}{line}")


def _tell_orphan(path: str, entry: Entry) -> None:
    say(f"no row: {entry.source} row {entry.row}, {entry.outcome} in {path}")
