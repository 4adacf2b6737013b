"""What a run tells while it lasts: progress, events, and its final summary."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from batchconv.cli.final_summary import Line, fields, final_summary
from batchconv.cli.invalid_lines import invalid_lines
from batchconv.cli.logs import (
    JsonFormatter,
    LogFile,
    TextFormatter,
    error_line,
    json_line,
    logging_to,
)
from batchconv.cli.say import columns_of, error_lines, fitted
from batchconv.cli.stderr import Stderr
from batchconv.errors import BatchconvError
from batchconv.journal.append_only_file import refuse_inputs
from batchconv.sending.signals import start_without_signals
from batchconv.settings.options import Settings
from batchconv.telemetry.columns_told import tell_columns
from batchconv.telemetry.events import notice
from batchconv.telemetry.observers import LOOK_EVERY, Observer, metrics_of
from batchconv.telemetry.progress_lines import Plain
from batchconv.telemetry.run_events import RowsNotAccepted, Turns

if TYPE_CHECKING:
    from batchconv.cli.next_commands import Given
    from batchconv.pipeline import Run
    from batchconv.telemetry.run_snapshot import RunSnapshot
    from batchconv.telemetry.summary import Summary

_PATIENCE = 1.0  # seconds without a word
_GETTING_READY = "getting ready: reading the inputs and the results of earlier runs"
_NO_CURSOR = ("", "dumb", "unknown")  # terminals (TERM) on which nothing can be drawn


class RunOutput:
    """The voice of one run.

    Args:
        settings: of the run.
        stderr: where it speaks.
        progress: `bar`, `plain` or `none`.
        log: a file that gets all of it, too.
    """

    def __init__(
        self, settings: Settings, stderr: Stderr, progress: str, log: LogFile | None = None
    ) -> None:
        self._settings = settings
        self._stderr = stderr
        self._log = log
        self._json = JsonFormatter() if settings.log_format == "json" else None
        self.formatter = self._json or TextFormatter()
        self.watch = RowsNotAccepted() if settings.verbose else None
        self._progress = progress

    @contextmanager
    def getting_ready(self) -> Iterator[None]:
        """Say that something happens when the preparations take their time."""
        timer = threading.Timer(_PATIENCE, self._stderr.show, [_GETTING_READY])
        if self._progress == "bar":
            start_without_signals(timer)
        try:
            yield
        finally:
            timer.cancel()
            self._stderr.take_away_bar()

    def observers(self, run: Run) -> list[Observer]:
        """Those who look at *run*; raises UsageError or OutputError for a metrics file."""
        summary = run.summary
        if self._json is not None:
            self._json.run = summary.run
        observers: list[Observer] = metrics_of(self._settings, run)
        for note in summary.notes:
            notice(note)
        tell_columns(summary.columns, self._settings)
        if summary.torn:
            notice(
                f"{summary.results}: an incomplete last line of {summary.torn} bytes was removed; "
                "its row is sent again"
            )
        if not self._settings.quiet or self.watch is not None or self._log is not None:
            observers.append(Turns(results=summary.results, options=summary.options))
        if self._progress == "bar":
            observers.append(_Bar(self._stderr))
        elif self._progress == "plain":
            observers.append(Plain())
        return observers

    def final_summary(self, summary: Summary, given: Given) -> None:
        """Show the final summary; with *quiet* only when the exit code is not 0."""
        code = summary.exit_code
        if self._json is not None:
            level = "error" if code > 1 else "warning" if code else "info"
            books = summary.lines()[0]
            told = fields(summary, given)
            lines = [
                Line(json_line(level, "run-ended", books, run=summary.run, **told), whole=True)
            ]
        else:
            lines = list(final_summary(summary, given))
        columns = columns_of(2)
        for line in lines:
            if self._log is not None:
                self._log.line(line.text)
            if code or not self._settings.quiet:
                for text in [line.text] if line.whole else fitted(line.text, columns):
                    self._stderr.line(text)

    def error(self, error: BatchconvError) -> None:
        """What is wrong before the run has begun."""
        from batchconv.operations.findings import InvalidRowsError  # noqa: PLC0415 - start-up

        found = error.found if isinstance(error, InvalidRowsError) else None
        told = str(error), error.hint, error.exit_code
        if self._json is not None:
            more: dict[str, Any] = {}
            if found is not None:
                more["reasons"] = found.reasons_as_dict()
            lines = [error_line(*told, **more)]
        else:
            lines = [] if found is None else list(invalid_lines(found))
            lines += error_lines(*told)
        for line in lines:
            self._stderr.line(line)
            if self._log is not None:
                self._log.line(line)


@contextmanager
def telling(settings: Settings, inputs: Sequence[str]) -> Iterator[RunOutput]:
    """A voice for one run; when the context has been left, all of it has been said."""
    progress = progress_kind(settings, os.environ, typed="-" in inputs and os.isatty(0))
    log: LogFile | None = None
    with ExitStack() as stack:
        stderr = Stderr()
        stack.callback(stderr.close)
        if settings.log_file is not None:
            refuse_inputs([settings.log_file], inputs)
            log = LogFile(settings.log_file, stderr.line, as_json=settings.log_format == "json")
            stack.callback(log.close)
        voice = RunOutput(settings, stderr, progress, log)
        quiet, verbose = settings.quiet, settings.verbose
        stack.enter_context(logging_to(stderr.line, voice.formatter, quiet=quiet, verbose=verbose))
        if log is not None:
            stack.enter_context(logging_to(log.line, voice.formatter, quiet=False, verbose=verbose))
        yield voice


class _Bar:
    """Shows the run at the foot of a terminal, and takes that away at its end."""

    every = LOOK_EVERY

    def __init__(self, stderr: Stderr) -> None:
        self._stderr = stderr

    def see(self, snapshot: RunSnapshot) -> None:
        if snapshot.seconds >= LOOK_EVERY:  # a run that is over at once needs none
            self._stderr.show(snapshot)

    def end(self, snapshot: RunSnapshot) -> None:
        self._stderr.take_away_bar()


def progress_kind(settings: Settings, environment: Mapping[str, str], *, typed: bool) -> str:
    """`bar`, `plain` or `none`: what `--progress` comes to where this run speaks.

    Args:
        settings: say what is asked for.
        environment: says what the terminal can do.
        typed: rows are typed at the terminal, where a bar would be written over them.
    """
    asked = settings.progress
    if settings.quiet or asked == "none":
        return "none"
    if asked == "plain" or settings.log_format == "json":
        return "plain"
    data = settings.results == "-"
    if data and os.isatty(1) and os.isatty(2):
        return "none"  # rows and bar would be written over each other
    if typed or not os.isatty(2) or environment.get("TERM", "") in _NO_CURSOR:
        return "plain"
    # The reader of the pipe may print the rows to the same terminal.
    return "plain" if data and asked == "auto" and not _is_file(1) else "bar"


def _is_file(descriptor: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        return False
