"""The fold of Outcomes: the books, quantiles, and the exit code they ask for."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from batchconv.errors import BatchconvError, BooksError, ExitCode
from batchconv.journal.atomic_write import atomic_write
from batchconv.journal.books import BAD_RESULTS, Books
from batchconv.model import Outcome, Result, show
from batchconv.sending.durations import show_duration
from batchconv.sending.stops import Stop, file_stop
from batchconv.sending.traffic import Traffic
from batchconv.telemetry.latency_histogram import LatencyHistogram


@dataclass(slots=True)
class Summary:
    """A finished run, for people, schedulers and programs.

    Attributes:
        started, finished: Unix seconds.
        rate: requests a second between them.
        earlier: outcomes of earlier runs in the same results file, by result.
        torn: bytes of a torn last line that a resume cut off the results file.
        note: a sentence about files in folders that are not read, or None.
        stops: why it ended before its time, in order; empty when it did not.
        damages: inputs that broke off half-way.
    """

    run: str
    started: float
    options: dict[str, Any] = field(default_factory=dict)
    finished: float = 0.0
    books: Books = field(default_factory=Books)
    traffic: Traffic = field(default_factory=Traffic)
    latencies: LatencyHistogram = field(default_factory=LatencyHistogram)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    earlier: Counter[Result] = field(default_factory=Counter)
    stops: list[Stop] = field(default_factory=list)
    damages: list[str] = field(default_factory=list)
    results: str = ""
    torn: int = 0
    note: str | None = None
    failed: list[str] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome that has been written."""
        self.books.results[outcome.result] += 1
        if outcome.elapsed is not None:
            self.latencies.add(outcome.elapsed)
        if outcome.reason is not None:
            reason = outcome.reason.value
            self.reasons[reason] += 1
            if reason not in self.examples:
                self.examples[reason] = _example(outcome)

    @property
    def rate(self) -> float:
        """Requests a second over the whole run."""
        return self.traffic.requests / max(self.finished - self.started, 1e-3)

    @property
    def exit_code(self) -> ExitCode:
        """The contract's code for all of this; it speaks of the whole results file."""
        at_once = [stop.exit_code for stop in self.stops if stop.at_once]
        if at_once:
            return at_once[0]
        codes = [stop.exit_code for stop in self.stops]
        codes += [ExitCode.FILE] * bool(self.damages)
        codes += [ExitCode.BAD_ROWS] * any(
            self.books.results[result] or self.earlier[result] for result in BAD_RESULTS
        )
        return ExitCode.first_of(codes)

    def as_dict(self) -> dict[str, Any]:
        """The summary file's object; no secret is in it."""
        quantiles = {
            f"p{share}": _milliseconds(self.latencies.quantile(share / 100))
            for share in (50, 95, 99)
        }
        traffic = self.traffic
        return {
            "run": self.run,
            "started": _moment(self.started),
            "finished": _moment(self.finished),
            "exit_code": self.exit_code,
            **self.books.counts(),
            "requests": traffic.requests,
            "retries": traffic.retries,
            "throttled": traffic.throttled,
            "unknown_repeats": traffic.unknown_repeats,
            "rate": round(self.rate, 3),
            "latency_ms": {**quantiles, "max": _milliseconds(self.latencies.longest or None)},
            "reasons": dict(self.reasons.most_common()),
            "pauses": [
                {"from": _moment(begin), "to": _moment(end), "why": why}
                for begin, end, why in traffic.pauses
            ],
            "options": self.options,
        }

    def finish(
        self, now: float, traffic: Traffic, stops: list[Stop], damages: list[BatchconvError]
    ) -> None:
        """Take in what the rooms counted, and prove that the books balance."""
        self.finished = now
        self.traffic = traffic
        self.stops = stops
        self.damages = [str(damage) for damage in damages]
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
        atomic_write(path, json.dumps(self.as_dict(), indent=2) + "\n", hint="mend --summary")

    def lines(self) -> list[str]:
        """The last word of a run, for people."""
        books, traffic = self.books, self.traffic
        said = [
            "read {read} = settled {settled} + accepted {accepted} + rejected {rejected} + "
            "failed {failed} + invalid {invalid} + skipped {skipped} + unsent {unsent}".format(
                **books.counts()
            )
        ]
        took = self.finished - self.started
        traffic_line = (
            f"{_many(traffic.requests, 'request')} in {show_duration(took)}, "
            f"{self.rate:.1f} a second"
        )
        if traffic.retries:
            traffic_line += f"; {_many(traffic.retries, 'retry', 'retries')}"
        if traffic.throttled:
            traffic_line += f"; {_many(traffic.throttled, 'time')} throttled"
        if traffic.unknown_repeats:
            traffic_line += f"; {_many(traffic.unknown_repeats, 'row')} retried, result unknown"
        median, high = self.latencies.quantile(0.5), self.latencies.quantile(0.95)
        if median is not None and high is not None:
            traffic_line += f"; p50 {show_duration(median)}, p95 {show_duration(high)}"
        said.append(traffic_line)
        for reason, count in self.reasons.most_common():
            said.append(f"  {count} x {reason}, first {self.examples[reason]}")
        return said


def _example(outcome: Outcome) -> str:
    """Where a row is and what is wrong with it; its message id, personal data, is left out."""
    row = outcome.row
    where = f"{row.source} row {row.number}" + (f" (line {row.line})" if row.line else "")
    detail = (outcome.detail or "").replace(f"message id {show(row.fields.message_id)}", "its id")
    return f"{where}: {detail}"


def _many(count: int, one: str, more: str | None = None) -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
