"""A family: they look at a run now and then, and change nothing about it.

A run is looked at a few times a second, however many rows it has: no row pays for being watched.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Protocol

from batchconv.errors import BatchconvError, HeldError, UsageError, install_command
from batchconv.sending.stops import defect_stop
from batchconv.settings.options import Settings
from batchconv.telemetry.events import notice
from batchconv.telemetry.run_snapshot import RunSnapshot
from batchconv.telemetry.summary import Summary

LOOK_EVERY = 0.25
"""Seconds between two looks at a run."""


class Observer(Protocol):
    """Somebody who looks at a run.

    Attributes:
        every: seconds from one look to the next, at least.
    """

    every: float

    def see(self, snapshot: RunSnapshot) -> None:
        """Look; called on the event loop, so anything slow belongs in a thread."""
        ...

    def end(self, snapshot: RunSnapshot) -> None:
        """The last look, when the run is over."""
        ...


class Observed(Protocol):
    """A run."""

    async def run(self) -> Summary:
        """Send everything."""
        ...

    def snapshot(self) -> RunSnapshot:
        """What can be seen of it now."""
        ...

    def discard(self) -> None:
        """Close its files, because it does not take place."""
        ...


async def observed(run: Observed, observers: Sequence[Observer]) -> Summary:
    """Run *run* to its end while *observers* look at it.

    An error in one of them is reported, and changes nothing for the run and the others.
    """
    following = asyncio.create_task(_follow(run, observers))
    try:
        return await run.run()
    finally:
        following.cancel()
        ending = [asyncio.to_thread(observer.end, run.snapshot()) for observer in observers]
        for ended in await asyncio.gather(following, *ending, return_exceptions=True):
            if isinstance(ended, Exception):
                _tell_defect(ended)


async def _follow(run: Observed, observers: Sequence[Observer]) -> None:
    clock = asyncio.get_running_loop().time
    due = dict.fromkeys(range(len(observers)), 0.0)
    while due:
        snapshot, now = run.snapshot(), clock()
        for number in [one for one, moment in due.items() if moment <= now]:
            due[number] = now + observers[number].every
            try:
                observers[number].see(snapshot)
            except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
                del due[number]
                _tell_defect(error)
        await asyncio.sleep(LOOK_EVERY)


def _tell_defect(error: Exception) -> None:
    notice(f"{defect_stop(error).why}; the run itself is not affected")


def require_metrics() -> None:
    """Refuse `--metrics-file` with a UsageError where the library for it is not installed."""
    if find_spec("prometheus_client") is None:
        raise UsageError(
            "--metrics-file needs the library prometheus-client, which is not installed",
            hint=install_command("metrics"),
        )


def metrics_of(settings: Settings, run: Observed) -> list[Observer]:
    """The observer that *settings* ask for by themselves; *run* is closed when it cannot be.

    Raises:
        UsageError, OutputError: the metrics file cannot be written.
    """
    if settings.metrics_file is None:
        return []
    from batchconv.telemetry.metrics import MetricsFile  # noqa: PLC0415 - an extra

    try:
        return [MetricsFile(settings.metrics_file, run.snapshot())]
    except BaseException:
        run.discard()
        raise


def note_failure(settings: Settings, error: BatchconvError) -> None:
    """Write the metrics of a run that ended before it began.

    A run that finds another one at work is none: the other one writes the file.
    """
    if settings.metrics_file is None or isinstance(error, HeldError):
        return
    if find_spec("prometheus_client") is not None:
        from batchconv.telemetry.metrics import record_failure  # noqa: PLC0415 - an extra

        record_failure(settings.metrics_file, time.time(), error.exit_code)
