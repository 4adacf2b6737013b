"""A run's figures in the Prometheus text format, for node_exporter's textfile collector."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.parser import text_string_to_metric_families

from batchconv import __version__
from batchconv.errors import OutputError, UsageError
from batchconv.journal.atomic_write import atomic_write
from batchconv.model import Reason, Result
from batchconv.telemetry.background_thread import InThread
from batchconv.telemetry.events import notice
from batchconv.telemetry.run_snapshot import RunSnapshot

READABLE = 0o644
"""Of the file: node_exporter runs as another user, and counts are not personal data."""

EVERY = 10.0  # seconds; a scrape comes every 15 or more
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the histogram, in seconds."""

LAST = {
    "batchconv_exit_code": "Exit code of the last run.",
    "batchconv_last_run_timestamp_seconds": "When the last run ended.",
    "batchconv_last_success_timestamp_seconds": "When the last run with exit code 0 ended.",
}
"""What is known of runs that are over; it stays in the file while the next one is under way."""

_PATIENCE = 10.0  # seconds that the last write may take
_MOST_READ = 1 << 20  # bytes of a file that is there; ours have a few thousand
_WAITS = ("throttled", "outage")


class MetricsFile:
    """Writes the file every few seconds, and at the end of the run.

    Args:
        path: of the file, which is replaced whole each time.
        first: what can be seen of the run before it starts.

    Raises:
        UsageError: it holds something else.
        OutputError: it cannot be written.
    """

    def __init__(self, path: str, first: RunSnapshot) -> None:
        self.every = EVERY
        self._path = path
        self._last = read_last(path)
        self._told = False
        if not (_is_ours(path) or _is_free(path)):
            raise UsageError(
                f"{path} exists and is not a metrics file of batchconv",
                hint="name another file with --metrics-file",
            )
        _write(path, *_families(first), *_last_families(self._last))
        self._writing: InThread[list[Metric]] = InThread(
            self._rewrite, most=1, name="batchconv-metrics"
        )

    def see(self, snapshot: RunSnapshot) -> None:
        self._writing.give([*_families(snapshot), *_last_families(self._last)])

    def end(self, snapshot: RunSnapshot) -> None:
        if snapshot.exit_code is not None:
            self._last = _ended(self._last, snapshot.at, snapshot.exit_code)
        self.see(snapshot)
        self._writing.close(_PATIENCE)

    def _rewrite(self, waiting: list[list[Metric]]) -> None:
        try:
            _write(self._path, *waiting[-1])
        except OutputError as error:
            # Not worth ending a run for: a monitor of the file sees it grow old.
            if not self._told:
                notice(f"{error}; the run goes on")
            self._told = True


def record_failure(path: str, now: float, exit_code: int) -> None:
    """Note in a file that is there that a run came to its end before it began.

    None is made: where it would be may be what was wrong with the run.

    Args:
        path: of the metrics.
        now: Unix seconds.
        exit_code: of the run.
    """
    if not _is_ours(path):
        return
    last = _ended(read_last(path), now, exit_code)
    running = _gauge("batchconv_running", "Whether a run is under way.", 0)
    try:
        _write(path, running, *_last_families(last))
    except OutputError as error:
        notice(str(error))


def read_last(path: str) -> dict[str, float]:
    """The counts of earlier runs in a file that this program wrote; empty for any other file."""
    found = {}
    try:
        file = Path(path)
        if file.is_file() and file.stat().st_size <= _MOST_READ:
            for family in text_string_to_metric_families(file.read_text(encoding="utf-8")):
                for sample in family.samples:
                    if sample.name in LAST and math.isfinite(sample.value):
                        found[sample.name] = sample.value
    except Exception:  # noqa: BLE001 - whatever somebody else's file does to the parser
        return {}
    return found


def _is_ours(path: str) -> bool:
    """Whether there are metrics of batchconv."""
    try:
        return Path(path).is_file() and Path(path).read_bytes().startswith(b"# HELP batchconv_")
    except OSError:
        return False


def _is_free(path: str) -> bool:
    """Whether nobody would miss what is there: nothing, an empty file, or what is none."""
    try:
        return not Path(path).is_file() or not Path(path).stat().st_size
    except OSError:
        return True  # writing will tell what is wrong


def _ended(last: Mapping[str, float], now: float, exit_code: int) -> dict[str, float]:
    told = {"batchconv_exit_code": exit_code, "batchconv_last_run_timestamp_seconds": now}
    if exit_code == 0:
        told["batchconv_last_success_timestamp_seconds"] = now
    return {**last, **told}


