"""`batchconv upload --dry-run`: what would happen to the rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from batchconv.cli.invalid_lines import invalid_lines
from batchconv.cli.say import say, say_aside
from batchconv.errors import count_of, printable
from batchconv.sending.durations import show_duration
from batchconv.settings.options import Settings
from batchconv.telemetry.columns_told import columns_lines

if TYPE_CHECKING:
    from batchconv.operations.dry_run import DryRun


def run_dry(
    inputs: Sequence[str], settings: Settings, environment: Mapping[str, str], given: set[str]
) -> int:
    """Do everything about an upload but the sending, and tell; the exit code."""
    from batchconv.operations.dry_run import dry_run  # noqa: PLC0415 - start-up

    found = dry_run(inputs, settings, environment, given=given)
    if settings.log_format == "json":
        say(json.dumps(found.as_dict(settings.rate), indent=2))
        return found.exit_code
    for note in found.notes:
        say_aside(f"batchconv: {note}")
    if not settings.quiet or found.exit_code:
        for line in _lines(found, settings):
            say(printable(line))
    for damage in found.damages:
        say_aside(f"batchconv: {damage.told}")
    return found.exit_code


def _lines(found: DryRun, settings: Settings) -> Iterator[str]:
    yield "dry run: nothing is sent, and nothing is written"
    yield from columns_lines(found.columns, settings)
    yield (
        f"read {found.read} = settled {found.settled} + to send {found.to_send} + "
        f"invalid {found.invalid} + skipped {found.skipped.total()}"
    )
    if found.aside:
        yield f"no rows: {found.aside}"
    for reason, count in found.skipped.most_common():
        yield f"{count:,} skipped: {reason}"
    yield from invalid_lines(found)
    seconds = found.seconds(settings.rate)
    if seconds:
        yield f"at --rate {settings.rate:g} it would take {show_duration(seconds)}, without retries"
    if found.results != "-":
        yield f"results would go to {found.results}"
    if found.outstanding:
        yield f"outstanding in the job before: {count_of(found.outstanding, 'row')}"
