"""The changes of state of a run, reported as events; and, for who wants to know, its rows."""

from __future__ import annotations

import logging
from typing import Any

from batchconv.errors import count_of
from batchconv.model import Outcome, Result
from batchconv.sending.durations import show_duration
from batchconv.sending.traffic import Pause, WorkerCounts
from batchconv.telemetry.events import notice, tell
from batchconv.telemetry.observers import LOOK_EVERY
from batchconv.telemetry.run_snapshot import RunSnapshot

# An outage is news. Being throttled is daily business, and the books count it.
_LEVELS = {"outage": logging.WARNING, "throttled": logging.INFO}
_MEANINGS = {
    "outage": "single rows are sent until one gets a final answer",
    "throttled": "too many requests; fewer are sent",
}


class Turns:
    """Compares each look at the run with the one before; a turn between two of them is missed.

    Args:
        about: reported when the run starts: where it goes and what it was asked for.
    """

    every = LOOK_EVERY

    def __init__(self, **about: Any) -> None:
        self._about = about
        self._started = False
        self._pause: Pause | None = None
        self._stops = 0
        self._workers = WorkerCounts(0, 0)

    def see(self, snapshot: RunSnapshot) -> None:
        if not self._started:
            self._started = True
            tell(logging.INFO, "run-started", "the run has started", **self._about)
        if self._pause is not None and self._pause.why == snapshot.ended_in:
            self._pause = None  # it is not over because the run is
        self._look_at_pause(snapshot.pause)
        if snapshot.workers is not None:
            self._look_at_workers(snapshot.workers)
        for stop in snapshot.stops[self._stops :]:
            why = f"stopping: {stop.why}"
            tell(logging.INFO, "stopping", why, exit_code=stop.exit_code, hint=stop.hint)
        self._stops = max(self._stops, len(snapshot.stops))

    def end(self, snapshot: RunSnapshot) -> None:
        self.see(snapshot._replace(pause=None))

    def _look_at_pause(self, pause: Pause | None) -> None:
        before, self._pause = self._pause, pause
        if before is not None and (pause is None or pause.why != before.why):
            tell(
                _LEVELS[before.why],
                "resumed",
                f"{before.why}: over after {show_duration(before.lasted)}",
                why=before.why,
                seconds=round(before.lasted, 3),
            )
        if pause is not None and (before is None or pause.why != before.why):
            tell(
                _LEVELS[pause.why],
                "paused",
                f"{pause.why}: {pause.what}; {_MEANINGS[pause.why]}",
                why=pause.why,
                seconds_left=round(pause.left, 3),
            )

    def _look_at_workers(self, workers: WorkerCounts) -> None:
        before, self._workers = self._workers, workers
        lost, restarted = workers.lost - before.lost, workers.restarted - before.restarted
        counts = {"up": workers.up, "wanted": workers.wanted}
        if lost:
            which = "a worker was lost" if lost == 1 else f"{lost} workers were lost, the last one"
            why = f"{which}: {workers.why}; the rows that it was sending are sent again"
            tell(logging.WARNING, "worker-lost", why, lost=lost, **counts)
        elif workers.failed_starts > before.failed_starts and workers.why != before.why:
            notice(f"a worker could not be started: {workers.why}; it is tried again")
        if restarted:
            what = f"{count_of(restarted, 'worker')} started anew"
            tell(logging.INFO, "worker-restarted", what, restarted=restarted, **counts)


class RowsNotAccepted:
    """Reports every row that was settled and not accepted; handed to a run as its watch."""

    def observe(self, outcome: Outcome) -> None:
        """Called by the run for each row."""
        row = outcome.row
        if outcome.result is not Result.ACCEPTED:
            tell(
                logging.DEBUG,
                "row",
                f"{row.source} row {row.number}: {outcome.result.value}, {outcome.detail}",
                source=row.source,
                row=row.number,
                line=row.line,
                message_id=outcome.conversion.message_id if outcome.conversion else None,
                outcome=outcome.result.value,
                reason=outcome.reason.value if outcome.reason else None,
                status=outcome.status,
                attempts=outcome.attempts,
            )

    async def hold(self) -> None:
        """It never asks the run to wait."""