class _Families:
    """Metrics that were made already, as a collector."""

    def __init__(self, families: tuple[Metric, ...]) -> None:
        self._families = families

    def collect(self) -> tuple[Metric, ...]:
        return self._families


def _write(path: str, *families: Metric) -> None:
    registry = CollectorRegistry()
    registry.register(_Families(families))
    text = generate_latest(registry).decode()
    atomic_write(path, text, hint="fix --metrics-file", mode=READABLE)


def _last_families(last: Mapping[str, float]) -> Iterator[Metric]:
    for name, meaning in LAST.items():
        if name in last:
            yield _gauge(name, meaning, last[name])


def _families(snapshot: RunSnapshot) -> Iterator[Metric]:
    """All events of one run."""
    books, traffic = snapshot.books, snapshot.traffic
    rows = {result.value: books.results[result] for result in Result}
    reasons = {reason.value: snapshot.reasons.get(reason.value, 0) for reason in Reason}
    pause = snapshot.pause.why if snapshot.pause else None
    yield _counter("batchconv_rows", "Rows settled by this run.", rows, "outcome")
    yield _counter("batchconv_rows_not_accepted", "The same by reason.", reasons, "reason")
    yield _counter("batchconv_rows_read", "Rows read.", books.read)
    yield _counter("batchconv_rows_settled", "Rows that earlier runs had settled.", books.settled)
    yield _gauge("batchconv_rows_unsent", "Rows read and left without an outcome.", books.unsent)
    text = "Rows of the job whose last outcome is bad."
    yield _gauge("batchconv_rows_outstanding", text, snapshot.outstanding, "outcome")
    if snapshot.expected is not None:
        text = "Rows in all inputs, as far as is known."
        yield _gauge("batchconv_rows_expected", text, round(snapshot.expected))
    yield _counter("batchconv_requests", "Requests sent, retries included.", traffic.requests)
    yield _counter("batchconv_retries", "Requests after a row's first.", traffic.retries)
    yield _counter("batchconv_throttled", "Requests answered with 429.", traffic.throttled)
    yield _counter(
        "batchconv_unknown_repeats",
        "Requests repeated although the one before may have arrived.",
        traffic.unknown_repeats,
    )
    yield _durations(snapshot)
    yield _gauge("batchconv_in_flight", "Requests in flight.", snapshot.in_flight)
    yield _gauge("batchconv_in_flight_limit", "Requests that may be in flight.", snapshot.width)
    if (workers := snapshot.workers) is not None:
        yield _gauge("batchconv_workers", "Workers that run.", workers.up)
        yield _gauge("batchconv_workers_wanted", "Workers that there are to be.", workers.wanted)
        yield _counter("batchconv_workers_lost", "Workers that ended too early.", workers.lost)
    yield _gauge("batchconv_retries_waiting", "Rows that wait for a retry.", traffic.waiting)
    paused = {why: snapshot.paused.get(why, 0.0) for why in _WAITS}
    yield _counter("batchconv_paused_seconds", "Seconds of pauses.", paused, "why")
    now = {why: float(why == pause) for why in _WAITS}
    yield _gauge("batchconv_paused", "1 during a pause, else 0.", now, "why")
    yield _gauge("batchconv_running", "Whether a run is under way.", snapshot.exit_code is None)
    yield _gauge("batchconv_run_start_timestamp_seconds", "When it started.", snapshot.started)
    yield _gauge("batchconv_written_timestamp_seconds", "When this was written.", snapshot.at)
    yield _gauge("batchconv_build_info", "The version.", {__version__: 1}, "version")


def _durations(snapshot: RunSnapshot) -> Metric:
    latencies = snapshot.latencies
    pairs = list(zip(map(str, BUCKETS), latencies.up_to(BUCKETS), strict=True))
    told = HistogramMetricFamily(
        "batchconv_request_duration_seconds", "Duration of the last request of each row."
    )
    told.add_metric([], [*pairs, ("+Inf", latencies.count)], latencies.total)
    return told


Values = float | Mapping[str, float]


def _counter(name: str, meaning: str, values: Values, label: str = "") -> Metric:
    return _filled(CounterMetricFamily(name, meaning, labels=[label] * bool(label)), values)


def _gauge(name: str, meaning: str, values: Values, label: str = "") -> Metric:
    return _filled(GaugeMetricFamily(name, meaning, labels=[label] * bool(label)), values)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, values: Values) -> Metric:
    if isinstance(values, Mapping):
        for value, count in values.items():
            family.add_metric([value], count)
    else:
        family.add_metric([], values)
    return family
