"""A report as text: tables for a terminal, and the same without colours for anything else."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from batchconv.errors import count_of
from batchconv.model import Reason
from batchconv.report.facts import (
    SideBySide,
    attempts_made,
    last_statuses,
    side_by_side,
    verdict,
    where,
)
from batchconv.report.model import ReasonReport, Report, RunReport
from batchconv.report.timeline import even
from batchconv.report.wording import duration, moment, rate, visible
from batchconv.telemetry.latency_histogram import LatencyHistogram

_LABEL, _COLUMN = 16, 12  # the least width of a label and of a run's column
_MOST_REASONS = 8
_MOST_CURVES = 3
_BARS = " ▁▂▃▄▅▆▇█"
_PLAIN = str.maketrans({"\N{EN DASH}": "-", "…": "...", "·": "|"})
_STYLES = {
    "accepted": "green",
    "rejected": "red",
    "failed": "red",
    "invalid": "yellow",
    "skipped": "cyan",
}


def to_text(report: Report, *, width: int, colour: bool, encoding: str = "utf-8") -> str:
    """The report as lines for a screen.

    Args:
        report: what to tell.
        width: columns of the screen.
        colour: write the signs that a terminal understands.
        encoding: what the lines will be written in; what it cannot say is written out.
    """
    told = io.StringIO()
    console = Console(
        file=told,
        width=max(width, 40),
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    curves = _can_say(_BARS, encoding)
    for part in _parts(report, console.width, curves=curves):
        # What is there to be pasted is not broken into lines.
        console.print(part, soft_wrap=isinstance(part, Text) and bool(part.no_wrap))
    lines = [line.rstrip() for line in told.getvalue().splitlines()]
    text = "\n".join(lines)
    if not _can_say(text, encoding):
        text = text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    return text


def _can_say(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _parts(report: Report, width: int, *, curves: bool) -> Iterator[RenderableType]:
    told = verdict(report)
    yield Text(told.headline, style="bold green" if told.good else "bold red")
    for note in told.notes:
        yield Text(note, style="yellow")
    if not report.rows and not report.runs:
        return
    yield ""
    yield _runs(side_by_side(report, max(1, (width - _LABEL) // _COLUMN - 1)))
    # A person has settled these as they are: there is nothing to look at.
    reasons = [one for one in report.reasons if one.reason != Reason.DISMISSED]
    if reasons:
        yield ""
        yield _reasons(reasons)
    yield from _distributions(report, width, curves=curves)
    if report.steps:
        yield ""
        yield Text("next", style="bold")
        for step in report.steps:
            yield Padding(Text(f"{visible(step.why, 400)}{':' * bool(step.command)}"), (0, 0, 0, 2))
            if step.command:
                yield Text(f"    {step.command}", style="bold", no_wrap=True)


def _runs(table: SideBySide) -> RenderableType:
    grid = Table(box=None, padding=(0, 0), pad_edge=False, show_header=False)
    grid.add_column(min_width=_LABEL, no_wrap=True)
    for _ in range(len(table.heads) + bool(table.total)):
        grid.add_column(min_width=_COLUMN, justify="right", no_wrap=True)
    total = [Text(table.total, style="bold")] * bool(table.total)
    grid.add_row("", *(Text(what, style="bold") for what, _ in table.heads), *total)
    # The day and the time under each other: a column is too narrow for both.
    for label, part in (("", slice(0, 10)), ("", slice(11, None))):
        grid.add_row(label, *(Text(when[part], style="dim") for _, when in table.heads))
    for line in table.lines:
        style = _STYLES.get(line.label, "")
        grid.add_row(
            Text(line.label, style=style),
            *(Text(cell, style="dim" if cell == "0" else style) for cell in line.cells),
            *[Text(line.total, style="bold" if line.total else "")] * bool(table.total),
        )
    if table.left_out:
        grid.add_row(Text(f"and {count_of(table.left_out, 'older run')}", style="dim"))
    return grid


def _reasons(reasons: Sequence[ReasonReport]) -> RenderableType:
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for reason in reasons[:_MOST_REASONS]:
        words = Text()
        words.append(reason.reason, style="bold")
        words.append(f" ({reason.outcome})", style=_STYLES[reason.outcome])
        for example in reason.examples[:1]:
            named = (
                "" if example.message_id is None else f', id "{visible(example.message_id, 80)}"'
            )
            words.append(f"\n{where(example)}{named}: {visible(example.detail)}", style="dim")
        grid.add_row(f"{reason.rows:,}", words)
    if len(reasons) > _MOST_REASONS:
        rest = reasons[_MOST_REASONS:]
        grid.add_row(
            f"{sum(reason.rows for reason in rest):,}",
            Text(f"for {count_of(len(rest), 'other reason')}; --html and --json tell them all"),
        )
    return grid


def _distributions(report: Report, width: int, *, curves: bool) -> Iterator[RenderableType]:
    grid = Table(box=None, padding=(0, 0), pad_edge=False, show_header=False)
    grid.add_column(min_width=_LABEL, no_wrap=True)
    grid.add_column(overflow="fold")
    bars = max(8, min(48, width - _LABEL - 24))
    if curves and report.latencies.count > 1:
        grid.add_row("latency", _latency_curve(report.latencies, bars))
    for run in [run for run in report.runs if len(run.slices) > 1][-_MOST_CURVES:] * curves:
        grid.add_row(f"{run.what}, rows/s", _rate_curve(run, bars))
    for label, counts in (
        ("attempts", attempts_made(report)),
        ("last status", last_statuses(report)),
    ):
        if counts:
            grid.add_row(label, " · ".join(f"{what} x {rows:,}" for what, rows in counts))
    if grid.row_count:
        yield ""
        yield grid


def _latency_curve(latencies: LatencyHistogram, bars: int) -> str:
    buckets = latencies.buckets()
    low, high = buckets[0][0], buckets[-1][1]
    bars = min(bars, max(8, round(3 * math.sqrt(latencies.count))))
    heights = [0.0] * bars
    steps = (high / low) ** (1 / bars)
    at = 0
    for begin, _, rows in buckets:
        while at < bars - 1 and begin >= low * steps ** (at + 1):
            at += 1
        heights[at] += rows
    return f"{duration(low)} {_curve(heights)} {duration(min(high, latencies.longest))}"


def _rate_curve(run: RunReport, bars: int) -> str:
    slices = even(run.slices, bars)
    rates = [one.outcomes.total() / one.seconds for one in slices]
    return f"{moment(slices[0].begin)[11:]} {_curve(rates)} at most {rate(max(rates))}"


def _curve(heights: Sequence[float]) -> str:
    most = max(heights) or 1.0
    last = len(_BARS) - 1
    # What is not nothing is seen.
    return "".join(
        _BARS[min(last, max(int(height > 0), round(height / most * last)))] for height in heights
    )
