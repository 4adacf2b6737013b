"""A report as JSON, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from batchconv.report.model import (
    OUTCOMES,
    JobReport,
    Report,
    RunReport,
    RunTold,
)
from batchconv.report.timeline import Slice
from batchconv.report.wording import moment_exact
from batchconv.telemetry.latency_histogram import LatencyHistogram


def to_json(report: Report) -> str:
    """The report as one JSON object, in ASCII; ids and details stand in it as they are."""
    return json.dumps(_report(report), indent=2)


def _report(report: Report) -> dict[str, Any]:
    return {
        "made": moment_exact(report.made),
        "rows": report.rows,
        **report.outcomes,
        "replaced": report.replaced,
        "attention": report.attention,
        "unsent": report.unsent,
        "targets": list(report.targets),
        "jobs": [_job(job) for job in report.jobs],
        "reasons": [
            {
                "reason": reason.reason,
                "outcome": reason.outcome,
                "rows": reason.rows,
                "examples": [asdict(example) for example in reason.examples],
            }
            for reason in report.reasons
        ],
        "latency_ms": _quantiles(report.latencies),
        "latency_histogram": [
            {"from_ms": _ms(begin), "to_ms": _ms(end), "rows": rows}
            for begin, end, rows in report.latencies.buckets()
        ],
        "runs": [_run(run) for run in report.runs],
        "next": [{"why": step.why, "command": step.command} for step in report.steps],
    }


def _job(job: JobReport) -> dict[str, Any]:
    told = None if job.unfinished is None else job.unfinished.told
    return {
        "path": job.path,
        "torn": job.torn,
        "writer": job.writer,
        **job.outcomes,
        "outstanding": job.attention,
        "unsent": job.unsent,
        "unfinished_run": None if told is None else told.run,
        "crashes": job.crashes,
        "failed_rows": list(job.failed_rows),
    }


def _run(run: RunReport) -> dict[str, Any]:
    return {
        "run": run.run,
        "what": run.what,
        "path": run.path,
        "sources": list(run.sources),
        "targets": list(run.targets),
        "begin": _moment(run.begin),
        "end": _moment(run.end),
        "seconds": None if run.seconds is None else round(run.seconds, 3),
        "rows": run.rows,
        **run.outcomes,
        "requests": run.requests,
        "rows_per_second": _rounded(run.rows_per_second),
        "latency_ms": _quantiles(run.latencies),
        "attempts": _sorted(run.attempts),
        "statuses": {status or "none": rows for status, rows in sorted(run.statuses.items())},
        "timeline": [_slice(one) for one in run.slices],
        "crashed": run.crashed,
        "told": None if run.told is None else _told(run.told),
    }


def _slice(one: Slice) -> dict[str, Any]:
    return {
        "from": moment_exact(one.begin),
        "seconds": one.seconds,
        **{name: one.outcomes[name] for name in OUTCOMES},
        "p50_ms": _ms(one.latencies.quantile(0.5)),
        "p95_ms": _ms(one.latencies.quantile(0.95)),
    }


def _told(told: RunTold) -> dict[str, Any]:
    return {
        "command": told.command,
        "inputs": list(told.inputs),
        "options": dict(told.options),
        "started": _moment(told.started),
        "finished": _moment(told.finished),
        "exit_code": told.exit_code,
        "unsent": told.unsent,
        "retries": told.retries,
        "throttled": told.throttled,
        "unknown_repeats": told.unknown_repeats,
        "workers_lost": told.workers_lost,
        "rate": told.rate,
        "pauses": [
            {"from": moment_exact(one.begin), "to": moment_exact(one.end), "why": one.why}
            for one in told.pauses
        ],
    }


def _quantiles(latencies: LatencyHistogram) -> dict[str, float | None]:
    return {
        **{f"p{share}": _ms(latencies.quantile(share / 100)) for share in (50, 95, 99)},
        "max": _ms(latencies.longest or None),
    }


def _sorted(counts: Mapping[int, int]) -> dict[str, int]:
    return {str(number): rows for number, rows in sorted(counts.items())}


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else moment_exact(seconds)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
