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
    """A row that was not accepted, as its line in the results shows it."""

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
    """The rows that have one reason, in all jobs together; a row's last outcome counts."""

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
class RunTold:
    """What the runs file of a job says about a run; None where it does not.

    Attributes:
        command: `upload`, `resend` or `dismiss`.
        inputs: as they were named.
        options: what the run was started with; no secrets.
        started, finished: Unix seconds; a run without a finish has crashed, or is at work still.
        rate: requests a second.
        all_read: it came to the end of its input.
        failed_rows: the failed-rows files that it has written.
    """

    run: str
    command: str
    inputs: tuple[str, ...]
    options: Mapping[str, object]
    started: float | None
    finished: float | None
    exit_code: int | None
    unsent: int | None
    requests: int | None
    retries: int | None
    throttled: int | None
    unknown_repeats: int | None
    workers_lost: int | None
    rate: float | None
    pauses: tuple[Pause, ...]
    all_read: bool
    failed_rows: tuple[str, ...]

    @property
    def has_end(self) -> bool:
        """Whether it came to an end of its own."""
        return self.exit_code is not None


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run; several old ones together where there are too many.

    Attributes:
        run: its id; empty for several together.
        what: `upload`, `resume`, `correct`, `resend`, `dismiss`, `run` where no runs file tells,
            or `earlier` for several together.
        path: the results file.
        sources, targets: the first twenty.
        begin, end: when its first and last row was settled, Unix seconds; None without rows.
        outcomes: every outcome → rows.
        statuses: the last HTTP status, empty for none → rows.
        attempts: how many were made → rows.
        slices: its history; empty where it is not kept.
        told: what the runs file tells.
        crashed: it was begun and never ended, and is not at work any more.
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
    told: RunTold | None
    crashed: bool

    @property
    def requests(self) -> int:
        """As the runs file tells, else those for rows that have an outcome."""
        told = None if self.told is None else self.told.requests
        made = sum(number * rows for number, rows in self.attempts.items())
        return made if told is None else told

    @property
    def start(self) -> float | None:
        """When it began: as the runs file tells, else when its first row was settled."""
        told = None if self.told is None else self.told.started
        return self.begin if told is None else told

    @property
    def simulated(self) -> bool:
        """Whether it sent to the simulator."""
        return self.targets == (SIMULATED,)

    @property
    def seconds(self) -> float | None:
        """How long it took: as the runs file tells, else from its first row to its last one."""
        told = self.told
        if told and told.started is not None and told.finished is not None:
            return max(0.0, told.finished - told.started)
        return None if self.begin is None or self.end is None else self.end - self.begin

    @property
    def rows_per_second(self) -> float | None:
        """None where the time is too short to tell."""
        return self.rows / self.seconds if self.seconds and self.rows > 1 else None

    @property
    def cut_short(self) -> bool:
        """Whether it may have left something undone."""
        told = self.told
        return self.crashed or (
            told is not None and ((told.exit_code or 0) > 1 or bool(told.unsent))
        )


@dataclass(frozen=True, slots=True)
class JobReport:
    """A job: a results file, and the runs file beside it.

    Attributes:
        path: of the results.
        torn: a last line without an end was left out.
        writer: the process that is writing to it at this moment, or None.
        outcomes: every outcome → rows, by the last outcome of each.
        unfinished: the last run of the inputs, where it has left something undone.
        crashes: runs that were begun and never ended.
        failed_rows: the failed-rows files of the job that are there.
        to_correct: those of its last run: they hold outstanding rows.
        inputs: of its uploads, as they were named the last time.
    """

    path: str
    torn: bool
    writer: str | None
    outcomes: Mapping[str, int]
    unfinished: RunReport | None
    crashes: int
    failed_rows: tuple[str, ...]
    to_correct: tuple[str, ...]
    inputs: tuple[str, ...]

    @property
    def attention(self) -> int:
        """Rows whose last outcome is rejected, failed or invalid."""
        return sum(self.outcomes[result.value] for result in BAD_RESULTS)

    @property
    def unsent(self) -> int:
        """Rows that the last run of the inputs read and did not settle, as far as is known."""
        told = None if self.unfinished is None else self.unfinished.told
        return 0 if told is None else told.unsent or 0

    @property
    def all_read(self) -> bool:
        """Whether the last run of the inputs came to their end, as far as is known."""
        told = None if self.unfinished is None else self.unfinished.told
        return told is None or told.all_read


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
        outcomes: every outcome → rows; of a row's outcomes the last counts.
        replaced: outcomes in whose place a later one stands.
        steps: what to do next.
    """

    made: float
    jobs: tuple[JobReport, ...]
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
        """Rows that were not accepted: rejected, failed or invalid."""
        return sum(self.outcomes[result.value] for result in BAD_RESULTS)

    @property
    def unsent(self) -> int:
        """Rows that were read and have no outcome, as far as is known."""
        return sum(job.unsent for job in self.jobs)

    @property
    def targets(self) -> tuple[str, ...]:
        """Where the runs sent to."""
        return tuple(dict.fromkeys(target for run in self.runs for target in run.targets))

    @property
    def writers(self) -> tuple[str, ...]:
        """Processes that are writing to the files at this moment."""
        return tuple(job.writer for job in self.jobs if job.writer)


OUTCOMES = tuple(result.value for result in Result)
