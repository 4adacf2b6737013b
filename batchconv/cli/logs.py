"""Events as lines: sentences for people, or JSON for programs."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from batchconv.errors import ExitCode, OutputError, UsageError, printable, without_queries
from batchconv.journal.append_only_file import AppendOnlyFile, ends_with_a_line
from batchconv.telemetry.events import log

_NOTHING = logging.CRITICAL + 1
_TOLD = ("columns", "progress", "notice")  # events that people see, though they are not warnings


def json_line(
    level: str,
    event: str,
    message: str,
    *,
    run: str | None = None,
    at: float | None = None,
    **fields: Any,
) -> str:
    """One event in one line, in ASCII.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        event: its name.
        message: a sentence for people.
        run: the run's id, or None outside of one.
        at: Unix seconds; None for now.
        fields: values for programs.
    """
    moment = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
    told = {
        "at": moment.isoformat(timespec="milliseconds")[:-6] + "Z",
        "level": level,
        "event": event,
        "run": run,
        "message": message,
    }
    return json.dumps({**told, **fields}, separators=(",", ":"))


def error_line(message: str, hint: str | None, exit_code: int, **fields: Any) -> str:
    """The event of an error that ends the program; with *fields* that only some errors have."""
    hint = hint and without_queries(hint)
    return json_line(
        "error",
        "error",
        without_queries(message),
        hint=hint,
        exit_code=exit_code,
        see=ExitCode(exit_code).see,
        **fields,
    )


class JsonFormatter(logging.Formatter):
    """Events as JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.run: str | None = None

    def format(self, record: logging.LogRecord) -> str:
        event, message, fields = _told(record)
        if event == "columns":
            message = message.replace(":\n  ", ": ").replace("\n  ", "; ")
        level = record.levelname.lower()
        return json_line(level, event, message, run=self.run, at=record.created, **fields)


class TextFormatter(logging.Formatter):
    """Events as sentences."""

    def format(self, record: logging.LogRecord) -> str:
        _, message, _ = _told(record)
        ours = record.levelno >= logging.WARNING or getattr(record, "event", "") == "notice"
        return f"batchconv: {message}" if ours else message


class LogFile:
    """Lines with times, added to a file; when that fails, it is said once and the run goes on.

    Args:
        path: of the file.
        as_json: its lines are events, which have their times already.
        tell: called when something goes wrong.

    Raises:
        UsageError: it cannot be opened, or its last line has no end: it is not a log.
    """

    def __init__(self, path: str, tell: Callable[[str], None], *, as_json: bool) -> None:
        self._file = AppendOnlyFile(path, option="--log-file")
        self._as_json = as_json
        self._tell = tell
        self._lost = False
        if not ends_with_a_line(path):
            self._file.close()
            raise UsageError(
                f"--log-file {path} does not end with a complete line, so it is not a log",
                hint="name another file",
            )

    def line(self, text: str) -> None:
        """Add a line."""
        if self._lost:
            return
        at = datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z "
        line = printable(text) if self._as_json else at + printable(text)
        try:
            self._file.write(line.encode(errors="backslashreplace") + b"\n")
        except OutputError as error:
            self._lost = True
            self._tell(f"batchconv: {error}; the run goes on without its log")

    def close(self) -> None:
        """Close it."""
        with suppress(OutputError):
            self._file.close()


def _told(record: logging.LogRecord) -> tuple[str, str, dict[str, Any]]:
    event: str | None = getattr(record, "event", None)
    if event is not None:
        return event, record.getMessage(), getattr(record, "fields", {})
    # A library's own words may hold an address with secrets in its query.
    where = f"{os.path.basename(record.pathname)}:{record.lineno}"  # noqa: PTH119 - any text
    message = f"{record.name} logged a message at {where}"
    return "library", message, {"logger": record.name, "where": where}


class _Handler(logging.Handler):
    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        # The report of columns has a line for each; elsewhere a line's end is part of a name.
        for line in text.split("\n") if getattr(record, "event", "") == "columns" else [text]:
            self._write(line)


def _worth_a_line(record: logging.LogRecord) -> bool:
    """What people want to read who did not ask for more; of libraries, nothing."""
    event = getattr(record, "event", None)
    return event in _TOLD or (event is not None and record.levelno >= logging.WARNING)


@contextmanager
def logging_to(
    write: Callable[[str], None], formatter: logging.Formatter, *, quiet: bool, verbose: bool
) -> Iterator[None]:
    """Have events written as lines for as long as the context lasts."""
    handler = _Handler(write)
    handler.setFormatter(formatter)
    if quiet and not verbose:
        handler.setLevel(_NOTHING)
    elif not (verbose or isinstance(formatter, JsonFormatter)):
        handler.addFilter(_worth_a_line)
    root = logging.getLogger()
    before = log.level
    root.addHandler(handler)
    log.setLevel(logging.DEBUG if verbose else logging.INFO)
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        log.setLevel(before)
        root.removeHandler(handler)
