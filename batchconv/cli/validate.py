"""`batchconv validate`: the first half of an upload."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from batchconv.cli.invalid_lines import invalid_lines
from batchconv.cli.options import (
    FileName,
    GroupedCommand,
    GroupedOption,
    make_settings,
    settings_options,
)
from batchconv.cli.say import exit_with, say, say_aside
from batchconv.errors import count_of
from batchconv.reading.column_hints import map_option, time_column
from batchconv.sending.durations import show_duration
from batchconv.settings.option_types import FILES, OUTPUT, options_of
from batchconv.settings.options import Settings
from batchconv.settings.read_options import ReadSettings

if TYPE_CHECKING:
    from batchconv.operations.findings import Findings

_MOST_SHOWN = 12  # names of columns on one line
_MOST_SUSPICIONS = 10


@click.command("validate", cls=GroupedCommand)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=FileName())
@click.option(
    "--invalid", metavar="PATH", type=FileName(), cls=GroupedOption, group=FILES, flag_only=True,
    help="Write the invalid rows to this file, to correct and upload them; a folder for several "
    "inputs.",
)  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True, cls=GroupedOption, group=OUTPUT, flag_only=True,
    help="Print one JSON object.",
)  # fmt: skip
@settings_options(Settings, only=[*options_of(ReadSettings), "max_age", "rate"])
def validate(
    inputs: Sequence[str],
    invalid: str | None,
    as_json: bool,
    max_age: float | None,
    rate: float | None,
    **values: Any,
) -> None:
    """Read every row of INPUT as `upload` would, send nothing, and tell what is wrong.

    Exits with 1 when rows are invalid.
    """
    from batchconv.operations.validate import validate as look  # noqa: PLC0415 - start-up

    findings = look(
        inputs, make_settings(ReadSettings, values), max_age=max_age, invalid=invalid
    )  # fmt: skip
    given = click.get_current_context().get_parameter_source("rate")
    pace = Settings().rate if given is click.core.ParameterSource.DEFAULT else rate
    if as_json:
        say(json.dumps(findings.as_dict(rate=pace, max_age=max_age), indent=2))
    else:
        for line in _lines(findings, pace, max_age):
            say(line)
        if findings.note:
            say_aside(findings.note)
    for damage in findings.damages:
        say_aside(f"batchconv: {damage.told}")
    exit_with(findings.exit_code, quiet=as_json)


def _lines(findings: Findings, pace: float | None, max_age: float | None) -> Iterator[str]:
    """The report for people."""
    yield from _counts(findings, max_age)
    yield from _columns(findings)
    yield from _times(findings)
    yield from invalid_lines(findings)
    seconds = findings.seconds(pace)
    if seconds:
        yield f"an upload at --rate {pace:g} would take {show_duration(seconds)}"
    suspicions = findings.suspicions
    for suspicion in suspicions[:_MOST_SUSPICIONS]:
        yield f"warning: {suspicion}"
    if len(suspicions) > _MOST_SUSPICIONS:
        yield f"and {len(suspicions) - _MOST_SUSPICIONS} more warnings, in --json"
    if findings.invalid_files:
        yield f"invalid rows: {', '.join(findings.invalid_files)}"


def _counts(findings: Findings, max_age: float | None) -> Iterator[str]:
    read, same, old, cut = (
        findings.read, findings.duplicates, findings.too_old, findings.trimmed_ids
    )  # fmt: skip
    yield f"{count_of(read, 'row')} read, {findings.sendable:,} can be sent"
    if findings.aside:
        yield f"no rows: {findings.aside}"
    if cut:
        yield f'{count_of(cut, "id")} will be sent without the blanks or the ="…" around them'
    if same:
        yield f"{count_of(same, 'row is', 'rows are')} equal to an earlier one"
    if old and max_age is not None:
        rows = count_of(old, "row is", "rows are")
        yield f"{rows} older than --max-age {show_duration(max_age)}, and skipped"


def _columns(findings: Findings) -> Iterator[str]:
    groups = findings.alike()
    for sources, columns in groups[:_MOST_SUSPICIONS]:
        where = ""
        if len(groups) > 1:
            more = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
            where = f" of {sources[0]}{more}"
        found = ", ".join(f"{field} in {_name(name)}" for field, name in columns.fields.items())
        ignored = ", ".join(map(_name, columns.ignored[:_MOST_SHOWN]))
        if len(columns.ignored) > _MOST_SHOWN:
            ignored += f" and {len(columns.ignored) - _MOST_SHOWN} more"
        if found:
            yield f"columns{where}: {found}" + (f"; ignored: {ignored}" if ignored else "")
    if len(groups) > _MOST_SUSPICIONS:
        yield f"and columns of {len(groups) - _MOST_SUSPICIONS} more kinds, in --json"


def _name(column: str) -> str:
    text = column if column.isprintable() and column.strip() else ascii(column)
    return text if len(text) <= 60 else text[:57] + "..."


def _times(findings: Findings) -> Iterator[str]:
    without = findings.without_time
    if findings.earliest is not None:
        end = f"; {without} without one" if without else ""
        yield f"times from {findings.earliest} to {findings.latest} UTC{end}"
    elif without:
        yield "no row has a timestamp: the API uses the time of the request"
        time = time_column([name for one in findings.columns.values() for name in one.ignored])
        if time is not None:
            yield f"  try {map_option('timestamp', time)}, if that column has it"
