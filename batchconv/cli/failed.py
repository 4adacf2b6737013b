"""`batchconv failed`: the rows whose last outcome is bad, written anew."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from batchconv.cli.layers import FLAG, told_of
from batchconv.cli.options import (
    FileName,
    GroupedCommand,
    GroupedOption,
    make_settings,
    settings_options,
)
from batchconv.cli.say import exit_with, say, say_aside
from batchconv.errors import count_of, printable
from batchconv.journal.append_only_file import STDOUT
from batchconv.settings.option_types import FILES
from batchconv.settings.read_options import ReadSettings


@click.command("failed", cls=GroupedCommand)
@click.argument("results", metavar="RESULTS", type=FileName())
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=FileName())
@click.option(
    "-o", "--failed", "named", metavar="PATH", type=FileName(), cls=GroupedOption, group=FILES,
    flag_only=True,
    help="Write the rows here, or under the first free name like it; a folder if there are "
    "several inputs, - for standard output. [STEM.failed.csv beside the results]",
)  # fmt: skip
@settings_options(ReadSettings)
def failed(results: str, inputs: Sequence[str], named: str | None, **values: Any) -> None:
    """Write the rows of INPUT whose last outcome in RESULTS is rejected, failed or invalid.

    They stand in their own columns, as an upload writes its failed rows, ready to be corrected and
    uploaded. INPUT is read with the options of the job's last upload, unless others are given.

    \b
      batchconv failed export.results.jsonl export.csv
      batchconv failed export.results.jsonl export.csv -o - | column -ts,
    """
    from batchconv.operations.failed import write_failed  # noqa: PLC0415 - start-up

    told = told_of(click.get_current_context())
    settings = make_settings(ReadSettings, values)
    written = write_failed(
        results,
        inputs,
        settings,
        {name for name, value in told.items() if value.origin == FLAG},
        named=named,
        write=partial(say, nl=False),
    )
    for note in written.notes:
        say_aside(note)
    speak = say_aside if named == STDOUT else say
    rows = count_of(written.rows, "row is", "rows are")
    speak(f"{rows} outstanding in {printable(', '.join(inputs))}")
    for path in written.files:
        speak(f"failed rows: {printable(path)}")
    if written.missing:
        more = count_of(written.missing, "more is", "more are")
        speak(f"{more} outstanding in the job, and not in these inputs")
    for damage in written.damages:
        say_aside(f"batchconv: {damage.told}")
    exit_with(5 if written.damages else 0)
