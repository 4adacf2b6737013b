"""The fold of Outcomes: the books, quantiles, and the exit code they ask for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from batchconv.errors import BatchconvError, BooksError, ExitCode, count_of
from batchconv.journal.atomic_write import atomic_write
from batchconv.journal.books import BAD_RESULTS, OUTSTANDING, Books
from batchconv.journal.runs_file import moment
from batchconv.model import Outcome, Result, show
from batchconv.reading.columns import Recognised
from batchconv.reading.formats import Aside
from batchconv.sending.durations import show_duration
from batchconv.sending.stops import Stop, file_stop
from batchconv.sending.traffic import Traffic, WorkerCounts
from batchconv.telemetry.latency_histogram import LatencyHistogram
from batchconv.telemetry.proposals import Proposals

_MOST_SOURCES = 20  # inputs that are named for what their columns hold


@dataclass(slots=True)
class Summary:
    """A finished run, for people, schedulers and programs.

    Attributes:
        started, finished: Unix seconds.
        rate: requests a second between them.
        accepted_before: earlier runs of the job had rows accepted.
        outstanding: rows of the job whose last outcome is rejected, failed or invalid, by that.
        workers: how they were, where it had any.
        reasons: why rows of this run were not accepted, or skipped.
        skipped: those of the latter alone.
        columns: input → what its columns hold.
        aside: what stood in the inputs and was not a row.
        failed: the failed-rows files that this run has written.
        failed_rows: how many rows stand in them.
        failed_of_job: those of the whole job, as far as they are there.
        inputs_of_job: the inputs of its last upload, without corrected rows.
        unchanged: rows that were fed back and had not been corrected.
        all_read: the run came to the end of its input.
        proposals: options for the rows that are invalid.
        has_job: a later run can go on from the results; not from standard output, or a pipe.
        torn: bytes of a torn last line that a resume cut off the results file.
        notes: sentences about the files, for people.
        stops: why it ended before its time, in order; empty when it did not.
        damages: inputs that broke off half-way.
    """

    run: str
    started: float
    options: dict[str, Any] = field(default_factory=dict)
    finished: float = 0.0
    books: Books = field(default_factory=Books)
    traffic: Traffic = field(default_factory=Traffic)
    workers: WorkerCounts | None = None
    latencies: LatencyHistogram = field(default_factory=LatencyHistogram)
    reasons: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    accepted_before: bool = False
    outstanding: Counter[Result] = field(default_factory=Counter)
    columns: Mapping[str, Recognised] = field(default_factory=dict)
    aside: Aside = field(default_factory=Aside)
    stops: list[Stop] = field(default_factory=list)
    damages: list[str] = field(default_factory=list)
    results: str = ""
    has_job: bool = True
    torn: int = 0
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    failed_rows: int = 0
    failed_of_job: list[str] = field(default_factory=list)
    inputs_of_job: list[str] = field(default_factory=list)
    unchanged: int = 0
    all_read: bool = True
    proposals: Proposals = field(init=False)

    def __post_init__(self) -> None:
        self.proposals = Proposals(self.options.get("timestamp_format"))

    def add(self, outcome: Outcome) -> None:
        """Count an outcome that has been written."""
        row, _, result, _, _, elapsed, reason, _ = outcome
        self.books.results[result] += 1
        if elapsed is not None:
            self.latencies.add(elapsed)
        earlier = row.earlier
        if earlier is not None and earlier.outcome in BAD_RESULTS:
            self.outstanding[earlier.outcome] -= 1
        if reason is not None:
            self._add_reason(outcome, reason.value)

    def _add_reason(self, outcome: Outcome, reason: str) -> None:
        """Count one that was not accepted."""
        if outcome.result in BAD_RESULTS:
            self.outstanding[outcome.result] += 1
        if outcome.result is Result.INVALID:
            self.proposals.add(outcome)
        self.reasons[reason] += 1
        self.skipped[reason] += outcome.result is Result.SKIPPED
        if reason not in self.examples:
            self.examples[reason] = _example(outcome)

    @property
    def rate(self) -> float:
        """Requests a second over the whole run."""
        return self.traffic.requests / max(self.finished - self.started, 1e-3)

    @property
    def exit_code(self) -> ExitCode:
        """The contract's code for all of this; it speaks of this run alone."""
        at_once = [stop.exit_code for stop in self.stops if stop.at_once]
        if at_once:
            return at_once[0]
        codes = [stop.exit_code for stop in self.stops]
        codes += [ExitCode.FILE] * bool(self.damages)
        codes += [ExitCode.BAD_ROWS] * (self.books.bad > 0)
        return ExitCode.first_of(codes)

    @property
    def outstanding_rows(self) -> int:
        """Rows of the job that were not accepted so far."""
        return sum(self.outstanding[result] for result in OUTSTANDING)

    def _columns(self) -> list[dict[str, Any]]:
        """What the columns hold, with the inputs of which it is true; of many, the first ones."""
        groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for source, columns in self.columns.items():
            groups.setdefault(tuple(columns.fields.items()), []).append(source)
        return [
            {"sources": sources[:_MOST_SOURCES], "inputs": len(sources), "fields": dict(fields)}
            for fields, sources in islice(groups.items(), _MOST_SOURCES)
        ]

    def as_dict(self) -> dict[str, Any]:
        """The summary file's object; no secret is in it."""
        quantiles = {
            f"p{share}": _milliseconds(self.latencies.quantile(share / 100))
            for share in (50, 95, 99)
        }
        traffic = self.traffic
        return {
            "run": self.run,
            "started": moment(self.started),
            "finished": moment(self.finished),
            "exit_code": self.exit_code,
            **self.books.counts(),
            "outstanding": self.outstanding_rows,
            "outstanding_by_outcome": {
                result.value: self.outstanding[result] for result in OUTSTANDING
            },
            "requests": traffic.requests,
            "retries": traffic.retries,
            "throttled": traffic.throttled,
            "unknown_repeats": traffic.unknown_repeats,
            "rate": round(self.rate, 3),
            "latency_ms": {**quantiles, "max": _milliseconds(self.latencies.longest or None)},
            "reasons": dict(self.reasons.most_common()),
            "pauses": [
                {"from": moment(begin), "to": moment(end), "why": why}
                for begin, end, why in traffic.pauses
            ],
            **self._workers(),
            "no_rows": {"blank": self.aside.blank, "headers": self.aside.headers},
            "columns": self._columns(),
            "options": self.options,
        }

    def _workers(self) -> dict[str, Any]:
        if self.workers is None:
            return {}
        wanted, lost, restarted = self.workers.wanted, self.workers.lost, self.workers.restarted
        return {"workers": {"wanted": wanted, "lost": lost, "restarted": restarted}}

    def finish(
        self, now: float, traffic: Traffic, stops: list[Stop], damages: list[BatchconvError]
    ) -> None:
        """Take in what the folders counted, and prove that the books balance."""
        self.finished = now
        self.traffic = traffic
        self.stops = stops
        self.damages = [damage.told for damage in damages]
        self.books.unsent += traffic.unsent
        try:
            self.books.check()
        except BooksError as error:
            self.stops.append(file_stop(error))

    def write(self, path: str) -> None:
        """Write the summary file, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        atomic_write(path, json.dumps(self.as_dict(), indent=2) + "\n", hint="fix --summary")

    def __str__(self) -> str:
        """The final summary, for people."""
        stops = [f"stopped: {stop.why}" for stop in self.stops]
        files = [f"results: {self.results}"] * (self.results not in ("", "-"))
        files += [f"failed rows: {path}" for path in self.failed]
        return "\n".join([*self.lines(), *self.damages, *stops, *files])

    def lines(self) -> list[str]:
        """The final summary of a run, for people."""
        books, traffic = self.books, self.traffic
        said = [
            "read {read} = settled {settled} + accepted {accepted} + rejected {rejected} + "
            "failed {failed} + invalid {invalid} + skipped {skipped} + unsent {unsent}".format(
                **books.counts()
            )
        ]
        if self.aside:
            said.append(f"no rows: {self.aside}")
        took = self.finished - self.started
        traffic_line = (
            f"{count_of(traffic.requests, 'request')} in {show_duration(took)}, "
            f"{self.rate:,.1f} a second"
        )
        if traffic.retries:
            traffic_line += f"; {count_of(traffic.retries, 'retry', 'retries')}"
        if traffic.throttled:
            traffic_line += f"; {count_of(traffic.throttled, 'time')} throttled"
        if traffic.unknown_repeats:
            traffic_line += f"; {count_of(traffic.unknown_repeats, 'row')} retried, result unknown"
        median, high = self.latencies.quantile(0.5), self.latencies.quantile(0.95)
        if median is not None and high is not None:
            traffic_line += f"; latency p50 {show_duration(median)}, p95 {show_duration(high)}"
        said.append(traffic_line)
        if self.workers is not None and self.workers.lost:
            said.append(
                f"{count_of(self.workers.lost, 'worker')} lost, {self.workers.restarted} started "
                f"anew; the last one: {self.workers.why}"
            )
        if traffic.result_unknown:
            again = "a resume" if self.has_job else "a new run"
            said.append(
                f"{count_of(traffic.result_unknown, 'unsent row')} may have reached the API all "
                f"the same: the result is unknown or could not be written; {again} sends them again"
            )
        said += self._reasons("not accepted", self.reasons - self.skipped)
        said += self._reasons("skipped", self.skipped)
        if self.outstanding_rows:
            by = ", ".join(
                f"{self.outstanding[one]:,} {one.value}"
                for one in OUTSTANDING
                if self.outstanding[one]
            )
            said.append(f"outstanding in the job: {count_of(self.outstanding_rows, 'row')} ({by})")
        return said

    def _reasons(self, head: str, reasons: Counter[str]) -> Iterator[str]:
        """The reasons of this run, as far as there are any."""
        told = [
            f"  {count:,} x {reason}, first {self.examples[reason]}"
            for reason, count in reasons.most_common()
            if count
        ]
        yield from [f"{head} in this run:", *told] if told else ()


def _example(outcome: Outcome) -> str:
    """Where a row is and what is wrong with it; its message id, personal data, is left out."""
    row = outcome.row
    where = f"{row.source} row {row.number}" + (f" (line {row.line})" if row.line else "")
    detail = (outcome.detail or "").replace(f"message id {show(row.fields.message_id)}", "its id")
    return f"{where}: {detail}"


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
