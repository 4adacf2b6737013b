"""What text and page both say of a report, in words: the verdict, and the runs side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import methodcaller
from typing import NamedTuple

from batchconv.errors import count_of
from batchconv.reading.sources import is_stdin
from batchconv.report.model import OUTCOMES, SIMULATED, Example, JobReport, Report, RunReport
from batchconv.report.wording import NOTHING, duration, moment, rate, visible
from batchconv.telemetry.latency_histogram import LatencyHistogram

_MOST_FILES = 3  # failed-rows files that are named
_ALWAYS = ("accepted",)  # an outcome that is shown also when there is none


class Verdict(NamedTuple):
    """The report at a glance.

    Attributes:
        good: nothing needs to be done.
        headline: a sentence without its full stop.
        notes: what one has to know to read the rest.
    """

    good: bool
    headline: str
    notes: tuple[str, ...]


def verdict(report: Report) -> Verdict:
    """Whether all is well."""
    unfinished = [job for job in report.jobs if job.unfinished]
    good = bool(report.rows) and not report.attention and not unfinished and not report.writers
    return Verdict(good, _headline(report, unfinished), tuple(_notes(report)))


def _headline(report: Report, unfinished: Sequence[JobReport]) -> str:
    rows = report.rows
    if report.attention:
        verb = "needs" if report.attention == 1 else "need"
        return f"{report.attention:,} of {count_of(rows, 'row')} {verb} attention"
    if any(not job.all_read for job in unfinished):
        unsent = count_of(report.unsent, "row was", "rows were")
        return f"Stopped before the end of the input: {unsent} read and not sent, the rest not read"
    if report.unsent:
        return f"{count_of(report.unsent, 'row was', 'rows were')} not sent"
    if unfinished:
        return "A run was cut short"
    if not rows:
        return "No row has an outcome"
    what = "accepted or skipped" if report.outcomes["skipped"] else "accepted"
    so_far = " so far" if report.writers else ""
    return f"The only row was {what}" if rows == 1 else f"All {rows:,} rows were {what}{so_far}"


def _notes(report: Report) -> list[str]:
    notes = []
    if SIMULATED in report.targets:
        notes.append(
            "Simulated: nothing was sent to the API"
            if report.targets == (SIMULATED,)
            else "Some of the runs were simulated, and sent nothing to the API"
        )
    for job in report.jobs:
        name = visible(job.path)
        if job.writer:
            notes.append(f"{job.writer} is writing to {name}: this is how far it has come")
        elif job.torn:
            notes.append(f"The last line of {name} is incomplete, and is left out")
        if job.crashes:
            runs = count_of(job.crashes, "run")
            notes.append(f"{runs} of {name} did not end: killed, or crashed")
        notes += _unfinished(job)
        if job.attention and job.failed_rows:
            files = ", ".join(visible(path) for path in job.failed_rows[:_MOST_FILES])
            more = len(job.failed_rows) - _MOST_FILES
            notes.append(f"Failed rows: {files}" + (f" and {more} more" if more > 0 else ""))
    if report.replaced:
        were = "was" if report.replaced == 1 else "were"
        by = "a later one" if report.replaced == 1 else "later ones"
        notes.append(
            f"{count_of(report.replaced, 'outcome')} {were} replaced by {by}: of a row's "
            "outcomes the last counts"
        )
    return notes


def _unfinished(job: JobReport) -> Iterator[str]:
    run = job.unfinished
    if run is None or run.told is None or run.crashed:
        return
    unsent = f", {count_of(run.told.unsent, 'row')} unsent" if run.told.unsent else ""
    yield (
        f"The last {run.what} of {visible(job.path)} ended with exit code "
        f"{run.told.exit_code}{unsent}"
    )


class Line(NamedTuple):
    """A line of the table: a label, a cell for each run, and one for all of them.

    Attributes:
        begins: it is the first of lines that belong together.
    """

    label: str
    cells: tuple[str, ...]
    total: str = ""
    begins: bool = False


class SideBySide(NamedTuple):
    """The runs beside each other.

    Attributes:
        heads: of each run, what it is and when it began.
        total: the head of the last column; empty where one run is all.
        left_out: older runs, which only the last column counts.
    """

    heads: tuple[tuple[str, str], ...]
    total: str
    lines: tuple[Line, ...]
    left_out: int


def side_by_side(report: Report, most: int) -> SideBySide:
    """The newest *most* runs beside each other."""
    runs = report.runs[-most:]
    total = "" if len(report.runs) == 1 else "now" if report.replaced else "together"
    return SideBySide(
        tuple((run.what, NOTHING if run.start is None else moment(run.start)) for run in runs),
        total,
        tuple(_lines(report, runs)),
        len(report.runs) - len(runs),
    )


def _lines(report: Report, runs: Sequence[RunReport]) -> list[Line]:
    def line(
        label: str, cell: Callable[[RunReport], str], total: str = "", *, begins: bool = False
    ) -> Line:
        return Line(label, tuple(cell(run) for run in runs), total, begins)

    def outcome(name: str) -> Line:
        return line(name, lambda run: f"{run.outcomes[name]:,}", f"{report.outcomes[name]:,}")

    def quantile(label: str, pick: Callable[[LatencyHistogram], float | None]) -> Line:
        return line(
            label, lambda run: duration(pick(run.latencies)), duration(pick(report.latencies))
        )

    lines = [line("rows", lambda run: f"{run.rows:,}", f"{report.rows:,}")]
    lines += [
        outcome(name)
        for name in OUTCOMES
        if name in _ALWAYS or any(run.outcomes[name] for run in report.runs)
    ]
    lines.append(line("took", lambda run: duration(run.seconds), begins=True))
    lines.append(line("rows a second", lambda run: rate(run.rows_per_second)))
    for share in (50, 95, 99):
        lines.append(quantile(f"p{share}", methodcaller("quantile", share / 100)))
    lines.append(quantile("slowest", lambda all_: all_.longest or None))
    requests = sum(run.requests for run in report.runs)
    lines.append(line("requests", lambda run: f"{run.requests:,}", f"{requests:,}"))
    lines += _told_by_runs_file(runs)
    return lines


def _told_by_runs_file(runs: Sequence[RunReport]) -> list[Line]:
    """What only the runs file knows, as far as there is anything to tell."""
    found = [run.told for run in runs]
    if not any(found):
        return []
    lines = []
    for label, name in (
        ("throttled", "throttled"),
        ("result unknown", "unknown_repeats"),
        ("workers lost", "workers_lost"),
        ("unsent", "unsent"),
        ("exit code", "exit_code"),
    ):
        told = [None if one is None else getattr(one, name) for one in found]
        crashes = name == "exit_code" and any(run.crashed for run in runs)
        if any(told) or crashes:
            cells = tuple(NOTHING if count is None else f"{count:,}" for count in told)
            if name == "exit_code":
                cells = tuple(
                    "crashed" if run.crashed else cell
                    for run, cell in zip(runs, cells, strict=True)
                )
            lines.append(Line(label, cells))
    if any(one and one.pauses for one in found):
        lines.append(Line("paused", tuple(paused(run) for run in runs)))
    return [line._replace(begins=not number) for number, line in enumerate(lines)]


def paused(run: RunReport) -> str:
    """How long a run sent nothing, as far as the runs file tells."""
    if run.told is None or not run.told.has_end:
        return NOTHING
    pauses = run.told.pauses
    if not pauses:
        return "0 s"
    return duration(sum(max(0.0, one.end - one.begin) for one in pauses))


def row_of(example: Example) -> str:
    """The begin of a sentence about an example: it goes on with the name of its input."""
    return f"row {example.row} of"


def where(example: Example) -> str:
    """Which row an example is: `row 17 of export.csv (line 18)`."""
    line = "" if example.line is None else f" (line {example.line})"
    source = "standard input" if is_stdin(example.source) else visible(example.source)
    return f"{row_of(example)} {source}{line}"


def attempts_made(report: Report) -> list[tuple[str, int]]:
    """Attempts → rows, over all runs; from ten on together."""
    counts: dict[int, int] = {}
    for run in report.runs:
        for number, rows in run.attempts.items():
            counts[min(number, 10)] = counts.get(min(number, 10), 0) + rows
    return [
        ("10 or more" if number == 10 else str(number), rows)
        for number, rows in sorted(counts.items())
    ]


def last_statuses(report: Report) -> list[tuple[str, int]]:
    """HTTP status of the last answer → rows, over all runs, the most frequent first."""
    counts: dict[str, int] = {}
    for run in report.runs:
        for status, rows in run.statuses.items():
            counts[status or "none"] = counts.get(status or "none", 0) + rows
    return sorted(counts.items(), key=lambda pair: -pair[1])
