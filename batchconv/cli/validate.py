"""`batchconv validate`: the first half of an upload."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from batchconv.cli.options import FileName, GroupedCommand, make_settings, settings_options
from batchconv.cli.say import say, say_aside
from batchconv.config import ReadSettings, Settings
from batchconv.durations import show_duration
from batchconv.options import options_of


@click.command("validate", cls=GroupedCommand)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=FileName())
@settings_options(Settings, only=[*options_of(ReadSettings), "rate", "max_age"])
def validate(inputs: Sequence[str], rate: float | None, max_age: float | None, **values: Any) -> None:
    """Read every row of INPUT as `upload` would, send nothing, and tell what is wrong.

    Exits with 1 when rows are invalid.
    """
    from batchconv.validation import validate as look  # noqa: PLC0415 - --help needs none of it

    findings = look(inputs, make_settings(ReadSettings, values))
    say(f"{findings.read} rows read, {findings.sendable} can be sent")
    if findings.duplicates:
        say(f"{findings.duplicates} of them are equal to an earlier one")
    for reason, count in findings.reasons.most_common():
        say(f"{count} invalid: {reason}")
        for example in findings.examples[reason]:
            say(f"  {example}")
    given = click.get_current_context().get_parameter_source("rate")
    pace = Settings().rate if given is click.core.ParameterSource.DEFAULT else rate
    if pace and findings.sendable:
        say(f"an upload at --rate {pace:g} would take {show_duration(findings.sendable / pace)}")
    if findings.note:
        say_aside(findings.note)
    for damage in findings.damages:
        say_aside(f"batchconv: {damage}")
    sys.exit(findings.exit_code)
