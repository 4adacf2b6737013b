"""What the runs file of a job tells, for a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from batchconv.journal.runs_file import JobRun, RunsFile
from batchconv.report.model import Pause, RunTold

_MOST_PAUSES = 100_000


def read_runs(path: str | None) -> list[RunTold]:
    """The runs of a job in the order in which they began; none where there is no such file."""
    return [] if path is None else list(map(_told, RunsFile(path).read()))


def _told(run: JobRun) -> RunTold:
    start, end = run
    told: Mapping[str, Any] = {} if end is None else end.summary
    rate = told.get("rate")
    return RunTold(
        run=start.run,
        command=str(start.command),
        inputs=tuple(map(str, start.inputs)) if isinstance(start.inputs, list) else (),
        options=start.options if isinstance(start.options, dict) else {},
        started=_moment(start.at),
        finished=_moment(told.get("finished")),
        exit_code=_count(told, "exit_code"),
        unsent=_count(told, "unsent"),
        requests=_count(told, "requests"),
        retries=_count(told, "retries"),
        throttled=_count(told, "throttled"),
        unknown_repeats=_count(told, "unknown_repeats"),
        workers_lost=_workers_lost(told.get("workers")),
        rate=rate if isinstance(rate, int | float) and isfinite(rate) else None,
        pauses=tuple(_pauses(told.get("pauses"))),
        all_read=end is None or end.all_read,
        failed_rows=() if end is None else tuple(end.failed_rows),
    )


def _pauses(told: object) -> Iterator[Pause]:
    for one in told[:_MOST_PAUSES] if isinstance(told, list) else ():
        with suppress(KeyError, TypeError):
            begin, end = _moment(one["from"]), _moment(one["to"])
            if begin is not None and end is not None:
                yield Pause(begin, end, str(one["why"])[:100])


def _count(told: Mapping[str, Any], name: str) -> int | None:
    value = told.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _workers_lost(told: object) -> int | None:
    return _count(told, "lost") if isinstance(told, Mapping) else None


def _moment(text: object) -> float | None:
    try:
        moment = datetime.fromisoformat(text)  # type: ignore[arg-type]  # or it raises TypeError
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
