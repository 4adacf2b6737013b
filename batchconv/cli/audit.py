"""`batchconv audit`: the books of a job, proved from its files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from batchconv.cli.options import FileName, GroupedCommand, make_settings, settings_options
from batchconv.cli.say import exit_with, say, say_aside
from batchconv.errors import count_of, printable
from batchconv.settings.read_options import ReadSettings

if TYPE_CHECKING:
    from batchconv.operations.audit import Audit, Place


@click.command("audit", cls=GroupedCommand)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=FileName())
@click.option(
    "--results", metavar="FILE", type=FileName(), required=True, help="The results file of the job."
)
@click.option(
    "--allow-gone", is_flag=True,
    help="Allow accepted rows that are not in the inputs any more.",
)  # fmt: skip
@click.option("--all", "name_all", is_flag=True, help="List every row, not only the first 20.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@settings_options(ReadSettings)
def audit(
    inputs: Sequence[str],
    results: str,
    allow_gone: bool,
    name_all: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Check that every row of INPUT has an outcome and no accepted outcome lacks a row.

    Names the rows and outcomes that do not fit. Exits with 0 when all fit, else with 1. Give the
    options about rows that the upload was given.
    """
    from batchconv.operations import audit as operation  # noqa: PLC0415 - start-up

    found = operation.audit(
        inputs, results, make_settings(ReadSettings, values),
        allow_gone=allow_gone, most_named=None if name_all else operation.MOST_NAMED,
    )  # fmt: skip
    for note in found.notes:
        say_aside(note)
    if as_json:
        say(json.dumps(found.as_dict(), indent=2))
    else:
        for line in _lines(found):
            say(printable(line))
    for damage in found.damages:
        say_aside(f"batchconv: {damage.told}")
    exit_with(found.exit_code, quiet=as_json)


def _lines(found: Audit) -> Iterator[str]:
    yield from _named("no outcome", found.missing_rows, found.missing)
    gone = "accepted, but not in the inputs" + (" (allowed)" if found.allow_gone else "")
    yield from _named(gone, found.gone_rows, found.gone)
    told = ", ".join(f"{count:,} {standing.value}" for standing, count in found.standings.items())
    yield (
        f"{count_of(found.rows, 'row')}: {told or 'no outcomes'}; "
        f"{found.missing:,} without an outcome; {found.gone:,} accepted without a row"
    )
    if found.superseded:
        outcomes = count_of(found.superseded, "bad outcome is", "bad outcomes are")
        yield f"{outcomes} of rows that are not in the inputs any more"


def _named(what: str, places: Sequence[Place], count: int) -> Iterator[str]:
    for source, row, line in places:
        yield f"{what}: {source} row {row}" + ("" if line is None else f", line {line}")
    if count > len(places):
        yield f"{what}: {count - len(places):,} more; --all names them"
