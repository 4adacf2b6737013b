"""What a report says: values that text, JSON and page are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from batchconv.journal.books import BAD_RESULTS
from batchconv.model import Result
from batchconv.report.timeline import Slice
from batchconv.telemetry.latency_histogram import LatencyHistogram

SIMULATED = "simulated"
"""The target of runs that sent to the simulator."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row that was not accepted, as its line in the results tells of it."""

    source: str
    row: int
    line: int | None
    message_id: str | None
    status: int | None
    attempts: int
    detail: str
    at: str
    run: str


@dataclass(frozen=True, slots=True)
class ReasonReport:
    """The rows that have one reason, in all files together; a row's last outcome counts."""

    outcome: str
    reason: str
    rows: int
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which nothing was sent; Unix seconds."""

    begin: float
    end: float
    why: str


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What the summary of a run tells beyond its results; None where it does not.

    Attributes:
        path: where it was found.
        started, finished: Unix seconds.
        rate: requests a second.
        options: what the run was told.
    """

    path: str
    run: str
    started: float | None
    finished: float | None
    exit_code: int | None
    unsent: int | None
    retries: int | None
    throttled: int | None
    unknown_repeats: int | None
    rate: float | None
    pauses: tuple[Pause, ...]
    options: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run; several old ones together where there are too many.

    Attributes:
        run: its id; empty for several together.
        what: `upload`, `resume`, `resend`, or `earlier` for several together.
        path: the results file.
        sources, targets: the first twenty.
        begin, end: when its first and last row was settled, Unix seconds; None without rows.
        outcomes: every outcome → rows.
        statuses: the last HTTP status, empty for none → rows.
        attempts: how many were made → rows.
        slices: its history; empty where it is not kept.
        summary: where one was found.
    """

    run: str
    what: str
    path: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    begin: float | None
    end: float | None
    rows: int
    outcomes: Mapping[str, int]
    statuses: Mapping[str, int]
    attempts: Mapping[int, int]
    latencies: LatencyHistogram
    slices: tuple[Slice, ...]
    summary: RunSummary | None

    @property
    def requests(self) -> int:
        """Exchanges made for rows that have an outcome."""
        return sum(number * rows for number, rows in self.attempts.items())

    @property
    def start(self) -> float | None:
        """When it began: by its summary, else when its first row was settled; Unix seconds."""
        told = None if self.summary is None else self.summary.started
        return self.begin if told is None else told

    @property
    def simulated(self) -> bool:
        """Whether it sent to the simulator."""
        return self.targets == (SIMULATED,)

    @property
    def seconds(self) -> float | None:
        """How long it took: by its summary, else from its first row to its last one."""
        summary = self.summary
        if summary and summary.started is not None and summary.finished is not None:
            return max(0.0, summary.finished - summary.started)
        return None if self.begin is None or self.end is None else self.end - self.begin

    @property
    def rows_per_second(self) -> float | None:
        """None where the time is too short to tell."""
        return self.rows / self.seconds if self.seconds and self.rows > 1 else None


@dataclass(frozen=True, slots=True)
class FileReport:
    """A results file.

    Attributes:
        torn: a last line without an end was left out.
        writer: the process that is writing to it at this moment, or None.
        unsent: rows that the newest run read and did not settle; None where no summary tells.
        exit_code: of that run; None where no summary tells.
        rows: that have an outcome in it, by outcome; those that a later file tells of are not
            counted.
        to_mend: the inputs of those that are rejected or invalid; an empty one stands for any.
    """

    path: str
    torn: bool
    writer: str | None
    unsent: int | None
    exit_code: int | None
    outcomes: Mapping[str, int]
    to_mend: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do next: why, and the command for it, where there is one."""

    why: str
    command: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a report says.

    Attributes:
        made: when, Unix seconds.
        outcomes: every outcome → rows; of a row's outcomes in several files the last counts.
        replaced: outcomes that a later file has replaced.
        steps: what to do next.
    """

    made: float
    files: tuple[FileReport, ...]
    runs: tuple[RunReport, ...]
    outcomes: Mapping[str, int]
    replaced: int
    reasons: tuple[ReasonReport, ...]
    latencies: LatencyHistogram
    steps: tuple[Step, ...]

    @property
    def rows(self) -> int:
        """Rows that have an outcome."""
        return sum(self.outcomes.values())

    @property
    def attention(self) -> int:
        """Rows that came to nothing: rejected, failed or invalid."""
        return sum(self.outcomes[result.value] for result in BAD_RESULTS)

    @property
    def unsent(self) -> int:
        """Rows that were read and have no outcome, as far as summaries tell."""
        return sum(file.unsent or 0 for file in self.files)

    @property
    def targets(self) -> tuple[str, ...]:
        """Where the runs sent to."""
        return tuple(dict.fromkeys(target for run in self.runs for target in run.targets))

    @property
    def writers(self) -> tuple[str, ...]:
        """Processes that are writing to the files at this moment."""
        return tuple(file.writer for file in self.files if file.writer)


OUTCOMES = tuple(result.value for result in Result)
